"""Runs a worker in its author's own tests, with no stack.

::

    def test_length() -> None:
        assert run(length, b"abc").result == {"bytes": 3}
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from orchestrator.local import sample_at
from orchestrator.sandbox import Outcome, Sandbox, wire
from orchestrator.worker import AnalysisWorker, Findings, Limits, Sample

__all__ = ["make_sample", "run", "run_sandboxed"]


def make_sample(content: bytes | Path, **about: Any) -> Sample:
    """A sample of these bytes, or of this file, with an empty scratch folder.

    ``about`` are further fields of :class:`~orchestrator.worker.Sample`: ``file_name``, ``type``,
    ``super_type``, ``options``, or a ``scratch`` folder. What this makes is gone when Python ends.
    """
    folder = Path(tempfile.mkdtemp(prefix="assay-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    scratch = about.pop("scratch", folder / "scratch")
    scratch.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        return sample_at(content, scratch, **about)
    path = folder / "sample"
    path.write_bytes(content)
    return sample_at(path, scratch, **about)


def run(worker: AnalysisWorker, content: bytes | Path, **about: Any) -> Findings:
    """Call the worker in this process; its findings, once it is sure that Assay would take them.

    What the worker raises comes through. Raises :class:`TypeError` or :class:`ValueError` where the
    findings could not be stored: a file outside the scratch folder, or what JSON cannot say.
    """
    sample = make_sample(content, **about)
    findings = worker(sample)
    if not isinstance(findings, Findings):
        raise TypeError(f"{worker.name} returned {type(findings).__name__}, not Findings")
    wire.decode(wire.encode("finished", "", wire.flatten(findings, worker, sample.scratch)))
    return findings


def run_sandboxed(
    worker: str, content: bytes | Path, *, limits: Limits | None = None, network: bool = False, **about: Any
) -> Outcome:
    """Run an installed worker, or the one at ``module:attribute``, as Assay would; however that ends."""
    sample = make_sample(content, **about)
    with Sandbox(preload=[worker]) as sandbox:
        return sandbox.run(worker, sample, limits=limits, network=network)
