import io
import struct
import zipfile

import pytest

module = pytest.importorskip("workers.apk", reason="the extra android is not installed", exc_type=ImportError)
apk = module.apk

ANDROID = "http://schemas.android.com/apk/res/android"
NAME = 0x01010003


def chunk(kind: int, head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<HHI", kind, 8 + len(head), 8 + len(head) + len(body)) + head + body


def manifest(package: str, permissions: list[str]) -> bytes:
    """A compiled AndroidManifest.xml, as Android's ResourceTypes.h lays it out."""
    texts = ["name", ANDROID, "android", "manifest", "package", package, "uses-permission", "application"]
    texts += permissions
    offsets, data = [], b""
    for text in texts:
        offsets.append(len(data))
        data += struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\0\0"
    data += bytes(-len(data) % 4)
    start = 28 + 4 * len(texts)
    pool = chunk(
        1,
        struct.pack("<IIIII", len(texts), 0, 0, start, 0),
        struct.pack(f"<{len(texts)}I", *offsets) + data,
    )
    body = pool + chunk(0x180, struct.pack("<I", NAME)[:0], struct.pack("<I", NAME))
    line = struct.pack("<II", 1, 0xFFFFFFFF)
    space = struct.pack("<II", texts.index("android"), texts.index(ANDROID))

    def attribute(space_of: int, name: str, value: str) -> bytes:
        index = texts.index(value)
        return struct.pack("<IIIHBBI", space_of, texts.index(name), index, 8, 0, 3, index)

    def element(name: str, *attributes: bytes) -> bytes:
        about = struct.pack("<IIHHHHHH", 0xFFFFFFFF, texts.index(name), 20, 20, len(attributes), 0, 0, 0)
        return chunk(0x102, line, about + b"".join(attributes))

    def end(name: str) -> bytes:
        return chunk(0x103, line, struct.pack("<II", 0xFFFFFFFF, texts.index(name)))

    body += chunk(0x100, line, space) + element("manifest", attribute(0xFFFFFFFF, "package", package))
    for permission in permissions:
        asked = element("uses-permission", attribute(texts.index(ANDROID), "name", permission))
        body += asked + end("uses-permission")
    body += element("application") + end("application") + end("manifest") + chunk(0x101, line, space)
    return chunk(3, b"", body)


def package(*permissions: str, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as container:
        container.writestr("AndroidManifest.xml", manifest("com.example.app", list(permissions)))
        container.writestr("classes.dex", b"dex\n035\0")
        for name, content in members.items():
            container.writestr(name, content)
    return buffer.getvalue()


def test_manifest(analyse):
    """Package, code and native code are listed; an unsigned package is noticed."""
    findings = analyse(apk, package("android.permission.INTERNET", **{"lib/arm64-v8a/libx.so": b"\x7fELF"}))
    result = findings.result
    assert (result.package, result.permissions) == ("com.example.app", ["android.permission.INTERNET"])
    assert (result.code_files, result.native_code) == (["classes.dex"], ["lib/arm64-v8a/libx.so"])
    assert not result.signed
    assert [trait.name for trait in result.traits] == ["not-signed"]
    assert ("apkPackage", "com.example.app") in [(fact.key, fact.value) for fact in findings.facts]


def test_permissions_that_spyware_needs(analyse):
    """They add up, to 60 at most, and become tags."""
    asked = [
        "SEND_SMS",
        "READ_SMS",
        "RECEIVE_SMS",
        "SYSTEM_ALERT_WINDOW",
        "BIND_DEVICE_ADMIN",
        "RECORD_AUDIO",
    ]
    findings = analyse(apk, package(*(f"android.permission.{name}" for name in asked)))
    assert findings.score == 60
    assert "asks-send-sms" in {tag.value for tag in findings.tags}


def test_broken_packages_fail_with_a_reason(analyse):
    """What is no package, or has a manifest that Android would refuse, is refused in words."""
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as container:
        container.writestr("AndroidManifest.xml", b"<manifest/>")
    for content in (b"", b"PK\x03\x04", plain.getvalue(), package()[:300]):
        with pytest.raises(ValueError, match="broken"):
            analyse(apk, content)
