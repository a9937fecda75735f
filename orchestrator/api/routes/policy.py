"""The default policy and its rules (contract section 10)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from orchestrator.api.dependencies import DEFAULT_LIMIT, Limit, Offset, Reading, Writing
from orchestrator.api.envelope import Envelope, JsonResponse, ListEnvelope, page, single
from orchestrator.api.schemas.policy import (
    PolicyResponse,
    PolicyUpdateRequest,
    RuleAddRequest,
    RuleResponse,
    RuleUpdateRequest,
)
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services import policy, rules

RuleId = Annotated[UUID, Path(alias="id")]

router = APIRouter(prefix="/sampledb/v2/policy/default", route_class=SecuredRoute, tags=["policy"])


@router.get("", operation_id="getAnalysisPolicy", response_model=Envelope[PolicyResponse])
@needs(Role.administrator)
def get_policy(uow: Reading) -> JsonResponse:
    return single(PolicyResponse.of(policy.get_policy(uow)))


@router.put("", operation_id="updateAnalysisPolicy", response_model=Envelope[PolicyResponse])
@needs(Role.administrator)
def update_policy(caller: CallerDep, uow: Writing, body: PolicyUpdateRequest) -> JsonResponse:
    """Replace the workers, the options, or both."""
    view = policy.update_policy(uow, caller, workers=body.workers, options=body.pairs())
    return single(PolicyResponse.of(view))


@router.get("/rule", operation_id="searchAnalysisRules", response_model=ListEnvelope[RuleResponse])
@needs(Role.administrator)
def list_rules(
    uow: Reading,
    include_deleted: Annotated[bool, Query(alias="includeDeleted")] = False,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> JsonResponse:
    """The rules in the order of their making."""
    return page(rules.list_rules(uow, limit, offset, include_deleted=include_deleted), RuleResponse.of)


@router.post("/rule", operation_id="addAnalysisRule", status_code=201, response_model=Envelope[RuleResponse])
@needs(Role.administrator)
def add_rule(caller: CallerDep, uow: Writing, body: RuleAddRequest) -> JsonResponse:
    return single(RuleResponse.of(rules.add_rule(uow, caller, body.to_domain())), 201)


@router.get("/rule/{id}", operation_id="getAnalysisPolicyRule", response_model=Envelope[RuleResponse])
@needs(Role.administrator)
def get_rule(uow: Reading, rule_id: RuleId) -> JsonResponse:
    return single(RuleResponse.of(rules.get_rule(uow, rule_id)))


@router.put("/rule/{id}", operation_id="updateAnalysisRule", response_model=Envelope[RuleResponse])
@needs(Role.administrator)
def update_rule(caller: CallerDep, uow: Writing, rule_id: RuleId, body: RuleUpdateRequest) -> JsonResponse:
    """Replace the parts that are given, each wholly."""
    return single(RuleResponse.of(rules.update_rule(uow, caller, rule_id, body.to_domain())))


@router.delete("/rule/{id}", operation_id="deleteAnalysisRule", response_model=Envelope[RuleResponse])
@needs(Role.administrator)
def delete_rule(caller: CallerDep, uow: Writing, rule_id: RuleId) -> JsonResponse:
    """The rule does nothing any more; its id still answers."""
    return single(RuleResponse.of(rules.delete_rule(uow, caller, rule_id)))
