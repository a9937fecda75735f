"""The default policy, and what it and its rules select for a job (contract section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.policy import DefaultPolicy, Facts, Rule, evaluate, parse_options, parse_rule
from orchestrator.errors import Invalid
from orchestrator.services import workers as registry
from orchestrator.store import policies as store
from orchestrator.store import workers as worker_store
from orchestrator.store.tables import Policy, RegisteredWorker
from orchestrator.store.unit_of_work import UnitOfWork
from orchestrator.store.workers import Served

#: For how long what another process changed may go unseen, in seconds.
MEMORY = 0.2


@dataclass(frozen=True, slots=True)
class Selected:
    """The live workers of a job, in order, and its options."""

    workers: list[Served]
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Book:
    """The policy, the rules and the live workers, as planning needs them."""

    default: DefaultPolicy
    rules: Sequence[Rule]
    workers: Mapping[UUID, Served]
    by_name: Mapping[str, Served]

    def select(self, facts: Facts) -> Selected:
        """What a job of these facts gets. A worker that was deleted drops out."""
        selection = evaluate(self.default, self.rules, facts)
        chosen = [self.workers[each] for each in selection.workers if each in self.workers]
        return Selected(chosen, selection.options)

    def named(self, short_names: Sequence[str]) -> list[Served]:
        """The live workers of these short names, each once, in that order."""
        return [self.by_name[name] for name in dict.fromkeys(short_names) if name in self.by_name]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The policy with its workers resolved; deleted ones are left out."""

    policy: Policy
    workers: Sequence[RegisteredWorker]


def book(uow: UnitOfWork) -> Book:
    """The policy in force: what this process changed shows at once, what others changed within a moment."""
    if uow.changed:
        return _load(uow)
    return uow.memory.recall("policy", MEMORY, lambda: _load(uow))


def _load(uow: UnitOfWork) -> Book:
    stored = store.policy_parts(uow.session)
    live = worker_store.live(uow.session)
    if stored.workers is None:
        # until an administrator names workers, it is every live one that Celery serves
        chosen = [worker.id for worker in live if worker.celery]
    else:
        chosen = [UUID(each) for each in stored.workers]
    return Book(
        DefaultPolicy(chosen, parse_options(stored.options)),
        [parse_rule(rule.match, rule.action) for rule in store.live_rules(uow.session)],
        {worker.id: worker for worker in live},
        {worker.short_name: worker for worker in live},
    )


def select(
    uow: UnitOfWork, *, customer_id: int, meta_data: Mapping[str, str], type_: str, super_type: str
) -> Selected:
    """What a job of this customer over a sample of this classification gets; empty texts: not classified."""
    return book(uow).select(Facts(customer_id, meta_data, type_, super_type))


def get_policy(uow: UnitOfWork) -> PolicyView:
    """The default policy, which always exists."""
    return _view(uow, store.get_policy(uow.session))


def update_policy(
    uow: UnitOfWork,
    caller: Caller,
    *,
    workers: Sequence[str] | None = None,
    options: Sequence[tuple[str, str]] | None = None,
) -> PolicyView:
    """Replace the workers (by id or short name), the options, or both; what is None stays."""
    policy = store.lock_policy(uow.session)
    if workers is not None:
        if not workers:
            raise Invalid("workers", "the default policy has at least one worker")
        policy.workers = registry.ids_of(uow, workers, "workers")
    if options is not None:
        policy.options = listed(options, "options")
    policy.updated_at, policy.updated_by_id = now(), caller.user_id
    uow.flush()
    uow.session.refresh(policy)
    view = _view(uow, policy)
    uow.commit()
    return view


def switch(uow: UnitOfWork, caller: Caller, reference: str, *, on: bool) -> PolicyView:
    """Put a worker into the default policy, at its end, or take it out; the last one stays."""
    policy = store.lock_policy(uow.session)
    worker = registry.get_worker(uow, reference)
    others = [str(each.id) for each in _view(uow, policy).workers if each.id != worker.id]
    return update_policy(uow, caller, workers=[*others, str(worker.id)] if on else others)


def listed(options: Sequence[tuple[str, str]], field: str) -> list[dict[str, str]]:
    """Options as they are kept; a key that comes twice is :class:`Invalid`."""
    if len({key for key, _ in options}) < len(options):
        raise Invalid(field, "each key may be given once")
    return [{"key": key, "value": value} for key, value in options]


def _view(uow: UnitOfWork, policy: Policy) -> PolicyView:
    if policy.workers is None:
        return PolicyView(policy, worker_store.live_served(uow.session))
    ids = [UUID(each) for each in policy.workers]
    live = worker_store.live_by_id(uow.session, ids)
    return PolicyView(policy, [live[each] for each in ids if each in live])
