"""What a .NET assembly says about itself, read with dnfile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dnfile
from pydantic import BaseModel

from workers._text import Text, clip

_SIZE_LIMIT = 24 << 20
_LIST_LIMIT = 200


class DotNet(BaseModel):
    """``runtime`` is the version the metadata asks for; ``mvid`` identifies one build of the module."""

    runtime: Text = ""
    assembly: Text = ""
    version: str = ""
    mvid: Text = ""
    references: list[Text] = []
    native_imports: list[Text] = []
    resources: list[Text] = []


def read_dotnet(path: Path, size: int) -> DotNet | None:
    """The assembly's metadata, or None where it is broken, or too large to read in time."""
    if size > _SIZE_LIMIT:
        return None
    try:
        net: Any = dnfile.dnPE(str(path)).net  # type: ignore[no-untyped-call]
        tables = net.mdtables
        assembly = _first(tables.Assembly)
        module = _first(tables.Module)
        numbers = ("MajorVersion", "MinorVersion", "BuildNumber", "RevisionNumber")
        return DotNet(
            runtime=net.metadata.struct.Version.rstrip(b"\0"),
            assembly=assembly.Name if assembly else "",
            version=".".join(str(getattr(assembly, number)) for number in numbers) if assembly else "",
            mvid=module.Mvid if module else "",
            references=_names(tables.AssemblyRef, "Name"),
            native_imports=_names(tables.ImplMap, "ImportName"),
            resources=_names(tables.ManifestResource, "Name"),
        )
    except Exception:  # noqa: BLE001 - dnfile meets broken metadata with any exception; the PE part still stands
        return None


def _first(table: Any) -> Any:
    return table.rows[0] if table and table.rows else None


def _names(table: Any, attribute: str) -> list[str]:
    rows = table.rows if table else []
    return clip((str(getattr(row, attribute)) for row in rows), _LIST_LIMIT)
