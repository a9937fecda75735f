"""One request, or one step of a use case, is one transaction; only the unit of work commits."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from orchestrator.errors import Unavailable
from orchestrator.store.engine import WRITE
from orchestrator.store.memory import changed, memory_of

#: Errors that mean "the database cannot serve now", not "the statement is wrong".
OUTAGES = (OperationalError, InterfaceError, PoolTimeout)


class UnitOfWork:
    """A transaction and the repositories that work in it.

    Leaving the block without :meth:`commit` rolls back. A database that cannot be reached shows as
    :class:`~orchestrator.errors.Unavailable`.
    """

    def __init__(self, engine: Engine, *, write: bool = True) -> None:
        self._engine = engine.execution_options(**{WRITE: write})
        #: What this process remembers of the store.
        self.memory = memory_of(engine)

    def __enter__(self) -> Self:
        self.session = Session(self._engine, expire_on_commit=False, autoflush=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.session.close()
        except OUTAGES:
            self.session.invalidate()
        if error is not None and is_outage(error):
            raise Unavailable("the database cannot serve now") from error

    def commit(self) -> None:
        """Make everything since the block began durable."""
        self.session.commit()
        if self.changed:
            self.session.info.clear()
            self.memory.forget()

    @property
    def changed(self) -> bool:
        """Whether the memory is older than what this transaction has done."""
        return changed(self.session)

    def flush(self) -> None:
        """Send pending rows to the database, within the transaction."""
        self.session.flush()


def is_outage(error: BaseException) -> bool:
    """Whether the error says that the database is away, busy or full, so that trying again may help."""
    return isinstance(error, OUTAGES) or (isinstance(error, DBAPIError) and error.connection_invalidated)


#: Opens a unit of work: ``begin()`` to write, ``begin(write=False)`` to read.
Begin = Callable[..., UnitOfWork]
