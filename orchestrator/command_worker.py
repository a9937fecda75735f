"""A worker that is a command line: for tools in other languages, or with dependencies of their own.

::

    strings = command_worker("gnu-strings", "1.0", ["strings", "-n", "8", "{sample}"], parse="text")

The command runs inside the sandboxed child, under the worker's limits. For a tool in a virtual environment
of its own, the command begins with that environment's Python, and ``readable`` names its folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from orchestrator.worker import (
    AnalysisWorker,
    Findings,
    Limits,
    NothingForMe,
    Sample,
    TemporaryError,
)

#: Exit statuses with a meaning of their own: EX_DATAERR and EX_TEMPFAIL of BSD's sysexits.h.
NOTHING_STATUS = 65
TEMPORARY_STATUS = 75

Parse = Literal["json", "text", "findings"]
Interpret = Callable[[Any, Sample], Findings]

_MIB = 1 << 20
_MESSAGE_LENGTH = 500


class CommandFailed(Exception):
    """The command could not be run, ended with a bad exit status, or printed what cannot be read."""


def command_worker(
    name: str,
    version: str,
    command: Sequence[str],
    *,
    parse: Parse = "json",
    accepts: Iterable[str] = (),
    limits: Limits = Limits(),
    network: bool = False,
    result: type[BaseModel] | None = None,
    readable: Iterable[str] = (),
    good: Collection[int] = (0,),
    interpret: Interpret | None = None,
    description: str = "",
) -> AnalysisWorker:
    """Make a worker of a command whose arguments may hold ``{sample}``, ``{scratch}`` and ``{type}``.

    ``parse`` says what standard output is: ``json``, one JSON value, the result; ``text``, kept as
    ``{"text": …}``; ``findings``, a JSON object with the fields of
    :class:`~orchestrator.worker.Findings`, where paths are relative to the scratch folder, which is the
    working directory. ``interpret`` makes findings of what was parsed, instead of the plain result.
    ``good`` are exit statuses of success; 65 means "nothing for me", 75 "try again later".
    """
    if parse == "findings" and interpret is not None:
        raise ValueError("findings speak for themselves: interpret is for json and text")

    def analyse(sample: Sample) -> Findings:
        output = _run(_arguments(command, sample), sample, limits, frozenset(good))
        if parse == "findings":
            return _findings(_parsed(output), sample)
        value = _parsed(output) if parse == "json" else output.decode(errors="replace")
        if interpret is not None:
            return interpret(value, sample)
        return Findings(result=value if isinstance(value, dict) else {parse: value})

    return AnalysisWorker(
        name=name,
        version=version,
        analyse=analyse,
        accepts=frozenset(accepts),
        limits=limits,
        network=network,
        result_model=result,
        readable=tuple(readable),
        description=description or f"What {Path(command[0]).name} says",
    )


def _arguments(command: Sequence[str], sample: Sample) -> list[str]:
    values = {"{sample}": str(sample.path), "{scratch}": str(sample.scratch), "{type}": sample.type}
    return [_filled(part, values) for part in command]


def _filled(part: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        part = part.replace(placeholder, value)
    return part


def _run(arguments: list[str], sample: Sample, limits: Limits, good: frozenset[int]) -> bytes:
    program = shutil.which(arguments[0])
    if program is None:
        raise CommandFailed(f"{arguments[0]} is not installed, or not readable in the sandbox")
    # files, not pipes: the scratch folder's limit holds for them, and nothing has to be read meanwhile
    out, err = sample.scratch / ".stdout", sample.scratch / ".stderr"
    try:
        with out.open("wb") as stdout, err.open("wb") as stderr:
            done = subprocess.run(  # noqa: S603 - the worker's author wrote it, no shell reads it
                [program, *arguments[1:]],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=sample.scratch,
                check=False,
            )
        said = _last_line(err)
        _judge(done.returncode, Path(program).name, said, good)
        if out.stat().st_size > limits.output_mb * _MIB:
            raise CommandFailed(f"more than {limits.output_mb} MiB on standard output")
        return out.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{program}: {error.strerror}") from error
    finally:
        out.unlink(missing_ok=True)
        err.unlink(missing_ok=True)


def _judge(status: int, program: str, said: str, good: frozenset[int]) -> None:
    if status in good:
        return
    if status == NOTHING_STATUS:
        raise NothingForMe(said)
    if status == TEMPORARY_STATUS:
        raise TemporaryError(said or f"{program} asks to try again later")
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    raise CommandFailed(f"{program} {how}: {said}" if said else f"{program} {how}")


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:_MESSAGE_LENGTH]


def _parsed(output: bytes) -> Any:
    try:
        return json.loads(output)
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"standard output is not JSON: {error}") from None


#: The result has no type to check, and the model of a worker is checked by the sandbox's report.
_FIELDS = {name: TypeAdapter(hint) for name, hint in get_type_hints(Findings).items() if name != "result"}


def _findings(value: Any, sample: Sample) -> Findings:
    """Findings out of their JSON; paths of files become absolute."""
    if not isinstance(value, dict):
        raise CommandFailed("standard output is not a JSON object")
    if unknown := sorted(value.keys() - _FIELDS.keys() - {"result"}):
        raise CommandFailed(f"findings have no field {unknown[0]!r}")
    result = value.get("result", {})
    if not isinstance(result, dict):
        raise CommandFailed("result is not a JSON object")
    for each in (*_objects(value.get("evidence")), *_objects(value.get("children"))):
        if isinstance(each.get("path"), str):
            each["path"] = str(sample.scratch / each["path"])
    try:
        fields = {
            name: adapter.validate_python(value[name]) for name, adapter in _FIELDS.items() if name in value
        }
    except ValidationError as error:
        first = error.errors()[0]
        raise CommandFailed(f"findings: {first['msg']}: {'.'.join(map(str, first['loc']))}") from None
    return Findings(result=result, **fields)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
