"""Words of commands and scripts that fetch, hide, start or destroy something, each with a weight."""

from __future__ import annotations

import re

from workers._text import clean
from workers._traits import Trait

_CONTEXT = 120

#: A trait, its weight, and the patterns of which one is enough.
_TABLE: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (
        "runs-interpreter",
        15,
        (r"\b(?:powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32)\b", r"\bcmd(?:\.exe)?\s+/[ckr]\b"),
    ),
    ("encoded-command", 30, (r"\s-e(?:nc|ncodedcommand|c)?\s+[\"']?[A-Za-z0-9+/=]{20,}",)),
    ("hidden-window", 20, (r"-w(?:in(?:dowstyle)?)?\s+(?:hidden|1)\b",)),
    (
        "bypasses-policy",
        15,
        (r"-e(?:p|x|xec|xecutionpolicy)\s+(?:bypass|unrestricted)", r"amsiInitFailed", r"AmsiScanBuffer"),
    ),
    (
        "turns-off-protection",
        40,
        (r"Set-MpPreference", r"DisableRealtimeMonitoring", r"netsh\s+(?:adv)?firewall\s.{0,80}\boff\b"),
    ),
    (
        "downloads",
        25,
        (
            r"\.Download(?:String|File|Data)\b",
            r"Invoke-(?:WebRequest|RestMethod)",
            r"\bcertutil\b.{0,80}-urlcache",
            r"\bbitsadmin\b",
            r"Start-BitsTransfer",
            r"URLDownloadToFile",
            r"\b(?:curl|wget|mshta)\b.{0,200}https?://",
        ),
    ),
    ("web-request", 10, (r"XMLHTTP\b", r"WinHttpRequest")),
    (
        "runs-text-as-code",
        15,
        (
            r"\bIEX\b",
            r"Invoke-Expression",
            r"\beval\s*\(",
            r"\bExecute(?:Global)?\s*\(",
            r"ScriptBlock\]::Create",
        ),
    ),
    (
        "loads-code-into-memory",
        35,
        (r"Assembly\]::Load", r"\bVirtualAlloc\b", r"Marshal\]::Copy", r"\bCreateThread\b"),
    ),
    (
        "creates-shell",
        20,
        (
            r"WScript\.Shell",
            r"Shell\.Application",
            r"\bShellExecute\b",
            r"Win32_Process",
            r"\bStart-Process\b",
        ),
    ),
    (
        "runs-download-in-shell",
        50,
        (
            r"\b(?:curl|wget)\b[^|\n]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
            r"base64\s+(?:-d|--decode)[^|\n]{0,100}\|\s*(?:ba|z|da)?sh\b",
            r"\bexec\s*\(\s*(?:\w+\.){0,3}(?:b64decode|decompress|loads)\s*\(",
        ),
    ),
    ("reverse-shell", 60, (r"/dev/(?:tcp|udp)/[\w.-]{3,60}/\d", r"\bnc(?:at)?\b.{0,60}\s-e\s+\S*(?:sh|cmd)")),
    (
        "runs-request",
        60,
        (r"\b(?:eval|assert|system|passthru|shell_exec)\s*\([^;\n]{0,60}\$_(?:GET|POST|REQUEST)",),
    ),
    (
        "writes-files",
        10,
        (r"ADODB\.Stream", r"\.SaveToFile\b", r"CreateTextFile", r"WriteAllBytes", r"\bOut-File\b"),
    ),
    (
        "persists",
        30,
        (
            r"CurrentVersion\\+Run",
            r"\bschtasks\b.{0,80}/create",
            r"New-ScheduledTask",
            r"Start Menu\\+Programs\\+Startup",
        ),
    ),
    (
        "deletes-backups",
        60,
        (
            r"\bvssadmin\b.{0,40}\bdelete\b",
            r"shadowcopy\s+delete",
            r"\bwbadmin\b.{0,40}\bdelete\b",
        ),
    ),
    (
        "hides-code",
        10,
        (
            r"FromBase64String",
            r"fromCharCode",
            r"\bunescape\s*\(",
            r"\batob\s*\(",
            r"StrReverse",
            r"-bxor\b",
            r"(?:\bChrW?\(\d+\)\s*[&+]\s*){3}",
        ),
    ),
)
_PATTERNS = tuple((name, weight, re.compile("|".join(many), re.IGNORECASE)) for name, weight, many in _TABLE)


def command_traits(text: str) -> list[Trait]:
    """Each kind of word that the text holds, once, with the place where it stands first."""
    matches = ((name, weight, pattern.search(text)) for name, weight, pattern in _PATTERNS)
    return [
        Trait(name=name, weight=weight, detail=_around(match)) for name, weight, match in matches if match
    ]


def _around(match: re.Match[str]) -> str:
    start, end = max(match.start() - _CONTEXT // 2, 0), match.end() + _CONTEXT
    return clean(" ".join(match.string[start:end].split()), 2 * _CONTEXT)
