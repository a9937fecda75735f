"""Evidence over the API (contract section 6)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.store.tables import Evidence
from tests.integration.api import Api
from tests.integration.test_analyses import add


@pytest.fixture
def analysis(api: Api) -> str:
    """The path of an analysis."""
    sha256 = api.submit()["sampleSha256"]
    return f"/sample/{sha256}/analysis/{add(api, sha256)['analysisID']}"


def upload(api: Api, analysis: str, name: str = "file.bin", data: bytes = b"bytes", **options: Any) -> Any:
    return api.call("POST", f"{analysis}/evidence/{name}", content=data, **options)


def test_bytes_of_any_type_come_back(api: Api, analysis: str) -> None:
    """Described by type, size and hash; the analysis is flagged."""
    data = bytes(range(256)) * 10_000
    answer = upload(
        api, analysis, "net:1.pcap", data, headers={"Content-Type": "application/vnd.tcpdump.pcap"}
    )
    assert answer.status_code == 201, answer.text
    evidence = answer.json()["data"]
    assert evidence["checksum"] == hashlib.sha256(data).hexdigest()
    assert (evidence["fileName"], evidence["size"], evidence["flags"]) == ("net:1.pcap", len(data), [])
    assert evidence["mimeType"] == "application/vnd.tcpdump.pcap"
    assert evidence["createdByUser"]["shortName"] == "default-analyzer"
    one = f"{analysis}/evidence/{evidence['id']}"
    assert api.get(one, role=Role.viewer).json()["data"] == evidence
    assert api.get(f"{analysis}/evidence").json()["data"] == [evidence]
    assert api.get(analysis).json()["data"]["flags"] == ["hasEvidence"]
    got = api.get(f"{one}/download", role=Role.viewer)
    assert got.content == data
    assert got.headers["content-type"] == "application/vnd.tcpdump.pcap"


def test_a_download_is_saved_never_shown(api: Api, analysis: str) -> None:
    """A page that an analysis produced must not run in our name, whatever it calls itself."""
    answer = upload(api, analysis, "a.html", b"<script>", headers={"Content-Type": "text/html"})
    one = f"{analysis}/evidence/{answer.json()['data']['id']}"
    headers = api.get(f"{one}/download").headers
    assert headers["content-disposition"] == 'attachment; filename="a.html"'
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    with api.begin() as uow:
        row = uow.session.get_one(Evidence, UUID(answer.json()["data"]["id"]))
        row.file_name, row.mime_type = 'a"\r\nX-Evil: 1/../b', "text/html\r\nX-Evil: 1"
        uow.commit()
    headers = api.get(f"{one}/download").headers
    assert "x-evil" not in headers
    assert headers["content-disposition"] == 'attachment; filename="a___X-Evil__1_.._b"'
    assert headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("given", ["", "nonsense", "text/html\x01", "a/b; " + "x" * 300])
def test_without_a_sensible_type(api: Api, analysis: str, given: str) -> None:
    answer = upload(api, analysis, headers={"Content-Type": given})
    assert answer.json()["data"]["mimeType"] == "application/octet-stream"


def test_flags_as_python_spells_them(api: Api, analysis: str) -> None:
    answer = upload(api, f"{analysis}", "x?internal=True&potentiallyMalicious=TRUE")
    assert answer.json()["data"]["flags"] == ["internal", "potentiallyMalicious"]
    assert upload(api, analysis, "x?internal=False").json()["data"]["flags"] == []
    wrong = upload(api, analysis, "x?internal=perhaps")
    assert (wrong.status_code, wrong.json()["messages"][0]["field"]) == (412, "internal")


@pytest.mark.parametrize("name", ["a%20b", "%C3%A4", "a,b", "x" * 256, "%00"])
def test_a_name_has_a_pattern(api: Api, analysis: str, name: str) -> None:
    answer = upload(api, analysis, name)
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["field"] == "fileName"
    assert api.get(f"{analysis}/evidence").json()["count"] == 0


def test_what_is_too_large_is_refused_and_not_kept(tmp_path: Path, database_url: str) -> None:
    api = Api(tmp_path / "small", database_url, max_evidence_size=1000)
    sha256 = api.submit()["sampleSha256"]
    analysis = f"/sample/{sha256}/analysis/{add(api, sha256)['analysisID']}"
    assert upload(api, analysis, data=b"x" * 1000).status_code == 201
    answer = upload(api, analysis, data=b"x" * 1001)
    assert answer.status_code == 412
    assert answer.json()["messages"][0]["type"] == "FIELD_ERROR"
    assert api.get(f"{analysis}/evidence").json()["count"] == 1
    assert not list(Path(api.settings.blobs.removeprefix("file://")).glob(".incoming-*"))
    api.close()


def test_unknown_and_foreign_ids(api: Api, analysis: str) -> None:
    sample = analysis.partition("/analysis")[0]
    other = f"{sample}/analysis/{add(api, sample.removeprefix('/sample/'))['analysisID']}"
    evidence = upload(api, other).json()["data"]["id"]
    for wrong, status in ((evidence, 404), (uuid4(), 404), ("no-uuid", 412)):
        assert api.get(f"{analysis}/evidence/{wrong}").status_code == status
        assert api.get(f"{analysis}/evidence/{wrong}/download").status_code == status
    assert upload(api, f"{sample}/analysis/{uuid4()}").status_code == 404
    assert api.get(f"{sample}/analysis/{uuid4()}/evidence").status_code == 404


def test_same_names_are_two(api: Api, analysis: str) -> None:
    ids = [upload(api, analysis, "same").json()["data"]["id"] for _ in range(3)]
    listed = api.get(f"{analysis}/evidence?limit=2").json()
    assert [each["id"] for each in listed["data"]] == ids[:2]
    assert listed["count"] == 3


def test_internal_evidence_stays_inside(api: Api) -> None:
    """Who reads an analysis by sharing alone neither sees its internal evidence nor adds any."""
    sha256 = api.submit()["sampleSha256"]
    stranger = api.key(Role.analyzer, "other")
    api.submit(key=stranger)
    path = f"/sample/{sha256}/analysis/{add(api, sha256, tlp='green')['analysisID']}"
    open_, internal = (
        upload(api, path, name).json()["data"]["id"] for name in ("open", "inside?internal=true")
    )
    listed = api.get(f"{path}/evidence", key=stranger).json()
    assert ([each["id"] for each in listed["data"]], listed["count"]) == ([open_], 1)
    assert api.get(f"{path}/evidence/{open_}/download", key=stranger).status_code == 200
    assert api.get(f"{path}/evidence/{internal}", key=stranger).status_code == 403
    assert api.get(f"{path}/evidence/{internal}/download", key=stranger).status_code == 403
    assert upload(api, path, key=stranger).status_code == 403
    assert api.get(f"{path}/evidence", role=Role.viewer).json()["count"] == 2


@pytest.mark.parametrize("role", [Role.viewer, Role.uploader, Role.user])
def test_only_analyzers_upload(api: Api, analysis: str, role: Role) -> None:
    assert upload(api, analysis, role=role).status_code == 403
