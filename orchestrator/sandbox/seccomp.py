"""A system call filter: what no analysis needs and what an escape begins with is refused."""

from __future__ import annotations

import ctypes
import errno
import struct

from orchestrator.sandbox import linux

_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_GREATER_EQUAL = 0x35
_JUMP_SET = 0x45
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000
_KILL = 0x80000000

_NUMBER = 0
_ARCHITECTURE = 4
_FIRST_ARGUMENT = 16
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_CLONE3 = 435

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}

#: Refused with EPERM: ptrace, process_vm_readv, process_vm_writev, kcmp, bpf, perf_event_open,
#: userfaultfd, keyctl, add_key, request_key, mount, umount2, pivot_root, chroot, unshare, setns,
#: open_by_handle_at, name_to_handle_at, the kernel modules, kexec, reboot, swap, acct, quotactl, syslog,
#: setting the clock, personality, move_pages, migrate_pages, vhangup, fanotify_init, the host's name.
_PRIVILEGED = {
    "x86_64": (
        *(101, 310, 311, 312, 321, 298, 323, 250, 248, 249, 165, 166, 155, 161, 272, 308, 304, 303),
        *(175, 313, 176, 246, 320, 169, 167, 168, 163, 179, 103, 164, 227, 159, 305, 135, 279, 256),
        *(153, 300, 170, 171),
        # ioperm, iopl, modify_ldt
        *(173, 172, 154),
    ),
    "aarch64": (
        *(117, 270, 271, 272, 280, 241, 282, 219, 217, 218, 40, 39, 41, 51, 97, 268, 265, 264),
        *(105, 273, 106, 104, 294, 142, 224, 225, 89, 60, 116, 170, 112, 171, 266, 92, 239, 238),
        *(58, 262, 161, 162),
    ),
}
#: The same number everywhere: io_uring (it goes round this filter), the new mount calls, pidfd_getfd,
#: process_madvise.
_PRIVILEGED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442)
#: Memory that no limit of a process counts: memfd_create, shmget, msgget, semget, mq_open, memfd_secret.
#: Refused with ENOSYS, upon which libraries take a file instead.
_UNCOUNTED_MEMORY = {"x86_64": (319, 29, 68, 64, 240, 447), "aarch64": (279, 194, 186, 190, 180, 447)}


def supported() -> bool:
    """Whether the filter is written for this machine's instruction set."""
    return linux.MACHINE in _ARCHITECTURES


def restrict(*, network: bool) -> None:
    """Filter this process and all it starts; without ``network`` it can make no socket of any kind.

    The process must have set "no new privileges".
    """
    program = _program(linux.MACHINE, network=network)
    code = ctypes.create_string_buffer(b"".join(program))
    filter_program = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    buffer = ctypes.create_string_buffer(filter_program)
    linux.prctl(linux.PR_SET_SECCOMP, 2, ctypes.addressof(buffer))


def _program(machine: str, *, network: bool) -> list[bytes]:
    permission = _REFUSE | errno.EPERM
    missing = _REFUSE | errno.ENOSYS
    program = [
        _op(_LOAD, _ARCHITECTURE),
        _op(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [_op(_JUMP_GREATER_EQUAL, _X32, 0, 1), _op(_RETURN, missing)]
    refused = dict.fromkeys((*_PRIVILEGED[machine], *_PRIVILEGED_EVERYWHERE), permission)
    refused |= dict.fromkeys((*_UNCOUNTED_MEMORY[machine], _CLONE3), missing)
    if not network:
        refused[_SOCKET[machine]] = permission
    for number, action in refused.items():
        program += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, action)]
    return [
        *program,
        _op(_JUMP_EQUAL, _CLONE[machine], 0, 3),
        _op(_LOAD, _FIRST_ARGUMENT),
        _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1),
        _op(_RETURN, permission),
        _op(_RETURN, _ALLOW),
    ]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
