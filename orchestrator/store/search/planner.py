"""What PostgreSQL's planner should know of a search, and what it cannot tell from its statistics."""

from __future__ import annotations

from sqlalchemy import CompoundSelect, func, select, text
from sqlalchemy.orm import Session

#: Up to how many rows a union is looked up as a whole, and each row of it once.
FEW = 50_000

#: Compiling takes longer than searching; and what is looked for is in memory or on a solid state disk.
_SETTINGS = text("SELECT set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true)")


def prepare(session: Session) -> None:
    """Set the planner up for searches, until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_SETTINGS)


def is_small(session: Session, union: CompoundSelect[str]) -> bool:
    """Whether a union of selects has few rows. The planner has no statistics of unions."""
    counted = select(func.count()).select_from(union.limit(FEW + 1).subquery())
    return (session.scalar(counted) or 0) <= FEW
