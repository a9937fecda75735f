"""A run's own process: from the fork to the report. Everything hostile happens here."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from orchestrator.sandbox import linux, wire
from orchestrator.sandbox.confine import House, Place, give_up, make_place, put_sample, separate
from orchestrator.worker import (
    AnalysisWorker,
    Findings,
    Limits,
    NothingForMe,
    Sample,
    TemporaryError,
    find,
)

#: The exit status of a child that could not be confined and so never looked at the sample.
NOT_CONFINED = 90
#: The bytes of an order, at most.
MAX_ORDER = 1 << 20
_MESSAGE_LENGTH = 2000
_MOST_DESCRIPTORS = 1 << 20


@dataclass(frozen=True, slots=True)
class Order:
    """One run as the parent asks for it; the sample's paths are still to be filled in."""

    run: str
    worker: str
    sample: Mapping[str, Any]
    limits: Limits
    network: bool


@dataclass(frozen=True, slots=True)
class Ends:
    """File descriptors that a run gets: the sample, and where its report and its output go."""

    sample: int
    report: int
    output: int


def resolve(name: str) -> AnalysisWorker:
    """The worker of this name, or the one at ``module:attribute``."""
    module, colon, attribute = name.partition(":")
    if not colon:
        return find(name)
    worker = getattr(importlib.import_module(module), attribute)
    if not isinstance(worker, AnalysisWorker):
        raise TypeError(f"{name} is not an analysis worker")
    return worker


def live(line: socket.socket, loaded: Mapping[str, AnalysisWorker], house: House) -> NoReturn:
    """Be the child of one run: get ready, wait for the order, carry it out, and end.

    ``loaded`` are the workers that the fork server has imported; any other is imported here.
    """
    status = NOT_CONFINED
    try:
        _start_afresh(line.fileno())
        failure = _get_ready(house)
        order, ends = _receive(line)
        if failure:
            raise failure  # noqa: TRY301 - reported like any other, now that somebody listens
        with socket.socket(fileno=ends.report) as report:
            place = _confine(order, house, ends, report)
            status = 1
            sample = _sample(order, place)
            report.sendall(_analyse(order.worker, loaded.get(order.worker), sample))
            status = 0
    except BaseException as error:  # noqa: BLE001 - nothing may unwind into the fork server's frames
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)


def _start_afresh(line: int) -> None:
    linux.prctl(linux.PR_SET_DUMPABLE, 1)
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    os.closerange(3, line)
    os.closerange(line + 1, _MOST_DESCRIPTORS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    gc.enable()


def _get_ready(house: House) -> OSError | None:
    if house.level.walled:
        try:
            separate()
        except OSError as error:
            return error
    return None


def _receive(line: socket.socket) -> tuple[Order, Ends]:
    message, descriptors, _, _ = socket.recv_fds(line, MAX_ORDER, 3)
    if not message:
        # never needed
        os._exit(0)
    line.close()
    asked = json.loads(message)
    ends = Ends(*descriptors)
    os.dup2(ends.output, 1)
    os.dup2(ends.output, 2)
    os.close(ends.output)
    return Order(limits=Limits(**asked.pop("limits")), **asked), ends


def _confine(order: Order, house: House, ends: Ends, report: socket.socket) -> Place:
    place = make_place(house, order.run, order.sample["sha256"], order.limits, network=order.network)
    put_sample(ends.sample, place, walled=house.level.walled)
    folder = os.open(place.scratch, os.O_RDONLY | os.O_DIRECTORY)
    socket.send_fds(report, [b"\n"], [folder])
    os.close(folder)
    os.environ.clear()
    os.environ.update(
        PATH=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        HOME=str(place.scratch),
        TMPDIR=str(place.scratch),
        LANG="C.UTF-8",
    )
    # an import in the fork server may have settled on the folder that was right there
    tempfile.tempdir = None
    os.chdir(place.scratch)
    os.umask(0o022)
    give_up(house, place, order.limits, network=order.network)
    return place


def _sample(order: Order, place: Place) -> Sample:
    return Sample(path=place.sample, scratch=place.scratch, **order.sample)


def _analyse(name: str, loaded: AnalysisWorker | None, sample: Sample) -> bytes:
    try:
        worker = loaded or resolve(name)
        findings = worker(sample)
        if not isinstance(findings, Findings):
            raise TypeError(f"the worker returned {type(findings).__name__}, not Findings")  # noqa: TRY301
        return wire.encode("finished", "", wire.flatten(findings, worker, sample.scratch))
    except NothingForMe as error:
        return wire.encode("nothing", _cut(str(error)))
    except TemporaryError as error:
        return wire.encode("temporary", _cut(str(error)))
    except MemoryError:
        return wire.encode("crashed", "MemoryError: no memory left within the limit")
    except BaseException as error:  # noqa: BLE001 - a worker that raises SystemExit has failed too
        return wire.encode("failed", _cut(f"{type(error).__name__}: {error}"))


def _cut(message: str) -> str:
    return message[:_MESSAGE_LENGTH]
