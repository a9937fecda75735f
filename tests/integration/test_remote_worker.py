"""Real remote workers against a served API: one is killed, another is stopped, everything gets done."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select

from orchestrator.domain.vocabulary import Role
from orchestrator.services.sweeping import sweep_once
from orchestrator.services.watching import Watch
from orchestrator.store.tables import WorkerProcess
from tests.integration.api import Api
from tests.integration.backends import dies_with_us, eventually
from tests.integration.house import _installed_beside, end

pytestmark = pytest.mark.timeout(480)


@contextmanager
def served(api: Api) -> Iterator[str]:
    """The URL at which the app is served from a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(api.app, log_config=None, ws="none", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def sweeping(api: Api) -> Iterator[None]:
    closing = threading.Event()
    watch = Watch(api.settings.worker_lease)

    def sweep() -> None:
        while not closing.wait(0.2):
            sweep_once(api.begin, lambda _: None, api.settings, watch)

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


class Place:
    """A served API, and hosts that have nothing but a key."""

    def __init__(self, api: Api, url: str, folder: Path, stack: ExitStack) -> None:
        self.api, self.url, self._folder, self._stack = api, url, folder, stack
        self.logs: list[Path] = []
        self._site = _installed_beside(Path(tempfile.mkdtemp(prefix="assay-behaving-")))

    def start(self, key: str, names: Sequence[str] = ("behave", "steady")) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        paths = [str(self._site), *filter(None, [env.get("PYTHONPATH")])]
        env |= {"PYTHONPATH": os.pathsep.join(paths), "ASSAY_API_KEY": key, "HOME": str(self._folder)}
        command = [sys.executable, "-m", "orchestrator", "worker", "--remote", self.url]
        self.logs.append(self._folder / f"remote-{len(self.logs)}.log")
        with self.logs[-1].open("wb") as log:
            process = subprocess.Popen(
                dies_with_us([*command, "--workers", ",".join(names)]),
                env=env,
                stderr=log,
                stdout=subprocess.DEVNULL,
                cwd=self._folder,
            )
        self._stack.callback(end, process)
        return process

    def pids(self) -> set[int]:
        with self.api.begin(write=False) as uow:
            return set(
                uow.session.scalars(select(WorkerProcess.pid).where(WorkerProcess.stopped_at.is_(None)))
            )

    def plan(self, content: bytes, *names: str) -> str:
        submission = self.api.submit(content)
        path = f"/sample/{submission['sampleSha256']}/reanalyse"
        job: str = self.api.put(path, {"workers": names}).json()["data"]["id"]
        return job

    def tasks(self, job: str) -> dict[str, dict[str, Any]]:
        return {each["worker"]: each for each in self.api.get(f"/job/{job}/tasks").json()["data"]}

    def history(self, job: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.api.get(f"/job/{job}/history").json()["data"]
        return rows


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    # on a busy machine, one that lives may be silent for a while
    api = Api(tmp_path, worker_lease=5.0, heartbeat_interval=0.5, max_attempts=20)
    with ExitStack() as stack:
        stack.callback(api.close)
        url = stack.enter_context(served(api))
        stack.enter_context(sweeping(api))
        yield Place(api, url, tmp_path, stack)


def test_two_remote_workers_of_which_one_is_killed(place: Place) -> None:
    """All job tasks finish, those of the killed one as attempt 2; a stopped one gives its job task back."""
    key = place.api.keys[Role.analyzer]
    workers = {each.pid: each for each in (place.start(key), place.start(key))}
    eventually(lambda: place.pids() >= set(workers), "the remote workers do not register")
    slow = place.plan(b"sleep 3", "behave")
    killed = eventually(lambda: [each for each in place.history(slow) if each["target"] == "executing"])
    jobs = [
        place.plan(order, "behave", "steady") for order in (b"files", b"raise", b"nothing", b"unstorable")
    ]
    victim = int(killed[0]["by"].rpartition(":")[2])
    workers[victim].send_signal(signal.SIGKILL)

    def done() -> bool:
        states = [place.api.get(f"/job/{job}").json()["data"]["state"] for job in (slow, *jobs)]
        return set(states) == {"done"}

    eventually(done, "not everything is done")
    assert place.tasks(slow)["behave"]["state"] == "success"
    assert "lost" in [each.get("cause") for each in place.history(slow)]
    assert place.history(slow)[-1]["attempt"] > 1
    states = [place.tasks(job)["behave"]["state"] for job in jobs]
    assert states == ["success", "failed", "success", "success"]
    assert {place.tasks(job)["steady"]["state"] for job in jobs} == {"success"}

    [left] = [each for pid, each in workers.items() if pid != victim]
    last = place.plan(b"sleep 15", "behave")
    eventually(lambda: place.tasks(last)["behave"]["state"] == "executing")
    left.send_signal(signal.SIGTERM)
    assert left.wait(60) == 0
    assert place.tasks(last)["behave"]["state"] == "enqueued"
    assert place.history(last)[-1]["cause"] == "released"


def test_a_wrong_key_ends_the_process(place: Place) -> None:
    """A role below the analyzer's and no key at all: one line, and exit status 4."""
    for key in (place.api.keys[Role.user], ""):
        refused = place.start(key)
        status = refused.wait(120)
        said = place.logs[-1].read_text()
        assert status == 4, said
        assert len(said.splitlines()) == 1, said
