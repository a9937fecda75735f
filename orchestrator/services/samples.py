"""Samples: what comes in, what is known, and the proof of possession."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

import pyzipper

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.errors import Denied, Invalid, NotFound, TooSmall
from orchestrator.settings import Settings
from orchestrator.store import samples as store
from orchestrator.store.blobs import Blobs
from orchestrator.store.spool import BlobFacts, Spool
from orchestrator.store.tables import Challenge, SampleClassification, SampleRow, Verdict
from orchestrator.store.unit_of_work import UnitOfWork

#: The longest part of a sample that a challenge asks about, in bytes.
_MAX_CHALLENGE = 1024 * 1024
_MIN_CHALLENGE = 64

#: The custom of the field: an archive with hostile content opens with this.
PASSWORD = b"infected"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes that are in the blob store, and who brought them."""

    caller: Caller
    facts: BlobFacts


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload's answer: whether the sample was there before, and a solved challenge token."""

    exists: bool
    sample: BlobFacts
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class Described:
    """A sample with its latest classification and verdict."""

    sample: SampleRow
    classification: SampleClassification | None
    verdict: Verdict | None


def add_sample(uow: UnitOfWork, caller: Caller, facts: BlobFacts, settings: Settings) -> Uploaded:
    """Record a sample whose bytes are in the blob store; one that was deleted lives again."""
    uploaded = add_all(uow, [Arrived(caller, facts)], settings)
    uow.commit()
    return uploaded[0]


def add_all(uow: UnitOfWork, arrived: Sequence[Arrived], settings: Settings) -> list[Uploaded]:
    """The same for many at once; does not commit."""
    fresh = store.insert_samples(
        uow.session, {each.facts.sha256: each.facts for each in arrived}.values(), now()
    )
    uploaded = []
    for each in arrived:
        sha256 = each.facts.sha256
        challenge = _challenge(each.caller, sha256, 0, each.facts.size, sha256, settings)
        uploaded.append(Uploaded(sha256 not in fresh, each.facts, challenge))
        fresh.discard(sha256)
    store.add_challenges(uow.session, [each.challenge for each in uploaded])
    return uploaded


def known(uow: UnitOfWork, sha256: str) -> SampleRow:
    """The sample, whoever asks; :class:`NotFound` where it is unknown."""
    sample = store.get_sample(uow.session, sha256)
    if sample is None:
        raise NotFound("sample", sha256)
    return sample


def readable(uow: UnitOfWork, caller: Caller, sha256: str) -> SampleRow:
    """The sample, if the caller may see it through at least one submission (contract section 1.5)."""
    sample = known(uow, sha256)
    if not store.may_read(uow.session, caller, sha256):
        raise Denied(f"sample {sha256} was not submitted by or shared with customer {caller.customer}")
    return sample


def describe(uow: UnitOfWork, rows: Sequence[SampleRow]) -> list[Described]:
    """The samples with their latest classifications and verdicts, in few statements."""
    classifications, verdicts = store.latest_of(uow.session, rows)
    return [
        Described(
            row,
            classifications.get(row.latest_classification_id) if row.latest_classification_id else None,
            verdicts.get(row.latest_verdict_id) if row.latest_verdict_id else None,
        )
        for row in rows
    ]


def ask(uow: UnitOfWork, blobs: Blobs, caller: Caller, sha256: str, settings: Settings) -> Challenge:
    """A challenge about a random part of a known sample (contract section 5.1)."""
    sample = known(uow, sha256)
    if sample.deleted_at:
        raise NotFound("sample", sha256)
    if sample.size < settings.challenge_threshold:
        raise TooSmall(f"sample {sha256} has only {sample.size} bytes: upload it again")
    longest = min(sample.size, _MAX_CHALLENGE)
    length = min(_MIN_CHALLENGE, sample.size) + secrets.randbelow(max(1, longest - _MIN_CHALLENGE + 1))
    offset = secrets.randbelow(sample.size - length + 1)
    answer = hashlib.sha256(blobs.read(sha256, offset, length)).hexdigest()
    challenge = _challenge(caller, sha256, offset, length, answer, settings)
    uow.session.add(challenge)
    uow.commit()
    return challenge


def _challenge(
    caller: Caller, sha256: str, offset: int, length: int, answer: str, settings: Settings
) -> Challenge:
    return Challenge(
        id=new_id(),
        sample_sha256=sha256,
        user_id=caller.user_id,
        answer=answer,
        offset=offset,
        length=min(length, 2**31 - 1),
        expires_at=now() + timedelta(seconds=settings.challenge_lifetime),
    )


def stored(uow: UnitOfWork, caller: Caller, sha256: str) -> SampleRow:
    """A readable sample whose bytes are still kept."""
    sample = readable(uow, caller, sha256)
    if sample.deleted_at:
        raise NotFound("sample", sha256)
    return sample


def accept(blobs: Blobs, spool: Spool) -> BlobFacts:
    """Make what streamed in a blob; an empty body is :class:`Invalid`."""
    if not spool.size:
        raise Invalid("body", "a sample has at least one byte")
    return blobs.keep(spool)


def zip_infected(chunks: Iterator[bytes], name: str, target: IO[bytes]) -> None:
    """Write an encrypted ZIP with one entry, password :data:`PASSWORD`.

    AES-256 as WinZip specifies it: traditional encryption needs no key to be broken, and a mail
    filter would look inside. ``7z x -pinfected`` and pyzipper open it.
    """
    with pyzipper.AESZipFile(
        target, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(PASSWORD)
        with archive.open(name, "w", force_zip64=True) as entry:
            for chunk in chunks:
                entry.write(chunk)
