"""All that is known of a sample, in one answer; an extension of the contract."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.dependencies import Reading, Sha256Path
from orchestrator.api.envelope import Envelope, JsonResponse, single
from orchestrator.api.schemas.analysis import AnalysisResponse
from orchestrator.api.schemas.base import Wire
from orchestrator.api.schemas.classification import ClassificationResponse
from orchestrator.api.schemas.fact import StaticFactResponse
from orchestrator.api.schemas.link import LinkResponse
from orchestrator.api.schemas.sample import SampleMetaDataResponse
from orchestrator.api.schemas.submission import SubmissionResponse
from orchestrator.api.schemas.verdict import VerdictResponse
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.caller import Caller
from orchestrator.domain.paging import Page, SortKey
from orchestrator.domain.vocabulary import Role
from orchestrator.services import analyses, classifications, facts, links, samples, submissions, verdicts
from orchestrator.store.unit_of_work import UnitOfWork

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}", route_class=SecuredRoute, tags=["samples"])

#: The newest of each kind; who needs older ones pages through their list.
MOST = 1000
_NEWEST = Page(MOST, 0, (SortKey("createdTimestamp", descending=True),))


class SampleRecord(Wire):
    """A sample and what belongs to it, the newest first, as far as the caller may see it."""

    sample: SampleMetaDataResponse
    submissions: list[SubmissionResponse]
    classifications: list[ClassificationResponse]
    analyses: list[AnalysisResponse]
    verdicts: list[VerdictResponse]
    facts: list[StaticFactResponse]
    links: list[LinkResponse]


@router.get("/export", operation_id="exportSample", response_model=Envelope[SampleRecord])
@needs(Role.viewer)
def export_sample(caller: CallerDep, uow: Reading, sha256: Sha256Path) -> JsonResponse:
    """The sample's whole record: at most the 1000 newest of each kind."""
    return single(_record(uow, caller, sha256))


def _record(uow: UnitOfWork, caller: Caller, sha256: str) -> SampleRecord:
    row = samples.readable(uow, caller, sha256)
    submitted = submissions.list_submissions(uow, caller, sha256, MOST, 0).items
    grants = submissions.grants_of(uow, submitted)
    classified = classifications.list_classifications(uow, caller, sha256, _NEWEST)
    return SampleRecord(
        sample=SampleMetaDataResponse.of(samples.describe(uow, [row])[0]),
        submissions=[SubmissionResponse.of(each, grants[each.id]) for each in submitted],
        classifications=[ClassificationResponse.of(each) for each in classified.items],
        analyses=[
            AnalysisResponse.of(each) for each in analyses.list_analyses(uow, caller, sha256, _NEWEST).items
        ],
        verdicts=[
            VerdictResponse.of(each) for each in verdicts.list_verdicts(uow, caller, sha256, _NEWEST).items
        ],
        facts=[
            StaticFactResponse.of(each) for each in facts.list_facts(uow, caller, sha256, (), _NEWEST).items
        ],
        links=[LinkResponse.of(each) for each in links.list_links(uow, caller, sha256, _NEWEST).items],
    )
