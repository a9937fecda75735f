"""What a run returns, at every level."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.sandbox import Ending, Level, Sandbox
from orchestrator.worker import NO_FINDINGS, Limits
from tests.unit.sandbox.helpers import eventually, idle, left_by


def test_findings_and_files_come_back_whole(sandbox, make_sample):
    sample = make_sample(b"MZ\x90\x00 and more", password="infected")
    outcome = sandbox.run("hostile:honest", sample)
    assert (outcome.ending, outcome.message, outcome.level) == (Ending.finished, "", sandbox.level)
    found = outcome.findings
    assert found.score == 77
    assert found.result == {"size": 13, "options": {"password": "infected"}, "name": "a.exe"}
    assert found.detections[0].assessment == "malicious"
    assert (found.tags[0].value, found.facts[0].key, found.possible_detections) == ("test", "key", 3)
    assert found.classification.meta_data == {"a": "b"}
    (evidence,), (child,) = found.evidence, found.children
    assert evidence.path == sample.scratch / "inner" / "macro.txt"
    assert evidence.path.read_bytes() == b"rendered"
    assert evidence.potentially_malicious
    assert child.path.read_bytes() == b"MZ\x90\x00"
    assert outcome.peak_memory > 0


@pytest.mark.parametrize(
    ("worker", "ending", "message"),
    [
        ("nothing", Ending.nothing, "not mine"),
        ("temporary", Ending.temporary, "later"),
        ("raising", Ending.failed, "ValueError: bad header"),
        ("leaving", Ending.failed, "SystemExit: 0"),
        ("absent", Ending.failed, "AttributeError"),
        ("limited", Ending.timeout, "still running after 0.5 s"),
    ],
)
def test_each_end_of_a_worker_has_its_name(sandbox, make_sample, worker, ending, message):
    outcome = sandbox.run(f"hostile:{worker}", make_sample())
    assert outcome.ending is ending
    assert message in outcome.message
    assert outcome.findings is None


def test_an_unknown_worker_has_failed(sandbox, make_sample):
    outcome = sandbox.run("no-such-worker", make_sample())
    assert outcome.ending is Ending.failed
    assert "no-such-worker" in outcome.message


def test_temporary_files_lie_in_the_scratch_folder(sandbox, make_sample):
    outcome = sandbox.run("hostile:temporary_file", make_sample())
    assert outcome.findings.result == {"in_scratch": True}


def test_runs_from_many_threads_do_not_mix(sandbox, make_sample):
    samples = [make_sample(b"x" * size) for size in range(1, 13)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda sample: sandbox.run("hostile:honest", sample), samples))
    assert [each.findings.result["size"] for each in outcomes] == list(range(1, 13))


def test_cancelling_ends_the_run_and_what_it_started(sandbox, make_sample):
    asked = threading.Event()

    def cancelled() -> bool:
        started = len(left_by(sandbox)) >= 5
        if started:
            asked.set()
        return started

    outcome = sandbox.run("hostile:sleep", make_sample(), cancelled=cancelled)
    assert asked.is_set()
    assert outcome.ending is Ending.cancelled
    assert eventually(lambda: idle(sandbox))


def test_a_failing_cancellation_check_leaves_no_run_behind(sandbox, make_sample):

    def cancelled() -> bool:
        raise ConnectionError("the database is gone")

    with pytest.raises(ConnectionError):
        sandbox.run("hostile:sleep", make_sample(), cancelled=cancelled)
    assert eventually(lambda: idle(sandbox))


def test_a_run_below_the_minimum_is_refused(make_sample):
    with Sandbox(minimum=Level.landlock, level=Level.rlimits) as weak:
        outcome = weak.run("hostile:honest", make_sample())
    assert outcome.ending is Ending.refused
    assert "landlock" in outcome.message


def test_a_sample_that_cannot_be_read_is_the_callers_error(sandbox, make_sample):
    sample = make_sample()
    sample.path.unlink()
    with pytest.raises(FileNotFoundError):
        sandbox.run("hostile:honest", sample)


def test_a_closed_sandbox_runs_nothing(level, make_sample):
    sandbox = Sandbox(level=level)
    sandbox.close()
    with pytest.raises(RuntimeError):
        sandbox.run("hostile:honest", make_sample())


def test_text_that_no_database_stores_is_replaced(sandbox, make_sample):
    outcome = sandbox.run("hostile:unstorable_text", make_sample())
    assert outcome.findings.result == {"a\ufffd": "\ufffd \ufffd"}
    assert outcome.findings.score == NO_FINDINGS


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        ("not_json", "bytes is not JSON serializable"),
        ("not_findings", "dict, not Findings"),
        ("score_too_high", "score"),
        ("hand_over_what_lies_outside", "scratch folder"),
        ("hand_over_a_fifo", "not a regular file"),
        ("multiply_by_links", "larger than"),
    ],
)
def test_findings_that_break_the_contract_fail(sandbox, make_sample, worker, reason):
    outcome = sandbox.run(f"hostile:{worker}", make_sample(), limits=Limits(scratch_mb=16))
    assert outcome.ending is Ending.failed
    assert reason in outcome.message


@pytest.mark.parametrize("worker", ["escape_by_link", "escape_through_folder_link"])
def test_a_link_is_not_followed_when_files_are_taken_over(sandbox, make_sample, tmp_path, worker):
    target = tmp_path / "secret"
    target.write_text("secret")
    sample = make_sample(target=str(target))
    outcome = sandbox.run(f"hostile:{worker}", sample)
    assert outcome.ending is Ending.failed
    assert not list(sample.scratch.iterdir())


@pytest.mark.parametrize("report", ["", "[]", "null", '{"ending":"finished"}', "{", "[" * 100_000])
def test_a_forged_report_is_no_report(sandbox, make_sample, report):
    outcome = sandbox.run("hostile:forge", make_sample(report=report))
    assert outcome.ending is Ending.failed
