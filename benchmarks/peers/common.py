"""What the peers' scripts share; standard library alone, for it runs in every peer's environment.

A script offers ``prepare``, ``publish``, ``work`` and, where state is in SQL, ``watch``; its first argument
chooses. Where things are comes from the environment: ``BENCH_FOLDER``, ``BENCH_BROKER`` (a Redis socket's
path or an AMQP URL), ``BENCH_DATABASE`` (a PostgreSQL URL) and ``BENCH_COUNT``.
"""

import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(os.environ["BENCH_FOLDER"])
BROKER = os.environ["BENCH_BROKER"]
DATABASE = os.environ["BENCH_DATABASE"]
COUNT = int(os.environ["BENCH_COUNT"])

_STAMP = struct.Struct("=16sd")
_FILE = os.open(FOLDER / "stamps", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
_NOBODY = bytes(16)


def stamp() -> None:
    """A run began."""
    os.write(_FILE, _STAMP.pack(_NOBODY, time.monotonic()))


def await_go(name: str) -> None:
    """Say that everything is imported; return when all are let go."""
    (FOLDER / f"{name}.ready").touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.002)


def watch(recorded: Callable[[], int]) -> None:
    """Write down when everything was recorded."""
    await_go("watch")
    while recorded() < COUNT:
        time.sleep(0.05)
    draft = FOLDER / "ended.new"
    draft.write_text(repr(time.monotonic()))
    draft.replace(FOLDER / "ended")


def run(**commands: Callable[[], object]) -> None:
    """Do what the first argument names."""
    name = sys.argv[1]
    if name == "work":
        await_go(sys.argv[2])
    commands[name]()


def counted(statement: str) -> Callable[[], int]:
    """Runs a counting statement on a connection that is kept."""
    import psycopg  # noqa: PLC0415 - not in every peer's environment

    connection = psycopg.connect(DATABASE, autocommit=True)

    def count() -> int:
        row = connection.execute(statement).fetchone()
        return row[0] if row else 0

    return count
