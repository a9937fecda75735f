"""Submissions over the API for as long as a storm lasts, and a watch over what is open."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, select

from orchestrator.domain.lifecycle import FINAL, OPEN
from orchestrator.domain.vocabulary import JobState
from orchestrator.errors import Unavailable
from orchestrator.store.tables import Job, JobTask
from tests.chaos.fleet import Fleet

#: What the samples say to the worker that obeys them.
CONTENTS = ("steady", "raise", "crash", "sleep 0.05", "sleep 0.3", "nothing", "files")

_OPEN_JOB = Job.state.in_((JobState.enqueued, JobState.executing))


class Refused(Exception):
    """The API did not take a request; ``answer`` is None where there was none."""

    def __init__(self, answer: httpx.Response | None) -> None:
        super().__init__(answer.text if answer is not None else "no answer")
        self.answer = answer


class Client:
    """What a careful client does: one request after the other, and it believes a 201."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._http = httpx.Client(base_url=f"{fleet.url}/sampledb/v2", timeout=60, trust_env=False)

    def upload(self, content: bytes) -> dict[str, Any]:
        return self._post("/sample", content=content)

    def submit(self, content: bytes) -> UUID:
        """The id of a submission that was answered 201."""
        uploaded = self.upload(content)
        body = {
            "challengeToken": uploaded["challenge"],
            "fileName": "storm.bin",
            "userAgent": {"name": "storm", "version": "1"},
        }
        return UUID(self._post(f"/sample/{uploaded['sample']['id']}/submission", json=body)["id"])

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, headers=dict(self._fleet.headers()), **options)
        except httpx.HTTPError as error:
            raise Refused(None) from error

    def _post(self, path: str, **options: Any) -> dict[str, Any]:
        answer = self.call("POST", path, **options)
        if answer.status_code not in (200, 201):
            raise Refused(answer)
        data: dict[str, Any] = answer.json()["data"]
        return data


def is_clear(answer: httpx.Response) -> bool:
    """Whether a refusal says that it is for now, when to try again, and why."""
    messages = answer.json()["messages"]
    return answer.status_code in (503, 507) and int(answer.headers["Retry-After"]) > 0 and bool(messages)


@dataclass
class _Watched:
    kind: str
    since: float
    jobs: set[UUID] | None = None


@dataclass
class Load:
    """Keeps about ``backlog`` job tasks open until it is told to end."""

    fleet: Fleet
    backlog: int
    seed: int
    submissions: list[UUID] = field(default_factory=list)
    planted: list[UUID] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)
    unanswered: int = 0
    #: the longest time until everything was final that a fault had found open, by the fault's kind
    recovered: dict[str, float] = field(default_factory=dict)
    open_tasks: int = 0
    final_tasks: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._ending = threading.Event()
        self._watched: list[_Watched] = []
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._submit, name="load", daemon=True),
            threading.Thread(target=self._observe, name="observer", daemon=True),
        ]

    def start(self) -> None:
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """Submit nothing more; go on watching."""
        self._ending.set()
        self._threads[0].join()

    def close(self) -> None:
        self._ending.set()
        self._closed = True
        for each in self._threads:
            each.join()

    _closed = False

    def watch(self, kind: str) -> None:
        """Take the time until everything is final that is open now."""
        with self._lock:
            self._watched.append(_Watched(kind, time.monotonic()))

    @property
    def alive(self) -> bool:
        """Whether the watch goes on: without it nobody would see anything move."""
        return self._threads[1].is_alive()

    def settled(self) -> bool:
        """Whether all that was watched is final."""
        with self._lock:
            return not self._watched

    def content(self) -> bytes:
        return f"{self._random.choice(CONTENTS)} {self._random.random()}".encode()

    def _submit(self) -> None:
        client = Client(self.fleet)
        while not self._ending.is_set():
            if self.open_tasks >= self.backlog:
                self._ending.wait(0.02)
                continue
            content = self.content()
            try:
                if self._random.random() < 0.1:
                    # as if the API had died between its commit and the message
                    self.planted.append(
                        self.fleet.plant(content.decode(), *("behave", "steady"), dispatch=False)
                    )
                else:
                    self.submissions.append(client.submit(content))
            except Refused as refused:
                if refused.answer is None:
                    self.unanswered += 1
                else:
                    self.refusals.append(refused.answer)
                self._ending.wait(0.2)
            except (Unavailable, OSError):
                self._ending.wait(0.2)

    def _observe(self) -> None:
        while not self._closed:
            with self._lock:
                asked = list(self._watched)
            try:
                still_open = self._look()
            except Unavailable:
                time.sleep(0.2)
                continue
            for each in asked:
                each.jobs = still_open if each.jobs is None else each.jobs & still_open
                if not each.jobs:
                    seconds = time.monotonic() - each.since
                    self.recovered[each.kind] = max(seconds, self.recovered.get(each.kind, 0.0))
                    with self._lock:
                        self._watched.remove(each)
            time.sleep(0.1)

    def _look(self) -> set[UUID]:
        with self.fleet.begin(write=False) as uow:
            counts = uow.session.execute(select(JobTask.state, func.count()).group_by(JobTask.state)).all()
            still_open = set(uow.session.scalars(select(Job.id).where(_OPEN_JOB)))
        self.open_tasks = sum(count for state, count in counts if state in OPEN)
        self.final_tasks = sum(count for state, count in counts if state in FINAL)
        return still_open
