"""ClamAV: what the antivirus engine calls the sample, with the operator's own signatures."""

from __future__ import annotations

import re
import shutil
import socket
import struct
from pathlib import Path

from pydantic import BaseModel

from orchestrator.worker import (
    NO_FINDINGS,
    Assessment,
    Detection,
    Findings,
    Limits,
    NothingForMe,
    Sample,
    Tag,
    TemporaryError,
    analysis_worker,
)
from workers import _tools
from workers._text import Text, clean, clip

_DEFAULT_SIGNATURES = Path("/var/lib/clamav")
_SECONDS = 170
_BLOCK = 1 << 20
_NAME_LIMIT = 50
_FOUND = re.compile(r": (\S.*) FOUND$", re.MULTILINE)
_FAMILY = re.compile(r"^\w+\.\w+\.([A-Za-z]\w+?)(?:-\d.*)?$")
_UNSURE = ("PUA.", "Heuristics.")
_ERROR = 2


class ClamAv(BaseModel):
    """``names`` are the engine's; ``engine`` says which way it was asked."""

    engine: str
    names: list[Text]


@analysis_worker(
    "clamav", version="1.0", result=ClamAv, limits=Limits(seconds=180, cpu_seconds=180, memory_mb=4096)
)
def clamav(sample: Sample) -> Findings:
    """What ClamAV calls the sample, asked through ``clamd`` or ``clamscan``.

    100 for a signature's name, 50 for one of unwanted programs or heuristics; no name is no score, for no
    list of signatures is complete. Option ``clamav.signatures`` names the folder of signatures that
    ``clamscan`` loads, ``clamav.socket`` the socket of a ``clamd`` that has loaded them already.
    """
    if place := sample.options.get("clamav.socket"):
        engine, names = "clamd", _ask_daemon(sample, place)
    else:
        engine, names = "clamscan", _scan(sample)
    return Findings(
        score=max(map(_score, names), default=NO_FINDINGS),
        result=ClamAv(engine=engine, names=names),
        detections=[Detection(clean(name, 200), _assess(name)) for name in names],
        tags=[Tag("family", match[1]) for name in names if (match := _FAMILY.match(name))],
        possible_detections=1,
    )


def _scan(sample: Sample) -> list[str]:
    scanner = shutil.which("clamscan")
    if scanner is None:
        raise NothingForMe("clamscan is not installed, and no clamav.socket is set")
    setting = sample.options.get("clamav.signatures", "")
    signatures = Path(setting) if setting else _DEFAULT_SIGNATURES
    if setting and not signatures.exists():
        raise FileNotFoundError(f"clamav.signatures {setting!r} is not there for this worker to read")
    if not signatures.exists() or (signatures.is_dir() and not any(signatures.iterdir())):
        raise NothingForMe("there are no signatures: set clamav.signatures to a folder that has some")
    command = [scanner, "--no-summary", "--stdout", "--allmatch", f"--tempdir={sample.scratch}"]
    command += [f"--database={signatures}", str(sample.path)]
    output = _tools.run(command, sample.scratch, seconds=_SECONDS)
    if output.status == _ERROR:
        raise RuntimeError(f"clamscan: {clean(output.text.replace(str(sample.path), 'sample'), 300)}")
    return _names(output.text)


def _ask_daemon(sample: Sample, place: str) -> list[str]:
    """Send the sample as clamd's INSTREAM wants it: blocks with their length, an empty one at the end."""
    try:
        with socket.socket(socket.AF_UNIX) as connection, sample.path.open("rb") as file:
            connection.settimeout(_SECONDS)
            connection.connect(place)
            connection.sendall(b"zINSTREAM\0")
            while block := file.read(_BLOCK):
                connection.sendall(struct.pack(">I", len(block)) + block)
            connection.sendall(struct.pack(">I", 0))
            answer = connection.makefile("rb").read(_BLOCK).decode("utf-8", "replace").rstrip("\0\n")
    except OSError as error:
        raise TemporaryError(f"clamd does not answer: {error}") from error
    if answer.endswith("ERROR"):
        raise RuntimeError(f"clamd: {clean(answer, 300)}")
    return _names(answer)


def _names(text: str) -> list[str]:
    return clip(dict.fromkeys(_FOUND.findall(text)), _NAME_LIMIT)


def _score(name: str) -> int:
    return 50 if name.startswith(_UNSURE) else 100


def _assess(name: str) -> Assessment:
    return "unknown" if name.startswith(_UNSURE) else "malicious"
