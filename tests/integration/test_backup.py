"""Backup and restore of the embedded store: every answer is the same, and what was open goes on."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli import embedded
from orchestrator.cli.database import app
from orchestrator.cli.failure import Failure
from orchestrator.domain.messages import JobTaskMessage
from orchestrator.domain.vocabulary import JobTaskState, Role
from orchestrator.errors import NotFound, Refused
from orchestrator.services.sweeping import sweep_once
from orchestrator.settings import Settings
from orchestrator.store import backup
from orchestrator.store.blobs import open_blobs
from tests.integration.api import Api
from tests.integration.ledger import Ledger

ADMIN = Role.administrator
HOUR = timedelta(hours=1)


@pytest.fixture
def template(sqlite_template: Path, tmp_path: Path) -> Path:
    """A data folder with an empty store of the newest schema."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "assay.sqlite3")
    return folder


def fill(api: Api) -> list[str]:
    """Samples with submissions, facts, evidence and jobs; the paths that tell of them."""
    paths = ["/job", "/sample", "/submission"]
    agent = {"name": "tests", "version": "1"}
    for number in range(3):
        sample = f"/sample/{api.submit(b'sample %d' % number)['sampleSha256']}"
        api.post(f"{sample}/fact", {"key": "k", "value": str(number), "userAgent": agent})
        body = {"analysisScore": 9, "analysisResult": {}, "tlp": "amber", "customer": "default"}
        made = api.post(f"{sample}/analysis", {**body, "userAgent": agent}).json()["data"]
        kept = api.call(
            "POST", f"{sample}/analysis/{made['analysisID']}/evidence/e.txt", content=b"%d" % number
        )
        assert kept.status_code in (200, 201), kept.text
        [evidence] = api.get(f"{sample}/analysis/{made['analysisID']}/evidence").json()["data"]
        inner = ("", "/fact", "/analysis", "/submission", "/raw")
        paths += [sample + each for each in inner]
        paths.append(f"{sample}/analysis/{made['analysisID']}/evidence/{evidence['id']}/download")
    return paths


def answers(api: Api, key: str, paths: list[str]) -> dict[str, Any]:
    return {path: (answer := api.get(path, key=key)).content + b"%d" % answer.status_code for path in paths}


def test_every_answer_is_the_same_after_a_restore(template: Path, tmp_path: Path) -> None:
    """What came in after the backup is gone, and stands aside where it was."""
    api = Api(template)
    paths = fill(api)
    key = api.keys[Role.analyzer]
    before = answers(api, key, paths)
    manifest = backup.back_up(api.settings, tmp_path / "backup")
    assert (manifest.blobs, manifest.missing) == (6, 0)
    late = api.submit(b"late")["sampleSha256"]
    api.close()
    shutil.rmtree(template / "blobs")
    (template / "assay.sqlite3").write_bytes(b"wrecked")
    (template / "assay.sqlite3-wal").write_bytes(b"wrecked too")
    with pytest.raises(Refused, match="exists"):
        backup.restore(api.settings, tmp_path / "backup")
    backup.restore(api.settings, tmp_path / "backup", replace=True)
    assert (template / "assay.sqlite3.before-restore-1").read_bytes() == b"wrecked"
    assert not (template / "assay.sqlite3-wal").exists()
    restored = Api(template)
    try:
        assert answers(restored, key, paths) == before
        assert restored.get(f"/sample/{late}", key=key).status_code == 404
    finally:
        restored.close()


def test_open_job_tasks_go_on_with_an_empty_broker(template: Path, tmp_path: Path) -> None:
    """The database is the truth: what waited, and what was being executed, is sent again and can end."""
    ledger = Ledger(template, "")
    gone = ledger.process("looker", seen=HOUR)
    _, (waiting,) = ledger.job("looker", age=HOUR)
    _, (executing,) = ledger.job("looker", age=HOUR)
    ledger.move(executing, JobTaskState.executing, attempt=1, process_id=gone.id)
    backup.back_up(ledger.settings, tmp_path / "backup")
    ledger.close()
    backup.restore(Settings(data_dir=tmp_path / "elsewhere"), tmp_path / "backup")
    restored = Ledger(tmp_path / "elsewhere", "")
    try:
        live = restored.process("looker")
        sweep_once(restored.begin, restored.dispatch, restored.settings, depth=lambda _: 0)
        sent = [each for each in restored.sent if isinstance(each, JobTaskMessage)]
        assert {(each.id, each.attempt) for each in sent} == {(waiting, 1), (executing, 2)}
        for each in sent:
            moves = {"attempt": each.attempt, "process_id": live.id}
            restored.move(each.id, JobTaskState.executing, **moves)
            restored.move(each.id, JobTaskState.success, **moves)
            assert restored.job_task(each.id).state is JobTaskState.success
    finally:
        restored.close()


def test_a_backup_that_is_not_whole_is_refused(template: Path, tmp_path: Path) -> None:
    """And nothing in the store's place is touched."""
    api = Api(template)
    sha256 = api.submit(b"kept")["sampleSha256"]
    good = tmp_path / "good"
    backup.back_up(api.settings, good)
    api.close()
    inner = Path("blobs", sha256[:2], sha256[2:4], sha256)
    for number, (file, content) in enumerate(
        [("manifest.json", b"{}"), ("assay.sqlite3", b"odd"), (str(inner), b"odd")]
    ):
        spoilt = tmp_path / f"spoilt-{number}"
        shutil.copytree(good, spoilt)
        (spoilt / file).write_bytes(content)
        with pytest.raises(Refused):
            backup.restore(api.settings, spoilt, replace=True)
    (spoilt / inner).unlink()
    with pytest.raises(Refused, match="0 of 1"):
        backup.restore(api.settings, spoilt, replace=True)
    with pytest.raises(NotFound):
        backup.restore(api.settings, tmp_path / "nowhere", replace=True)
    assert open_blobs(api.settings).exists(sha256)
    with pytest.raises(Refused, match="not empty"):
        backup.back_up(api.settings, good)


def test_a_store_elsewhere_is_not_copied(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://somewhere/assay")
    with pytest.raises(Refused, match="embedded"):
        backup.back_up(settings, tmp_path / "backup")


def test_the_commands(template: Path, tmp_path: Path) -> None:
    """They do the same, say what they did, and refuse while a service runs."""
    api = Api(template)
    fill(api)
    api.close()
    run = CliRunner()
    data = ["--data", str(template)]
    made = run.invoke(app, ["backup", str(tmp_path / "backup"), *data])
    assert made.exit_code == 0, made.output
    assert "6 blobs" in made.output
    held = embedded.lock(template)
    try:
        assert isinstance(run.invoke(app, ["restore", str(tmp_path / "backup"), *data]).exception, Failure)
    finally:
        os.close(held)
    back = run.invoke(app, ["restore", str(tmp_path / "backup"), "--replace", *data])
    assert back.exit_code == 0, back.output
    pruned = run.invoke(app, ["prune", "--dry-run", "--json", *data])
    assert json.loads(pruned.output)["blobs"] == 0
    again = Api(template)
    try:
        found = again.get("/audit", role=ADMIN, params={"action": "db "}).json()["data"]
        assert [each["action"] for each in found] == ["db restore", "db upgrade"]
    finally:
        again.close()
