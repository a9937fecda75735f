"""The generation of the client that the reference page was written for, 3.16.0, unmodified.

It is installed into a folder of its own and runs in a process of its own: two generations of one package
cannot share an interpreter.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.driver import Api, Submitted
from tests.running import Stack

VERSION = "3.16.0"
CACHE = Path(__file__).parents[2] / ".cache"

SCRIPT = """
import json, sys
import argus_api
from argus_api.exceptions.http import ArgusException
from argus_api.lib.sampledb.v2 import job, sample
from argus_api.session import ArgusAPISession

where, url, key = sys.argv[1:4]
assert argus_api.__file__.startswith(where), argus_api.__file__
session = ArgusAPISession(auth=key, api_url=url)
session._session.trust_env = False
modules = {"job": job, "sample": sample}
answers = []
for module, function, arguments in json.load(sys.stdin):
    try:
        answers.append(getattr(modules[module], function)(**arguments, api_session=session))
    except ArgusException as refusal:
        answers.append({"exception": type(refusal).__name__, "status": refusal.status_code})
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def old_client() -> Path:
    """The folder of client 3.16.0, installed once and kept in the cache."""
    target = CACHE / f"argus-api-{VERSION}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "argus-api.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            uv = shutil.which("uv")
            install = (
                [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip"]
            )
            install += [] if uv else ["install"]
            command = [*install, "--quiet", "--target", str(target), f"argus-api=={VERSION}"]
            subprocess.run(command, check=True, capture_output=True, timeout=200)
            (target / "complete").touch()
    return target


class OldClient:
    """Calls functions of client 3.16.0 in a process of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __call__(self, key: str, *calls: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(self.folder), self.url, key],
            input=json.dumps(calls),
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))


@pytest.fixture
def old(old_client: Path, stack: Stack) -> OldClient:
    return OldClient(old_client, stack.url)


def test_a_job_task_s_life(old: OldClient, analyzer: Api, submitted: Submitted) -> None:
    """add_job_task, update_job_task with analysisID, list and get."""
    analysis = analyzer.add_analysis(submitted.sha256)["analysisID"]
    (added,) = old(
        analyzer.key,
        ("job", "add_job_task", {"jobID": submitted.job, "worker": "old", "state": "enqueued"}),
    )
    assert (added["responseCode"], added["data"]["worker"], added["data"]["state"]) == (
        201,
        "old",
        "enqueued",
    )
    ids = {"jobID": submitted.job, "taskID": added["data"]["id"]}
    executing, success, got, listed = old(
        analyzer.key,
        ("job", "update_job_task", {**ids, "state": "executing", "message": "begun"}),
        ("job", "update_job_task", {**ids, "state": "success", "analysisID": analysis}),
        ("job", "get_job_task", ids),
        ("job", "list_job_tasks", {"jobID": submitted.job}),
    )
    assert executing["data"]["state"] == "executing"
    assert success["data"]["state"] == "success"
    assert success["data"]["analysis"]["id"] == analysis
    assert got["data"] == success["data"]
    assert {t["worker"] for t in listed["data"]} == {"old", "external"}


def test_its_exceptions(old: OldClient, analyzer: Api, viewer: Api, submitted: Submitted) -> None:
    """Refusals become the exceptions of that generation."""
    task = analyzer.only_task(submitted.job)["id"]
    update = ("job", "update_job_task", {"jobID": submitted.job, "taskID": task, "state": "success"})
    add = ("job", "add_job_task", {"jobID": submitted.job, "worker": "external"})
    denied, denied_too = old(viewer.key, update, add)
    assert denied["exception"] == denied_too["exception"] == "AccessDeniedException"
    twice, unknown = old(
        analyzer.key, add, ("job", "get_job", {"jobID": "01234567-89ab-7def-8123-456789abcdef"})
    )
    assert twice["exception"] == "ValidationErrorException"
    assert unknown["exception"] == "ObjectNotFoundException"
    (wrong_key,) = old("wrong", update)
    assert wrong_key["exception"] == "AuthenticationFailedException"


def test_its_other_reads(old: OldClient, viewer: Api, submitted: Submitted) -> None:
    """The calls that both generations share."""
    jobs, search, metadata, listed = old(
        viewer.key,
        ("job", "list_jobs", {"limit": 1}),
        ("job", "search_jobs", {"sampleSha256": [submitted.sha256]}),
        ("sample", "get_sample_meta_data", {"sha256": submitted.sha256}),
        ("sample", "list_submissions", {"sha256": submitted.sha256}),
    )
    assert jobs["limit"] == 1
    assert [job["id"] for job in search["data"]] == [submitted.job]
    assert metadata["data"]["sha256"] == submitted.sha256
    assert listed["count"] == 1


def test_it_aborts_a_job(old: OldClient, analyzer: Api, submitted: Submitted) -> None:
    """`abort_job` cancels what is open, and so ends the job."""
    (aborted,) = old(analyzer.key, ("job", "abort_job", {"jobID": submitted.job}))
    assert aborted["data"]["id"] == submitted.job
    assert analyzer.only_task(submitted.job)["state"] == "cancelled"
    assert analyzer.job.get_job(submitted.job)["data"]["state"] == "done"
