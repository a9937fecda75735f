import hashlib
import random
import zlib

import pytest

from workers.hashes import hashes


def test_digests_are_those_of_hashlib(analyse, python):
    """Every digest is that of the standard library over the same file."""
    data = python.read_bytes()
    result = analyse(hashes, python).result
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256"):
        assert getattr(result, name) == hashlib.new(name, data).hexdigest()
    assert result.crc32 == f"{zlib.crc32(data):08x}"
    assert result.size == len(data)


@pytest.mark.parametrize(
    ("content", "bits"), [(b"", 0), (b"a" * 4096, 0), (b"ab" * 100, 1), (bytes(range(256)) * 8, 8)]
)
def test_entropy_is_bits_per_byte(analyse, content, bits):
    """Entropy runs from 0 for one repeated byte to 8 where all bytes are equally frequent."""
    assert analyse(hashes, content).result.entropy == bits


def test_similar_files_have_similar_fuzzy_hashes(analyse):
    """A small change keeps most of the TLSH; an unrelated file shares little of it."""
    noise = random.Random(1)
    first = noise.randbytes(8192)
    values = [
        analyse(hashes, content).result.tlsh
        for content in (first, first[:4000] + b"!" + first[4001:], noise.randbytes(8192))
    ]
    same = [sum(a == b for a, b in zip(values[0], other, strict=True)) for other in values[1:]]
    assert same[0] > same[1] + 20


@pytest.mark.parametrize("content", [b"", b"x", b"a" * 10_000])
def test_no_fuzzy_hash_without_variety(analyse, content):
    """Where TLSH is not defined it is empty, and no fact is made of it."""
    findings = analyse(hashes, content)
    assert findings.result.tlsh == ""
    assert [fact.key for fact in findings.facts] == ["entropy"]


def test_never_a_score(analyse, eicar):
    """Hashes do not judge, not even EICAR."""
    assert analyse(hashes, eicar).score == -1
