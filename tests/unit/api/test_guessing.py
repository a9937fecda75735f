"""Keys that are guessed over the API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from orchestrator.domain.vocabulary import Role
from tests.integration.api import Api


@pytest.fixture
def api(tmp_path, sqlite_template) -> Iterator[Api]:
    path = tmp_path / "assay.sqlite3"
    shutil.copy(sqlite_template, path)
    made = Api(tmp_path, f"sqlite:///{path}", key_failures_per_minute=5)
    yield made
    made.close()


def test_guessing_is_refused_and_who_was_let_in_stays(api):
    """429 with the time to wait; a key that was good before is served all the same, no key is no guess."""
    key = api.keys[Role.viewer]
    assert api.get("/job", key=key).status_code == 200
    for _ in range(10):
        assert api.call("GET", "/job", key="").status_code == 401
    answers = [api.get("/job", key=f"guess-{index}").status_code for index in range(6)]
    assert answers == [401] * 5 + [429]
    refused = api.get("/job", key=api.keys[Role.user])
    assert refused.status_code == 429
    assert refused.json()["messages"][0]["messageTemplate"] == "too.many.attempts"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert api.get("/job", key=key).status_code == 200
