"""`assay events`: a job from its first event to its last, resumed anywhere in between."""

import json
from pathlib import Path

from tests.acceptance.conftest import Assay


def test_a_job_is_followed_to_its_end(assay: Assay, tmp_path: Path) -> None:
    sample = tmp_path / "told.txt"
    sample.write_bytes(b"told of as it happens\n" * 9)
    (run,) = assay.json("submit", sample)
    followed = assay("events", "--job", run["job"], "--json").stdout.splitlines()
    events = [json.loads(line) for line in followed]
    assert events[0]["event"] == "job_task.enqueued"
    assert (events[-1]["event"], events[-1]["job"]) == ("job.done", run["job"])
    assert {"job_task.executing", "job_task.success"} <= {each["event"] for each in events}
    middle = len(events) // 2
    rest = events[middle + 1 :]
    again = assay("events", "--job", run["job"], "--after", events[middle]["id"], "--json")
    resumed = [json.loads(line) for line in again.stdout.splitlines()]
    # the job's state is the one at the time of reading
    assert [{**each, "jobState": ""} for each in resumed] == [{**each, "jobState": ""} for each in rest]
    shown = assay("events", "--job", run["job"]).stdout
    assert "✓ success" in shown
    assert shown.rstrip().endswith("✓ done")
    assay("events", "--job", "01234567-89ab-7def-8123-456789abcdef", status=5)
    assert "state" in assay("events", "--state", "gone", status=1).stderr
