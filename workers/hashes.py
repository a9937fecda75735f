"""Hashes: what identifies these bytes, and what finds others that resemble them."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import tlsh
from pydantic import BaseModel

from orchestrator.worker import Fact, Findings, Limits, Sample, analysis_worker
from workers._traits import entropy

_ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "sha3_256")
_BLOCK = 1 << 20


class Hashes(BaseModel):
    """Hex digests; ``entropy`` in bits per byte, 0…8; ``tlsh`` empty where there is too little variety."""

    md5: str
    sha1: str
    sha256: str
    sha512: str
    sha3_256: str
    crc32: str
    tlsh: str
    entropy: float
    size: int


@analysis_worker(
    "hashes", version="1.0", result=Hashes, limits=Limits(seconds=180, cpu_seconds=180), preload=("tlsh",)
)
def hashes(sample: Sample) -> Findings:
    """Cryptographic and similarity hashes, and the entropy of the whole file.

    Never a score: a hash says which file this is, not whether it is good.
    """
    digests = [hashlib.new(name, usedforsecurity=False) for name in _ALGORITHMS]
    similarity, histogram, crc, size = tlsh.Tlsh(), Counter[int](), 0, 0
    for block in _blocks(sample.path):
        for digest in digests:
            digest.update(block)
        similarity.update(block)
        histogram.update(block)
        crc = zlib.crc32(block, crc)
        size += len(block)
    values = {name: digest.hexdigest() for name, digest in zip(_ALGORITHMS, digests, strict=True)}
    fuzzy, bits = _tlsh(similarity), entropy(histogram)
    result = Hashes(**values, crc32=f"{crc:08x}", tlsh=fuzzy, entropy=bits, size=size)
    facts = [Fact("entropy", str(bits))] + ([Fact("tlsh", fuzzy)] if fuzzy else [])
    return Findings(result=result, facts=facts)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _tlsh(similarity: tlsh.Tlsh) -> str:
    try:
        similarity.final()
        return str(similarity.hexdigest())
    except ValueError:  # fewer than 50 bytes, or too uniform
        return ""
