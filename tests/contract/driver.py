"""Drives a running service with the unmodified client, and checks every answer on its way."""

import functools
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import requests
from argus_api.authentication import APIKeyAuth
from argus_api.exceptions.http import ArgusException
from argus_api.files.sampledb import challenge, download, upload
from argus_api.lib.sampledb.v2 import job, sample, servicetask, submission, worker
from argus_api.lib.sampledb.v2.policy import policy_default
from argus_api.session import ArgusAPISession

from tests.contract import models
from tests.contract.models import BASE

#: How long the service may take for what it does behind an answer.
PATIENCE = 90.0

AGENT = {"name": "contract", "version": "1.0"}

#: The name of a worker that no process serves, so that only the test moves its job tasks.
EXTERNAL = "external"


class Bound:
    """A module of the client whose functions use one session."""

    def __init__(self, module: ModuleType, session: ArgusAPISession) -> None:
        self._module, self._session = module, session

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(getattr(self._module, name), api_session=self._session)


@dataclass(frozen=True)
class Submitted:
    """A sample of random bytes, a submission of it, and the job that the service made."""

    data: bytes
    sha256: str
    submission: dict[str, Any]
    job: str


class Api:
    """The client with one key. Every answer is checked against the client's models as it comes in."""

    def __init__(self, url: str, key: str, customer: str = "default") -> None:
        self.url, self.key, self.customer = url, key, customer
        self.session = ArgusAPISession(auth=APIKeyAuth(api_key=key), api_url=url)
        self.session._session.trust_env = False
        self.session._session.hooks["response"].append(self._received)
        self.last: requests.Response
        self.job = Bound(job, self.session)
        self.sample = Bound(sample, self.session)
        self.submission = Bound(submission, self.session)
        self.worker = Bound(worker, self.session)
        self.policy = Bound(policy_default, self.session)
        self.servicetask = Bound(servicetask, self.session)
        self.upload = Bound(upload, self.session)
        self.challenge = Bound(challenge, self.session)
        self.download = Bound(download, self.session)

    def _received(self, response: requests.Response, **_: Any) -> None:
        self.last = response
        models.check(response)

    @property
    def status(self) -> int:
        return self.last.status_code

    def send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Sends what the client cannot; `path` is below /sampledb/v2. The answer is checked all the same."""
        headers = {"Argus-API-Key": self.key, **kwargs.pop("headers", {})}
        with requests.Session() as plain:
            plain.trust_env = False
            plain.hooks["response"].append(self._received)
            kwargs.setdefault("allow_redirects", False)
            return plain.request(method, self.url + BASE + path, headers=headers, timeout=30, **kwargs)

    def data(self, method: str, path: str, **kwargs: Any) -> Any:
        """The `data` of a request that must succeed."""
        response = self.send(method, path, **kwargs)
        assert response.status_code < 300, response.text
        return response.json()["data"]

    @functools.cached_property
    def me(self) -> dict[str, Any]:
        """The user behind the key, as the service names it on what the user creates (needs an analyzer)."""
        return dict(self.add_analysis(self.submit().sha256)["createdByUser"])

    def submit(self, data: bytes | None = None, **fields: Any) -> Submitted:
        """Uploads bytes (random ones, by default) and adds a submission with the token of the upload."""
        data = os.urandom(2048) if data is None else data
        uploaded = self.upload.upload_sample(data)["data"]
        sha256 = hashlib.sha256(data).hexdigest()
        fields = {"fileName": "sample.bin", "userAgent": AGENT, **fields}
        token = uploaded["challenge"]
        added = self.sample.add_submission(sha256, challengeToken=token, **fields)["data"]
        assert self.status == 201, self.last.text
        jobs = self.job.search_jobs(sampleSha256=[sha256], sortBy=["-enqueuedTimestamp"])["data"]
        return Submitted(data, sha256, added, jobs[0]["id"])

    def add_analysis(self, sha256: str, score: int = 10, **fields: Any) -> dict[str, Any]:
        fields = {
            "analysisResult": {"seen": True},
            "customer": self.customer,
            "tlp": "amber",
            "userAgent": AGENT,
            **fields,
        }
        return dict(self.sample.add_analysis(sha256, analysisScore=score, **fields)["data"])

    def add_job_task(self, job_id: str, name: str, state: str | None = None) -> dict[str, Any]:
        """The older generation's POST of a job task."""
        body = {"worker": name} | ({"state": state} if state else {})
        return dict(self.data("POST", f"/job/{job_id}/task", json=body))

    def only_task(self, job_id: str) -> dict[str, Any]:
        tasks = self.job.list_job_tasks(job_id)["data"]
        assert len(tasks) == 1, tasks
        return dict(tasks[0])

    def finish(self, job_id: str, state: str = "success", **fields: Any) -> None:
        """Brings the only job task of a job, and so the job, to its end."""
        self.job.update_job_task(job_id, self.only_task(job_id)["id"], state=state, **fields)
        await_(lambda: self.job.get_job(job_id)["data"]["state"] == "done", f"job {job_id} done")

    def verdict_of(self, job_id: str, sha256: str) -> dict[str, Any]:
        """The verdict that the end of a job brings."""

        def find() -> dict[str, Any] | None:
            verdicts = self.sample.list_verdicts(sha256)["data"]
            return next((v for v in verdicts if v.get("job", {}).get("id") == job_id), None)

        return await_(find, f"the verdict of job {job_id}")


def await_(probe: Callable[[], Any], what: str) -> Any:
    """Asks until the answer is true, as long as the patience lasts."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.1)
    return answer


@contextmanager
def refused(*statuses: int) -> Iterator[pytest.ExceptionInfo[ArgusException]]:
    """The client raises for one of these statuses, with an exception of its own that reads the messages."""
    with pytest.raises(ArgusException) as caught:
        yield caught
    assert caught.value.status_code in statuses, caught.value.message


def messages(caught: pytest.ExceptionInfo[ArgusException]) -> list[dict[str, Any]]:
    return list(caught.value.parsed_resp["messages"])


def fields_of(caught: pytest.ExceptionInfo[ArgusException]) -> list[str]:
    """The fields that the messages of a refusal name."""
    return [m["field"] for m in messages(caught) if m["type"] == "FIELD_ERROR"]


def unique(prefix: str = "t") -> str:
    """A word that no other test uses."""
    return f"{prefix}{uuid.uuid4().hex[:12]}"


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
