"""What is odd about a PE's structure, and what its imports make possible, each with a weight."""

from __future__ import annotations

import time
from collections.abc import Iterator

import lief

from workers._lief import text
from workers._text import clean, clip
from workers._traits import PACKED, Trait

_FEW_IMPORTS = 5
_RIGHTS = lief.PE.Section.CHARACTERISTICS
_PACKERS = {
    "upx": ("UPX0", "UPX1", "UPX2"),
    "aspack": (".aspack", ".adata"),
    "mpress": (".MPRESS1", ".MPRESS2"),
    "themida": (".themida", ".winlice"),
    "vmprotect": (".vmp0", ".vmp1", ".vmp2"),
    "petite": (".petite",),
    "mew": ("MEW",),
    "fsg": ("FSG!",),
    "enigma": (".enigma1", ".enigma2"),
    "upack": (".Upack", ".ByDwing"),
    "pespin": (".taz",),
    "nspack": (".nsp0", ".nsp1", "nsp0", "nsp1"),
}

_INJECTION = """WriteProcessMemory CreateRemoteThread VirtualAllocEx QueueUserAPC NtUnmapViewOfSection
    SetThreadContext NtCreateThreadEx RtlCreateUserThread NtWriteVirtualMemory"""
_KEYSTROKES = """GetAsyncKeyState GetKeyState SetWindowsHookExA SetWindowsHookExW GetRawInputData
    RegisterRawInputDevices GetKeyboardState"""
_DOWNLOADS = "URLDownloadToFileA URLDownloadToFileW URLDownloadToCacheFileA URLDownloadToCacheFileW"
_CREDENTIALS = "CredEnumerateA CredEnumerateW LsaRetrievePrivateData SamIConnect MiniDumpWriteDump"
_DEBUGGERS = "CheckRemoteDebuggerPresent NtQueryInformationProcess NtSetInformationThread OutputDebugStringA"
_SERVICES = "CreateServiceA CreateServiceW StartServiceA StartServiceW OpenSCManagerA OpenSCManagerW"
_NETWORK = """InternetOpenA InternetOpenW InternetConnectA InternetConnectW HttpSendRequestA HttpSendRequestW
    WinHttpOpen WinHttpConnect WSAStartup connect send recv"""
_SCREEN = "BitBlt GetDC GetWindowDC CreateCompatibleBitmap GetDIBits"
_REGISTRY = "RegSetValueExA RegSetValueExW RegSetValueA RegSetValueW"
_ENCRYPTION = "CryptEncrypt CryptGenKey CryptAcquireContextA CryptAcquireContextW BCryptEncrypt"

#: A capability, how many of its functions must be imported, its weight, and the functions.
_CAPABILITIES = (
    ("process-injection", 2, 20, frozenset(_INJECTION.split())),
    ("keystroke-logging", 2, 15, frozenset(_KEYSTROKES.split())),
    ("downloads-files", 1, 15, frozenset(_DOWNLOADS.split())),
    ("credential-access", 1, 15, frozenset(_CREDENTIALS.split())),
    ("anti-debugging", 2, 5, frozenset(_DEBUGGERS.split())),
    ("service-control", 2, 5, frozenset(_SERVICES.split())),
    ("screen-capture", 3, 5, frozenset(_SCREEN.split())),
    ("network", 2, 0, frozenset(_NETWORK.split())),
    ("registry-writing", 1, 0, frozenset(_REGISTRY.split())),
    ("encryption", 2, 0, frozenset(_ENCRYPTION.split())),
)


def name_of(section: lief.PE.Section) -> str:
    """The section's name, whatever bytes it is made of."""
    return clean(bytes(section.fullname).rstrip(b"\0"))


def rights(section: lief.PE.Section) -> str:
    """What the section's memory may be used for, like ``r-x``."""
    flags = ((_RIGHTS.MEM_READ, "r"), (_RIGHTS.MEM_WRITE, "w"), (_RIGHTS.MEM_EXECUTE, "x"))
    return "".join(letter if section.has_characteristic(flag) else "-" for flag, letter in flags)


def oddities(binary: lief.PE.Binary) -> list[Trait]:
    """What honest compilers do not make."""
    traits = (*_of_sections(binary), *_of_entry_point(binary), *_of_imports(binary), *_of_headers(binary))
    return clip(traits, 50)


def capabilities(binary: lief.PE.Binary) -> list[Trait]:
    """What the imported functions, taken together, make possible."""
    imported = _imported(binary)
    found = (
        (name, weight, functions & imported, needed) for name, needed, weight, functions in _CAPABILITIES
    )
    return [
        Trait(name=name, weight=weight, detail=", ".join(sorted(functions)))
        for name, weight, functions, needed in found
        if len(functions) >= needed
    ]


def _of_sections(binary: lief.PE.Binary) -> Iterator[Trait]:
    names = {name_of(section) for section in binary.sections}
    for packer, marks in _PACKERS.items():
        if seen := names & set(marks):
            yield Trait(name=f"packer-{packer}", weight=20, detail=", ".join(sorted(seen)))
    for section in clip(binary.sections, 20):
        name, allowed = name_of(section), rights(section)
        if allowed.endswith("wx"):
            yield Trait(name="section-writable-executable", weight=10, detail=name)
        if "x" in allowed and section.entropy > PACKED:
            yield Trait(name="section-packed", weight=15, detail=f"{name}: entropy {section.entropy:.2f}")
        if "x" in allowed and not section.sizeof_raw_data and section.virtual_size:
            yield Trait(name="section-filled-at-run-time", weight=10, detail=name)


def _of_entry_point(binary: lief.PE.Binary) -> Iterator[Trait]:
    entry, sections = binary.optional_header.addressof_entrypoint, list(binary.sections)
    if not entry:  # a library may have none
        return
    home = next((s for s in sections if s.virtual_address <= entry < s.virtual_address + _extent(s)), None)
    if home is None:
        yield Trait(name="entry-point-outside-sections", weight=20, detail=hex(entry))
    elif "w" in rights(home):
        yield Trait(name="entry-point-writable", weight=10, detail=name_of(home))


def _extent(section: lief.PE.Section) -> int:
    return max(int(section.virtual_size), int(section.sizeof_raw_data))


def _imported(binary: lief.PE.Binary) -> set[str]:
    entries = (entry for each in binary.imports for entry in each.entries)
    return {text(entry, "name") for entry in entries if not entry.is_ordinal}


def _of_imports(binary: lief.PE.Binary) -> Iterator[Trait]:
    names = _imported(binary)
    if {"LoadLibraryA", "GetProcAddress"} <= names and len(names) <= _FEW_IMPORTS:
        yield Trait(name="imports-hidden", weight=20, detail=", ".join(sorted(names)))


def _of_headers(binary: lief.PE.Binary) -> Iterator[Trait]:
    if binary.header.time_date_stamps > time.time() + 86_400 and not binary.is_reproducible_build:
        yield Trait(name="compiled-in-future", weight=5, detail=str(binary.header.time_date_stamps))
    if binary.tls and binary.tls.callbacks:
        count = len(binary.tls.callbacks)
        yield Trait(name="tls-callbacks", weight=0, detail=f"{count} run before the entry point")
    if binary.has_signatures and "BAD" in str(binary.verify_signature()):
        yield Trait(name="signature-broken", weight=30, detail="the file was changed after it was signed")
