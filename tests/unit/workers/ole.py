"""Making OLE compound files and VBA projects by hand, as [MS-CFB] and [MS-OVBA] lay them out."""

import struct

SECTOR = 512
CUTOFF = 4096
END, NO_STREAM = 0xFFFFFFFE, 0xFFFFFFFF


def compound(streams: dict[str, bytes], clsid: bytes = bytes(16)) -> bytes:
    """A compound file with these streams, ``"storage/name"`` where one lies in a storage."""
    small = {name: data for name, data in streams.items() if len(data) < CUTOFF}
    mini, mini_table = _chain(small, 64)
    large = {name: data for name, data in streams.items() if len(data) >= CUTOFF} | {"": mini}
    content, table = _chain(large, SECTOR)
    starts = _starts(small, 64) | _starts(large, SECTOR)
    sizes = {name: len(data) for name, data in (streams | {"": mini}).items()}
    parts = [_directory(list(streams), starts, sizes, clsid), _packed(mini_table)]
    places = []
    for part in parts:
        places.append(len(table))
        table += _links(len(table), len(part) // SECTOR)
        content += part
    sectors = 1
    while (len(table) + sectors) * 4 > sectors * SECTOR:
        sectors += 1
    first = len(table)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIII", 0, sectors, places[0], 0, CUTOFF)
    header += struct.pack("<IIII", places[1], len(parts[1]) // SECTOR, END, 0)
    header += struct.pack(f"<{sectors}I", *range(first, first + sectors))
    return header.ljust(SECTOR, b"\xff") + content + _packed(table + [0xFFFFFFFD] * sectors)


def _links(start: int, count: int) -> list[int]:
    """A chain of ``count`` sectors from ``start`` on."""
    return [*range(start + 1, start + count), END] if count else []


def _chain(streams: dict[str, bytes], unit: int) -> tuple[bytes, list[int]]:
    content, table = b"", []
    for data in streams.values():
        count = -(-len(data) // unit)
        table += _links(len(table), count)
        content += data.ljust(count * unit, b"\0")
    return content, table


def _starts(streams: dict[str, bytes], unit: int) -> dict[str, int]:
    starts, place = {}, 0
    for name, data in streams.items():
        starts[name] = place if data else END
        place += -(-len(data) // unit)
    return starts


def _packed(table: list[int]) -> bytes:
    data = struct.pack(f"<{len(table)}I", *table)
    return data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\xff")


def _directory(streams: list[str], starts: dict[str, int], sizes: dict[str, int], clsid: bytes) -> bytes:
    """All entries: the root, storages, streams; children of a storage chained to the right."""
    storages = list(dict.fromkeys(name.rpartition("/")[0] for name in streams if "/" in name))
    names = ["", *storages, *streams]
    parents = [None, *("" for _ in storages), *(name.rpartition("/")[0] for name in streams)]
    entries = b""
    for index, name in enumerate(names):
        stream = index > len(storages)
        inside = [] if stream else [other for other, parent in enumerate(parents) if parent == name and other]
        beside = [other for other in range(index + 1, len(names)) if parents[other] == parents[index]]
        short = (name.rpartition("/")[2] or "Root Entry").encode("utf-16-le") + b"\0\0"
        start, size = (starts[name], sizes[name]) if stream or not index else (0, 0)
        kind = 2 if stream else 1 if index else 5
        links = (NO_STREAM, (beside or [NO_STREAM])[0], (inside or [NO_STREAM])[0])
        entries += short.ljust(64, b"\0") + struct.pack("<HBB", len(short), kind, 1)
        entries += struct.pack("<III", *links) + (bytes(16) if index else clsid)
        entries += struct.pack("<IQQIQ", 0, 0, 0, start, size)
    return entries.ljust(-(-len(entries) // SECTOR) * SECTOR, b"\0")


def compress(data: bytes) -> bytes:
    """[MS-OVBA] 2.4.1 with literals only."""
    out = b"\x01"
    for place in range(0, len(data), 3000):
        piece = data[place : place + 3000]
        packed = b"".join(b"\0" + piece[index : index + 8] for index in range(0, len(piece), 8))
        out += struct.pack("<H", (len(packed) - 1) | 0xB000) + packed
    return out


def vba_project(modules: dict[str, str]) -> dict[str, bytes]:
    """The streams of a VBA project with these modules."""

    def record(number: int, data: bytes) -> bytes:
        return struct.pack("<HI", number, len(data)) + data

    def text(number: int, second: int, value: str) -> bytes:
        return record(number, value.encode()) + record(second, value.encode("utf-16-le"))

    directory = b"".join(
        [
            record(1, struct.pack("<I", 1)),
            record(2, struct.pack("<I", 0x409)),
            record(0x14, struct.pack("<I", 0x409)),
            record(3, struct.pack("<H", 1252)),
            record(4, b"Project"),
            text(5, 0x40, ""),
            record(6, b"") + record(0x3D, b""),
            record(7, bytes(4)),
            record(8, bytes(4)),
            struct.pack("<HIIH", 9, 4, 1, 1),
            text(0x0C, 0x3C, ""),
            record(0x0F, struct.pack("<H", len(modules))),
            record(0x13, bytes(2)),
        ]
    )
    for name in modules:
        directory += record(0x19, name.encode()) + record(0x47, name.encode("utf-16-le"))
        directory += text(0x1A, 0x32, name) + text(0x1C, 0x48, "")
        directory += record(0x31, bytes(4)) + record(0x1E, bytes(4)) + record(0x2C, bytes(2))
        directory += record(0x21, b"") + record(0x2B, b"")
    directory += record(0x10, b"")
    project = "".join(f"Module={name}\r\n" for name in modules)
    return {
        "PROJECT": project.encode(),
        "VBA/dir": compress(directory),
        "VBA/_VBA_PROJECT": b"\xcc\x61\xff\xff\0\0\0",
        **{f"VBA/{name}": compress(code.encode()) for name, code in modules.items()},
    }
