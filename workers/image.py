"""Image: codes that a camera reads, and what is appended behind the picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import zxingcpp
from PIL import Image as Pillow
from pydantic import BaseModel

from orchestrator.worker import Child, Findings, Sample, analysis_worker
from workers._indicators import Indicator, find_indicators
from workers._text import Text, clean
from workers._traits import Trait, detections, score

_PIXEL_LIMIT = 50_000_000
_CODE_LIMIT = 50
_READ_LIMIT = 64 << 20
#: Pillow's decoders that run in its own code: others start programs.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "PSD", "JPEG2000", "AVIF")
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_APPENDED = 16
_MARKER, _START_OF_SCAN, _END_OF_IMAGE = 0xFF, 0xDA, 0xD9
_WITHIN_SCAN = frozenset({0x00, _MARKER, *range(0xD0, 0xD8)})

#: How data begins that nobody appends to a picture by accident.
_PAYLOADS = {
    b"MZ": "program",
    b"\x7fELF": "program",
    b"PK\x03\x04": "zip archive",
    b"Rar!": "rar archive",
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"%PDF-": "document",
    b"<?php": "script",
    b"#!": "script",
}


class Code(BaseModel):
    """A QR or bar code: its format and what it says."""

    format: str
    text: Text


class Image(BaseModel):
    """``appended`` in bytes; ``damage`` says why the picture could not be drawn."""

    format: Text
    width: int
    height: int
    mode: Text
    frames: int
    codes: list[Code]
    indicators: list[Indicator]
    appended: int
    damage: Text
    traits: list[Trait]


@analysis_worker("image", version="1.0", accepts={"image"}, result=Image, preload=("zxingcpp", "PIL.Image"))
def image(sample: Sample) -> Findings:
    """QR and bar codes in a picture, what they lead to, and data behind its end.

    The score is 40 for a program, archive or script that begins right behind the picture, 10 for other
    data there. A code is an indicator and no score: most of them are harmless.
    """
    with sample.path.open("rb") as file:
        content = file.read(_READ_LIMIT)
    appended = _appended(content)
    traits = list(_traits(appended))
    result = Image(
        format="", width=0, height=0, mode="", frames=0, codes=[], indicators=[], appended=len(appended),
        damage="", traits=traits,
    )  # fmt: skip
    _draw(sample, result)
    result.indicators = find_indicators("\n".join(code.text for code in result.codes))
    children = []
    if traits:
        path = sample.scratch / "appended"
        path.write_bytes(appended)
        children.append(Child(path, "appended"))
    return Findings(score(traits), result, detections=detections(traits), children=children)


def _draw(sample: Sample, result: Image) -> None:
    """Fill in what can be known of the picture only by drawing it."""
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(sample.path, formats=_FORMATS) as picture:
            result.format, result.mode = clean(picture.format), clean(picture.mode)
            result.width, result.height = picture.size
            result.frames = getattr(picture, "n_frames", 1)
            if picture.width * picture.height > _PIXEL_LIMIT:
                result.damage = "too many pixels to draw"
                return
            found = zxingcpp.read_barcodes(picture.convert("L"))
            result.codes = [Code(format=str(each.format), text=each.text) for each in found[:_CODE_LIMIT]]
    except Exception as error:  # noqa: BLE001 - Pillow's many decoders meet broken pictures with any exception
        result.damage = clean(f"{type(error).__name__}: {error}".replace(str(sample.path), "sample"))


def _appended(content: bytes) -> bytes:
    """What stands behind the end that the picture's own format marks."""
    end = len(content)
    if content.startswith(b"\x89PNG"):
        end = _behind(content, _PNG_END)
    elif content.startswith(b"\xff\xd8\xff"):
        end = _behind_jpeg(content)
    elif content.startswith(b"BM"):
        end = max(int.from_bytes(content[2:6], "little"), 26)
    elif content.startswith(b"RIFF"):
        end = int.from_bytes(content[4:8], "little") + 8
    rest = content[end:]
    return rest if len(rest.strip(b"\0\r\n ")) >= _APPENDED else b""


def _behind(content: bytes, mark: bytes) -> int:
    place = content.find(mark)
    return place + len(mark) if place >= 0 else len(content)


def _behind_jpeg(content: bytes) -> int:
    """The place behind the end-of-image mark, found by stepping over the segments."""
    place = 2
    while place + 4 <= len(content) and content[place] == _MARKER:
        kind, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        place += 2 + length
        if kind == _START_OF_SCAN:
            return _behind_scan(content, place)
    return len(content)


def _behind_scan(content: bytes, place: int) -> int:
    """Compressed data holds the byte FF only stuffed with 00 or before a restart mark."""
    while (place := content.find(b"\xff", place)) >= 0 and place + 4 <= len(content):
        marker = content[place + 1]
        if marker == _END_OF_IMAGE:
            return place + 2
        if marker in _WITHIN_SCAN:
            place += 1
        else:  # tables between the scans of a progressive picture
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return len(content)


def _traits(appended: bytes) -> Iterator[Trait]:
    if not appended:
        return
    kind = next(
        (kind for magic, kind in _PAYLOADS.items() if appended.lstrip(b"\r\n\0").startswith(magic)), ""
    )
    yield Trait(
        name="appended-payload" if kind else "appended-data",
        weight=40 if kind else 10,
        detail=f"{kind or 'data'}, {len(appended)} bytes",
    )
