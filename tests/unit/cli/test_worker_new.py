"""What `assay worker new` writes, and what it refuses to."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.cli.failure import Failure, Status
from orchestrator.cli.worker_new import new
from orchestrator.testing import run


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["none", "run", "pytest", "sample", "findings", "base64", "two-words"])
def test_names_that_python_uses(name: str, tmp_path: Path) -> None:
    """The names of the package's own parts never collide with a worker's."""
    new(name, tmp_path / "package")
    function = name.replace("-", "_")
    worker = getattr(load(tmp_path / "package" / f"assay_{function}.py"), function)
    assert worker.name == name
    assert run(worker, b"one\ntwo\n").result.model_dump() == {"bytes": 8, "lines": 2}
    test = tmp_path / "package" / "tests" / f"test_assay_{function}.py"
    compile(test.read_text(), str(test), "exec")


@pytest.mark.parametrize("name", ["Upper", "a b", "../up", "class", "-x-", "a--b", "é", "x" * 65, ""])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    """What cannot be a module, an entry point and a queue is refused, and nothing is written."""
    with pytest.raises(Failure, match="cannot be a worker's name") as refused:
        new(name, tmp_path / "package")
    assert refused.value.status is Status.usage
    assert not (tmp_path / "package").exists()


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "mine.txt").touch()
    with pytest.raises(Failure, match="File exists"):
        new("mine", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
