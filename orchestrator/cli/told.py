"""A sample as the API tells of it, for a worker that runs here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.cli.failure import Failure
from orchestrator.local import sample_at
from orchestrator.settings import Settings
from orchestrator.worker import Sample


def sample_of(told: Mapping[str, Any], path: Path, scratch: Path, settings: Settings) -> Sample:
    """The sample whose bytes were fetched to ``path``; :class:`Failure` where they are not its bytes."""
    sample = sample_at(
        path,
        scratch,
        file_name=told["fileName"],
        type=told["type"],
        super_type=told["superType"],
        options={**settings.worker_options, **told["options"]},
    )
    if sample.sha256 != told["sha256"]:
        raise Failure(f"the sample's bytes have the SHA-256 {sample.sha256}, not {told['sha256']}")
    return sample
