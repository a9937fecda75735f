"""Classifications over the API (contract section 7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import JobTaskMessage, Message
from orchestrator.domain.transition import NewAnalysis, NewClassification, Transition
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.services.recording import record
from orchestrator.store.tables import RegisteredWorker, SampleClassification, SampleRow
from tests.integration.api import Api

#: Generous: the outcome ends the wait, not the clock.
WAIT = 25


class Classifying(Api):
    """An API whose dispatch runs a make-believe classifying worker, in a thread of its own."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.work: Callable[[JobTaskMessage], Transition] = self.finding("pdf")
        self.threads: list[threading.Thread] = []
        with self.begin() as uow:
            uow.session.add(
                RegisteredWorker(
                    short_name="filetype", version="2.5", classifies=True, celery=True, created_at=now()
                )
            )
            uow.commit()

    def _dispatch(self, messages: Any) -> None:
        super()._dispatch(messages)
        for message in messages:
            self.threads.append(threading.Thread(target=self._run, args=(message,)))
            self.threads[-1].start()

    def _run(self, message: Message) -> None:
        assert isinstance(message, JobTaskMessage)
        with self.begin() as uow:
            record(uow, [self.work(message)])
            uow.commit()

    @staticmethod
    def finding(kind: str) -> Callable[[JobTaskMessage], Transition]:
        return lambda message: Transition(
            job_task_id=message.id,
            target=JobTaskState.success,
            actor=Actor.recorder,
            at=now(),
            findings=NewAnalysis(
                user_agent_name="filetype",
                user_agent_version="2.5",
                score=-1,
                classification=NewClassification(type=kind, super_type="document"),
            ),
        )

    @staticmethod
    def failure(message: JobTaskMessage) -> Transition:
        return Transition(
            job_task_id=message.id,
            target=JobTaskState.failed,
            actor=Actor.recorder,
            at=now(),
            message="broke",
        )

    def submitted(self) -> str:
        """A sample whose own job has ended."""
        sha256: str = self.submit()["sampleSha256"]
        self.join()
        return sha256

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    def close(self) -> None:
        self.join()
        super().close()


@pytest.fixture
def classifying(tmp_path: Path, database_url: str) -> Iterator[Classifying]:
    made = Classifying(tmp_path, database_url, reclassify_wait=WAIT)
    yield made
    made.close()


def classify(api: Api, sha256: str, *kinds: str) -> None:
    """Give the sample these classifications, a second apart, the last one the latest."""
    with api.begin() as uow:
        for number, kind in enumerate(kinds):
            row = SampleClassification(
                id=new_id(),
                sample_sha256=sha256,
                type=kind,
                super_type="document",
                arch="",
                platform="win" if number % 2 else "any",
                version=f"1.{number}",
                meta_data={"n": str(number)},
                created_at=now() + timedelta(seconds=number),
            )
            uow.session.add(row)
            uow.session.get_one(SampleRow, sha256).latest_classification_id = row.id
        uow.commit()


def listed(api: Api, sha256: str, query: str = "") -> list[str]:
    return [each["type"] for each in api.get(f"/sample/{sha256}/classification{query}").json()["data"]]


def test_the_list(api: Api) -> None:
    """Newest first, or sorted by what is asked for; the metadata shows the latest."""
    sha256 = api.submit()["sampleSha256"]
    assert listed(api, sha256) == []
    classify(api, sha256, "pdf", "exe", "zip")
    assert listed(api, sha256) == ["zip", "exe", "pdf"]
    assert listed(api, sha256, "?sortBy=type") == ["exe", "pdf", "zip"]
    assert listed(api, sha256, "?sortBy=-platform&sortBy=-version") == ["exe", "zip", "pdf"]
    assert listed(api, sha256, "?limit=1&offset=1") == ["exe"]
    for key in ("createdTimestamp", "version", "superType", "arch"):
        assert sorted(listed(api, sha256, f"?sortBy={key}")) == ["exe", "pdf", "zip"]
    assert api.get(f"/sample/{sha256}/classification?sortBy=size").status_code == 412
    shown = api.get(f"/sample/{sha256}").json()["data"]["latestClassification"]
    assert shown == {
        "type": "zip",
        "superType": "document",
        "arch": "",
        "platform": "any",
        "version": "1.2",
        "metaData": {"n": "2"},
    }


def test_access(api: Api) -> None:
    sha256 = api.submit()["sampleSha256"]
    stranger = api.key(Role.analyzer, "other")
    assert api.get(f"/sample/{sha256}/classification", key=stranger).status_code == 403
    assert api.put(f"/sample/{sha256}/reclassify", key=stranger).status_code == 403
    assert api.get(f"/sample/{'0' * 64}/classification").status_code == 404
    assert api.put(f"/sample/{'0' * 64}/reclassify").status_code == 404
    for role in (Role.viewer, Role.uploader, Role.user):
        assert api.put(f"/sample/{sha256}/reclassify", role=role).status_code == 403


def test_without_a_classifying_worker_the_present_one_is_answered(api: Api) -> None:
    """Nothing is made up, and no job is started."""
    sha256 = api.submit()["sampleSha256"]
    answer = api.put(f"/sample/{sha256}/reclassify")
    assert answer.status_code == 200
    assert answer.json()["data"]["type"] == "unknown"
    assert listed(api, sha256) == []
    classify(api, sha256, "pdf")
    assert api.put(f"/sample/{sha256}/reclassify").json()["data"]["type"] == "pdf"
    assert listed(api, sha256) == ["pdf"]
    assert api.dispatched == []


def test_the_worker_s_answer_is_appended_and_answered(classifying: Classifying) -> None:
    sha256 = classifying.submitted()
    classify(classifying, sha256, "zip")
    verdicts = classifying.get(f"/sample/{sha256}/verdict").json()["count"]
    answer = classifying.put(f"/sample/{sha256}/reclassify")
    assert answer.status_code == 200
    found = answer.json()["data"]
    assert (found["type"], found["superType"], found["version"]) == ("pdf", "document", "2.5")
    assert sorted(listed(classifying, sha256)) == ["pdf", "pdf", "zip"]
    shown = classifying.get(f"/sample/{sha256}").json()["data"]["latestClassification"]
    assert shown == found
    after = classifying.get(f"/sample/{sha256}/verdict").json()["count"]
    assert after == verdicts, "looking at the type says nothing about malice"


def test_a_worker_that_fails_changes_nothing(classifying: Classifying) -> None:
    sha256 = classifying.submitted()
    classify(classifying, sha256, "zip")
    classifying.work = classifying.failure
    assert classifying.put(f"/sample/{sha256}/reclassify").json()["data"]["type"] == "zip"
    assert sorted(listed(classifying, sha256)) == ["pdf", "zip"]


def test_a_worker_that_takes_long_is_not_waited_for(tmp_path: Path, database_url: str) -> None:
    """The answer is what is known; the finding is appended when it comes."""
    api = Classifying(tmp_path, database_url, reclassify_wait=0)
    sha256 = api.submitted()
    classify(api, sha256, "zip")
    let_go = threading.Event()
    found = api.finding("exe")

    def late(message: JobTaskMessage) -> Transition:
        assert let_go.wait(120)
        return found(message)

    api.work = late
    assert api.put(f"/sample/{sha256}/reclassify").json()["data"]["type"] == "zip"
    let_go.set()
    api.join()
    assert api.get(f"/sample/{sha256}").json()["data"]["latestClassification"]["type"] == "exe"
    api.close()
