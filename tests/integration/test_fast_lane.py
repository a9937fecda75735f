"""The fast lane answers the same as the ordinary road, or stands aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.api.fast_lane import FastLane
from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api
from tests.integration.test_jobs_api import analysis


@pytest.fixture
def taken(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that the fast lane answered; the application runs as it does when served."""
    paths: list[str] = []
    answer = FastLane._answer

    async def noted(self: FastLane, scope: Any) -> bytes | None:
        body = await answer(self, scope)
        if body is not None:
            paths.append(scope["path"])
        return body

    monkeypatch.setattr(FastLane, "_answer", noted)
    # on a busy machine, two requests may lie further apart than a key is remembered
    monkeypatch.setattr(api.client.app.state.keys, "_memory", 3600.0)  # type: ignore[attr-defined]
    with api.client:
        yield paths


def both(api: Api, taken: list[str], path: str, key: str | None = None) -> Any:
    """The answer by the ordinary road, and by the fast lane, which must have taken it."""
    ordinary = api.call(
        "GET",
        path,
        key=key,
        headers={"Argus-API-Key": "", "Authorization": f"Bearer {key or api.keys[Role.analyzer]}"},
    )
    before = len(taken)
    fast = api.call("GET", path, key=key)
    assert len(taken) == before + 1, "the fast lane stood aside"
    assert fast.content == ordinary.content
    assert fast.headers["content-type"] == ordinary.headers["content-type"]
    return fast.json()


def test_job_tasks_and_jobs_are_answered_alike(api: Api, taken: list[str]) -> None:
    submission = api.submit()
    job = f"/job/{api.job_of(submission)['id']}"
    made = [api.post(f"{job}/task", {"worker": name}).json()["data"]["id"] for name in ("b", "a")]
    found = [analysis(api, submission["sampleSha256"]) for _ in range(2)]
    api.put(f"{job}/task/{made[0]}", {"state": "success", "analyses": found, "message": "<b>"})
    api.submit(b"another")
    assert [each["id"] for each in both(api, taken, f"{job}/task/{made[0]}")["data"]["analyses"]] == found
    both(api, taken, f"{job}/task/{made[1]}")
    assert both(api, taken, f"{job}/tasks")["count"] == 2
    assert both(api, taken, "/job")["count"] == 2
    assert both(api, taken, "/job?limit=1&offset=1")["size"] == 1
    assert both(api, taken, "/job", api.keys[Role.administrator])["count"] == 2


def test_it_stands_aside_for_everything_else(api: Api, taken: list[str]) -> None:
    submission = api.submit()
    job = f"/job/{api.job_of(submission)['id']}"
    task = f"{job}/task/{api.post(f'{job}/task', {'worker': 'w'}).json()['data']['id']}"
    stranger, uploader = api.key(Role.viewer, "stranger"), api.keys[Role.uploader]
    for key in (stranger, uploader):
        api.get("/job", key=key)
    taken.clear()
    asides = {
        (task, stranger): 403,
        (task, uploader): 403,
        (task, "wrong"): 401,
        (f"{job}/tasks?sortBy=-worker", None): 200,
        (f"/job/{'0' * 8}-0000-0000-0000-{'0' * 12}/tasks", None): 404,
        ("/job/nonsense", None): 412,
        ("/job?limit=0", None): 200,
        ("/job?state=done", None): 200,
        ("/job", stranger): 200,
    }
    for (path, key), status in asides.items():
        assert api.get(path, key=key).status_code == status, path
    assert taken == []


def test_what_is_shared_is_listed_though_it_is_another_customer_s(api: Api, taken: list[str]) -> None:
    stranger = api.key(Role.viewer, "stranger")
    api.submit(acl=["stranger-viewer"])
    assert [api.get("/job", key=stranger).json()["count"] for _ in range(2)] == [1, 1]
    assert taken == []
