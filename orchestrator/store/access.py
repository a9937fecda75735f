"""Queries over customers, subjects, keys and grants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from orchestrator.domain.vocabulary import SubjectKind
from orchestrator.store.tables import AccessGrant, ApiKey, Customer, GroupMember, Subject

#: Larger numbers are no ids: the drivers refuse them.
_MAX_ID = 2**63 - 1


def _reference(reference: str | int) -> int | None:
    """The number, where the reference is one that may be an id."""
    text = str(reference)
    return int(text) if text.isascii() and text.isdigit() and int(text) <= _MAX_ID else None


def find_key(session: Session, digest: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.digest == digest))


def list_keys(session: Session) -> Sequence[ApiKey]:
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()


def keys_named(session: Session, name: str) -> Sequence[ApiKey]:
    return session.scalars(select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None))).all()


def any_key(session: Session) -> bool:
    return session.scalar(select(func.count()).select_from(ApiKey)) != 0


def groups_of(session: Session, user_id: int) -> list[int]:
    return list(session.scalars(select(GroupMember.group_id).where(GroupMember.user_id == user_id)))


def any_grant(session: Session, subject_ids: Sequence[int]) -> bool:
    """Whether anything is shared with one of these users and groups."""
    statement = select(AccessGrant.id).where(AccessGrant.subject_id.in_(subject_ids)).limit(1)
    return session.scalar(statement) is not None


def find_customer(session: Session, reference: str | int) -> Customer | None:
    """By short name, or by id where no short name is that number."""
    found = session.scalar(select(Customer).where(Customer.short_name == str(reference)))
    number = _reference(reference)
    if found is None and number is not None:
        found = session.get(Customer, number)
    return found


def customer_ids(session: Session, references: Iterable[str | int]) -> list[int]:
    """The ids of those customers that exist."""
    found = (find_customer(session, reference) for reference in references)
    return [customer.id for customer in found if customer is not None]


def find_subject(session: Session, reference: str | int, kind: SubjectKind | None = None) -> Subject | None:
    """A live user or group, by short name or id."""
    number = _reference(reference)
    matches = Subject.short_name == str(reference)
    if number is not None:
        matches = or_(matches, Subject.id == number)
    statement = select(Subject).where(matches, Subject.deleted_at.is_(None)).order_by(Subject.id)
    if kind is not None:
        statement = statement.where(Subject.kind == kind)
    candidates = session.scalars(statement).all()
    exact = [each for each in candidates if each.short_name == str(reference)]
    return next(iter(exact or candidates), None)


def subject_ids(session: Session, references: Iterable[str | int]) -> list[int]:
    """The ids of those users and groups that exist."""
    found = (find_subject(session, reference) for reference in references)
    return [subject.id for subject in found if subject is not None]


def grants_for(session: Session, object_ids: Sequence[UUID]) -> dict[UUID, list[AccessGrant]]:
    """The grants on each of these objects, oldest first."""
    found: dict[UUID, list[AccessGrant]] = {each: [] for each in object_ids}
    if object_ids:
        statement = select(AccessGrant).where(AccessGrant.object_id.in_(object_ids)).order_by(AccessGrant.id)
        for grant in session.scalars(statement):
            found[grant.object_id].append(grant)
    return found


def add_grants(
    session: Session, object_id: UUID, subject_ids: Iterable[int], granted_by: int, at: datetime
) -> None:
    session.add_all(
        AccessGrant(object_id=object_id, subject_id=each, granted_by_id=granted_by, granted_at=at)
        for each in dict.fromkeys(subject_ids)
    )
