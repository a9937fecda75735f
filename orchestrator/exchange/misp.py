"""A MISP event, through the ``pymisp`` library of the extra ``export``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymisp import MISPAttribute, MISPEvent, MISPObject

from orchestrator.exchange.reading import file_name, identity, moment, observables, strictest, verdict

#: 1 high … 4 undefined.
_THREAT = {"malicious": 1, "suspicious": 2, "benign": 3, "unknown": 4}
_COMPLETED = 2
_OWN_ORGANISATION = 0
_KINDS = {
    "url": ("url", "Network activity"),
    "domain": ("domain", "Network activity"),
    "ipv4": ("ip-dst", "Network activity"),
    "ipv6": ("ip-dst", "Network activity"),
    "email": ("email", "Payload delivery"),
}


def event(record: Mapping[str, Any]) -> str:
    """The record as an event, in JSON; it is the receiver's to publish and to share."""
    sha256 = record["sample"]["sha256"]
    made = MISPEvent()
    made.uuid = str(identity("event", sha256))
    made.info = f"Assay: {sha256}"
    made.date = moment(record["sample"].get("firstSubmittedTimestamp")).date()
    made.threat_level_id = _THREAT[verdict(record)]
    made.analysis = _COMPLETED
    made.distribution = _OWN_ORGANISATION
    made.add_tag(f"tlp:{strictest(record).value}")
    tags = [tag for one in record["analyses"] for tag in one["tags"]]
    for name in sorted({f"{tag['type']}:{tag['value']}" for tag in tags}):
        made.add_tag(name)
    made.add_object(_file(record))
    for each in observables(record):
        if each.kind in _KINDS:
            kind, category = _KINDS[each.kind]
            _add(made, kind, category, each.value, "named in the file", str(identity("misp", *each)))
    for one in record["analyses"]:
        for found in one["triggeredDetections"]:
            key = str(identity("misp", one["analysisID"], found["name"]))
            _add(made, "text", "Antivirus detection", found["name"], one["userAgent"]["name"], key)
    return str(made.to_json(sort_keys=True, indent=2))


def _add(made: MISPEvent, kind: str, category: str, value: str, comment: str, key: str) -> MISPAttribute:
    return made.add_attribute(  # type: ignore[return-value]
        kind, value, category=category, comment=comment, to_ids=False, uuid=key
    )


def _file(record: Mapping[str, Any]) -> MISPObject:
    sample = record["sample"]
    sha256 = sample["sha256"]
    made = MISPObject("file", strict=True)
    made.uuid = str(identity("misp-file", sha256))
    values = {
        "filename": file_name(record),
        "size-in-bytes": str(sample["size"]),
        **{name: sample.get(name) for name in ("md5", "sha1", "sha256", "sha512")},
    }
    malicious = verdict(record) == "malicious"
    for name, value in values.items():
        if value:
            options = {"to_ids": malicious and name.startswith(("md5", "sha"))}
            made.add_attribute(name, value, uuid=str(identity("misp-file", sha256, name)), **options)
    return made
