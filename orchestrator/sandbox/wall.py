"""The outer wall: the fork server sees a file system that holds only what a run may read.

Two builders for the same result: :func:`bubblewrap` gives a command line, :func:`build` does it from
Python. Either way the fork server ends up as a process that may mount and make namespaces within
the wall (as root of the machine, or with capabilities over a user namespace of its own), and there are
empty folders for a run's own mounts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.sandbox import linux
from orchestrator.sandbox.view import DEVICES

SAMPLE = "/sample"
SCRATCH = "/scratch"
#: Other names for the scratch folder, for what insists on them.
TEMPORARY = ("/tmp", "/dev/shm")  # noqa: S108 - inside the wall
_FOLDERS = ("/proc", "/dev", SAMPLE, SCRATCH, *TEMPORARY)
_IMPORT_SCRATCH = 16 << 20
_CAPABILITIES = ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "CHOWN", "KILL", "SYS_PTRACE", "NET_ADMIN")
_STAGE = "/tmp"  # noqa: S108 - a mount point only, and only in this process's own mount namespace


def bubblewrap(program: str, paths: Iterable[str]) -> list[str]:
    """The ``bwrap`` command line, up to the command that is to run behind the wall."""
    # as the first process there: then bwrap does not end before all behind the wall has
    command = [program, "--die-with-parent", "--as-pid-1", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    command += ["--clearenv", "--new-session", "--cap-drop", "ALL"]
    if os.geteuid():
        command += ["--unshare-user"]
    for capability in _CAPABILITIES:
        command += ["--cap-add", f"CAP_{capability}"]
    shown = list(map(Path, paths))
    # left to itself, bwrap makes these for its own user only
    parents = {parent for path in shown for parent in path.parents}
    for folder in [*map(str, sorted(parents)), *_FOLDERS]:
        command += ["--dir", folder]
    for path in shown:
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), str(path)]
        else:
            command += ["--ro-bind", str(path), str(path)]
    command += ["--proc", "/proc", "--symlink", "/proc/self/fd", "/dev/fd"]
    # not --dev: for its terminals bwrap nests a second user namespace, which may not re-enter the first one's
    for device in DEVICES:
        command += ["--dev-bind", device, device]
    # for what insists on a temporary folder when it is imported
    command += ["--size", str(_IMPORT_SCRATCH), "--tmpfs", SCRATCH]
    return [*command, "--remount-ro", "/", "--chdir", "/", "--"]


def separate() -> None:
    """Give this process namespaces of its own; its next child is the first process in them.

    Raises :class:`OSError` where the kernel or a surrounding container forbids it.
    """
    user, group = os.geteuid(), os.getegid()
    kinds = linux.CLONE_NEWNS | linux.CLONE_NEWPID | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    if user == 0:
        with contextlib.suppress(PermissionError):
            linux.unshare(kinds)
            return
    linux.unshare(kinds | linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def build(paths: Iterable[str]) -> None:
    """Swap the file system for one that holds only these paths; for the first process after a separation.

    Raises :class:`OSError` where the kernel or a surrounding container forbids it.
    """
    shown = list(map(Path, paths))
    links = {path: path.readlink() for path in shown if path.is_symlink()}
    sources = {path: path.resolve() for path in shown}
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("assay", _STAGE, "tmpfs", linux.MS_NOSUID, "mode=755")
    Path(_STAGE, "new").mkdir()
    Path(_STAGE, "old").mkdir()
    linux.pivot_root(_STAGE, f"{_STAGE}/old")
    linux.mount("/new", "/new", None, linux.MS_BIND)
    for path in shown:
        if path in links:
            _inside(path).symlink_to(links[path])
        else:
            _bind(sources[path], path)
    for folder in _FOLDERS:
        Path("/new" + folder).mkdir(parents=True, exist_ok=True)
    for device in DEVICES:
        _bind(Path(device), Path(device))
    Path("/new/dev/fd").symlink_to("/proc/self/fd")
    # before the old root goes: an ordinary user may mount this only where another one is in sight
    mount_proc("/new")
    os.chdir("/new")
    linux.pivot_root(".", "." + _STAGE)
    linux.unmount(_STAGE)
    os.chdir("/")
    linux.make_readonly("/", recursive=True)
    linux.mount(
        "scratch", SCRATCH, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"size={_IMPORT_SCRATCH},mode=700"
    )


def mount_proc(root: str = "") -> None:
    """Show the processes of this process's own PID namespace, and no others, in ``/proc``."""
    flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("proc", f"{root}/proc", "proc", flags)


def _inside(path: Path) -> Path:
    target = Path(f"/new{path}")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _bind(source: Path, path: Path) -> None:
    behind, target = Path(f"/old{source}"), _inside(path)
    if behind.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    linux.mount(str(behind), str(target), None, linux.MS_BIND | linux.MS_REC)
