"""Workers that try to get out, each saying in its result how far it came."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.worker import (
    Child,
    Classification,
    Detection,
    Evidence,
    Fact,
    Findings,
    Limits,
    NothingForMe,
    Sample,
    Tag,
    TemporaryError,
    analysis_worker,
)


def _worker(function):
    return analysis_worker(function.__name__, version="1.0")(function)


def _readable(path) -> str | None:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return (file.read() or b"").decode(errors="replace")
    except OSError:
        return None


@_worker
def honest(sample: Sample) -> Findings:
    """Uses every part of the contract."""
    evidence = sample.scratch / "inner" / "macro.txt"
    evidence.parent.mkdir()
    evidence.write_bytes(b"rendered")
    child = sample.scratch / "child.bin"
    child.write_bytes(sample.data[:4])
    return Findings(
        score=77,
        result={"size": sample.size, "options": dict(sample.options), "name": sample.file_name},
        detections=[Detection("Test", "malicious")],
        tags=[Tag("family", "test")],
        facts=[Fact("key", "value")],
        evidence=[Evidence(evidence, "macro", "text/plain", potentially_malicious=True)],
        children=[Child(child, "child.bin")],
        classification=Classification("pe", "executable", meta_data={"a": "b"}),
        possible_detections=3,
    )


#: As some libraries do on import: it settles the temporary folder for the whole process.
_ON_IMPORT = tempfile.gettempdir()


@_worker
def temporary_file(sample: Sample) -> Findings:
    with tempfile.NamedTemporaryFile() as file:
        return Findings(result={"in_scratch": Path(file.name).is_relative_to(sample.scratch)})


@_worker
def nothing(sample: Sample) -> Findings:
    raise NothingForMe("not mine")


@_worker
def temporary(sample: Sample) -> Findings:
    raise TemporaryError("later")


@_worker
def raising(sample: Sample) -> Findings:
    raise ValueError("bad header")


@_worker
def leaving(sample: Sample) -> Findings:
    sys.exit(0)


@analysis_worker("limited", version="1.0", limits=Limits(seconds=0.5))
def limited(sample: Sample) -> Findings:
    """Has limits of its own that it does not keep to."""
    time.sleep(60)
    return Findings()


@_worker
def read(sample: Sample) -> Findings:
    """Reads the files named in the option."""
    paths = json.loads(sample.options["paths"])
    return Findings(result={path: _readable(path) for path in paths})


@_worker
def look_around(sample: Sample) -> Findings:
    """Collects whatever it can read in the environments of processes and in other runs' folders."""
    patterns = (
        *("proc/[0-9]*/environ", "proc/[0-9]*/cmdline", "proc/[0-9]*/root/sample/*"),
        *("tmp/*/*/sample/*", "sample/*", f"{sample.options['temporary'][1:]}/*/*/sample/*"),
    )
    places = [each for pattern in patterns for each in Path("/").glob(pattern)]
    seen = "".join(_readable(each) or "" for each in places if each != sample.path)
    return Findings(result={"secret_seen": sample.options["secret"] in seen})


@_worker
def environment(sample: Sample) -> Findings:
    own = Path("/proc/self/environ")
    return Findings(result={"now": dict(os.environ), "at_start": _readable(own) or ""})


def _connects(family: socket.AddressFamily, kind: socket.SocketKind, address) -> bool:
    try:
        with socket.socket(family, kind) as client:
            client.settimeout(5)
            client.connect(address)
            client.send(b"out")
            return True
    except OSError:
        return False


@_worker
def connect(sample: Sample) -> Findings:
    """Tries every way out; names those that led somewhere."""
    port, path, abstract = (sample.options[each] for each in ("port", "path", "abstract"))
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    ways = {
        "loopback": (socket.AF_INET, stream, ("127.0.0.1", int(port))),
        "udp": (socket.AF_INET, datagram, ("127.0.0.1", int(port))),
        "unix": (socket.AF_UNIX, stream, path),
        "abstract": (socket.AF_UNIX, stream, "\0" + abstract),
    }
    return Findings(result={"ways": [name for name, way in ways.items() if _connects(*way)]})


@_worker
def fork_bomb(sample: Sample) -> Findings:
    while True:
        with contextlib.suppress(OSError):
            os.fork()


@_worker
def fill(sample: Sample) -> Findings:
    """Fills the disk with a few large files, then with whatever still fits."""
    block = b"x" * (1 << 20)
    for number in itertools.count():
        with contextlib.suppress(OSError), (sample.scratch / str(number)).open("wb") as file:
            while True:
                file.write(block)
        if number > 2000:
            break
    return Findings()


@_worker
def many_files(sample: Sample) -> Findings:
    for number in range(200_000):
        (sample.scratch / str(number)).touch()
    return Findings()


@_worker
def allocate(sample: Sample) -> Findings:
    return Findings(result={"size": len(bytearray(10 << 30))})


@_worker
def allocate_shared(sample: Sample) -> Findings:
    """Memory that no limit of a process counts."""
    memory = mmap.mmap(-1, 10 << 30)
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    return Findings()


@_worker
def spin(sample: Sample) -> Findings:
    return Findings(result={"sum": sum(itertools.repeat(1))})


@_worker
def backtrack(sample: Sample) -> Findings:
    return Findings(result={"found": bool(re.match(r"(a+)+$", "a" * 60 + "b"))})


@_worker
def sleep(sample: Sample) -> Findings:
    subprocess.Popen(["/bin/sh", "-c", "sleep 600 & sleep 600"])
    time.sleep(600)
    return Findings()


@_worker
def segfault(sample: Sample) -> Findings:
    ctypes.string_at(0)
    return Findings()


@_worker
def abort(sample: Sample) -> Findings:
    os.write(2, b"assertion failed: parser.c:17\n")
    os.abort()


@_worker
def shout(sample: Sample) -> Findings:
    """A gigabyte on standard output."""
    block = b"x" * (1 << 20)
    for _ in range(1024):
        os.write(1, block)
    return Findings()


@_worker
def long_report(sample: Sample) -> Findings:
    return Findings(result={"text": "x" * (64 << 20)})


@_worker
def write(sample: Sample) -> Findings:
    """Writes over everything named in the option and over its own sample; names what that changed."""
    written = []
    for path in [*json.loads(sample.options["paths"]), str(sample.path)]:
        with contextlib.suppress(OSError):
            Path(path).chmod(0o666)
        with contextlib.suppress(OSError):
            Path(path).write_text("overwritten")
            written.append(path)
    return Findings(result={"written": written})


@_worker
def daemon(sample: Sample) -> Findings:
    """Leaves processes behind that did all to be on their own."""
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork() == 0:
                for descriptor in range(64):
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
                time.sleep(600)
            os._exit(0)
    time.sleep(0.2)
    return Findings()


@_worker
def escape_by_link(sample: Sample) -> Findings:
    link = sample.scratch / "link"
    link.symlink_to(sample.options["target"])
    return Findings(evidence=[Evidence(link, "link")])


@_worker
def escape_through_folder_link(sample: Sample) -> Findings:
    target = Path(sample.options["target"])
    (sample.scratch / "folder").symlink_to(target.parent)
    return Findings(evidence=[Evidence(sample.scratch / "folder" / target.name, "link")])


@_worker
def hand_over_a_fifo(sample: Sample) -> Findings:
    os.mkfifo(sample.scratch / "fifo")
    return Findings(children=[Child(sample.scratch / "fifo")])


@_worker
def hand_over_what_lies_outside(sample: Sample) -> Findings:
    return Findings(evidence=[Evidence(Path("/etc/passwd"), "passwd")])


@_worker
def multiply_by_links(sample: Sample) -> Findings:
    """One file under many names, each to be copied."""
    first = sample.scratch / "0"
    first.write_bytes(bytes(1 << 20))
    names = [sample.scratch / str(number) for number in range(1, 100)]
    for name in names:
        os.link(first, name)
    return Findings(evidence=[Evidence(name, name.name) for name in names])


@_worker
def not_json(sample: Sample) -> Findings:
    return Findings(result={"raw": b"\x00"})


@_worker
def not_findings(sample: Sample) -> Findings:
    return {"score": 1}


@_worker
def score_too_high(sample: Sample) -> Findings:
    findings = Findings()
    findings.score = 1000
    return findings


@_worker
def unstorable_text(sample: Sample) -> Findings:
    return Findings(result={"a\x00": "\ud800 \x00"})


@_worker
def forge(sample: Sample) -> Findings:
    """Writes the report itself, past the code that would have checked it, and leaves."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, sample.options["report"].encode())
    os._exit(0)


@_worker
def privileges(sample: Sample) -> Findings:
    """What is left of the rights, and of what the fork server had open."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    names = ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return Findings(
        result={name: int(status[name], 16) for name in names}
        | {
            "user": os.geteuid(),
            "open": len([each for each in range(3, 256) if Path(f"/proc/self/fd/{each}").exists()]),
        }
    )
