"""The events of jobs and job tasks as a stream; an extension of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from pydantic import AfterValidator, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from orchestrator.api.dependencies import SHA256, App
from orchestrator.api.feed import Feed
from orchestrator.api.listening import Listener
from orchestrator.api.security import CallerDep, Keys, SecuredRoute, key_of, needs
from orchestrator.domain.caller import Caller
from orchestrator.domain.events import Event, Interest, Position
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.errors import AssayError
from orchestrator.services.events import described

router = APIRouter(prefix="/sampledb/v2/event", route_class=SecuredRoute, tags=["events"])

#: Seconds between two comments that keep an idle connection open.
KEEP_ALIVE = 15


def _position(text: str) -> str:
    if text:
        Position.parse(text)
    return text


def _state(text: str) -> str:
    if text not in {*JobTaskState, "done"}:
        raise ValueError("must be a state of a job task, or done")
    return text


Place = Annotated[str, AfterValidator(_position)]
State = Annotated[str, AfterValidator(_state)]
Sha256 = Annotated[str, Field(pattern=SHA256), AfterValidator(str.lower)]


@router.get(
    "",
    operation_id="followEvents",
    response_class=EventSourceResponse,
    responses={200: {"description": "server-sent events", "content": {"text/event-stream": {}}}},
)
@needs(Role.viewer)
async def follow(
    request: Request,
    caller: CallerDep,
    app: App,
    job: Annotated[list[UUID], Query()] = [],
    sample: Annotated[list[Sha256], Query()] = [],
    worker: Annotated[list[str], Query()] = [],
    state: Annotated[list[State], Query()] = [],
    after: Annotated[Place, Query(description="go on after the event of this id; 0: from the first")] = "",
    last_event_id: Annotated[Place, Header()] = "",
) -> Response:
    """Every transition of job tasks, and jobs as they close, that the caller may see, as they happen."""
    keys: Keys = request.app.state.keys
    feed: Feed = request.app.state.feed
    key = key_of(request)
    place = last_event_id or after
    listener = Listener(
        begin=app.begin,
        feed=feed,
        caller=caller,
        interest=Interest(frozenset(job), frozenset(sample), frozenset(worker), frozenset(state)),
        renew=lambda: _renewed(keys, key),
        position=Position.parse(place) if place else None,
    )
    return EventSourceResponse(_told(listener), ping=KEEP_ALIVE)


def _renewed(keys: Keys, key: str) -> Caller:
    caller = keys.look_up(key)
    caller.need(Role.viewer)
    return caller


async def _told(listener: Listener) -> AsyncIterator[ServerSentEvent]:
    # at once, so that whoever listens knows it
    yield ServerSentEvent(comment="listening")
    async with aclosing(listener.events()) as events:
        try:
            async for event in events:
                yield _sent(event)
        except AssayError:
            # the key is good no more, or the store is away: who asks again gets the answer
            return


def _sent(event: Event) -> ServerSentEvent:
    data = orjson.dumps(described(event)).decode()
    return ServerSentEvent(data, event=event.kind.value, id=str(event.position))
