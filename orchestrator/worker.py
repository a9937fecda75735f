"""The contract for writing an analysis worker: one decorated function from a sample to findings.

::

    @analysis_worker("length", version="1.0")
    def length(sample: Sample) -> Findings:
        return Findings(result={"bytes": sample.size})

The function runs in a sandboxed child process: no network unless it asks, no credentials, limits on
memory, CPU and wall-clock time. A third party's package adds its own through the entry point group
``assay.workers``; nothing here needs a running Assay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

ENTRY_POINT_GROUP = "assay.workers"

Assessment = Literal["benign", "unknown", "malicious", "informational"]
TagType = Literal["family", "behaviour", "yara"]
Relation = Literal["parent", "child", "downloads", "loads", "executes"]
StatusOverride = Literal["malicious", "benign"]

#: The score of an analysis that found nothing to judge by (contract section 8).
NO_FINDINGS = -1
MAX_SCORE = 100

#: The policy's option that says which workers may use the network.
NETWORK_OPTION = "network"


class TemporaryError(Exception):
    """The worker could not do its work now; the job task is tried again later, with backoff."""


class NothingForMe(Exception):
    """The sample is of no interest to this worker: success, no findings, the message says why."""


class UnknownWorker(LookupError):
    """No installed package offers an analysis worker of this name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. ``seconds`` is wall-clock time; sizes are in MiB."""

    seconds: float = 60.0
    cpu_seconds: int = 60
    memory_mb: int = 1024
    scratch_mb: int = 256
    output_mb: int = 16
    open_files: int = 256
    processes: int = 32


@dataclass(frozen=True)
class Sample:
    """What a worker gets. ``path`` is a read-only copy, ``scratch`` an empty folder of its own.

    ``type`` and ``super_type`` are those of the sample's latest classification, empty if it has none;
    ``options`` are the policy's options for this job.
    """

    path: Path
    sha256: str
    size: int
    scratch: Path
    md5: str = ""
    sha1: str = ""
    sha512: str = ""
    file_name: str = ""
    type: str = ""
    super_type: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def data(self) -> bytes:
        """The whole content. Prefer :attr:`path` where the library can read a file itself."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Detection:
    """Something with a name that the worker recognised."""

    name: str
    assessment: Assessment = "unknown"


@dataclass(frozen=True, slots=True)
class Tag:
    """A label that others can search by."""

    type: TagType
    value: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that the analysis produced; ``path`` lies in the sample's scratch folder."""

    path: Path
    name: str
    mime_type: str = "application/octet-stream"
    potentially_malicious: bool = False
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """A file found inside the sample: it becomes a sample with a link. ``path`` lies in scratch."""

    path: Path
    name: str = ""
    relation: Relation = "child"


@dataclass(frozen=True, slots=True)
class Fact:
    """A static fact: true of these bytes whoever looks at them, so stored once per sample."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What kind of file this is. Only a classifying worker returns one."""

    type: str
    super_type: str
    arch: str = ""
    platform: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """What a worker found.

    ``score`` is 0 (benign) to 100 (malicious), or :data:`NO_FINDINGS`. ``result`` is a JSON object or
    an instance of the worker's result model.
    """

    score: int = NO_FINDINGS
    result: Mapping[str, Any] | BaseModel = field(default_factory=dict)
    detections: list[Detection] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    classification: Classification | None = None
    possible_detections: int | None = None
    verdict_status_override: StatusOverride | None = None

    def __post_init__(self) -> None:
        if not NO_FINDINGS <= self.score <= MAX_SCORE:
            raise ValueError(f"score {self.score} is not within {NO_FINDINGS}…{MAX_SCORE}")


Analyse = Callable[[Sample], Findings]


@dataclass(frozen=True)
class AnalysisWorker:
    """A worker as registered: its name, what it accepts, what it may use, and its function.

    ``accepts`` holds types or super types of a classification (``{"pe", "document"}``); empty means
    any sample. ``classifies`` marks a worker whose findings carry the sample's classification.
    """

    name: str
    version: str
    analyse: Analyse
    accepts: frozenset[str] = frozenset()
    limits: Limits = Limits()
    network: bool = False
    result_model: type[BaseModel] | None = None
    classifies: bool = False
    preload: tuple[str, ...] = ()
    #: Paths that a run may read besides the system's and Python's own, such as a tool's own folder.
    readable: tuple[str, ...] = ()
    description: str = ""

    def takes(self, type_: str, super_type: str) -> bool:
        """Whether a sample of this classification is for this worker."""
        return not self.accepts or type_ in self.accepts or super_type in self.accepts

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema of the result, or None where the worker declares no model."""
        return self.result_model.model_json_schema() if self.result_model else None

    def __call__(self, sample: Sample) -> Findings:
        return self.analyse(sample)


def analysis_worker(
    name: str,
    *,
    version: str,
    accepts: Iterable[str] = (),
    limits: Limits = Limits(),
    network: bool = False,
    result: type[BaseModel] | None = None,
    classifies: bool = False,
    preload: Iterable[str] = (),
    readable: Iterable[str] = (),
) -> Callable[[Analyse], AnalysisWorker]:
    """Make a worker of a function; its docstring's first line is the worker's description.

    ``preload`` names modules that the warm sandbox imports once, before it forks a child per sample;
    ``readable`` paths outside Python's own and the system's that a run may read, such as a tool's data.
    """

    def decorate(function: Analyse) -> AnalysisWorker:
        lines = (function.__doc__ or "").strip().splitlines()
        return AnalysisWorker(
            name=name,
            version=version,
            analyse=function,
            accepts=frozenset(accepts),
            limits=limits,
            network=network,
            result_model=result,
            classifies=classifies,
            preload=tuple(preload),
            readable=tuple(readable),
            description=lines[0] if lines else name,
        )

    return decorate


def may_use_network(worker: AnalysisWorker, options: Mapping[str, str]) -> bool:
    """Whether a run may use the network: the worker asks for it, and the policy's option names it.

    The option :data:`NETWORK_OPTION` holds names of workers with commas between them, or ``*`` for all.
    """
    allowed = {name.strip() for name in options.get(NETWORK_OPTION, "").split(",")}
    return worker.network and bool({worker.name, "*"} & allowed)


def installed(names: Collection[str] | None = None) -> dict[str, AnalysisWorker]:
    """The workers that installed packages offer and that import here, by name; others are not imported.

    One whose libraries are not installed (an extra) is left out; :func:`uninstallable` says why.
    """
    return {name: each for name, each in sorted(_load(names)[0].items()) if names is None or name in names}


def uninstallable() -> dict[str, str]:
    """Entry points that could not be loaded here, with the reason."""
    return dict(_load()[1])


def find(name: str) -> AnalysisWorker:
    """The worker of this name; :class:`UnknownWorker` where none is installed."""
    try:
        return installed([name])[name]
    except KeyError:
        reason = uninstallable().get(name, "no installed package offers it")
        raise UnknownWorker(f"worker {name!r} is not available: {reason}") from None


_workers: dict[str, AnalysisWorker] = {}
_problems: dict[str, str] = {}
#: entry points that were not loaded yet, by name; None: not yet looked for
_offers: dict[str, EntryPoint] | None = None
_loading = threading.Lock()


def _load(names: Collection[str] | None = None) -> tuple[dict[str, AnalysisWorker], dict[str, str]]:
    global _offers  # noqa: PLW0603 - entry points cannot change within a process
    with _loading:
        if _offers is None:
            _offers = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
        if names is not None:
            _load_some(_offers, _offers.keys() & names)
        # a package may call its entry point otherwise than its worker
        if names is None or not _workers.keys() >= set(names):
            _load_some(_offers, _offers.keys())
    return _workers, _problems


def _load_some(offers: dict[str, EntryPoint], names: Iterable[str]) -> None:
    for name in sorted(names):
        try:
            worker = offers.pop(name).load()
            _workers[worker.name] = worker
        except Exception as error:  # noqa: BLE001 - a third party's import may raise anything
            _problems[name] = f"{type(error).__name__}: {error}"
