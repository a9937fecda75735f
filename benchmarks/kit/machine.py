"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

_LIBRARIES = ("celery", "kombu", "sqlalchemy", "psycopg", "redis", "fastapi", "uvicorn")


def describe() -> list[tuple[str, str]]:
    """Facts of the machine and of what runs on it: name and value."""
    memory = psutil.virtual_memory().total / 2**30
    return [
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("disk", _disk()),
        ("system", f"{_system()}, Linux {platform.release().split('-')[0]}"),
        ("Python", platform.python_version()),
        ("libraries", ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)),
        (
            "PostgreSQL",
            f"{_said(postgres_program('postgres'), '--version')}, as initdb leaves it",
        ),
        ("Redis", _said(shutil.which("redis-server"), "--version")),
        ("RabbitMQ", f"{_said(shutil.which('rabbitmqctl'), 'version')}, quorum queues"),
    ]


def circumstances() -> str:
    """When, of what version, and how busy the machine was before."""
    load = os.getloadavg()[1]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when}, commit {_commit()}, load average {load:.1f} over the five minutes before it was written"


def postgres_program(name: str) -> str | None:
    """Where a program of the PostgreSQL server is: Debian keeps it out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else shutil.which(name)


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _disk() -> str:
    usage = psutil.disk_usage("/")
    return f"{usage.total / 2**30:.0f} GiB"


def _system() -> str:
    release = Path("/etc/os-release")
    found = (
        re.search(r'^PRETTY_NAME="(.+)"$', release.read_text(), re.MULTILINE) if release.exists() else None
    )
    return found[1] if found else platform.system()


def _said(program: str | None, *arguments: str) -> str:
    """The version in what a program says of itself."""
    if program is None:
        return "not installed"
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "unknown"
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout)
    return found[0] if found else "unknown"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() or "unknown"
