import hashlib
import random
import struct
import zlib

import pytest

from workers.dex import dex


def code(strings: list[str], types: list[str], methods: list[tuple[str, str]]) -> bytes:
    """A DEX of format 035 with these texts, types and methods, each method without a body."""
    texts = sorted({*strings, *types, *(text for method in methods for text in method), "V"})
    kinds = sorted({*types, *(owner for owner, _ in methods), "V"}, key=texts.index)
    sizes = (len(texts), len(kinds), 1, 0, len(methods), len(types))
    places, place = [], 0x70
    for size, unit in zip(sizes, (4, 4, 12, 8, 8, 32), strict=True):
        places.append(place if size else 0)
        place += size * unit
    data, offsets = b"", []
    for text in texts:
        offsets.append(place + len(data))
        data += bytes([len(text)]) + text.encode() + b"\0"
    data += bytes(-(place + len(data)) % 4)
    map_place = place + len(data)
    items = zip((1, 2, 3, 4, 5, 6), sizes, places, strict=True)
    entries = [(kind, size, at) for kind, size, at in items if size]
    entries = [(0, 1, 0), *entries, (0x2002, len(texts), offsets[0]), (0x1000, 1, map_place)]
    data += struct.pack("<I", len(entries))
    data += b"".join(struct.pack("<HHII", kind, 0, size, at) for kind, size, at in entries)
    body = struct.pack(f"<{len(texts)}I", *offsets)
    body += struct.pack(f"<{len(kinds)}I", *map(texts.index, kinds))
    body += struct.pack("<III", texts.index("V"), kinds.index("V"), 0)
    body += b"".join(struct.pack("<HHI", kinds.index(owner), 0, texts.index(name)) for owner, name in methods)
    for kind in types:
        body += struct.pack("<IIIIIIII", kinds.index(kind), 1, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0, 0, 0)
    total = 0x70 + len(body) + len(data)
    counts = [value for size, at in zip(sizes, places, strict=True) for value in (size, at)]
    head = struct.pack("<IIIIII", total, 0x70, 0x12345678, 0, 0, map_place)
    rest = head + struct.pack("<12I", *counts) + struct.pack("<II", len(data), place) + body + data
    signed = hashlib.sha1(rest).digest() + rest
    return b"dex\n035\0" + struct.pack("<I", zlib.adler32(signed)) + signed


SENDER = [
    ("Landroid/telephony/SmsManager;", "sendTextMessage"),
    ("Ldalvik/system/DexClassLoader;", "loadClass"),
]


def test_classes_and_texts(analyse):
    """Its own classes are listed, addresses in its texts come out defanged."""
    findings = analyse(dex, code(["http://evil.example.com/x"], ["Lcom/example/Main;"], []))
    assert findings.result.classes == ["com.example.Main"]
    assert "hxxp://evil[.]example[.]com/x" in [each.value for each in findings.result.indicators]
    assert findings.score == -1


def test_telling_calls(analyse):
    """Calls that send messages and load code are named and add up."""
    findings = analyse(dex, code([], ["Lcom/example/Main;"], SENDER))
    assert {trait.name for trait in findings.result.traits} == {
        "sends-text-messages",
        "loads-code-at-run-time",
    }
    assert "Landroid/telephony/SmsManager;->sendTextMessage" in findings.result.calls
    assert findings.score == 45
    assert {tag.value for tag in findings.tags} == {"sends-text-messages", "loads-code-at-run-time"}


def test_broken_headers_fail_with_a_reason(analyse):
    """What is no DEX is refused in words."""
    for content in (b"", b"x", b"PK\x03\x04" + bytes(100)):
        with pytest.raises(ValueError, match="broken"):
            analyse(dex, content)


def test_cut_files(analyse):
    """A file that ends too early is read as far as it goes, or refused in words."""
    content, noise = code(["some text"], ["Lcom/example/Main;"], SENDER), random.Random(14)
    for _ in range(40):
        try:
            analyse(dex, content[: noise.randrange(0x70, len(content))])
        except ValueError as error:
            assert "broken" in str(error)  # noqa: PT017 - both ways out are right
