"""The tree of a sample on the wire; an extension of the contract."""

from __future__ import annotations

from orchestrator.api.schemas.base import Wire
from orchestrator.domain.vocabulary import LinkType, StatusOverride
from orchestrator.services.tree import Node


class TreeNode(Wire):
    """``repeated``: expanded elsewhere in the tree; ``cut``: there is more below than is shown."""

    sha256: str
    relation: LinkType | None = None
    file_name: str | None = None
    size: int | None = None
    type: str | None = None
    super_type: str | None = None
    score: int | None = None
    status_override: StatusOverride | None = None
    repeated: bool
    cut: bool
    children: list[TreeNode]

    @classmethod
    def of(cls, node: Node) -> TreeNode:
        described = node.sample
        classification = described.classification if described else None
        verdict = described.verdict if described else None
        return cls(
            sha256=node.sha256,
            relation=node.relation,
            file_name=node.name or None,
            size=described.sample.size if described else None,
            type=classification.type if classification else None,
            super_type=classification.super_type if classification else None,
            score=verdict.score if verdict else None,
            status_override=verdict.status_override if verdict else None,
            repeated=node.repeated,
            cut=node.cut,
            children=[cls.of(child) for child in node.children],
        )
