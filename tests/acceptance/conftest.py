"""The real command line as a subprocess, against one running stack per test process."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

# before the imports, or their asserts would say nothing about what they compared
pytest.register_assert_rewrite("tests.running", "tests.acceptance.processes")

from tests.running import ASSAY, PATIENCE, Stack, running_stack  # noqa: E402


@dataclass
class Assay:
    """Runs `assay` with an environment of its own."""

    env: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: object, stdin: bytes | None = None, status: int = 0, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit status."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        done = subprocess.run(
            [str(ASSAY), *map(str, arguments)],
            env={**inherited, **self.env, **more},
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        result = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        assert result.returncode == status, (
            f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
        )
        return result

    def json(self, *arguments: object, **options: Any) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self(*arguments, "--json", **options).stdout)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("acceptance")) as running:
        yield running


@pytest.fixture
def assay(stack: Stack, tmp_path: Path) -> Assay:
    """The command line on the stack's own machine."""
    return Assay({"ASSAY_DATA_DIR": str(stack.data), "XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.fixture
def bare(tmp_path: Path) -> Assay:
    """The command line where no Assay can be found."""
    return Assay({"ASSAY_DATA_DIR": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path)})
