"""One warm sandbox per level, shared by the tests of a process; hostile workers, and files to protect."""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.sandbox import Level, Sandbox
from orchestrator.sandbox.detect import shortcoming
from orchestrator.worker import Sample

#: What any Linux machine that runs the tests in CI has.
EVERYWHERE = {Level.landlock, Level.rlimits}


@pytest.fixture(scope="session", params=list(Level))
def level(request) -> Level:
    """Every level in turn; one that this machine does not have is skipped on a laptop, not in CI."""
    reason = shortcoming(request.param)
    if reason and os.environ.get("CI") == "true" and request.param in EVERYWHERE:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.fixture(scope="session")
def hostile_module() -> Iterator[None]:
    """Fork servers that are started now find the hostile workers."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def sandbox(level, hostile_module) -> Iterator[Sandbox]:
    with Sandbox(level=level, preload=["hostile:limited"]) as running:
        yield running


@pytest.fixture
def make_sample(tmp_path) -> Callable[..., Sample]:
    def make(content: bytes = b"MZ sample", **options: str) -> Sample:
        folder = tmp_path / uuid.uuid4().hex
        scratch = folder / "scratch"
        scratch.mkdir(parents=True)
        path = folder / "content"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return Sample(path, sha256, len(content), scratch, file_name="a.exe", options=options)

    return make
