"""What the pages let an operator do, and what they tell beyond lists; names that stay names."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from orchestrator.domain.vocabulary import Role
from orchestrator.services import executing
from orchestrator.store.tables import Evidence
from orchestrator.worker import Findings, analysis_worker
from tests.unit.web.browsing import HOSTILE, Visit, finish, submit


def test_the_default_policys_workers_are_switched(house, visit):
    """By administrators; a worker that is off gets no new job, and the last one stays on."""
    with house.begin() as uow:
        executing.announce(uow, [analysis_worker("other", version="1")(lambda _sample: Findings())])
    assert "on</span>" in visit.get("/workers").text
    assert visit.act("/workers/looker/off").status_code == 403
    admin = Visit(house, Role.administrator)
    assert 'aria-checked="true"' in admin.get("/workers").text
    assert admin.act("/workers/looker/off").headers["location"] == "/ui/workers"
    _, job = submit(visit)
    assert [row["worker"] for row in house.get(f"{job}/tasks").json()["data"]] == ["other"]
    assert admin.act("/workers/other/off").status_code == 422
    assert admin.act("/workers/looker/on").status_code == 303
    _, job = submit(visit, b"another sample of some bytes")
    assert [row["worker"] for row in house.get(f"{job}/tasks").json()["data"]] == ["looker", "other"]
    assert admin.act("/workers/nobody/off").status_code == 404


def test_a_set_aside_message_is_sent_again(house, visit):
    """Once, by administrators."""
    with house.begin() as uow:
        executing.keep_message(uow, queue="analysis.looker", reason="no such worker", body=b"?")
        key = executing.kept_messages(uow)[0].id
    admin = Visit(house, Role.administrator)
    assert "Send again" in admin.get("/workers").text
    assert visit.act(f"/set-aside/{key}/replay").status_code == 403
    assert admin.act(f"/set-aside/{key}/replay").status_code == 303
    assert [each.body for each in house.resent] == [b"?"]
    assert "Send again" not in admin.get("/workers").text
    assert admin.act(f"/set-aside/{key}/replay").status_code == 409


def test_indicators_stand_together_to_be_copied(visit):
    """Each once, with who found it, whatever else the worker lists there."""
    sha256, job = submit(visit)
    listed = [{"kind": "url", "value": "hxxp://a[.]example/\u202ex"}, {"kind": "url"}, 7, {"value": HOSTILE}]
    finish(visit, job, {"indicators": listed + listed[:1]})
    page = visit.get(f"/sample/{sha256}").text
    section = page[page.index("<h2>Indicators") : page.index("<h2>Analyses")]
    assert section.count("<tr><td>") == 2
    assert "hxxp://a[.]example/\\u202ex" in section
    assert "\u202e" not in page
    assert "<img" not in page


def test_a_jobs_page_tells_every_transition(visit):
    """When, which attempt, by whom, and why."""
    _, job = submit(visit)
    finish(visit, job, {})
    page = visit.get(job).text
    history = page[page.index('<details class="history">') :]
    assert history.index("success") < history.index("</table>")
    assert "default-analyzer" in history


@pytest.mark.parametrize(
    "name", ['a"; filename=b.html', "a\r\nX-Evil: 1", "../../etc/passwd", "\u202eé\0.exe"]
)
def test_a_downloads_name_stays_one_name(visit, name):
    """What a worker called its evidence adds no header, leaves no folder, ends no quotes."""
    sha256, job = submit(visit)
    analysis = finish(visit, job, {})
    place = f"/sample/{sha256}/analysis/{analysis}/evidence"
    made = visit.api.call("POST", f"{place}/plain.txt", content=b"x", headers={"Content-Type": "text/plain"})
    key = made.json()["data"]["id"]
    with visit.api.begin() as uow:
        uow.session.get_one(Evidence, UUID(key)).file_name = name.replace("\0", "")
        uow.commit()
    answer = visit.get(f"{place}/{key}")
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', answer.headers["content-disposition"])
    assert "x-evil" not in answer.headers
    html = visit.get(f"/sample/{sha256}").text
    assert "\u202e" not in html


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
    ],
)
def test_static_files_are_those_of_their_folder(visit, path):
    """Whatever way the path is spelled."""
    answer = visit.client.get(f"http://testserver/ui{path}")
    assert answer.status_code == 404
    assert "import" not in answer.text
