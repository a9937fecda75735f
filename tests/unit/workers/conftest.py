"""Running one worker in-process on bytes or on a file, with what every result must satisfy checked."""

import ensurepip
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from orchestrator.worker import AnalysisWorker, Findings, Sample

Analyse = Callable[..., Findings]

#: What PostgreSQL's jsonb, or a terminal, would not take.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]")
_RESULT_LIMIT = 4 << 20


@pytest.fixture
def analyse(tmp_path: Path) -> Analyse:
    """Run a worker on content; every call has a scratch folder of its own."""
    runs = iter(range(1_000_000))

    def run(worker: AnalysisWorker, content: bytes | Path, name: str = "sample", **about: object) -> Findings:
        folder = tmp_path / f"run{next(runs)}"
        scratch = folder / "scratch"
        scratch.mkdir(parents=True)
        data = content.read_bytes() if isinstance(content, Path) else content
        path = folder / "sample.bin"
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        sample = Sample(path=path, sha256=digest, size=len(data), scratch=scratch, file_name=name, **about)
        findings = worker(sample)
        check(findings, worker, scratch)
        return findings

    return run


def check(findings: Findings, worker: AnalysisWorker, scratch: Path) -> None:
    """What holds for every worker: a storable result of its own model, files that lie in scratch."""
    assert worker.result_model is not None
    assert isinstance(findings.result, worker.result_model)
    assert isinstance(findings.result, BaseModel)
    document = findings.result.model_dump_json()
    assert len(document) < _RESULT_LIMIT
    texts = [document.replace("\\n", ""), *(each.value for each in findings.tags)]
    texts += [each.name for each in (*findings.detections, *findings.children, *findings.evidence)]
    texts += [text for fact in findings.facts for text in (fact.key, fact.value)]
    for text in (*texts, *strings_in(json.loads(document))):
        assert not _FORBIDDEN.search(text), text
        text.encode()
    for each in (*findings.children, *findings.evidence):
        assert each.path.is_file()
        assert not each.path.is_symlink()
        assert each.path.resolve().is_relative_to(scratch.resolve())


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings_in(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings_in(part)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(scope="session")
def eicar() -> bytes:
    """The EICAR test file, put together here so that no file of this repository holds it whole."""
    return b"".join([rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-", b"FILE!$H+H*"])


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel of pip that Python carries with it."""
    return max((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))


@pytest.fixture(scope="session")
def launchers(wheel: Path) -> dict[str, bytes]:
    """The Windows launchers inside pip, by name: PE for x86, x86_64 and ARM64, console and window."""
    with zipfile.ZipFile(wheel) as archive:
        return {Path(name).name: archive.read(name) for name in archive.namelist() if name.endswith(".exe")}


@pytest.fixture(scope="session")
def python() -> Path:
    """The running interpreter, on Linux an ELF."""
    return Path(sys.executable).resolve()
