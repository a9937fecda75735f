"""Waiting for what must come, and looking at a sandbox's processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.sandbox import Sandbox
from orchestrator.sandbox.processes import descendants


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether the condition comes true within a generous time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def left_by(sandbox: Sandbox) -> set[int]:
    """The processes below the sandbox's fork server."""
    assert sandbox._server is not None
    return set(descendants(sandbox._server.process_id))


def idle(sandbox: Sandbox) -> bool:
    """Whether there is nothing but the fork server itself and one child that waits for an order."""
    return len(left_by(sandbox)) == 2


def zygote(sandbox: Sandbox) -> int:
    """The process that forks the runs: the last but one of the idle fork server's chain."""
    assert eventually(lambda: idle(sandbox))
    return descendants(sandbox._server.process_id)[-2]
