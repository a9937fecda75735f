"""Signing in to the pages with an API key: a random session stands for the key until it expires."""

from __future__ import annotations

import secrets
from datetime import timedelta

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.errors import Unauthenticated
from orchestrator.services import access
from orchestrator.store import sessions as store
from orchestrator.store.tables import WebSession
from orchestrator.store.unit_of_work import UnitOfWork

#: How long a session lasts.
LIFETIME = timedelta(hours=12)


def sign_in(uow: UnitOfWork, key: str) -> tuple[str, Caller]:
    """The text of a new session for a good key, and whose it is; :class:`Unauthenticated` for any other."""
    caller = access.authenticate(uow, key)
    token, at = secrets.token_urlsafe(32), now()
    store.delete_expired(uow.session, at)
    row = WebSession(
        digest=access.digest_of(token),
        key_digest=access.digest_of(key),
        created_at=at,
        expires_at=at + LIFETIME,
    )
    store.add_session(uow.session, row)
    uow.commit()
    return token, caller


def caller_of(uow: UnitOfWork, token: str) -> Caller:
    """Who is signed in; :class:`Unauthenticated` where the session, or its key, is good no more."""
    row = store.find_session(uow.session, access.digest_of(token)) if token else None
    if row is None or row.expires_at <= now():
        raise Unauthenticated("nobody is signed in")
    return access.authenticate_digest(uow, row.key_digest)


def sign_out(uow: UnitOfWork, token: str) -> None:
    """End the session, if there is one."""
    store.delete_session(uow.session, access.digest_of(token))
    uow.commit()
