"""Packer: what a program was made with (compiler, run time, installer), and what it was wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Literal

import yara_x
from pydantic import BaseModel

from orchestrator.worker import Detection, Fact, Findings, Limits, NothingForMe, Sample, Tag, analysis_worker
from workers._text import Text, clean, clip
from workers._traits import Trait, score

_RULES = Path(__file__).parent / "builds"
_SECONDS = 50
_LIMIT = 40
_VERSION_AT_MOST = 400
_NUMBERS = re.compile(rb"\d+(?:\.\d+)+|[0-9a-f]{40}|EA0[56]")
#: ``python311.dll`` and ``libpython3.11.so``
_PYTHON = re.compile(rb"python(3)\.?(\d{1,2})")

Kind = Literal["packer", "protector", "installer", "runtime", "compiler", "library"]


class Build(BaseModel):
    """One thing recognised; ``version`` is empty where the file does not say it."""

    kind: Kind
    name: str
    version: Text
    rule: str


class Packing(BaseModel):
    """``packed`` says that what runs is not what lies in the file: strings and imports are the wrapper's."""

    packed: bool
    builds: list[Build]
    traits: list[Trait]


@cache
def _rules() -> yara_x.Rules:
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    for path in sorted(_RULES.glob("*.yar")):
        compiler.new_namespace(path.name)
        compiler.add_source(path.read_text(), origin=path.name)
    return compiler.build()


_rules()  # compiled once, before the sandbox forks a child per sample


@analysis_worker(
    "packer",
    version="1.0",
    accepts={"pe", "mz", "elf", "macho"},
    result=Packing,
    limits=Limits(seconds=90, cpu_seconds=90),
    preload=("yara_x",),
)
def packer(sample: Sample) -> Findings:
    """Packers, protectors, installers, run times and compilers of a program, by its structure and its marks.

    The score adds up the weights of packers and protectors, to 40 at most: honest programs are packed too,
    but whoever packs one hides it. A compiler or an installer is no score, and nor is nothing recognised.
    """
    scanner = yara_x.Scanner(_rules())
    scanner.set_timeout(_SECONDS)
    try:
        matching = scanner.scan_file(str(sample.path)).matching_rules
    except yara_x.TimeoutError:
        raise TimeoutError(f"not every rule had its say within {_SECONDS} s") from None
    with sample.path.open("rb") as file:
        head = file.read(4096)
        pairs = [(rule, _build(rule, file, head)) for rule in matching]
    if not pairs:
        raise NothingForMe("nothing here says what this was made with")
    builds = sorted((build for _, build in pairs), key=lambda each: (_ORDER.index(each.kind), each.name))
    traits = list(_traits(pairs))
    wrapped = [build for build in builds if build.kind in {"packer", "protector"}]
    return Findings(
        score=score(traits, _LIMIT),
        result=Packing(packed=bool(wrapped), builds=builds, traits=traits),
        detections=[Detection(f"{each.kind}: {_named(each)}", "informational") for each in wrapped],
        tags=[Tag("behaviour", "packed")] if wrapped else [],
        facts=[Fact(each.kind, _named(each)) for each in builds],
    )


_ORDER = ("packer", "protector", "installer", "runtime", "compiler", "library")


def _build(rule: yara_x.Rule, file: IO[bytes], head: bytes) -> Build:
    meta = dict(rule.metadata)
    version = _linker(head) if rule.identifier == "Microsoft_Linker" else _version(rule, file)
    return Build(kind=meta["kind"], name=meta["name"], version=version, rule=rule.identifier)


def _version(rule: yara_x.Rule, file: IO[bytes]) -> str:
    """The number in the first pattern called ``version…`` that was found."""
    for pattern in rule.patterns:
        if "version" in pattern.identifier:
            for match in clip(pattern.matches, 1):
                file.seek(match.offset)
                return _number(file.read(min(match.length, _VERSION_AT_MOST)))
    return ""


def _number(text: bytes) -> str:
    if python := _PYTHON.search(text):
        return ".".join(part.decode() for part in python.groups())
    numbers = _NUMBERS.findall(text)
    return clean(numbers[-1]) if numbers else ""


def _linker(head: bytes) -> str:
    """The linker's version in the optional header: 14 is that of Visual Studio 2015 and all later ones."""
    place = int.from_bytes(head[0x3C:0x40], "little") + 26
    return f"{head[place]}.{head[place + 1]:02}" if place + 1 < len(head) else ""


def _named(build: Build) -> str:
    return f"{build.name} {build.version}".strip()


def _traits(pairs: list[tuple[yara_x.Rule, Build]]) -> Iterator[Trait]:
    for rule, build in pairs:
        if weight := dict(rule.metadata).get("weight"):
            yield Trait(name=f"{build.kind}-{rule.identifier.lower()}", weight=weight, detail=_named(build))
