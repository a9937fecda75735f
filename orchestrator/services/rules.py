"""Rules: what overrides the default policy where their clause holds (contract section 10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page, SortKey
from orchestrator.domain.policy import parse_match
from orchestrator.errors import Denied, Invalid, NotFound, Refused
from orchestrator.services import workers as registry
from orchestrator.services.policy import listed
from orchestrator.store import access as access_store
from orchestrator.store import policies as store
from orchestrator.store import samples as sample_store
from orchestrator.store import workers as worker_store
from orchestrator.store.tables import Customer, RegisteredWorker, Rule
from orchestrator.store.unit_of_work import UnitOfWork

_CUSTOMERS = "match.customer.customerOrGroup"
_CHANGES = ("set", "add", "remove")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFields:
    """What a client says of a rule; None: nothing. ``match`` and ``action`` in the wire's shape."""

    name: str | None = None
    description: str | None = None
    match: Mapping[str, Any] | None = None
    action: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule, with the customers and the live workers that it names."""

    rule: Rule
    customers: Mapping[int, Customer]
    workers: Mapping[UUID, RegisteredWorker]


def list_rules(uow: UnitOfWork, limit: int, offset: int, *, include_deleted: bool = False) -> Found[RuleView]:
    """The rules in the order of their making."""
    page = Page(limit, offset, (SortKey("createdTimestamp"),))
    found = store.find_rules(uow.session, page, include_deleted=include_deleted)
    return Found(_view(uow, found.items), found.count, page)


def get_rule(uow: UnitOfWork, rule_id: UUID) -> RuleView:
    """The rule, deleted or not; else :class:`NotFound`."""
    return _view(uow, [_find(uow, rule_id)])[0]


def add_rule(uow: UnitOfWork, caller: Caller, fields: RuleFields) -> RuleView:
    """Make a rule; :class:`Invalid` where a live one matches the same."""
    store.lock_policy(uow.session)
    rule = Rule(
        id=new_id(),
        name=fields.name,
        description=fields.description,
        match=_resolve_match(uow, caller, fields.match or {}),
        action=_resolve_action(uow, fields.action or {}),
        created_at=now(),
        created_by_id=caller.user_id,
    )
    _check_unique(uow, rule)
    uow.session.add(rule)
    return _save(uow, rule)


def update_rule(uow: UnitOfWork, caller: Caller, rule_id: UUID, fields: RuleFields) -> RuleView:
    """Replace the parts that are given, each wholly."""
    store.lock_policy(uow.session)
    rule = _live(uow, rule_id)
    if fields.name is not None:
        rule.name = fields.name
    if fields.description is not None:
        rule.description = fields.description
    if fields.match is not None:
        rule.match = _resolve_match(uow, caller, fields.match)
        _check_unique(uow, rule)
    if fields.action is not None:
        rule.action = _resolve_action(uow, fields.action)
    rule.updated_at, rule.updated_by_id = now(), caller.user_id
    return _save(uow, rule)


def delete_rule(uow: UnitOfWork, caller: Caller, rule_id: UUID) -> RuleView:
    """Mark the rule as deleted; from now on it does nothing, and what it matched is free again."""
    store.lock_policy(uow.session)
    rule = _live(uow, rule_id)
    rule.deleted_at, rule.deleted_by_id = now(), caller.user_id
    return _save(uow, rule)


def _resolve_match(uow: UnitOfWork, caller: Caller, match: Mapping[str, Any]) -> dict[str, Any]:
    """The clause as it is kept: customers by id."""
    if "customer" not in match:
        return dict(match)
    ids = []
    for reference in match["customer"]["customerOrGroup"]:
        customer = access_store.find_customer(uow.session, reference)
        if customer is None:
            raise Invalid(_CUSTOMERS, f"customer {reference} does not exist")
        if not caller.may_act_for(customer.id):
            raise Denied(f"this key may not read customer {customer.short_name}")
        ids.append(customer.id)
    return {"customer": {"customer": list(dict.fromkeys(ids))}}


def _resolve_action(uow: UnitOfWork, action: Mapping[str, Any]) -> dict[str, Any]:
    """The action as it is kept: workers by id; empty lists, which do nothing, are left out."""
    workers, options = action.get("workers") or {}, action.get("options") or {}
    kept: dict[str, dict[str, Any]] = {
        "workers": {
            change: registry.ids_of(uow, workers[change], f"action.workers.{change}")
            for change in _CHANGES
            if workers.get(change)
        },
        "options": {change: _options(options[change], change) for change in _CHANGES if options.get(change)},
    }
    return {kind: changes for kind, changes in kept.items() if changes}


def _options(values: Sequence[Any], change: str) -> list[Any]:
    if change == "remove":
        return list(dict.fromkeys(values))
    return listed([(each["key"], each["value"]) for each in values], f"action.options.{change}")


def _check_unique(uow: UnitOfWork, rule: Rule) -> None:
    claims = parse_match(rule.match).claims()
    for other in store.live_rules(uow.session):
        if other.id != rule.id and claims & parse_match(other.match).claims():
            raise Invalid(f"match.{next(iter(rule.match))}", f"rule {other.id} matches the same already")


def _find(uow: UnitOfWork, rule_id: UUID) -> Rule:
    rule = store.get_rule(uow.session, rule_id)
    if rule is None:
        raise NotFound("rule", rule_id)
    return rule


def _live(uow: UnitOfWork, rule_id: UUID) -> Rule:
    rule = _find(uow, rule_id)
    if rule.deleted_at:
        raise Refused(f"rule {rule_id} is deleted")
    return rule


def _save(uow: UnitOfWork, rule: Rule) -> RuleView:
    uow.flush()
    uow.session.refresh(rule)
    view = _view(uow, [rule])[0]
    uow.commit()
    return view


def _view(uow: UnitOfWork, rules: Sequence[Rule]) -> list[RuleView]:
    customers = sample_store.customers_by_id(uow.session, _customer_ids(rules))
    workers = worker_store.live_by_id(uow.session, _worker_ids(rules))
    return [RuleView(rule, customers, workers) for rule in rules]


def _customer_ids(rules: Iterable[Rule]) -> list[int]:
    return [each for rule in rules for each in rule.match.get("customer", {}).get("customer", ())]


def _worker_ids(rules: Iterable[Rule]) -> list[UUID]:
    return [UUID(each) for rule in rules for ids in rule.action.get("workers", {}).values() for each in ids]
