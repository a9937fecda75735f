"""The commands of a day, against a running stack."""

import json
from pathlib import Path

import httpx
import pytest

from orchestrator.cli.exhibits import EICAR_PARTS
from tests.acceptance.conftest import Assay
from tests.running import Stack

pytestmark = pytest.mark.timeout(600)

EICAR = "".join(EICAR_PARTS)

RUN_FIELDS = {"file", "sha256", "size", "exists", "submission", "job", "state", "ok", "error", "tasks"}
TASK_FIELDS = {
    "id", "worker", "state", "message", "score", "analyses",
    "enqueuedTimestamp", "startTimestamp", "endTimestamp",
}  # fmt: skip

#: A worker that nobody serves: its job tasks stay open.
NOBODY = "nobody"


@pytest.fixture(scope="session")
def never_done(stack: Stack) -> list[str]:
    """Options of `assay submit` whose job stays open: a rule adds a worker that nobody serves."""
    with httpx.Client(base_url=f"{stack.url}/sampledb/v2", headers={"Argus-API-Key": stack.admin_key}) as api:
        names = {"english": "Nobody"}
        worker = {"shortName": NOBODY, "localizedNames": names, "localizedDescriptions": names}
        api.post("/worker", json=worker).raise_for_status()
        rule = {
            "name": "by hand",
            "description": "for tests",
            "match": {"submission": {"metaDataKey": ["by"], "metaDataValue": ["hand"]}},
            "action": {"workers": {"add": [NOBODY]}},
        }
        api.post("/policy/default/rule", json=rule).raise_for_status()
    return ["--meta", "by=hand"]


def test_submit_folder_and_wait(assay: Assay, tmp_path: Path) -> None:
    """A folder's files are submitted and followed to the end; JSON has its stable fields."""
    folder = tmp_path / "samples"
    (folder / "deeper").mkdir(parents=True)
    (folder / "eicar.com").write_text(EICAR)
    (folder / "deeper" / "script.sh").write_text("#!/bin/sh\necho http://example.com/\n")
    script, eicar = assay.json("submit", folder, "--wait", "--tlp", "green", "--meta", "case=1")
    assert (script["file"], eicar["file"]) == ("script.sh", "eicar.com")
    assert set(eicar) == RUN_FIELDS
    assert eicar["ok"], eicar
    assert eicar["state"] == "done"
    tasks = {each["worker"]: each for each in eicar["tasks"]}
    assert all(set(each) == TASK_FIELDS for each in tasks.values())
    assert {"hashes", "filetype", "strings", "yara"} <= set(tasks)
    assert tasks["yara"]["score"] > 50
    assert tasks["yara"]["startTimestamp"] <= tasks["yara"]["endTimestamp"]


def test_submit_records_what_was_said(assay: Assay, stack: Stack, tmp_path: Path) -> None:
    """TLP, metadata and file name reach the submission."""
    sample = tmp_path / "said.txt"
    sample.write_text("what was said")
    [run] = assay.json("submit", sample, "--tlp", "clear", "--meta", "a=b=c", "--name", "other.txt")
    key = {"Argus-API-Key": stack.admin_key}
    url = f"{stack.url}/sampledb/v2/sample/{run['sha256']}/submission/{run['submission']}"
    submission = httpx.get(url, headers=key).json()["data"]
    assert submission["tlp"] == "clear"
    assert submission["metaData"] == {"a": "b=c"}
    assert submission["fileName"] == "other.txt"


def test_submit_standard_input(assay: Assay) -> None:
    """`-` reads standard input, of any bytes."""
    [run] = assay.json("submit", "-", "--wait", stdin=bytes(range(256)) * 1000)
    assert run["file"] == "stdin"
    assert run["size"] == 256_000
    assert run["ok"], run


def test_submit_again(assay: Assay, tmp_path: Path) -> None:
    """A known sample is said to be so, and gets another job."""
    sample = tmp_path / "again.txt"
    sample.write_text("again")
    [first], [second] = assay.json("submit", sample), assay.json("submit", sample)
    assert (first["exists"], second["exists"]) == (False, True)
    assert first["job"] != second["job"]


def test_submit_shows_a_table(assay: Assay, tmp_path: Path) -> None:
    """For people: workers, states and what was found."""
    sample = tmp_path / "eicar.com"
    sample.write_text(EICAR)
    shown = assay("submit", sample, "--wait").stdout
    assert "yara" in shown
    assert "✓ success" in shown
    assert "EICAR" in shown


def test_refused_file(assay: Assay, tmp_path: Path) -> None:
    """A file that the server refuses does not stop the others; the exit status tells."""
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "empty").touch()
    (folder / "full").write_text("full")
    empty, full = assay.json("submit", folder, status=1)
    assert empty["error"]
    assert not empty["ok"]
    assert full["job"]


def test_hostile_name(assay: Assay, tmp_path: Path) -> None:
    """A file name is text: no markup, no control characters."""
    sample = tmp_path / "[red]x\x1b[2J\u202egnp.exe"
    sample.write_text("hostile name")
    shown = assay("submit", sample, "--wait").stdout
    assert "[red]x\\x1b[2J\\u202egnp.exe" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_missing_file(assay: Assay, tmp_path: Path) -> None:
    """Nothing is sent when one of the files is not there."""
    refused = assay("submit", tmp_path / "nothing", status=5)
    assert refused.stderr == f"assay: {tmp_path / 'nothing'} is neither a file nor a folder\n"


def test_jobs(assay: Assay, tmp_path: Path) -> None:
    """list, show, tasks and watch tell of the same job."""
    sample = tmp_path / "jobs.txt"
    sample.write_text("jobs")
    [run] = assay.json("submit", sample)
    watched = assay.json("job", "watch", run["job"])
    assert watched["state"] == "done"
    assert watched["ok"]
    assert run["job"] in {
        each["id"] for each in assay.json("job", "list", "--state", "done", "--limit", "1000")
    }
    shown = assay.json("job", "show", run["job"])
    assert shown["analysedSample"]["id"] == run["sha256"]
    tasks = assay.json("job", "tasks", run["job"])
    assert shown["tasks"] == tasks == watched["tasks"]
    assert run["job"] in assay("job", "list").stdout
    assert "hashes" in assay("job", "show", run["job"]).stdout
    assert "hashes" in assay("job", "tasks", run["job"]).stdout


def test_cancel(assay: Assay, never_done: list[str], tmp_path: Path) -> None:
    """What is open is cancelled; what finished before stays; a second time is refused."""
    sample = tmp_path / "cancel.txt"
    sample.write_text("cancel")
    [run] = assay.json("submit", sample, *never_done)
    assert "is done" in assay("job", "cancel", run["job"]).stdout
    states = {each["worker"]: each["state"] for each in assay.json("job", "tasks", run["job"])}
    assert states[NOBODY] == "cancelled"
    assert "nothing" in assay("job", "cancel", run["job"], status=1).stderr
    assert assay("job", "watch", run["job"], status=1).stdout


def test_unknown_job(assay: Assay) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    assert unknown in assay("job", "show", unknown, status=5).stderr


def test_workers(assay: Assay) -> None:
    """Every installed worker is registered and served."""
    rows = {each["shortName"]: each for each in assay.json("worker", "list")}
    assert {"hashes", "filetype", "strings", "yara", "pe"} <= set(rows)
    assert rows["hashes"]["service"]["celery"]
    assert len(rows["hashes"]["service"]["processes"]) >= 1
    assert "hashes" in assay("worker", "list").stdout


def test_keys(assay: Assay, stack: Stack, bare: Assay) -> None:
    """Keys are made beside the running stack, work at once, and not any more when revoked."""
    key = assay("key", "create", "amelia", "--role", "viewer", "--customer", "acme").stdout.strip()
    remote = {"ASSAY_URL": stack.url, "ASSAY_API_KEY": key}
    assert isinstance(bare.json("job", "list", **remote), list)
    row = next(each for each in assay.json("key", "list") if each["name"] == "amelia")
    assert (row["role"], row["customer"], row["revokedTimestamp"]) == ("SAMPLEDB-VIEWER", "acme", None)
    assert key not in assay("key", "list").stdout
    denied = bare("submit", "-", stdin=b"x", status=4, **remote)
    assert "higher role" in denied.stderr
    assert assay("key", "revoke", "amelia").stdout == "revoked 1 key\n"
    assert "nothing" not in assay("key", "list").stdout
    assert bare("job", "list", status=4, **{**remote, "ASSAY_API_KEY": "wrong"}).stderr.count("\n") == 1


def test_doctor(assay: Assay) -> None:
    """Everything that a start needs is looked at."""
    checks = {each["name"]: each for each in assay.json("doctor")}
    for name in ("database", "broker", "blobs", "sandbox", "worker hashes"):
        assert checks[name]["ok"], checks[name]
    assert "sandbox" in assay("doctor").stdout


def test_nothing_runs(bare: Assay) -> None:
    """One line that says what to do next."""
    alone = bare("job", "list", status=3)
    assert "assay up" in alone.stderr
    assert alone.stderr.count("\n") == 1


def test_json_is_alone_on_standard_output(assay: Assay) -> None:
    assert json.loads(assay("job", "list", "--json").stdout) is not None
