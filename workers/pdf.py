"""PDF: what acts by itself in a document, and the files inside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pikepdf
from pydantic import BaseModel

from orchestrator.worker import Child, Evidence, Findings, Sample, analysis_worker
from workers._indicators import INDICATOR_LIMIT, Indicator, defang, find_indicators
from workers._names import PROGRAM
from workers._text import Text, clean, clip
from workers._traits import Trait, detections, score

_OBJECT_LIMIT, _DEPTH_LIMIT, _ACTION_LIMIT, _SCRIPT_LIMIT, _CHILD_LIMIT = 50_000, 20, 500, 50, 50
_STREAM_LIMIT = 64 << 20
_SCANNED = 64 << 20
_SCRIPT_EVIDENCE = 1 << 20
_EXPLOITED = re.compile(
    rb"Collab\.(getIcon|collectEmailInfo)|util\.printf|media\.newPlayer|spell\.customDictionaryOpen"
)
_HIDING = re.compile(rb"\b(eval|unescape|String\.fromCharCode)\s*\(")

#: Names that the raw bytes are searched for, whether or not the document can be opened.
_KEYWORDS = (
    *("/JS", "/JavaScript", "/OpenAction", "/AA", "/Launch", "/EmbeddedFile", "/RichMedia", "/XFA"),
    *("/AcroForm", "/URI", "/SubmitForm", "/GoToR", "/GoToE", "/ImportData", "/ObjStm", "/JBIG2Decode"),
    "/Encrypt",
)

#: Kinds of action, and what one adds to the score.
_ACTIONS = {
    "/Launch": 60,
    "/JavaScript": 20,
    "/ImportData": 20,
    "/GoToE": 20,
    "/GoToR": 15,
    "/SubmitForm": 15,
    "/Rendition": 5,
    "/URI": 0,
}
_READ_ERRORS = (pikepdf.PikepdfError, ValueError, TypeError, RuntimeError, NotImplementedError)

pikepdf.settings.set_qpdf_limits(
    flate_max_memory=_STREAM_LIMIT, run_length_max_memory=_STREAM_LIMIT, png_max_memory=_STREAM_LIMIT
)


class Action(BaseModel):
    """``place`` is the object's number; ``detail`` the address, the command or the script's beginning."""

    kind: str
    place: str
    detail: Text


class Embedded(BaseModel):
    name: Text
    size: int


class Pdf(BaseModel):
    """``keywords`` counts names in the raw bytes; ``damage`` says why the document could not be opened."""

    version: Text
    pages: int
    encrypted: bool
    damage: Text
    information: dict[str, Text]
    keywords: dict[str, int]
    actions: list[Action]
    scripts: list[Text]
    embedded: list[Embedded]
    indicators: list[Indicator]
    traits: list[Trait]


class _Reading:
    """What a walk over the document's objects has found so far."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.scripts: list[bytes] = []
        self.files: list[tuple[str, bytes]] = []
        self.opens_with: set[str] = set()

    def walk(self, document: pikepdf.Pdf) -> None:
        root = document.Root
        self.opens_with = {key for key in ("/OpenAction", "/AA") if key in root}
        for item in islice(document.objects, _OBJECT_LIMIT):
            if isinstance(item, pikepdf.Object):  # numbers and texts come as Python's own
                self._visit(item, "{} {}".format(*item.objgen), 0)

    def _visit(self, item: pikepdf.Object, place: str, depth: int) -> None:
        if isinstance(item, pikepdf.Array):
            for part in islice(item, _OBJECT_LIMIT):
                self._descend(part, place, depth)
        elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
            self._read(item, place)
            for part in item.values():
                self._descend(part, place, depth)

    def _descend(self, part: object, place: str, depth: int) -> None:
        if isinstance(part, pikepdf.Object) and not part.is_indirect and depth < _DEPTH_LIMIT:
            self._visit(part, place, depth + 1)

    def _read(self, item: pikepdf.Object, place: str) -> None:
        kind = str(item.get("/S", ""))
        if kind in _ACTIONS and len(self.actions) < _ACTION_LIMIT:
            self.actions.append(Action(kind=kind[1:], place=place, detail=_detail(item)))
        if "/JS" in item and len(self.scripts) < _SCRIPT_LIMIT:
            self.scripts.append(_content(item["/JS"]))
        if "/EF" in item and len(self.files) < _CHILD_LIMIT:
            name = str(item.get("/UF", item.get("/F", "embedded")))
            self.files += [(name, _content(stream)) for stream in clip(item["/EF"].values(), 1)]


@analysis_worker("pdf", version="1.0", accepts={"pdf"}, result=Pdf, preload=("pikepdf",))
def pdf(sample: Sample) -> Findings:
    """Actions, JavaScript, embedded files, links and metadata of a PDF.

    The score adds up what a document needs only to act on its reader: starting programs counts most,
    then scripts that run at opening, hidden or exploiting code, and programs inside. Links alone and
    embedded documents alone are no score. A document that cannot be opened is judged by its raw names.
    """
    reading, about, damage = _Reading(), dict[str, object](), ""
    try:
        with pikepdf.open(sample.path) as document:
            about = _about(document)
            reading.walk(document)
    except pikepdf.PasswordError:
        about["encrypted"] = True
    except _READ_ERRORS as error:
        damage = str(error).replace(str(sample.path), "sample")
    keywords = _keywords(sample)
    traits = list(_traits(reading, keywords if damage else {}))
    scripts = b"\n".join(reading.scripts)
    links = (defang("url", action.detail) for action in reading.actions if action.kind == "URI")
    result = Pdf(
        version=about.get("version", ""),
        pages=about.get("pages", 0),
        encrypted=about.get("encrypted", False),
        damage=damage,
        information=about.get("information", {}),
        keywords=keywords,
        actions=[_harmless(action) for action in reading.actions],
        scripts=[clean(script) for script in reading.scripts],
        embedded=[Embedded(name=name, size=len(content)) for name, content in reading.files],
        indicators=clip(
            [
                *(Indicator(kind="url", value=link) for link in dict.fromkeys(links)),
                *find_indicators(scripts[:_SCRIPT_EVIDENCE].decode("utf-8", "replace")),
            ],
            INDICATOR_LIMIT,
        ),
        traits=traits,
    )
    return Findings(
        score=score(traits),
        result=result,
        detections=detections(traits),
        children=[
            Child(_written(sample, f"child{number}", content), clean(name, 400))
            for number, (name, content) in enumerate(reading.files)
        ],
        evidence=_script_evidence(sample, scripts),
    )


def _about(document: pikepdf.Pdf) -> dict[str, object]:
    information = {clean(key, 100): value for key, value in islice(document.docinfo.items(), 50)}
    return {
        "version": document.pdf_version,
        "pages": len(document.pages),
        "encrypted": document.is_encrypted,
        "information": information,
    }


def _detail(action: pikepdf.Object) -> str:
    for key in ("/URI", "/JS", "/F", "/Win"):
        if key in action:
            return clean(_content(action[key]))
    return ""


def _content(item: pikepdf.Object) -> bytes:
    """A string's or a stream's bytes; a file specification's name."""
    try:
        if isinstance(item, pikepdf.Stream):
            return item.read_bytes()
        if isinstance(item, pikepdf.Dictionary):
            return _content(item.get("/F", item.get("/UF", pikepdf.String(""))))
        return str(item).encode("utf-8", "backslashreplace")
    except _READ_ERRORS:
        return b""


def _keywords(sample: Sample) -> dict[str, int]:
    """How often each telling name stands in the raw bytes, with ``#4a`` for ``J`` undone."""
    with sample.path.open("rb") as file:
        raw = file.read(_SCANNED)
    plain = re.sub(rb"#([0-9a-fA-F]{2})", lambda match: bytes([int(match[1], 16)]), raw)
    patterns = {name: re.compile(re.escape(name.encode()) + rb"(?![A-Za-z])") for name in _KEYWORDS}
    counts = {name: len(pattern.findall(plain)) for name, pattern in patterns.items()}
    return {name: count for name, count in counts.items() if count}


def _traits(reading: _Reading, keywords: dict[str, int]) -> Iterator[Trait]:
    seen = {f"/{action.kind}": action.place for action in reading.actions}
    for kind, weight in _ACTIONS.items():
        if kind in seen or kind in keywords:
            place = seen.get(kind, "in the raw bytes")
            yield Trait(name=f"action-{kind[1:].lower()}", weight=weight, detail=place)
    scripted = bool(reading.scripts) or "/JS" in keywords
    if scripted and (reading.opens_with or {"/OpenAction", "/AA"} & set(keywords)):
        yield Trait(name="runs-at-opening", weight=20, detail=" ".join(sorted(reading.opens_with)))
    if any(_HIDING.search(script) for script in reading.scripts):
        yield Trait(name="script-hides-code", weight=20, detail="eval, unescape or fromCharCode")
    if any(_EXPLOITED.search(script) for script in reading.scripts):
        yield Trait(name="script-calls-exploited-function", weight=40, detail="a function with a known hole")
    for name, content in reading.files:
        if PROGRAM.search(name) or content.startswith((b"MZ", b"\x7fELF")):
            yield Trait(name="embedded-program", weight=50, detail=name)


def _harmless(action: Action) -> Action:
    if action.kind != "URI":
        return action
    return action.model_copy(update={"detail": defang("url", action.detail)})


def _script_evidence(sample: Sample, scripts: bytes) -> list[Evidence]:
    if not scripts:
        return []
    path = _written(sample, "scripts.js", scripts[:_SCRIPT_EVIDENCE])
    return [Evidence(path, "scripts.js", "application/javascript", potentially_malicious=True)]


def _written(sample: Sample, name: str, content: bytes) -> Path:
    path = sample.scratch / name
    path.write_bytes(content)
    return path
