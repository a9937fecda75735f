"""The recorder's thread: claims what was received, writes what came of it, many job tasks in one commit.

An outcome is never lost while the process lives: until the commit that carries it, its message stays
unacknowledged, and where the database is away it is tried again. See ``docs/decisions/0002-recorder.md``.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from orchestrator.broker.batching import Pace
from orchestrator.broker.claiming import Received, claimable, take
from orchestrator.domain.clock import now
from orchestrator.domain.lifecycle import Actor
from orchestrator.domain.messages import Dispatch
from orchestrator.domain.transition import Transition
from orchestrator.domain.vocabulary import JobTaskState
from orchestrator.errors import Unavailable
from orchestrator.services.executing import Assignment, Process
from orchestrator.services.outcomes import Committed, commit, unstorable
from orchestrator.settings import Settings
from orchestrator.store.recording import JobTaskRow
from orchestrator.store.unit_of_work import Begin

#: Waits between attempts to reach a database that is away, in seconds: doubling, from … to.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
#: A claim that a database does not answer is waited for this long when the process ends, in seconds.
_LAST_CLAIM = 10.0

log = structlog.get_logger(__name__)


#: Runs a claimed job task.
Run = Callable[[Any, Assignment], None]


@dataclass(slots=True)
class Batch:
    """What one commit carries."""

    outcomes: list[Transition] = field(default_factory=list)
    claims: list[Received] = field(default_factory=list)


class Recorder:
    """Takes messages and outcomes from other threads, and commits them in batches in its own."""

    def __init__(
        self, begin: Begin, dispatch: Dispatch, settings: Settings, process: Process, run: Run, threads: int
    ) -> None:
        self._begin = begin
        self._dispatch = dispatch
        self._settings = settings
        self.process = process
        self._start = run
        #: acknowledges messages; given by the consumer
        self.acknowledge: Callable[[Sequence[Received]], None]
        self.pace = Pace(threads)
        self._received: deque[Received] = deque()
        self._outcomes: deque[Transition] = deque()
        #: job tasks with an outcome that is not committed, and the messages to acknowledge once it is
        self._held: dict[UUID, list[Received]] = {}
        #: claimed job tasks and attempts of which no outcome was noted yet
        self._running: dict[tuple[UUID, int], Received] = {}
        #: claimed job tasks as the claim left them; their outcomes need not read them
        self._known: dict[UUID, JobTaskRow] = {}
        #: claims of which a commit that failed may have been made all the same
        self._unsure: set[tuple[UUID, int]] = set()
        self._oldest = 0.0
        self._changed = threading.Condition()
        self._accepting = True
        self._claiming = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def receive(self, message: Received) -> None:
        """Take a message in; it is claimed when a thread of the pool is about to be free."""
        with self._changed:
            self._received.append(message)
            if self.pace.hungry(len(self._running)):
                self._changed.notify_all()

    def note(self, transition: Transition) -> None:
        """Take an outcome; its message is acknowledged after the commit that carries it."""
        with self._changed:
            if not self._outcomes:
                self._oldest = time.monotonic()
            self._outcomes.append(transition)
            held = self._held.setdefault(transition.job_task_id, [])
            if transition.attempt is not None:
                request = self._running.pop((transition.job_task_id, transition.attempt), None)
                if request is not None:
                    held.append(request)
            if len(self._outcomes) == 1 or self.pace.hungry(len(self._running)):
                self._changed.notify_all()

    def forget(self, request: Received) -> None:
        """A claimed job task ended; where no outcome of it was noted (it was called off), that is all."""
        with self._changed:
            if self._running.pop((request.job_task_id, request.attempt), None) is None:
                return
            self._known.pop(request.job_task_id, None)
            self._changed.notify_all()
        self.when_recorded(request)

    def running(self) -> dict[UUID, int]:
        """Claimed job tasks, with their attempts, that have not ended."""
        with self._changed:
            return dict(self._running.keys())

    def when_recorded(self, request: Received) -> None:
        """Acknowledge a message once no outcome of its job task waits for a commit; perhaps at once."""
        with self._changed:
            held = self._held.get(request.job_task_id)
            if held is not None:
                held.append(request)
                return
        self.acknowledge([request])

    def holding(self) -> dict[str, int]:
        """How many messages of each analysis worker were received and not claimed."""
        with self._changed:
            return dict(Counter(each.worker for each in self._received))

    def surplus(self, keep: int) -> list[Received]:
        """Take out what was received last, beyond what to keep."""
        with self._changed:
            count = max(0, len(self._received) - keep)
            return [self._received.pop() for _ in range(count)]

    def stop_claiming(self) -> None:
        """Claim nothing more; what was received stays unacknowledged, so that another process gets it.

        Returns once what is being claimed has been handed to the pool, which then runs it.
        """
        with self._changed:
            self._accepting = False
            self._received.clear()
            self._changed.wait_for(lambda: not self._claiming, _LAST_CLAIM)

    def close(self, timeout: float) -> None:
        """Commit what was noted, then end; give up after ``timeout`` seconds."""
        self.stop_claiming()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        if self._held:
            log.error("outcomes not recorded", action="record-given-up", count=len(self._held))

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            batch = self._take()
            if batch is None:
                return
            began = time.monotonic()
            try:
                self._commit(batch)
                wait = _FIRST_WAIT
                self.pace.committed(time.monotonic() - began)
            except Unavailable as error:
                self._unsure |= {(each.job_task_id, each.attempt) for each in batch.claims}
                self._put_back(batch)
                log.warning("held back", action="record-unavailable", error=str(error), held=len(self._held))
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            except Exception:
                log.exception("batch refused", action="record-failed", size=len(batch.outcomes))
                self._one_by_one(batch)
            finally:
                with self._changed:
                    self._claiming = False
                    self._changed.notify_all()

    def _take(self) -> Batch | None:
        """The next batch, once there is reason for one; None at the end."""
        with self._changed:
            while not (reason := self._reason()):
                if self._closing and not self._outcomes:
                    return None
                self._changed.wait(self._patience())
            batch = Batch()
            while self._outcomes and len(batch.outcomes) < self.pace.largest:
                batch.outcomes.append(self._outcomes.popleft())
            self._oldest = time.monotonic()
            if self._accepting and (reason == "claim" or self.pace.hungry(len(self._running))):
                room = self.pace.room(len(self._running))
                batch.claims = take(self._received, self._running.keys(), room)
                self._claiming = bool(batch.claims)
            return batch

    def _reason(self) -> str:
        running = len(self._running)
        if self._accepting and self.pace.hungry(running) and claimable(self._received, self._running.keys()):
            return "claim"
        if self._outcomes and (not running or self._closing or not self._patience()):
            return "record"
        return ""

    def _patience(self) -> float | None:
        """How long the oldest outcome may still wait for others; None: there is none."""
        if not self._outcomes:
            return None
        return max(0.0, self.pace.linger - (time.monotonic() - self._oldest))

    def _commit(self, batch: Batch) -> None:
        claims = [self._claim(each) for each in batch.claims]
        known = self._take_known(batch.outcomes)
        committed = commit(
            self._begin, self._settings, self.process, batch.outcomes, claims, known, self._unsure
        )
        self._unsure -= {(each.job_task_id, each.attempt) for each in batch.claims}
        self._known |= committed.rows
        self._dispatch(committed.messages)
        self._begin_work(batch.claims, committed)
        self._release(batch.outcomes)

    def _take_known(self, outcomes: Sequence[Transition]) -> dict[UUID, JobTaskRow]:
        """The rows to change; after a commit that failed, they are to be read."""
        rows = ((each.job_task_id, self._known.pop(each.job_task_id, None)) for each in outcomes)
        return {key: row for key, row in rows if row is not None}

    def _claim(self, message: Received) -> Transition:
        return Transition(
            job_task_id=message.job_task_id,
            target=JobTaskState.executing,
            actor=Actor.recorder,
            at=now(),
            attempt=message.attempt,
            process_id=self.process.id,
        )

    def _begin_work(self, claims: Sequence[Received], committed: Committed) -> None:
        refused = []
        for request in claims:
            assignment = committed.assignments.pop(request.job_task_id, None)
            if assignment is None:
                # somebody else has it, or it is over
                refused.append(request)
                continue
            with self._changed:
                self._running[request.job_task_id, request.attempt] = request
            self._start(request, assignment)
        if refused:
            self.acknowledge(refused)

    def _release(self, outcomes: Sequence[Transition]) -> None:
        with self._changed:
            waiting = [each for outcome in outcomes for each in self._held.pop(outcome.job_task_id, ())]
        if waiting:
            self.acknowledge(waiting)

    def _put_back(self, batch: Batch) -> None:
        with self._changed:
            self._outcomes.extendleft(reversed(batch.outcomes))
            if self._accepting:
                self._received.extendleft(reversed(batch.claims))

    def _one_by_one(self, batch: Batch) -> None:
        """Find the row that the database refuses, so that it spoils nothing but itself."""
        for outcome in batch.outcomes:
            single = Batch([outcome])
            try:
                self._commit(single)
            except Unavailable:
                self._put_back(single)
            except Exception as error:
                log.exception("refused", action="record-refused", job_task=str(outcome.job_task_id))
                self._record_refusal(outcome, error)
        self._put_back(Batch(claims=batch.claims))

    def _record_refusal(self, outcome: Transition, error: Exception) -> None:
        try:
            self._commit(Batch([unstorable(outcome, error)]))
        except Exception:
            log.exception("given up", action="record-lost", job_task=str(outcome.job_task_id))
            self._release([outcome])
