"""The inner wall: what a run's process gives up before it looks at the sample."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.sandbox import landlock, linux, processes, scratch, seccomp, wall
from orchestrator.sandbox.outcome import Level
from orchestrator.sandbox.view import DEVICES
from orchestrator.worker import Limits

#: Users that no account has: the range that systemd keeps for users made on the fly.
_NOBODIES = range(61184, 65520)
_MIB = 1 << 20
#: What libraries ask ``/proc`` and may know: the machine, and the process itself.
_PROC = ("cpuinfo", "meminfo", "stat", "filesystems", "sys/vm", "sys/kernel/osrelease", "self")
#: ``RLIMIT_NPROC`` counts threads; a process may have a few.
_THREADS_PER_PROCESS = 4


@dataclass(frozen=True, slots=True)
class House:
    """What all runs of one fork server have in common.

    ``base`` is the folder for the runs' files where there is no wall, ``readable`` what a run may read,
    ``nobody`` whether a run can become a user without any rights, ``data_size`` and ``shared_memory``
    what a fork has of memory before it does anything.
    """

    level: Level
    base: str
    readable: tuple[str, ...]
    nobody: bool
    data_size: int
    shared_memory: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run finds the sample's copy, and its own folder."""

    sample: Path
    scratch: Path


def make_place(house: House, run: str, name: str, limits: Limits, *, network: bool) -> Place:
    """The folders of one run; behind a wall they are mounts of its own with a size."""
    if house.level.walled:
        _mount_place(house, limits, network=network)
        return Place(Path(wall.SAMPLE, name), Path(wall.SCRATCH))
    folder = Path(house.base, run)
    folder.mkdir(mode=0o711)
    Path(folder, "sample").mkdir(mode=0o755)
    Path(folder, "scratch").mkdir(mode=0o700)
    return Place(folder / "sample" / name, folder / "scratch")


def put_sample(source: int, place: Place, *, walled: bool) -> None:
    """Copy the sample to its place, where nobody can write to it any more."""
    with open(source, "rb") as reader, place.sample.open("xb") as writer:
        shutil.copyfileobj(reader, writer, _MIB)
    place.sample.chmod(0o444)
    place.sample.parent.chmod(0o555)
    if walled:
        linux.make_readonly(str(place.sample.parent))


def give_up(house: House, place: Place, limits: Limits, *, network: bool) -> None:
    """Set the limits and drop every right that a worker does not need. There is no way back."""
    user = _choose_user(house, place)
    _limit(house, limits, count_from=0 if user else processes.threads_of(os.geteuid()))
    linux.drop_capability_bounds()
    if user:
        with contextlib.suppress(PermissionError):
            os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.drop_capabilities()
    # a change of user has cleared both; at the weakest level only this keeps other runs out of our memory
    linux.prctl(linux.PR_SET_PDEATHSIG, 9)
    linux.prctl(linux.PR_SET_DUMPABLE, int(house.level > Level.rlimits))
    if house.level > Level.rlimits and landlock.version():
        landlock.restrict(*_rules(house, place), network=network)
    if seccomp.supported():
        with _optional(house.level is Level.rlimits):
            seccomp.restrict(network=network)


def _optional(is_optional: bool) -> contextlib.AbstractContextManager[None]:
    return contextlib.suppress(OSError) if is_optional else contextlib.nullcontext()


def separate() -> None:
    """Behind a wall, part this process from the other runs: what can be done before the order is known."""
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWIPC)
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.make_readonly("/", recursive=True)
    wall.mount_proc()


def _mount_place(house: House, limits: Limits, *, network: bool) -> None:
    if not network:
        linux.unshare(linux.CLONE_NEWNET)
    plain = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("sample", wall.SAMPLE, "tmpfs", plain, "mode=755")
    size = f"size={limits.scratch_mb}m,nr_inodes={scratch.MAX_FILES},mode=700"
    linux.mount("scratch", wall.SCRATCH, "tmpfs", plain, size)
    for elsewhere in _other_names(house):
        linux.mount(wall.SCRATCH, elsewhere, None, linux.MS_BIND)


def _other_names(house: House) -> list[str]:
    """Where the scratch folder shows up too; not over something that a run is to see there."""
    return [
        each for each in wall.TEMPORARY if not any(Path(path).is_relative_to(each) for path in house.readable)
    ]


def _choose_user(house: House, place: Place) -> int:
    """Hand the scratch folder to a user without rights; 0 where that is not possible."""
    if not house.nobody:
        return 0
    user = random.choice(_NOBODIES)  # noqa: S311 - to keep runs apart, not a secret
    try:
        os.chown(place.scratch, user, user)
    except OSError:
        # root of a user namespace that maps no such user
        return 0
    return user


def _limit(house: House, limits: Limits, count_from: int) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_DATA: house.data_size + limits.memory_mb * _MIB,
        resource.RLIMIT_FSIZE: limits.scratch_mb * _MIB,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: count_from + limits.processes * _THREADS_PER_PROCESS,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, value in wanted.items():
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)  # noqa: PLW2901
        # the kernel ignores the soft CPU limit for the first process of a namespace
        resource.setrlimit(kind, (value, value + (kind == resource.RLIMIT_CPU)))


def _rules(house: House, place: Place) -> tuple[Iterable[str], Iterable[str]]:
    if house.level.walled:
        return ["/"], [wall.SCRATCH, *_other_names(house), *DEVICES]
    proc = [os.path.realpath(f"/proc/{each}") for each in _PROC]
    return [*house.readable, *proc, str(place.sample.parent)], [str(place.scratch), *DEVICES]
