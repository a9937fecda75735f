"""The tree of what was found inside a sample; an extension of the contract."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.dependencies import Reading, Sha256Path
from orchestrator.api.envelope import Envelope, JsonResponse, single
from orchestrator.api.schemas.tree import TreeNode
from orchestrator.api.security import CallerDep, SecuredRoute, needs
from orchestrator.domain.vocabulary import Role
from orchestrator.services.tree import tree_of

router = APIRouter(prefix="/sampledb/v2/sample/{sha256}/tree", route_class=SecuredRoute, tags=["samples"])


@router.get("", operation_id="getSampleTree", response_model=Envelope[TreeNode])
@needs(Role.viewer)
def get_tree(
    caller: CallerDep,
    uow: Reading,
    sha256: Sha256Path,
    depth: Annotated[int, Query(ge=0, le=16, description="levels below the sample")] = 5,
    limit: Annotated[int, Query(ge=1, le=10_000, description="nodes, the sample included")] = 1000,
) -> JsonResponse:
    """The sample, what was found inside it, and so on; ``metaData`` says whether that is all."""
    tree = tree_of(uow, caller, sha256, depth=depth, limit=limit)
    return single(TreeNode.of(tree.root), meta={"size": tree.size, "complete": tree.complete})
