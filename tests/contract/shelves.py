"""Small sets of samples and submissions that searches can tell apart."""

import datetime as dt
import os
from dataclasses import dataclass
from typing import Any

from tests.contract.driver import EXTERNAL, Api, Submitted, unique

HOUR = 3_600_000
DAY = 24 * HOUR
#: A day long ago, so that timelines have few other observations.
PAST = int(dt.datetime(2021, 5, 12, 10, 30, tzinfo=dt.UTC).timestamp() * 1000)


@dataclass(frozen=True)
class SampleShelf:
    """Two samples that differ in everything: `plain` was submitted only, `rich` was worked on."""

    word: str
    plain: Submitted
    rich: Submitted

    def names(self, answer: dict[str, Any]) -> set[str]:
        """Which of the two a search found."""
        found = {item["sha256"] for item in answer["data"]}
        pair = {"plain": self.plain, "rich": self.rich}
        return {name for name, sample in pair.items() if sample.sha256 in found}

    def narrowed(self, **criteria: Any) -> dict[str, Any]:
        """The two samples only, and these criteria of the test."""
        return {"sha256": [self.plain.sha256, self.rich.sha256], **criteria}


def sample_shelf(analyzer: Api) -> SampleShelf:
    word = unique()
    plain = analyzer.submit(
        os.urandom(1500),
        fileName=f"{word}-plain.txt",
        mimeType="text/plain",
        metaData={"w": word},
        tlp="green",
    )
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + os.urandom(3000)
    rich = analyzer.submit(
        png,
        fileName=f"{word}-RICH.png",
        mimeType="image/png",
        metaData={"w": word, "deep.key": f"{word} value"},
        userAgent={"name": "rich-agent", "version": "9"},
        retention="now + 30 days",
    )
    analysis = analyzer.add_analysis(
        rich.sha256,
        80,
        analysisResult={"engine": {"names": [f"{word}-hit"], "depth": 3}, "flat": word},
        userAgent={"name": EXTERNAL, "version": "3.2"},
        tags=[{"type": "family", "value": f"{word}-family"}],
    )
    analyzer.sample.add_link(
        rich.sha256, plain.sha256, "clear", "downloads", {"name": "linker", "version": "1"}
    )
    analyzer.sample.add_static_fact(
        rich.sha256, f"{word}.key", {"name": "facts", "version": "1"}, f"{word}-fact"
    )
    analyzer.sample.reclassify_sample(rich.sha256)
    analyzer.finish(rich.job, analyses=[analysis["analysisID"]])
    analyzer.verdict_of(rich.job, rich.sha256)
    return SampleShelf(word, plain, rich)


@dataclass(frozen=True)
class SubmissionShelf:
    """Three submissions of two samples, named a, b and c."""

    word: str
    ids: dict[str, str]
    sample: Submitted

    def names(self, answer: dict[str, Any]) -> set[str]:
        found = {item["id"] for item in answer["data"]}
        return {name for name, submission in self.ids.items() if submission in found}


def submission_shelf(analyzer: Api) -> SubmissionShelf:
    word = unique()
    a = analyzer.submit(
        fileName=f"{word}-a.exe",
        mimeType=f"application/{word}",
        metaData={"case": word, "sender.domain": "example.org"},
        tlp="green",
        userAgent={"name": "gateway", "version": "1"},
        observedTimestamp=PAST,
    )
    b = analyzer.submit(
        a.data,
        fileName=f"{word}-b.txt",
        mimeType=f"text/{word}",
        metaData={"case": word},
        tlp="clear",
        userAgent={"name": "gateway", "version": "2"},
        observedTimestamp=PAST + HOUR,
        retention="now + 50 days",
    )
    c = analyzer.submit(
        fileName=f"{word}-C.exe",
        mimeType=f"application/{word}",
        metaData={"case": f"{word}-c"},
        observedTimestamp=PAST + 3 * DAY,
    )
    ids = {name: sample.submission["id"] for name, sample in (("a", a), ("b", b), ("c", c))}
    return SubmissionShelf(word, ids, a)
