"""Each way out that somebody would try, at every level that claims to close it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import pytest

from orchestrator.sandbox import Ending, Level
from orchestrator.sandbox.scratch import disk_usage
from orchestrator.worker import Limits
from tests.unit.sandbox.helpers import eventually, idle, left_by

SECRET = "s3cr3t-" + uuid.uuid4().hex

#: With limits alone, a run can do to files and processes what its user can: the decision record says so.
needs_more_than_limits = pytest.mark.usefixtures("more_than_limits")


@pytest.fixture
def more_than_limits(level):
    if level is Level.rlimits:
        pytest.skip("limits alone do not protect the files and processes of the same user")


@pytest.fixture
def protected(tmp_path) -> list[Path]:
    """The settings, the database and somebody else's sample, as readable as such files can be."""
    paths = [tmp_path / "data" / each for each in ("settings.toml", "assay.db", "blobs/ab/other")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
        path.chmod(0o666)
    return paths


@needs_more_than_limits
def test_settings_database_and_other_samples_cannot_be_read(sandbox, make_sample, protected):
    keys = [Path.home() / ".ssh" / "id_rsa", Path("/etc/shadow"), Path(f"/proc/{os.getpid()}/environ")]
    paths = list(map(str, (*protected, *keys)))
    outcome = sandbox.run("hostile:read", make_sample(paths=json.dumps(paths)))
    assert outcome.ending is Ending.finished
    assert set(outcome.findings.result.values()) == {None}
    assert len(outcome.findings.result) == 6


def test_a_checkout_shows_its_modules_only(level, sandbox, make_sample):
    root = Path(__file__).parents[3]
    paths = [str(root / each) for each in ("orchestrator/worker.py", "pyproject.toml")]
    outcome = sandbox.run("hostile:read", make_sample(paths=json.dumps(paths)))
    module, settings = outcome.findings.result.values()
    assert module
    assert settings is None or level is Level.rlimits


def test_the_environment_is_not_the_services(sandbox, make_sample):
    result = sandbox.run("hostile:environment", make_sample()).findings.result
    assert set(result["now"]) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE"}
    assert "ASSAY" not in result["at_start"]
    assert "PYTEST" not in result["at_start"]


@needs_more_than_limits
def test_other_processes_and_other_runs_are_out_of_sight(sandbox, make_sample):
    with subprocess.Popen(["sleep", "600"], env={"TOKEN": SECRET}) as service:
        stop = threading.Event()
        other = threading.Thread(
            target=sandbox.run,
            args=("hostile:sleep", make_sample(SECRET.encode())),
            kwargs={"cancelled": stop.is_set},
        )
        try:
            other.start()
            assert eventually(lambda: len(left_by(sandbox)) >= 5)
            sample = make_sample(secret=SECRET, temporary=tempfile.gettempdir())
            outcome = sandbox.run("hostile:look_around", sample)
        finally:
            stop.set()
            other.join()
            service.kill()
    assert outcome.ending is Ending.finished
    assert outcome.findings.result["secret_seen"] is False


@pytest.fixture
def listeners():
    """Something that listens on loopback, on a socket file and on an abstract socket."""
    tcp = socket.create_server(("127.0.0.1", 0))
    path = tempfile.mktemp(prefix="assay-test-")  # a socket's path is limited to 107 bytes
    named = socket.socket(socket.AF_UNIX)
    named.bind(path)
    Path(path).chmod(0o777)
    abstract_name = uuid.uuid4().hex
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0" + abstract_name)
    with tcp, named, abstract:
        named.listen()
        abstract.listen()
        yield {"port": str(tcp.getsockname()[1]), "path": path, "abstract": abstract_name}
    Path(path).unlink()


def test_there_is_nothing_to_connect_to(sandbox, make_sample, listeners):
    outcome = sandbox.run("hostile:connect", make_sample(**listeners))
    assert outcome.ending is Ending.finished
    assert outcome.findings.result["ways"] == []


def test_a_worker_that_may_use_the_network_reaches_it(sandbox, make_sample, listeners):
    outcome = sandbox.run("hostile:connect", make_sample(**listeners), network=True)
    assert "loopback" in outcome.findings.result["ways"]


def test_a_fork_bomb_is_put_out(sandbox, make_sample):
    limits = Limits(seconds=5, processes=8)
    outcome = sandbox.run("hostile:fork_bomb", make_sample(), limits=limits)
    assert outcome.ending in {Ending.crashed, Ending.timeout}
    assert eventually(lambda: idle(sandbox))
    assert sandbox.run("hostile:honest", make_sample()).ending is Ending.finished


@pytest.mark.parametrize("worker", ["fill", "many_files"])
def test_the_scratch_folder_has_an_end(sandbox, make_sample, worker):
    sample = make_sample()
    largest = 0

    def measure() -> bool:
        nonlocal largest
        bases = Path(tempfile.gettempdir()).glob(f"{Path(sandbox._server._base).name or 'none'}/*/scratch")
        largest = max([largest, *(disk_usage(str(each))[0] for each in bases)])
        return False

    limits = Limits(seconds=60, scratch_mb=16)
    outcome = sandbox.run(f"hostile:{worker}", sample, limits=limits, cancelled=measure)
    assert outcome.ending in {Ending.crashed, Ending.failed, Ending.finished}
    assert worker == "fill" or outcome.ending is not Ending.finished
    # without a file system of its own the folder is measured ten times a second
    assert largest < 2 << 30
    assert sandbox.run("hostile:honest", make_sample()).ending is Ending.finished


@pytest.mark.parametrize("worker", ["allocate", "allocate_shared"])
def test_ten_gigabytes_are_not_to_be_had(sandbox, make_sample, worker):
    outcome = sandbox.run(f"hostile:{worker}", make_sample(), limits=Limits(memory_mb=256))
    assert outcome.ending is Ending.crashed
    assert "memory" in outcome.message


@pytest.mark.parametrize("worker", ["spin", "backtrack"])
def test_a_loop_in_c_ends_with_the_time(sandbox, make_sample, worker):
    outcome = sandbox.run(f"hostile:{worker}", make_sample(), limits=Limits(seconds=1))
    assert (outcome.ending, outcome.message) == (Ending.timeout, "still running after 1 s")


def test_cpu_time_has_a_limit_of_its_own(sandbox, make_sample):
    outcome = sandbox.run("hostile:spin", make_sample(), limits=Limits(seconds=120, cpu_seconds=1))
    assert (outcome.ending, outcome.message) == (Ending.timeout, "used more than 1 s of CPU time")


def test_a_segmentation_fault_is_a_crash(sandbox, make_sample):
    outcome = sandbox.run("hostile:segfault", make_sample())
    assert (outcome.ending, outcome.message) == (Ending.crashed, "killed by SIGSEGV")


def test_an_abort_says_what_it_said_last(sandbox, make_sample):
    outcome = sandbox.run("hostile:abort", make_sample())
    assert outcome.ending is Ending.crashed
    assert outcome.message.endswith("assertion failed: parser.c:17")


@pytest.mark.parametrize("worker", ["shout", "long_report"])
def test_more_output_than_allowed_is_refused(sandbox, make_sample, worker):
    outcome = sandbox.run(f"hostile:{worker}", make_sample(), limits=Limits(output_mb=1))
    assert (outcome.ending, outcome.message) == (Ending.refused, "more than 1 MiB of output")


@needs_more_than_limits
def test_nothing_outside_can_be_written(sandbox, make_sample, protected):
    paths = [*map(str, protected), str(protected[0].parent / "new"), str(Path(__file__).parent / "new.py")]
    sample = make_sample(paths=json.dumps([*paths, "/usr/lib/new", "/new", "/dev/new", "/sample/new"]))
    outcome = sandbox.run("hostile:write", sample)
    assert outcome.findings.result["written"] == []
    assert {path.read_text() for path in protected} == {SECRET}


def test_the_stored_sample_stays_as_it_is(sandbox, make_sample):
    sample = make_sample(b"original", paths="[]")
    assert sandbox.run("hostile:write", sample).ending is Ending.finished
    assert sample.path.read_bytes() == b"original"


def test_no_daemon_stays(sandbox, make_sample):
    outcome = sandbox.run("hostile:daemon", make_sample())
    assert outcome.ending is Ending.finished
    assert eventually(lambda: idle(sandbox), 5)


def test_no_rights_and_no_descriptors_are_left(sandbox, make_sample):
    outcome = sandbox.run("hostile:privileges", make_sample())
    left = outcome.findings.result
    assert (left["CapEff"], left["CapPrm"], left["CapAmb"]) == (0, 0, 0)
    assert left["NoNewPrivs"] == 1
    assert left["Seccomp"] == 2 or sys.platform != "linux"
    # the report's
    assert left["open"] <= 1


def test_a_run_of_a_root_service_reads_no_private_files_where_it_can_become_somebody_else(
    sandbox, make_sample, protected
):
    user = sandbox.run("hostile:privileges", make_sample()).findings.result["user"]
    if os.geteuid() != 0 or user == 0:
        pytest.skip("the service is not root, or its Python is for root only")
    for path in protected:
        path.chmod(0o600)
    outcome = sandbox.run("hostile:read", make_sample(paths=json.dumps(list(map(str, protected)))))
    assert set(outcome.findings.result.values()) == {None}


def test_no_files_of_a_run_stay(sandbox, make_sample):
    sandbox.run("hostile:honest", make_sample())
    base = sandbox._server._base
    assert not base or not list(Path(base).iterdir())
