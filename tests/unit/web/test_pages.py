"""Submitting, jobs, samples, search and workers, as a browser without scripts sees them."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from orchestrator.domain.clock import now
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.services import executing
from orchestrator.store.tables import Analysis, WorkerProcess
from tests.unit.web.browsing import ESCAPED, HOSTILE, Visit, finish, submit


def test_a_file_becomes_a_job(visit):
    """With the file's name, TLP and metadata; one message goes out per worker."""
    sha256, job = submit(visit, name="in voice.pdf", tlp="green", meta='{"source": "mail"}')
    page = visit.get(job).text
    assert "in voice.pdf" in page
    assert "looker" in page
    assert len(visit.api.dispatched) == 1
    sample = visit.get(f"/sample/{sha256}").text
    assert "TLP:GREEN" in sample
    assert "source" in sample


def test_chosen_workers_replace_the_policys(visit):
    """One that does not exist is refused, and nothing is submitted."""
    _, job = submit(visit, worker="looker")
    assert "looker" in visit.get(job).text
    answer = visit.upload(b"a sample of some bytes", worker="nobody")
    assert answer.status_code == 422
    assert "worker nobody does not exist" in answer.json()["error"]
    assert len(visit.api.dispatched) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"tlp": "red"}, 422),
        ({"tlp": "purple"}, 422),
        ({"meta": "[]"}, 422),
        ({"meta": '{"a": 1}'}, 422),
        ({"meta": '{"a": "\\u0000"}'}, 422),
        ({"name": ""}, 422),
        ({"name": "a\0b"}, 422),
    ],
)
def test_what_the_api_refuses_the_page_refuses(visit, fields, status):
    """With a sentence that says what is wrong, and no sample's job."""
    answer = visit.upload(b"abc", **fields)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert not visit.api.dispatched


def test_an_upload_over_the_limit_is_cut_off(visit):
    """While it streams."""
    assert visit.upload(b"x" * 100_001).status_code == 422
    assert visit.upload(b"").status_code == 422


def test_a_viewer_uploads_nothing(house):
    """And starts no job."""
    sha256, job = submit(Visit(house))
    visit = Visit(house, Role.viewer)
    assert visit.upload(b"abc").status_code == 403
    for path in (f"{job}/cancel", f"{job}/again", f"/sample/{sha256}/again"):
        assert visit.act(path).status_code == 403
    assert "Cancel" not in visit.get(job).text


def test_a_known_file_is_recognised_before_it_is_sent(house, visit):
    """By those who may see it alone."""
    sha256, _ = submit(visit)
    assert "Known already" in visit.get(f"/known/{sha256}").text
    assert visit.get(f"/known/{'0' * 64}").text == ""
    assert visit.get("/known/x").text == ""
    stranger = Visit(house, None)
    assert stranger.sign_in(house.key(Role.user, "other")).status_code == 303
    assert stranger.get(f"/known/{sha256}").text == ""


def test_another_customers_objects_are_not_shown(house, visit):
    """Neither the job nor the sample, nor in any list."""
    sha256, job = submit(visit, name="secret.doc")
    stranger = Visit(house, None)
    stranger.sign_in(house.key(Role.user, "other"))
    assert stranger.get(job).status_code == 403
    assert stranger.get(f"{job}/events").status_code == 403
    for path in ("", "/raw", "/infected"):
        assert stranger.get(f"/sample/{sha256}{path}").status_code == 403
    for path in ("/dashboard", "/jobs", "/search?q=secret.doc"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert sha256[:12] not in answer.text


def test_cancel_calls_the_job_off(visit):
    """Once; then there is nothing left to cancel."""
    _, job = submit(visit)
    assert visit.act(f"{job}/cancel").headers["location"] == f"/ui{job}"
    assert "cancelled" in visit.get(job).text
    assert visit.act(f"{job}/cancel").status_code == 409


def test_run_again_leads_to_a_new_job(visit):
    """From the job and from the sample."""
    sha256, job = submit(visit)
    for path in (f"{job}/again", f"/sample/{sha256}/again"):
        location = visit.act(path).headers["location"]
        assert location.startswith("/ui/job/")
        assert location != f"/ui{job}"
        assert visit.get(location.removeprefix("/ui")).status_code == 200


def test_the_stream_of_a_closed_job_tells_all_and_ends(visit):
    """Each part of the page once, then the word to stop asking."""
    _, job = submit(visit, name=HOSTILE)
    finish(visit, job, {})
    stream = visit.get(f"{job}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    names = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    assert names == ["state", "actions", "timeline", "closed"]
    assert "<script" not in stream.text


def test_hostile_text_stays_text_on_every_page(visit):
    """File name, metadata, result, tags, detections and messages."""
    sha256, job = submit(visit, name=HOSTILE, mime=HOSTILE, meta=json.dumps({HOSTILE: HOSTILE}))
    result = {HOSTILE: HOSTILE, "rows": [{"a": HOSTILE}, {"a": HOSTILE}], "list": [HOSTILE]}
    analysis = finish(visit, job, result)
    with visit.api.begin() as uow:
        row = uow.session.get_one(Analysis, UUID(analysis))
        row.detections = [{"name": HOSTILE, "assessment": "malicious"}]
        row.tags = [{"type": HOSTILE, "value": HOSTILE}]
        uow.commit()
    for path in (
        job,
        f"/sample/{sha256}",
        "/jobs",
        "/dashboard",
        f"/search?q={sha256}",
        "/workers",
        "/search?q=script",
    ):
        html = visit.get(path).text
        assert "<script>" not in html, path
        assert "<img" not in html, path
    assert visit.get(f"/sample/{sha256}").text.count(ESCAPED) >= 6
    asked = visit.get("/search", params={"q": HOSTILE, "type": HOSTILE}).text
    assert ESCAPED in asked
    assert "<img" not in asked


def test_a_samples_page_tells_what_was_found(visit):
    """Verdict with each share, result, raw JSON and downloads."""
    content = b"a sample of some bytes"
    sha256, job = submit(visit, content)
    analysis = finish(visit, job, {"sections": [{"name": ".text", "size": 3}, {"name": ".data", "size": 4}]})
    page = visit.get(f"/sample/{sha256}").text
    assert "malicious" in page
    assert "100 %" in page
    assert "<td>.text</td>" in page
    raw = visit.get(f"/sample/{sha256}/analysis/{analysis}/json")
    assert raw.json()["sections"][0] == {"name": ".text", "size": 3}
    assert raw.headers["content-type"] == "application/json"


def test_downloads_are_saved_and_never_shown(visit):
    """As they are, or in an encrypted archive."""
    content = b"<html><script>alert(1)</script>"
    sha256, _ = submit(visit, content)
    raw = visit.get(f"/sample/{sha256}/raw")
    assert raw.content == content
    archive = visit.get(f"/sample/{sha256}/infected")
    assert archive.content.startswith(b"PK")
    assert b"script" not in archive.content
    for answer in (raw, archive):
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-security-policy"].startswith("sandbox")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_evidence_is_saved_whatever_it_says_it_is(visit):
    """A page among the evidence does not run as one of ours."""
    sha256, job = submit(visit)
    analysis = finish(visit, job, {})
    place = f"/sample/{sha256}/analysis/{analysis}/evidence"
    made = visit.api.call(
        "POST", f"{place}/page.html", content=b"<script>", headers={"Content-Type": "text/html"}
    )
    assert made.status_code == 201, made.text
    assert "page.html" in visit.get(f"/sample/{sha256}").text
    answer = visit.get(f"{place}/{made.json()['data']['id']}")
    assert answer.content == b"<script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("kind", ["sha256", "name", "word"])
def test_search_finds_by_hash_name_and_word(visit, kind):
    """And nothing where nothing matches."""
    sha256, _ = submit(visit, name="quarterly-report.xls", meta='{"campaign": "butterfly"}')
    submit(visit, b"another one", name="other.txt")
    words = {"sha256": sha256.upper(), "name": "quarterly-report.xls", "word": "butterfly"}
    html = visit.get("/search", params={"q": words[kind]}).text
    assert sha256[:24] in html
    assert "1 sample<" in html
    assert "0 samples" in visit.get("/search", params={"q": "nowhere"}).text


def test_searches_filter_by_verdict_and_time(visit):
    """The filters stand in the address."""
    sha256, job = submit(visit)
    finish(visit, job, {}, score=90)
    assert sha256[:24] in visit.get("/search?verdict=malicious&since=1h&tlp=amber").text
    assert sha256[:24] not in visit.get("/search?verdict=low").text
    assert sha256[:24] not in visit.get("/search?tlp=green").text
    assert visit.get("/search?verdict=odd").status_code == 422


def test_jobs_are_listed_by_state_and_page(visit, monkeypatch):
    """The newest first; the next page begins where this one ends."""
    monkeypatch.setattr("orchestrator.web.views.dashboard._PAGE", 2)
    for index in range(3):
        submit(visit, b"sample %d" % index, name=f"file-{index}.bin")
    first = visit.get("/jobs?state=enqueued").text
    assert "file-2.bin" in first
    assert "file-0.bin" not in first
    assert "Older" in first
    assert "No jobs here" in visit.get("/jobs?state=timeout").text
    assert "No jobs here" in visit.get("/jobs?before=2001-01-01T00:00:00Z").text
    assert visit.get("/jobs?before=sometime").status_code == 422


def test_the_workers_page_says_who_is_alive_and_what_waits(house, visit):
    """And, to administrators alone, what was set aside."""
    submit(visit)
    with house.begin() as uow:
        at = now()
        uow.session.add(
            WorkerProcess(
                id=uuid4(),
                host="lab-7",
                pid=4711,
                version="1",
                workers={"looker": "1.0"},
                started_at=at,
                seen_at=at,
            )
        )
        uow.commit()
        executing.keep_message(uow, queue="analysis.looker", reason=HOSTILE, body=b"?")
    page = visit.get("/workers").text
    assert "lab-7" in page
    assert "4711" in page
    assert "set aside" not in page
    full = Visit(house, Role.administrator).get("/workers").text
    assert "analysis.looker" in full
    assert ESCAPED in full


def test_failures_show_with_their_messages(visit):
    """On the workers' page, and on the job's."""
    _, job = submit(visit)
    job_id = UUID(job.rpartition("/")[2])
    (task,) = visit.api.get(f"/job/{job_id}/tasks").json()["data"]
    answer = visit.api.put(
        f"/job/{job_id}/task/{task['id']}",
        {"state": JobTaskState.failed, "message": "ValueError: bad header"},
    )
    assert answer.status_code == 200, answer.text
    for path in (job, "/workers"):
        assert "ValueError: bad header" in visit.get(path).text


@pytest.mark.parametrize(
    "path", ["/job/1", f"/job/{UUID(int=7)}", "/sample/xyz", f"/sample/{'0' * 64}", "/none"]
)
def test_what_does_not_exist_is_said_in_a_page(visit, path):
    """With its status."""
    answer = visit.get(path)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text
