"""What routes ask for: a unit of work, the stores, a page; and the contract's own kinds of value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator

from orchestrator.domain.clock import now
from orchestrator.domain.moments import parse_moment
from orchestrator.domain.paging import DEFAULT_LIMIT
from orchestrator.services.application import Application
from orchestrator.services.creating import Creator
from orchestrator.store.unit_of_work import UnitOfWork

SHA256 = "^[0-9a-fA-F]{64}$"
SHORT_NAME = r"^[a-zA-Z0-9_:\-.]*$"
#: The reference's own pattern for free text: user agent versions, comments, tag values.
FREE_TEXT = r"^[\s\w{}$\-().\[\]\"'_/\\,*+#:@!?;=]*$"


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


App = Annotated[Application, Depends(_application)]


def _creator(request: Request) -> Creator:
    creator: Creator = request.app.state.creator
    return creator


#: Takes new samples and submissions, together with whatever else comes at the same time.
Create = Annotated[Creator, Depends(_creator)]


def _writing(application: App) -> Iterator[UnitOfWork]:
    with application.begin() as uow:
        yield uow


def _reading(application: App) -> Iterator[UnitOfWork]:
    with application.begin(write=False) as uow:
        yield uow


#: A transaction that writes; the service function commits it.
Writing = Annotated[UnitOfWork, Depends(_writing, scope="function")]
#: A transaction that only reads.
Reading = Annotated[UnitOfWork, Depends(_reading, scope="function")]


def as_list(value: Any) -> Any:
    """A bare scalar where a list is meant (contract section 1.1)."""
    return value if value is None or isinstance(value, list) else [value]


def _moment(value: Any) -> Any:
    return None if value is None or value == "" else parse_moment(value, now())


def _reference(value: Any) -> Any:
    """An id or short name; the client sends either as a number or a string."""
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("must not contain NUL")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: A moment in any form of contract section 1.7.
Moment = Annotated[datetime, BeforeValidator(_moment)]
#: The id or short name of a customer, user, group or worker.
Reference = Annotated[str, BeforeValidator(_reference)]
Sha256Path = Annotated[str, Path(pattern=SHA256), AfterValidator(str.lower)]
Limit = Annotated[int, Query(ge=0, description="0: all, up to the system's maximum")]
Offset = Annotated[int, Query(ge=0)]
SortBy = Annotated[
    list[str], Query(alias="sortBy", description="sort keys in order; a leading - sorts downwards")
]
Ids = Annotated[list[UUID], BeforeValidator(as_list)]
References = Annotated[list[Reference], BeforeValidator(as_list)]
Strings = Annotated[list[str], BeforeValidator(as_list)]

__all__ = [
    "DEFAULT_LIMIT",
    "FREE_TEXT",
    "SHA256",
    "SHORT_NAME",
    "App",
    "Create",
    "Ids",
    "Limit",
    "Moment",
    "Offset",
    "Reading",
    "Reference",
    "References",
    "Sha256Path",
    "SortBy",
    "Strings",
    "Writing",
    "as_list",
]
