"""STIX 2.1 (OASIS), through the ``stix2`` library of the extra ``export``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import stix2

from orchestrator.domain.vocabulary import Tlp
from orchestrator.exchange.reading import (
    Observable,
    file_name,
    identity,
    judgement,
    moment,
    observables,
    strictest,
    verdict,
)

_MARKINGS = {
    Tlp.red: stix2.TLP_RED,
    Tlp.amber: stix2.TLP_AMBER,
    Tlp.green: stix2.TLP_GREEN,
    # STIX 2.1 knows version 1 of the protocol: what is clear now was white
    Tlp.clear: stix2.TLP_WHITE,
}
_KINDS = {
    "url": stix2.URL,
    "domain": stix2.DomainName,
    "ipv4": stix2.IPv4Address,
    "ipv6": stix2.IPv6Address,
    "email": stix2.EmailAddress,
}
_EPOCH = moment(0)


def bundle(record: Mapping[str, Any]) -> str:
    """The record as a bundle, in JSON."""
    label = strictest(record)
    author = stix2.Identity(
        id=f"identity--{identity('assay')}",
        created=_EPOCH,
        modified=_EPOCH,
        name="Assay",
        identity_class="system",
    )
    file = _file(record)
    seen = [_observable(each, label) for each in observables(record) if each.kind in _KINDS]
    analyses = [_analysis(each, author, file, seen) for each in record["analyses"]]
    marks = {each.id: each for each in (_MARKINGS[label], *map(_mark_of, record["analyses"]))}
    objects = [*marks.values(), author, file, *seen, *analyses, *_indicator(record, author, label)]
    name = identity("bundle", *(each.id for each in objects))
    return str(stix2.Bundle(*objects, id=f"bundle--{name}", allow_custom=True).serialize(pretty=True))


def _mark_of(analysis: Mapping[str, Any]) -> Any:
    return _MARKINGS[Tlp(analysis["tlp"])]


def _file(record: Mapping[str, Any]) -> Any:
    sample = record["sample"]
    named = {"name": name} if (name := file_name(record)) else {}
    hashes = {"SHA-256": sample["sha256"]}
    for field, spelled in (("sha512", "SHA-512"), ("sha1", "SHA-1"), ("md5", "MD5")):
        if sample.get(field):
            hashes[spelled] = sample[field]
    return stix2.File(
        id=f"file--{identity('file', sample['sha256'])}",
        hashes=hashes,
        size=sample["size"],
        object_marking_refs=[_MARKINGS[strictest(record)]],
        **named,
    )


def _observable(found: Observable, label: Tlp) -> Any:
    """Named in the file: that alone says nothing against it, so that it is no indicator."""
    return _KINDS[found.kind](
        id=f"{_KINDS[found.kind]._type}--{identity(*found)}",  # noqa: SLF001 - its name in ids
        value=found.value,
        object_marking_refs=[_MARKINGS[label]],
    )


def _analysis(analysis: Mapping[str, Any], author: Any, file: Any, seen: list[Any]) -> Any:
    made = moment(analysis["createdTimestamp"])
    agent = analysis["userAgent"]
    more: dict[str, Any] = {}
    if names := [each["name"] for each in analysis["triggeredDetections"]]:
        more["result_name"] = ", ".join(names)
    # an analysis object may not be empty handed: STIX wants a result or what was seen
    references = [each.id for each in seen] if _names_addresses(analysis) else []
    if references:
        more["analysis_sco_refs"] = references
    return stix2.MalwareAnalysis(
        id=f"malware-analysis--{identity('analysis', analysis['analysisID'])}",
        created=made,
        modified=made,
        created_by_ref=author.id,
        product=re.sub(r"[^a-z0-9_.-]+", "-", agent["name"].lower()) or "unknown",
        version=agent["version"],
        analysis_ended=made,
        result=judgement(analysis["analysisScore"], analysis.get("verdictStatusOverride")),
        sample_ref=file.id,
        object_marking_refs=[_mark_of(analysis)],
        labels=sorted({f"{tag['type']}:{tag['value']}" for tag in analysis["tags"]}) or None,
        **more,
    )


def _names_addresses(analysis: Mapping[str, Any]) -> bool:
    result = analysis.get("analysisResult")
    return isinstance(result, dict) and bool(result.get("indicators"))


def _indicator(record: Mapping[str, Any], author: Any, label: Tlp) -> Iterator[Any]:
    """The file itself, where the verdict is that it is malicious."""
    if verdict(record) != "malicious":
        return
    latest, sha256 = record["sample"]["latestVerdict"], record["sample"]["sha256"]
    made = moment(latest["createdTimestamp"])
    yield stix2.Indicator(
        id=f"indicator--{identity('indicator', sha256, str(latest['createdTimestamp']))}",
        created=made,
        modified=made,
        valid_from=made,
        created_by_ref=author.id,
        name=f"Malicious file {sha256}",
        indicator_types=["malicious-activity"],
        pattern_type="stix",
        pattern=f"[file:hashes.'SHA-256' = '{sha256}']",
        confidence=latest["score"],
        object_marking_refs=[_MARKINGS[label]],
    )
