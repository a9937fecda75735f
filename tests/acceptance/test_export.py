"""`assay export`: what is known of a real sample, in each form."""

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

pytest.importorskip("stix2")
pytest.importorskip("pymisp")


def test_a_sample_and_a_job_are_exported(assay: Assay, tmp_path: Path) -> None:
    sample = tmp_path / "named.txt"
    sample.write_bytes(b"see http://evil.example.com/payload and 198.51.100.7\n" * 5)
    (run,) = assay.json("submit", sample, "--wait")
    record = json.loads(assay("export", run["sha256"]).stdout)
    assert record["sample"]["sha256"] == run["sha256"]
    assert {each["id"] for each in record["submissions"]} == {run["submission"]}
    of_job = json.loads(assay("export", run["job"]).stdout)
    assert of_job["job"]["id"] == run["job"]
    assert len(of_job["tasks"]) == len(run["tasks"])
    assert len(of_job["analyses"]) == len(record["analyses"])
    target = tmp_path / "bundle.json"
    assay("export", run["job"], "--format", "stix", "--output", target)
    assert "http://evil.example.com/payload" in {
        each.get("value") for each in json.loads(target.read_text())["objects"]
    }
    event = json.loads(assay("export", run["sha256"], "--format", "misp").stdout)
    assert "198.51.100.7" in {each["value"] for each in event["Attribute"]}
    assert "does not exist" in assay("export", "0" * 64, status=5).stderr
