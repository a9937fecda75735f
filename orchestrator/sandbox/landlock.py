"""Landlock: a process gives up, for itself and all it starts, every path that it does not name."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from orchestrator.sandbox import linux

_SYS_CREATE_RULESET = 444
_SYS_ADD_RULE = 445
_SYS_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_TRUNCATE = 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

#: The file system rights that each version of the interface handles; a later one handles the last.
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_SINCE = 4
_BIND_AND_CONNECT_TCP = 0b11
_SCOPES_SINCE = 6
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """The version of the kernel's Landlock interface; 0 where there is none."""
    try:
        return linux.syscall(
            "landlock",
            _SYS_CREATE_RULESET,
            None,
            ctypes.c_size_t(0),
            ctypes.c_ulong(_CREATE_RULESET_VERSION),
        )
    except OSError:
        return 0


def restrict(readable: Iterable[str], writable: Iterable[str], *, network: bool) -> None:
    """Leave this process only the given paths and what lies below them.

    Without ``network`` it can no longer bind or connect TCP sockets (interface 4). It can neither
    signal a process outside nor reach its abstract sockets (interface 6). Paths that do not exist are
    skipped. The process must have set "no new privileges".
    """
    interface = version()
    if not interface:
        raise OSError("this kernel has no Landlock")
    rights = _RIGHTS[min(interface, max(_RIGHTS))]
    ruleset = _create(interface, rights, network=network)
    try:
        for path in readable:
            _allow(ruleset, path, _READ & rights)
        for path in writable:
            _allow(ruleset, path, rights)
        linux.syscall("landlock_restrict_self", _SYS_RESTRICT_SELF, ruleset, ctypes.c_ulong(0))
    finally:
        os.close(ruleset)


def _create(interface: int, rights: int, *, network: bool) -> int:
    attributes = struct.pack("Q", rights)
    if interface >= _NETWORK_SINCE:
        attributes += struct.pack("Q", 0 if network else _BIND_AND_CONNECT_TCP)
    if interface >= _SCOPES_SINCE:
        attributes += struct.pack("Q", _ABSTRACT_SOCKETS_AND_SIGNALS)
    size = ctypes.c_size_t(len(attributes))
    return linux.syscall("landlock_create_ruleset", _SYS_CREATE_RULESET, attributes, size, ctypes.c_ulong(0))


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, opened)
        linux.syscall(
            f"landlock_add_rule {path}",
            _SYS_ADD_RULE,
            ruleset,
            ctypes.c_ulong(_RULE_PATH_BENEATH),
            rule,
            ctypes.c_ulong(0),
        )
    finally:
        os.close(opened)
