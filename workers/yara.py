"""YARA: rules of our own, and those in a folder that the operator keeps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import yara_x
from pydantic import BaseModel

from orchestrator.worker import (
    MAX_SCORE,
    NO_FINDINGS,
    Assessment,
    Detection,
    Findings,
    Limits,
    Sample,
    Tag,
    TagType,
    analysis_worker,
)
from workers._text import Text, clean, clip

_OWN_RULES = Path(__file__).parent / "rules"
_MATCH_LIMIT = 200
_STRING_LIMIT = 20
_PROBLEM_LIMIT = 100
_SECONDS = 60
_DEFAULT_SCORE = 50
_MALICIOUS, _INFORMATIONAL = 70, 25

#: External variables that rules written for other scanners expect.
_GLOBALS = ("filename", "filepath", "extension", "filetype", "owner")
#: A rule's metadata that names a family or a behaviour, and the tag it becomes.
_META_TAGS: dict[str, TagType] = {
    "family": "family",
    "malware": "family",
    "malware_family": "family",
    "behaviour": "behaviour",
}


class MatchedString(BaseModel):
    identifier: str
    offset: int
    length: int


class Match(BaseModel):
    """A rule that matched; ``source`` is the rule file's name."""

    rule: Text
    source: Text
    score: int
    tags: list[Text]
    meta: dict[str, Text]
    strings: list[MatchedString]


class Yara(BaseModel):
    """``problems`` names rules that could not be used; ``timed_out``, that not every rule had its say."""

    matches: list[Match]
    rules: int
    problems: list[Text]
    timed_out: bool


@lru_cache(maxsize=4)
def _compile(files: tuple[tuple[Path, int, int], ...]) -> tuple[yara_x.Rules, tuple[str, ...]]:
    """Rules of these (path, modification time, size); a changed file is another key, thus compiled again."""
    compiler, problems = yara_x.Compiler(relaxed_re_syntax=True), list[str]()
    compiler.ignore_invalid_rules(True)
    for name in _GLOBALS:
        compiler.define_global(name, "")
    for path, _, _ in files:
        compiler.new_namespace(path.name)
        with suppress(yara_x.CompileError):  # which is among compiler.errors() too
            compiler.add_source(path.read_text(errors="replace"), origin=path.name)
        known = len(problems)
        fresh = compiler.errors()[known:]
        problems += [f"{path.name}:{error.get('line', 0)}: {error['title']}" for error in fresh]
    return compiler.build(), tuple(problems)


def _sources(folder: Path) -> tuple[tuple[Path, int, int], ...]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".yar", ".yara"} and path.is_file())
    return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)


# Compiled once, before the sandbox forks a child per sample.
_compile(_sources(_OWN_RULES))


@analysis_worker(
    "yara", version="1.0", result=Yara, limits=Limits(seconds=150, cpu_seconds=150), preload=("yara_x",)
)
def yara(sample: Sample) -> Findings:
    """Rules that match, of our own set and of the folder in option ``yara.rules_dir``.

    The score is the highest of the matching rules': their ``score`` metadata, 50 where a rule has none.
    Without a match there is no score: a file that no rule knows is not thereby good. The folder is read
    again when it changes; files ending in ``.yarc`` hold rules that are compiled already.
    """
    sets = [_compile(_sources(_OWN_RULES)), *_operators_rules(sample)]
    matches, timed_out = [], False
    for rules, _ in sets:
        found = _scan(rules, sample)
        timed_out |= found is None
        matches += found or []
    result = Yara(
        matches=clip(matches, _MATCH_LIMIT),
        rules=sum(1 for rules, _ in sets for _ in rules),
        problems=clip((problem for _, problems in sets for problem in problems), _PROBLEM_LIMIT),
        timed_out=timed_out,
    )
    return Findings(
        score=max((match.score for match in result.matches), default=NO_FINDINGS),
        result=result,
        detections=[Detection(match.rule, _assess(match.score)) for match in result.matches],
        tags=list(dict.fromkeys(_tags(result.matches))),
        possible_detections=result.rules,
    )


def _operators_rules(sample: Sample) -> Iterator[tuple[yara_x.Rules, tuple[str, ...]]]:
    setting = sample.options.get("yara.rules_dir") or os.environ.get("ASSAY_YARA_RULES_DIR")
    if not setting:
        return
    folder = Path(setting)
    if not folder.is_dir():
        raise NotADirectoryError(f"yara.rules_dir {setting!r} is not a folder that this worker can read")
    yield _compile(_sources(folder))
    for path in sorted(folder.rglob("*.yarc")):
        with path.open("rb") as file:
            yield yara_x.Rules.deserialize_from(file), ()


def _scan(rules: yara_x.Rules, sample: Sample) -> list[Match] | None:
    """The rules that match, or None where the time was not enough."""
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(_SECONDS)
    scanner.max_matches_per_pattern(_STRING_LIMIT)
    try:
        results = scanner.scan_file(str(sample.path))
    except yara_x.TimeoutError:
        return None
    return [_match(rule) for rule in clip(results.matching_rules, _MATCH_LIMIT)]


def _match(rule: yara_x.Rule) -> Match:
    meta = dict(rule.metadata)
    strings = (
        MatchedString(identifier=pattern.identifier, offset=match.offset, length=match.length)
        for pattern in rule.patterns
        for match in pattern.matches
    )
    return Match(
        rule=rule.identifier,
        source=rule.namespace,
        score=_score(meta.get("score")),
        tags=list(rule.tags),
        meta={clean(key): value for key, value in meta.items()},
        strings=clip(strings, _STRING_LIMIT),
    )


def _score(value: object) -> int:
    return min(max(value, 0), MAX_SCORE) if isinstance(value, int) else _DEFAULT_SCORE


def _assess(score: int) -> Assessment:
    if score >= _MALICIOUS:
        return "malicious"
    return "informational" if score <= _INFORMATIONAL else "unknown"


def _tags(matches: Iterable[Match]) -> Iterator[Tag]:
    for match in matches:
        yield Tag("yara", match.rule)
        for key, type_ in _META_TAGS.items():
            if value := match.meta.get(key):
                yield Tag(type_, value)
