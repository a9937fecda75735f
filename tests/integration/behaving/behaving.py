"""An analysis worker for tests: the sample's content says how it behaves."""

import ctypes
import time

from orchestrator.worker import (
    Child,
    Classification,
    Evidence,
    Fact,
    Findings,
    Limits,
    NothingForMe,
    Sample,
    TemporaryError,
    analysis_worker,
)


@analysis_worker("behave", version="1.2", limits=Limits(seconds=20, memory_mb=512))
def behave(sample: Sample) -> Findings:
    """Does what the sample says."""
    order, *arguments = sample.data.decode().split()
    match order:
        case "raise":
            raise ValueError("as the sample says")
        case "crash":
            ctypes.string_at(0)
        case "sleep":
            time.sleep(float(arguments[0]))
        case "nothing":
            raise NothingForMe("not my kind")
        case "temporary":
            if time.time() < float(arguments[0]):
                raise TemporaryError("not yet")
        case "files":
            return files(sample)
        case "unstorable":
            return Findings(score=1, result={"text": "a\0b\ud800", "number": 2**80})
    return Findings(score=10, result={"order": order, "name": sample.file_name})


def files(sample: Sample) -> Findings:
    """Evidence, a child, a fact and a classification."""
    (sample.scratch / "evidence.txt").write_text("seen")
    (sample.scratch / "child.bin").write_text("steady child")
    return Findings(
        score=50,
        evidence=[Evidence(sample.scratch / "evidence.txt", "evidence.txt", "text/plain")],
        children=[Child(sample.scratch / "child.bin", "child.bin")],
        facts=[Fact("colour", "blue")],
        classification=Classification("order", "text"),
    )


@analysis_worker("steady", version="1.0", limits=Limits(seconds=20, memory_mb=512))
def steady(sample: Sample) -> Findings:
    """Is always done at once."""
    return Findings(score=0, result={"bytes": sample.size})


@analysis_worker("dawdler", version="1.0", preload=["dawdling"])
def dawdler(sample: Sample) -> Findings:
    """Takes long to be imported, in the sandbox alone."""
    return Findings(score=0)


@analysis_worker("hasty", version="1.0", limits=Limits(seconds=1, memory_mb=512))
def hasty(sample: Sample) -> Findings:
    """Takes longer than it may."""
    time.sleep(30)
    return Findings()
