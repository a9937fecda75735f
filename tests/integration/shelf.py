"""A few samples that differ in everything, and whom they belong to."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api

AGENT = {"name": "agent", "version": "1"}


class Shelf:
    """Four samples: ``a`` and ``b`` of one customer, ``c`` of another, ``d`` of both; ``b`` is shared."""

    def __init__(self, api: Api) -> None:
        self.api = api
        other = self.other = api.key(Role.analyzer, "other")
        self.guest = api.key(Role.viewer, "guest")
        self._names: dict[str, str] = {}
        self.submissions: dict[str, str] = {}
        self.submit("a", "a", fileName="straße.EXE", metaData={"case": "A-1", "x.y": "50%"}, tlp="green")
        self.submit("b", "b", fileName="b_1.txt", mimeType="text/plain", acl=["guest-viewer"])
        self.submit("c", "c", key=other, fileName="secret.doc", metaData={"case": "A-1"})
        self.submit("d", "d", fileName="d.bin", retention="now + 9 days")
        self.submit("d", "d2", key=other, fileName="d-theirs.bin")
        self.analyse("a", {"names": ["n1", {"deep": [{"er": 5}]}], "ok": True, "f": 1.5}, "pe")
        self.analyse("b", {"names": "n2", "none": None}, "elf", tlp="green")
        self.analyse("d", {"hidden": "theirs"}, "spy", key=other)
        self.link("a", "b", "child")
        self.fact("a", "packer", "upx", "yara")
        self.fact("b", "packer", "none", "hand")

    def submit(self, content: str, name: str, **fields: Any) -> None:
        made = self.api.submit(content.encode() * 400, **fields)
        self._names[made["sampleSha256"]] = content
        self.submissions[made["id"]] = name

    def sha256(self, name: str) -> str:
        return next(sha256 for sha256, each in self._names.items() if each == name)

    def _add(self, sample: str, what: str, body: dict[str, Any], key: str | None) -> None:
        answer = self.api.post(f"/sample/{self.sha256(sample)}/{what}", body, key=key)
        assert answer.status_code in (200, 201), answer.text

    def analyse(self, sample: str, result: Any, agent: str, key: str | None = None, **fields: Any) -> None:
        body = {"analysisResult": result, "analysisScore": 50, "tlp": "amber"}
        customer = "other" if key else "default"
        agents = {"userAgent": {"name": agent, "version": "2"}, "customer": customer}
        self._add(sample, "analysis", {**body, **agents, **fields}, key)

    def link(self, sample: str, other: str, kind: str) -> None:
        body = {"reference": self.sha256(other), "tlp": "amber", "type": kind, "userAgent": AGENT}
        self._add(sample, "link", body, None)

    def fact(self, sample: str, key: str, value: str, agent: str) -> None:
        body = {"key": key, "value": value, "userAgent": {"name": agent, "version": "1"}}
        self._add(sample, "fact", body, None)

    def samples(self, body: Any = None, **options: Any) -> str:
        """Which samples an advanced search finds, in alphabetical order."""
        answer = self.api.post("/sample/search", body, **options)
        assert answer.status_code == 200, answer.text
        return "".join(sorted(self._names[each["sha256"]] for each in answer.json()["data"]))

    def found(self, body: Any = None, **options: Any) -> str:
        """Which submissions an advanced search finds, in its own order."""
        answer = self.api.post("/submission/search", body, **options)
        assert answer.status_code == 200, answer.text
        return " ".join(self.submissions[each["id"]] for each in answer.json()["data"])
