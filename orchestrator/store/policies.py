"""Queries over the default policy and its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from orchestrator.domain.paging import Found, Page
from orchestrator.store.paging import paged
from orchestrator.store.tables import POLICY_ID, Policy, Rule

_RULE_SORT: Mapping[str, Any] = {"createdTimestamp": Rule.created_at}


class StoredPolicy(NamedTuple):
    """The default policy's parts. ``workers`` None: nobody has decided yet."""

    workers: list[str] | None
    options: list[dict[str, str]]


class StoredRule(NamedTuple):
    """A live rule's parts."""

    id: UUID
    match: dict[str, Any]
    action: dict[str, Any]


def get_policy(session: Session) -> Policy:
    """The policy; one that nobody has stored yet where it was never changed."""
    row = session.get(Policy, POLICY_ID)
    return row or Policy(id=POLICY_ID, workers=None, options=[])


def lock_policy(session: Session) -> Policy:
    """The stored policy, locked: whoever changes registry, policy or rules takes turns by it."""
    dialect = session.get_bind().dialect.name
    upsert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = upsert(Policy).values(id=POLICY_ID, workers=None, options=[])
    session.execute(statement.on_conflict_do_nothing(index_elements=["id"]))
    return session.get_one(Policy, POLICY_ID, with_for_update={"of": Policy}, populate_existing=True)


def policy_parts(session: Session) -> StoredPolicy:
    """What evaluation needs of the policy."""
    row = session.execute(select(Policy.workers, Policy.options).where(Policy.id == POLICY_ID)).one_or_none()
    return StoredPolicy(row.workers, row.options) if row else StoredPolicy(None, [])


def live_rules(session: Session) -> Sequence[StoredRule]:
    """What evaluation needs of the rules, in the order of their making."""
    statement = (
        select(Rule.id, Rule.match, Rule.action)
        .where(Rule.deleted_at.is_(None))
        .order_by(Rule.created_at, Rule.id)
    )
    return [StoredRule(*row) for row in session.execute(statement)]


def find_rules(session: Session, page: Page, *, include_deleted: bool = False) -> Found[Rule]:
    statement = select(Rule)
    if not include_deleted:
        statement = statement.where(Rule.deleted_at.is_(None))
    return paged(session, statement, page, _RULE_SORT, Rule.id)


def get_rule(session: Session, rule_id: UUID) -> Rule | None:
    """By id, deleted or not."""
    return session.get(Rule, rule_id)
