"""Creating by requests that come at the same time: uploads and submissions share transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from orchestrator import tracing
from orchestrator.domain.caller import Caller
from orchestrator.domain.messages import Dispatch
from orchestrator.errors import Unavailable
from orchestrator.services import samples, submitting
from orchestrator.services.coalescing import Coalescer
from orchestrator.services.samples import Arrived, Uploaded
from orchestrator.services.submitting import Asked, NewSubmission, Submitted
from orchestrator.settings import Settings
from orchestrator.store.spool import BlobFacts
from orchestrator.store.unit_of_work import Begin

Q = TypeVar("Q")
R = TypeVar("R")


class Creator:
    """Records uploads and submissions, each kind in a thread of its own, as many together as have come."""

    def __init__(self, settings: Settings, begin: Begin, dispatch: Dispatch) -> None:
        self._settings = settings
        self._begin = begin
        self._dispatch = dispatch
        self._submissions = Coalescer("submissions", one_by_one(self._submit))
        self._uploads = Coalescer("uploads", one_by_one(self._upload))

    def submit(self, caller: Caller, sha256: str, new: NewSubmission) -> Future[Submitted | None]:
        """As :func:`orchestrator.services.submitting.add_all` for one submission; committed when done."""
        return self._submissions(Asked(caller, sha256, new))

    def upload(self, caller: Caller, facts: BlobFacts) -> Future[Uploaded]:
        """As :func:`orchestrator.services.samples.add_all` for one sample; committed when done."""
        return self._uploads(Arrived(caller, facts))

    def _submit(self, asked: Sequence[Asked]) -> Sequence[Submitted | Exception | None]:
        with tracing.span("plan", submissions=len(asked)) as span:
            with self._begin() as uow:
                added = submitting.add_all(uow, self._settings, asked)
                uow.commit()
            for answer in added.answers:
                if isinstance(answer, Submitted):
                    span.job(answer.job_id, batch=len(asked))
        self._dispatch(added.messages)
        return added.answers

    def _upload(self, arrived: Sequence[Arrived]) -> Sequence[Uploaded | Exception]:
        with self._begin() as uow:
            uploaded = samples.add_all(uow, arrived, self._settings)
            uow.commit()
        return uploaded


def one_by_one(
    work: Callable[[Sequence[Q]], Sequence[R | Exception]],
) -> Callable[[Sequence[Q]], list[R | Exception]]:
    """The work, done over for each request alone where doing it together fails: one bad one fails alone."""

    def alone(asked: Q) -> R | Exception:
        try:
            return work([asked])[0]
        except Exception as error:  # noqa: BLE001 - it is the answer
            return error

    def together(asked: Sequence[Q]) -> list[R | Exception]:
        try:
            return list(work(asked))
        except Unavailable:
            raise
        except Exception:
            if len(asked) == 1:
                raise
            return [alone(each) for each in asked]

    return together
