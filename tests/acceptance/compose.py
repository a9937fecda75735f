"""docker-compose.yml as it stands, its commands as plain processes."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from tests.integration.backends import dies_with_us
from tests.running import ASSAY, PATIENCE

FILE = Path(__file__).parents[2] / "docker-compose.yml"

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")


def load() -> dict[str, Any]:
    """The file, with variables replaced by their defaults."""
    text = FILE.read_text()
    parsed: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(lambda match: match[2] or "", text))
    return parsed


class Service:
    """One service of the file, with this machine's stores in place of those of its network."""

    def __init__(self, definition: Mapping[str, Any], folder: Path, replaced: Mapping[str, str]) -> None:
        program, *arguments = definition["command"]
        assert program == "assay"
        port = {"8585": replaced["port"], "0.0.0.0": "127.0.0.1"}
        self.command = [str(ASSAY), *(port.get(each, each) for each in arguments)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        settings = dict(definition["environment"])
        stores = {name: value for name, value in replaced.items() if name in settings}
        self.env = {**inherited, **settings, **stores, "ASSAY_DATA_DIR": str(folder / "data")}
        self._log = folder / f"{arguments[0]}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run it to its end, which must be good."""
        done = subprocess.run(
            self.command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                dies_with_us(self.command), env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._process is not None
        ended_by_itself = self._process.poll()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if kind is None:
            assert ended_by_itself is None, f"{self.command} ended by itself: {self.told()}"
            assert self._process.returncode == 0, f"{self.command} stopped badly: {self.told()}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def told(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]
