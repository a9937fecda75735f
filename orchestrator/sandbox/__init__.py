"""Runs a worker's function on hostile bytes in a confined, short-lived child process.

A parent (:class:`Sandbox`) gives orders to a fork server (``zygote``) that a program of its own
(``server``) keeps behind a wall (``wall``, ``view``). For each run the fork server forks a child
(``child``) that gives up what it does not need (``confine``: ``landlock``, ``seccomp``, limits) and
reports as JSON (``wire``). The parent watches (``run``) and takes over the files (``scratch``).
``docs/decisions/0001-sandbox.md`` says why.
"""

from orchestrator.sandbox.detect import detect, examine
from orchestrator.sandbox.outcome import Ending, Level, Outcome, SandboxUnavailable
from orchestrator.sandbox.sandbox import Sandbox

__all__ = ["Ending", "Level", "Outcome", "Sandbox", "SandboxUnavailable", "detect", "examine"]
