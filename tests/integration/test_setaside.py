"""Messages that were set aside: administrators see them, and send them again."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from orchestrator.broker.app import connection
from orchestrator.broker.replay import resend
from orchestrator.domain.messages import KeptMessage
from orchestrator.domain.vocabulary import Role
from orchestrator.errors import Unavailable
from orchestrator.services import executing
from orchestrator.settings import Settings
from tests.conftest import missing
from tests.integration.api import Api
from tests.integration.backends import broker

HEADERS = {"task": "elsewhere", "retries": 0, "timelimit": [None, None], "odd": {"a": b"?"}}
ADMIN = Role.administrator


def keep(api: Api, body: bytes = b"[[], {}, {}]") -> UUID:
    with api.begin() as uow:
        return executing.keep_message(
            uow,
            queue="analysis.pip",
            reason="odd",
            body=body,
            content_type="application/json",
            headers=HEADERS,
        )


def test_they_are_listed_the_newest_first(api: Api) -> None:
    keep(api)
    second = keep(api, b"\xff" + b"x" * 5000)
    found = api.get("/setaside", role=ADMIN, params={"limit": 1}).json()
    assert (found["count"], found["size"]) == (2, 1)
    (shown,) = found["data"]
    assert (shown["id"], shown["queue"], shown["reason"]) == (str(second), "analysis.pip", "odd")
    assert shown["size"] == 5001
    assert shown["body"].startswith("\\xffxxx")
    assert len(shown["body"]) < 2000


def test_one_is_replayed_once_and_as_it_was(api: Api) -> None:
    key = keep(api)
    answer = api.post(f"/setaside/{key}/replay", role=ADMIN)
    assert answer.status_code == 200
    assert answer.json()["data"]["replayedTimestamp"]
    kept = {**HEADERS, "odd": {"a": "b'?'"}}
    assert api.resent == [KeptMessage("analysis.pip", "application/json", kept, b"[[], {}, {}]")]
    assert api.get("/setaside", role=ADMIN).json()["data"] == []
    assert len(api.get("/setaside", role=ADMIN, params={"replayed": True}).json()["data"]) == 1
    assert api.post(f"/setaside/{key}/replay", role=ADMIN).status_code == 412
    assert api.post(f"/setaside/{uuid4()}/replay", role=ADMIN).status_code == 404
    assert len(api.resent) == 1


@pytest.mark.parametrize("kind", ["valkey", "rabbitmq"])
def test_a_replayed_message_lies_in_its_queue_byte_for_byte(tmp_path: Path, kind: str) -> None:
    with broker(kind, missing) as url:
        settings = Settings(data_dir=tmp_path, broker_url=url)
        with connection(settings) as opened, opened.SimpleQueue("analysis.pip") as queue:
            resend(
                settings, KeptMessage("analysis.pip", "application/json", HEADERS | {"odd": 1}, b"[1,  2]")
            )
            message = queue.get(timeout=60)
            body = message.body
            assert (body if isinstance(body, bytes) else body.encode()) == b"[1,  2]"
            assert message.headers["timelimit"] == [None, None]
            message.ack()


def test_a_broker_that_is_away_is_unavailable(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, broker_url=f"redis+socket://{tmp_path}/none.sock")
    with pytest.raises(Unavailable):
        resend(settings, KeptMessage("q", "", {}, b"x"))
