"""Statistics over submissions (contract section 5.4)."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.dependencies import Reading
from orchestrator.api.envelope import JsonResponse, ListEnvelope, page
from orchestrator.api.schemas.statistics import StatisticsRequest, SubmissionMetricRecord
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.paging import Found, Page
from orchestrator.domain.vocabulary import Role
from orchestrator.services.statistics import submission_statistics as count_submissions

router = APIRouter(prefix="/sampledb/v2/submission", route_class=SecuredRoute, tags=["search"])


@router.post(
    "/statistics",
    operation_id="submissionStatistics",
    response_model=ListEnvelope[SubmissionMetricRecord],
)
@needs(Role.viewer)
def submission_statistics(caller: CallerDep, uow: Reading, body: StatisticsRequest) -> JsonResponse:
    """How many submissions meet all criteria, by groups and over time; all groups at once."""
    records = count_submissions(uow, caller, body.to_domain(), body.index)
    return page(Found(records, len(records), Page(limit=0)), SubmissionMetricRecord.of)
