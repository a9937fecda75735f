"""Keys, and the customers and users behind them."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import Role, SubjectKind
from orchestrator.errors import Denied, Invalid, NotFound, Unauthenticated
from orchestrator.store import access as store
from orchestrator.store.policies import lock_policy
from orchestrator.store.tables import ApiKey, Customer, Subject
from orchestrator.store.unit_of_work import UnitOfWork

DEFAULT_CUSTOMER = "default"
#: The user in whose name Assay's own workers and sweep act.
SERVICE_USER = "assay"

_SHORT_NAME = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")


def digest_of(key: str) -> str:
    """What the store keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def authenticate(uow: UnitOfWork, key: str) -> Caller:
    """The caller behind a key; :class:`Unauthenticated` where it is unknown, revoked or expired."""
    return authenticate_digest(uow, digest_of(key)) if key else _refuse()


def _refuse() -> NoReturn:
    raise Unauthenticated("the API key is missing, unknown, revoked or expired")


def authenticate_digest(uow: UnitOfWork, digest: str) -> Caller:
    """The caller behind a key of which only the digest is at hand."""
    row = store.find_key(uow.session, digest)
    if row is None or row.revoked_at or (row.expires_at and row.expires_at <= now()) or row.user.deleted_at:
        _refuse()
    return caller_of(uow, row.user, row.role, row.id)


def caller_of(uow: UnitOfWork, user: Subject, role: Role, key_id: UUID | None = None) -> Caller:
    """Who acts, or sees, as this user in this role."""
    subjects = (user.id, *store.groups_of(uow.session, user.id))
    return Caller(
        user_id=user.id,
        user=user.short_name,
        customer_id=user.customer_id,
        customer=user.customer.short_name,
        role=role,
        subject_ids=subjects,
        shared_with=store.any_grant(uow.session, subjects),
        key_id=key_id,
    )


def create_key(uow: UnitOfWork, name: str, role: Role, customer: str = DEFAULT_CUSTOMER) -> str:
    """Make a key for the user ``name`` of a customer, both made where they are new; return its text, once."""
    for field, value in (("name", name), ("customer", customer)):
        if not _SHORT_NAME.fullmatch(value):
            raise Invalid(field, "must be 1 to 128 letters, digits, or one of _ . : -")
    owner = ensure_customer(uow, customer)
    user = store.find_subject(uow.session, name, SubjectKind.user)
    if user is None or user.short_name != name:
        user = _add_user(uow, name, owner)
    elif user.customer_id != owner.id:
        raise Invalid("name", f"user {name} belongs to customer {user.customer.short_name}")
    key = secrets.token_urlsafe(32)
    uow.session.add(ApiKey(digest=digest_of(key), name=name, role=role, user_id=user.id, created_at=now()))
    uow.commit()
    return key


def list_keys(uow: UnitOfWork) -> Sequence[ApiKey]:
    """Every key's row, oldest first; never its text."""
    return store.list_keys(uow.session)


def revoke_key(uow: UnitOfWork, reference: str) -> int:
    """Revoke the key of this id, or all live keys of this name; return how many."""
    rows = store.keys_named(uow.session, reference)
    if not rows:
        rows = [
            row for row in store.list_keys(uow.session) if str(row.id) == reference and not row.revoked_at
        ]
    if not rows:
        raise NotFound("key", reference)
    for row in rows:
        row.revoked_at = now()
    uow.commit()
    return len(rows)


def first_start(uow: UnitOfWork) -> str | None:
    """Make the first customer, the service's own user and an administrator's key; None ever after."""
    service_user(uow)
    if store.any_key(uow.session):
        uow.commit()
        return None
    return create_key(uow, "administrator", Role.administrator)


def ensure_customer(uow: UnitOfWork, short_name: str) -> Customer:
    """The customer of this short name, made where it is new."""
    customer = store.find_customer(uow.session, short_name)
    if customer is None or customer.short_name != short_name:
        customer = Customer(short_name=short_name, name=short_name, created_at=now())
        uow.session.add(customer)
        uow.flush()
    return customer


def service_user(uow: UnitOfWork) -> Subject:
    """The user in whose name the service itself acts."""
    user = store.find_subject(uow.session, SERVICE_USER, SubjectKind.user)
    if user is None:
        # processes that start at once on an empty store take turns
        lock_policy(uow.session)
        user = store.find_subject(uow.session, SERVICE_USER, SubjectKind.user)
    return user or _add_user(uow, SERVICE_USER, ensure_customer(uow, DEFAULT_CUSTOMER))


def _add_user(uow: UnitOfWork, name: str, customer: Customer) -> Subject:
    user = Subject(
        kind=SubjectKind.user, short_name=name, name=name, customer_id=customer.id, created_at=now()
    )
    uow.session.add(user)
    uow.flush()
    uow.session.refresh(user)
    return user


def customer_for(uow: UnitOfWork, caller: Caller, reference: str | None) -> int:
    """The id of the customer to act for: the caller's own unless named.

    Unknown is :class:`Invalid`, another's is :class:`Denied` (contract section 5.2).
    """
    if reference is None:
        return caller.customer_id
    customer = store.find_customer(uow.session, reference)
    if customer is None:
        raise Invalid("customer", f"customer {reference} does not exist")
    if not caller.may_act_for(customer.id):
        raise Denied(f"this key may not act for customer {customer.short_name}")
    return customer.id


def grant(uow: UnitOfWork, caller: Caller, object_id: UUID, acl: Sequence[str | int]) -> None:
    """Share an object with users and groups, by id or short name; an unknown one is :class:`Invalid`."""
    subjects = []
    for reference in acl:
        subject = store.find_subject(uow.session, reference)
        if subject is None:
            raise Invalid("acl", f"user or group {reference} does not exist")
        subjects.append(subject.id)
    store.add_grants(uow.session, object_id, subjects, caller.user_id, now())
