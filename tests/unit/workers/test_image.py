import io
import os
import random

import pytest
import zxingcpp
from PIL import Image as Pillow

from workers.image import image

LINK = "http://evil.example.com/login"


def picture(format_: str, code: str = "", **saving) -> bytes:
    if code:
        barcode = zxingcpp.create_barcode(code, zxingcpp.BarcodeFormat.QRCode)
        drawn = Pillow.fromarray(zxingcpp.write_barcode_to_image(barcode, scale=4))
    else:
        drawn = Pillow.effect_noise((200, 100), 60)
    buffer = io.BytesIO()
    drawn.convert("L").save(buffer, format_, **saving)
    return buffer.getvalue()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_code_in_a_picture(analyse, format_):
    """What a QR code says is read, and a link in it comes out defanged."""
    result = analyse(image, picture(format_, LINK)).result
    assert [(code.format, code.text) for code in result.codes] == [("QR Code", LINK)]
    assert "hxxp://evil[.]example[.]com/login" in [each.value for each in result.indicators]
    assert result.format == format_


PLAIN, PROGRESSIVE = {}, {"progressive": True}


@pytest.mark.parametrize(
    ("format_", "saving"),
    [("PNG", PLAIN), ("JPEG", PLAIN), ("JPEG", PROGRESSIVE), ("BMP", PLAIN), ("WEBP", PLAIN)],
)
def test_a_payload_behind_the_picture(analyse, format_, saving):
    """A program or an archive behind the picture's end is found exactly, scored and handed on."""
    for payload in (b"MZ" + os.urandom(500), b"PK\x03\x04" + os.urandom(500)):
        findings = analyse(image, picture(format_, **saving) + payload)
        assert findings.score == 40
        assert findings.result.appended == len(payload)
        assert findings.children[0].path.read_bytes() == payload
    plain = analyse(image, picture(format_, **saving))
    assert (plain.score, plain.result.appended, plain.children) == (-1, 0, [])


def test_other_data_behind_the_picture(analyse):
    """Anything else there is noticed with less weight, a few zero bytes are not."""
    assert analyse(image, picture("PNG") + b"just some text that was appended").score == 10
    assert analyse(image, picture("PNG") + b"\0\r\n").score == -1


def test_a_picture_too_large_to_draw(analyse):
    """Dimensions beyond reason are reported, and the picture is not drawn."""
    content = bytearray(picture("BMP"))
    content[18:26] = (60_000).to_bytes(4, "little") + (60_000).to_bytes(4, "little")
    result = analyse(image, bytes(content)).result
    assert result.codes == []
    assert result.damage


def test_broken_pictures(analyse):
    """However broken, a picture has its damage named and is no failure."""
    noise = random.Random(4)
    for format_ in ("PNG", "JPEG", "GIF", "WEBP"):
        content = picture(format_, LINK)
        for _ in range(15):
            copy = bytearray(content[: noise.randrange(8, len(content))])
            copy[noise.randrange(len(copy))] ^= 0xFF
            analyse(image, bytes(copy))
    for garbage in (b"", b"x", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        assert analyse(image, garbage).result.damage
