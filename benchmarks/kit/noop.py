"""Analysis workers that do nothing, installed for the worker processes of a benchmark alone."""

from __future__ import annotations

from pathlib import Path

#: A job's worth of them.
NAMES = tuple(f"noop-{number}" for number in range(1, 9))

_MODULE = '''"""Analysis workers that do nothing."""

from orchestrator.worker import Findings, analysis_worker


def _make(name):
    @analysis_worker(name, version="1.0")
    def noop(sample):
        """Does nothing."""
        return Findings()

    return noop


'''


def install(folder: Path) -> Path:
    """Write the package; the folder to put on ``PYTHONPATH``."""
    where = folder / "noop"
    metadata = where / "assay_noop-1.0.dist-info"
    metadata.mkdir(parents=True)
    attributes = {name: name.replace("-", "_") for name in NAMES}
    made = "".join(f'{attribute} = _make("{name}")\n' for name, attribute in attributes.items())
    (where / "assay_noop.py").write_text(_MODULE + made)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: assay-noop\nVersion: 1.0\n")
    points = "".join(f"{name} = assay_noop:{attribute}\n" for name, attribute in attributes.items())
    (metadata / "entry_points.txt").write_text(f"[assay.workers]\n{points}")
    return where
