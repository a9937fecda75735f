"""The tree of a sample: what was found inside it, and inside that, as far as the caller may see.

A sample that shows up twice is expanded once, so that samples which contain one another end somewhere. Of a
sample that the caller may not see, or that is not here, only the hash is shown, as with a link.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.domain.caller import Caller
from orchestrator.domain.vocabulary import LinkType
from orchestrator.services.samples import Described, describe, readable
from orchestrator.store import links as link_store
from orchestrator.store import samples as sample_store
from orchestrator.store import tree as store
from orchestrator.store.unit_of_work import UnitOfWork

#: Links that are read for each sample of a level at most, repeated ones included.
_LINKS_PER_NODE = 20


@dataclass(slots=True)
class Node:
    """A sample in its tree. ``repeated``: it is expanded elsewhere; ``cut``: there may be more below."""

    sha256: str
    relation: LinkType | None = None
    sample: Described | None = None
    name: str = ""
    repeated: bool = False
    cut: bool = False
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """The root, and how many nodes there are; ``complete`` unless depth or number were not enough."""

    root: Node
    size: int
    complete: bool


def tree_of(uow: UnitOfWork, caller: Caller, sha256: str, *, depth: int, limit: int) -> Tree:
    """The tree below a sample, level by level, down to ``depth`` and up to ``limit`` nodes."""
    readable(uow, caller, sha256)
    root = Node(sha256)
    nodes, seen, level = [root], {sha256}, [root]
    for _ in range(depth):
        below = _expand(uow, caller, level, seen, limit - len(nodes))
        nodes += below
        level = [node for node in below if not node.repeated]
        if not level:
            break
    else:
        _mark_cut(uow, caller, level)
    _describe(uow, caller, nodes)
    return Tree(root, len(nodes), not any(node.cut for node in nodes))


def _expand(uow: UnitOfWork, caller: Caller, level: list[Node], seen: set[str], room: int) -> list[Node]:
    """Append the children of this level's nodes, ``room`` of them at most."""
    visible = link_store.readable_among(uow.session, caller, [node.sha256 for node in level])
    parents = {node.sha256: node for node in level if node.sha256 in visible}
    if not parents:
        return []
    most = max(room, len(parents)) * _LINKS_PER_NODE
    edges = store.edges_below(uow.session, caller, parents, most)
    made: list[Node] = []
    # several analyses may have found the same: one link is shown
    for parent, reference, relation in dict.fromkeys(edges):
        if len(made) >= room:
            parents[parent].cut = True
            continue
        node = Node(reference, relation, repeated=reference in seen)
        seen.add(reference)
        parents[parent].children.append(node)
        made.append(node)
    if len(edges) == most:
        for node in parents.values():
            node.cut = True
    return made


def _mark_cut(uow: UnitOfWork, caller: Caller, level: list[Node]) -> None:
    """Note which of the deepest nodes have something below that is not shown."""
    edges = store.edges_below(
        uow.session, caller, {node.sha256 for node in level}, len(level) * _LINKS_PER_NODE
    )
    with_more = {parent for parent, _, _ in edges}
    visible = link_store.readable_among(uow.session, caller, with_more)
    for node in level:
        node.cut = node.sha256 in visible


def _describe(uow: UnitOfWork, caller: Caller, nodes: list[Node]) -> None:
    hashes = {node.sha256 for node in nodes}
    visible = link_store.readable_among(uow.session, caller, hashes)
    rows = sample_store.samples_by_sha256(uow.session, sorted(visible))
    described = {each.sample.sha256: each for each in describe(uow, list(rows.values()))}
    names = store.names_of(uow.session, caller, visible)
    for node in nodes:
        node.sample = described.get(node.sha256)
        node.name = names.get(node.sha256, "")
