"""The default policy and its rules on the wire (contract section 10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.api.dependencies import Reference, as_list
from orchestrator.api.schemas.base import CustomerInfo, UserInfo, Wire, millis, no_nul
from orchestrator.api.schemas.worker import Text, WorkerInfo
from orchestrator.services.policy import PolicyView
from orchestrator.services.rules import RuleFields, RuleView
from orchestrator.store.tables import RegisteredWorker

References = Annotated[list[Annotated[Reference, AfterValidator(no_nul)]], BeforeValidator(as_list)]
Texts = Annotated[list[Text], BeforeValidator(as_list)]
AtLeastOne = Field(min_length=1)


class Option(Wire):
    """A parameter for the workers."""

    key: Text
    value: Annotated[str, Field(max_length=65536), AfterValidator(no_nul)]


Options = Annotated[list[Option], BeforeValidator(as_list)]


class PolicyUpdateRequest(Wire):
    workers: Annotated[References, AtLeastOne] | None = None
    options: Options | None = None

    def pairs(self) -> list[tuple[str, str]] | None:
        return None if self.options is None else [(each.key, each.value) for each in self.options]


class PolicyResponse(Wire):
    workers: list[WorkerInfo]
    options: list[Option]
    last_updated_by_user: UserInfo | None
    last_updated_timestamp: int | None

    @classmethod
    def of(cls, view: PolicyView) -> PolicyResponse:
        return cls(
            workers=[WorkerInfo.of(each) for each in view.workers],
            options=[Option.model_construct(**each) for each in view.policy.options],
            last_updated_by_user=UserInfo.maybe(view.policy.updated_by),
            last_updated_timestamp=millis(view.policy.updated_at),
        )


class CustomerClause(Wire):
    customer_or_group: Annotated[References, AtLeastOne]


class ClassificationClause(Wire):
    type: Texts | None = None
    super_type: Texts | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.type or self.super_type):
            raise ValueError("needs at least one type or superType")
        return self


class SubmissionClause(Wire):
    meta_data_key: Annotated[Texts, AtLeastOne]
    meta_data_value: Annotated[Texts, AtLeastOne]


class MatchRequest(Wire):
    customer: CustomerClause | None = None
    classification: ClassificationClause | None = None
    submission: SubmissionClause | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        clauses = (self.customer, self.classification, self.submission)
        if sum(clause is not None for clause in clauses) != 1:
            raise ValueError("needs exactly one of customer, classification and submission")
        return self


class WorkersAction(Wire):
    set: References | None = None
    add: References | None = None
    remove: References | None = None


class OptionsAction(Wire):
    set: Options | None = None
    add: Options | None = None
    remove: Texts | None = None


class ActionRequest(Wire):
    workers: WorkersAction | None = None
    options: OptionsAction | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        changes = [part for part in (self.workers, self.options) if part is not None]
        if not any(part.set or part.add or part.remove for part in changes):
            raise ValueError("needs at least one set, add or remove of workers or options")
        return self


class RuleUpdateRequest(Wire):
    name: Text | None = None
    description: Annotated[str, Field(max_length=65536), AfterValidator(no_nul)] | None = None
    match: MatchRequest | None = None
    action: ActionRequest | None = None

    def to_domain(self) -> RuleFields:
        return RuleFields(
            name=self.name,
            description=self.description,
            match=_given(self.match),
            action=_given(self.action),
        )


class RuleAddRequest(RuleUpdateRequest):
    name: Text
    description: Annotated[str, Field(max_length=65536), AfterValidator(no_nul)]
    match: MatchRequest
    action: ActionRequest


def _given(part: Wire | None) -> dict[str, Any] | None:
    return None if part is None else part.model_dump(by_alias=True, exclude_none=True)


class RuleResponse(Wire):
    id: str
    name: str
    description: str
    match: dict[str, Any]
    action: dict[str, Any]
    created_by_user: UserInfo | None
    created_timestamp: int | None
    last_updated_by_user: UserInfo | None
    last_updated_timestamp: int | None
    deleted_by_user: UserInfo | None
    deleted_timestamp: int | None
    flags: list[str]

    @classmethod
    def of(cls, view: RuleView) -> RuleResponse:
        rule = view.rule
        return cls(
            id=str(rule.id),
            name=rule.name,
            description=rule.description,
            match=_show_match(view),
            action=_show_action(view),
            created_by_user=UserInfo.maybe(rule.created_by),
            created_timestamp=millis(rule.created_at),
            last_updated_by_user=UserInfo.maybe(rule.updated_by),
            last_updated_timestamp=millis(rule.updated_at),
            deleted_by_user=UserInfo.maybe(rule.deleted_by),
            deleted_timestamp=millis(rule.deleted_at),
            flags=["deleted"] if rule.deleted_at else [],
        )


def _show_match(view: RuleView) -> dict[str, Any]:
    match = view.rule.match
    if "customer" not in match:
        return match
    known = [view.customers[each] for each in match["customer"]["customer"] if each in view.customers]
    return {"customer": {"customer": [CustomerInfo.of(each) for each in known]}}


def _show_action(view: RuleView) -> dict[str, Any]:
    shown = dict(view.rule.action)
    if "workers" in shown:
        shown["workers"] = {
            change: _show_workers(ids, view.workers) for change, ids in shown["workers"].items()
        }
    return shown


def _show_workers(ids: Iterable[str], live: Mapping[UUID, RegisteredWorker]) -> list[WorkerInfo]:
    return [WorkerInfo.of(live[UUID(each)]) for each in ids if UUID(each) in live]
