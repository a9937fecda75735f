"""Undoing what scripts do to hide their text: each layer that comes out is looked at again."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from workers._encoded_script import decoded_parts, without_parts

_LAYER_LIMIT, _DEPTH_LIMIT, _SIZE_LIMIT, _BLOBS_PER_LAYER = 40, 6, 4 << 20, 50
_TOTAL_LIMIT = 4 << 20
_SHORTEST, _PRINTABLE = 12, 0.9
_UNICODE = 0x110000
#: What a text changed with a key is told by, and how far it is searched.
_WORDS, _SEARCHED = (b"http://", b"https://", b"powershell", b"WScript.", b"cmd.exe"), 1 << 16

#: How files begin that scripts carry along.
MAGICS = {
    b"MZ": "program",
    b"\x7fELF": "program",
    b"PK\x03\x04": "archive",
    b"%PDF-": "document",
    b"Rar!": "archive",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A text or a file that came out, and what was undone for it."""

    method: str
    text: str = ""
    payload: bytes = b""


def as_text(content: bytes) -> str:
    """The script's text, whatever encoding Windows left it in."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if len(content) > 1 and content[1:64:2].count(0) > len(content[1:64:2]) * 0.7:
        return content.decode("utf-16-le", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def layers(text: str) -> Iterator[Layer]:
    """What can be undone, breadth first, up to 40 layers, six deep and 4 MiB together."""
    waiting, seen = deque([(text[:_SIZE_LIMIT], 0)]), set[str | bytes]({text})
    room = _TOTAL_LIMIT
    while waiting and room > 0 and len(seen) <= _LAYER_LIMIT:
        current, depth = waiting.popleft()
        for layer in _undo(current):
            key = layer.text or layer.payload
            if key in seen:
                continue
            seen.add(key)
            room -= len(key)
            yield layer
            if layer.text and depth + 1 < _DEPTH_LIMIT:
                waiting.append((layer.text, depth + 1))


def _undo(text: str) -> Iterator[Layer]:
    for part in decoded_parts(text):
        yield Layer("script encoder", part[:_SIZE_LIMIT])
    text = without_parts(text)
    plain = text
    for pattern, replace in _REWRITES:
        plain = pattern.sub(replace, plain)
    if plain != text:
        yield Layer("unescaped", plain[:_SIZE_LIMIT])
    for method, pattern, decode in _BLOBS:
        for number, match in enumerate(pattern.finditer(plain)):
            if number == _BLOBS_PER_LAYER:
                break
            with suppress(ValueError, binascii.Error):
                yield from _look_at(method, decode(match))


def _look_at(method: str, blob: bytes) -> Iterator[Layer]:
    known = False
    for name, content in ((method, blob), (f"{method}, inflated", _inflate(blob))):
        if any(content.startswith(magic) for magic in MAGICS):
            known = True
            yield Layer(name, payload=content)
        elif len(content) >= _SHORTEST and (text := _readable(content)):
            known = True
            yield Layer(name, text[:_SIZE_LIMIT])
    for key in () if known else _keys(blob):
        changed = blob.translate(bytes(number ^ key for number in range(256)))
        if any(changed.startswith(magic) for magic in MAGICS):
            yield Layer(f"{method}, exclusive or {key:#x}", payload=changed)
        elif text := _readable(changed):
            yield Layer(f"{method}, exclusive or {key:#x}", text[:_SIZE_LIMIT])


def _keys(blob: bytes) -> Iterator[int]:
    """Keys of one byte under which a program begins here, or a word of commands stands here."""
    if len(blob) < _SHORTEST:
        return
    head = blob[:_SEARCHED]
    for key in range(1, 256):
        place = int.from_bytes(blob[0x3C:0x40].ljust(4, b"\0"), "little") ^ (key * 0x01010101)
        header = bytes(byte ^ key for byte in b"PE\0\0")
        program = blob[:2] == bytes((0x4D ^ key, 0x5A ^ key)) and blob[place : place + 4] == header
        if program or any(bytes(byte ^ key for byte in word) in head for word in _WORDS):
            yield key


def _inflate(blob: bytes) -> bytes:
    for window in (31, 15, -15):  # gzip, zlib, bare deflate
        with suppress(zlib.error):
            return zlib.decompressobj(window).decompress(blob, _SIZE_LIMIT)
    return b""


def _readable(content: bytes) -> str:
    """The content as text, empty if it is none."""
    text = as_text(content)
    good = sum(char.isprintable() or char in "\r\n\t" for char in text)
    ascii_letters = sum("a" <= char.lower() <= "z" for char in text)
    return text if good > len(text) * _PRINTABLE and ascii_letters > len(text) / 4 else ""


def _base64(match: re.Match[str]) -> bytes:
    digits = re.sub(r"\s", "", match[0])
    return base64.b64decode(digits[: len(digits) // 4 * 4] if "=" not in digits else digits, validate=True)


def _numbers(text: str) -> list[int]:
    return [int(digits, 0) for digits in re.findall(r"0[xX][0-9a-fA-F]+|\d+", text)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _characters(match: re.Match[str]) -> str:
    return _quoted("".join(chr(number) for number in _numbers(match[0]) if number < _UNICODE))


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _formatted(match: re.Match[str]) -> str:
    """PowerShell's ``"{1}{0}" -f 'b','a'``."""
    values = re.findall(r"'([^']*)'|\"([^\"]*)\"", match[2])
    texts = [single or double for single, double in values]
    return _quoted("".join(texts[int(n)] for n in re.findall(r"\{(\d+)\}", match[1]) if int(n) < len(texts)))


def _call(name: str, change: Callable[[str], str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    pattern = re.compile(rf"\b{name}\s*\(\s*([\"'])(.{{1,2000}}?)\1\s*\)", re.IGNORECASE)
    return pattern, lambda match: _quoted(change(match[2]))


#: Applied in this order to the whole text.
_REWRITES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<=[A-Za-z])[`^](?=[A-Za-z])"), ""),
    (re.compile(r"\\x([0-9a-fA-F]{2})"), _character),
    (re.compile(r"\\u([0-9a-fA-F]{4})"), _character),
    (re.compile(r"%u?([0-9a-fA-F]{4}|[0-9a-fA-F]{2})(?=[%\"'\w])"), _character),
    (re.compile(r"(?:String\.)?fromCharCode\s*\(([\d\s,xa-fA-F]{1,100000})\)"), _characters),
    (re.compile(r"ChrW?\(\s*\d{1,5}\s*\)(?:\s*[&+]\s*ChrW?\(\s*\d{1,5}\s*\))*", re.IGNORECASE), _characters),
    (re.compile(r"\[char\]\s*\d{1,5}(?:\s*\+\s*\[char\]\s*\d{1,5})*", re.IGNORECASE), _characters),
    (
        re.compile(r"[\"']((?:\{\d+\}){2,200})[\"']\s*-f\s*((?:(?:'[^']*'|\"[^\"]*\")\s*,?\s*){2,200})"),
        _formatted,
    ),
    (re.compile(r"([\"'])\s*[+&]\s*\1"), ""),
    _call("StrReverse", lambda text: text[::-1]),
)

#: What may hold another text or a file, and how it is turned into bytes.
_BLOBS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bytes]], ...] = (
    ("base64", re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}"), _base64),
    ("hex", re.compile(r"\b(?:[0-9a-fA-F]{2}){16,}\b"), lambda match: bytes.fromhex(match[0])),
    (
        "numbers",
        re.compile(r"(?:\b(?:0[xX][0-9a-fA-F]{1,2}|\d{1,3})\s*,\s*){20,}(?:0[xX][0-9a-fA-F]{1,2}|\d{1,3})"),
        lambda match: bytes(_numbers(match[0])),
    ),
    ("reversed", re.compile(r"[\"']([^\"'\n]{16,})[\"']"), lambda match: _backwards(match[1])),
)


def _backwards(text: str) -> bytes:
    """The text read backwards, where that makes it a command."""
    turned = text[::-1]
    if not re.search(r"https?://|powershell|WScript|cmd\.exe|http", turned, re.IGNORECASE):
        raise ValueError("no command either way")
    return turned.encode()
