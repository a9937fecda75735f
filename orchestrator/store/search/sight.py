"""What a caller may see, in a form that lets the planner use its indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from orchestrator.domain.caller import Caller
from orchestrator.store.analyses import SHARED
from orchestrator.store.search.conditions import Condition
from orchestrator.store.tables import AccessGrant, Analysis, SampleLink, Submission

#: Up to here, what is shared with a caller stands in the statement as ids. A subquery beside an OR
#: would be a filter over every row, where ids are a second index scan.
_FEW = 500


class Sight:
    """A caller's eyes: the rules of ``store/samples.py`` and ``store/analyses.py``, for whole tables."""

    def __init__(self, session: Session, caller: Caller) -> None:
        self._caller = caller
        self._shared: Any = ()
        self._nothing_shared = True
        if not caller.sees_all:
            grants = select(AccessGrant.object_id).where(AccessGrant.subject_id.in_(caller.subject_ids))
            ids = session.scalars(grants.limit(_FEW + 1)).all()
            self._nothing_shared = not ids
            self._shared = ids if len(ids) <= _FEW else grants

    def submissions(self) -> list[Condition]:
        """Of submissions: the caller's customer's, and those shared with it."""
        if self._caller.sees_all:
            return []
        return [self._own_or_shared(Submission)]

    def findings(self, kind: type[Analysis | SampleLink]) -> list[Condition]:
        """Of analyses and links: also those that their TLP lets pass on."""
        if self._caller.sees_all:
            return []
        return [or_(self._own_or_shared(kind), kind.tlp.in_(SHARED))]

    def _own_or_shared(self, kind: type[Submission | Analysis | SampleLink]) -> Condition:
        own = kind.customer_id == self._caller.customer_id
        return own if self._nothing_shared else or_(own, kind.id.in_(self._shared))
