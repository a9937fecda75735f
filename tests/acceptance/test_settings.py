"""A wrong setting or call stops the start with one line that names it."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Assay

pytestmark = pytest.mark.timeout(600)

WRONG = [
    ("ASSAY_PORT", "99999"),
    ("ASSAY_BLOB_URL", "ftp://somewhere"),
    ("ASSAY_CONFIG", "/no/such/file"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_setting(bare: Assay, name: str, value: str) -> None:
    refused = bare("up", status=2, **{name: value})
    assert refused.stdout == ""
    assert name in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("part", ["api", "sweep", "worker", "up"])
def test_every_part_checks(bare: Assay, part: str) -> None:
    """Whichever part is started."""
    refused = bare(part, status=2, ASSAY_BROKER_URL="nonsense")
    assert "ASSAY_BROKER_URL" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_secret_is_not_told(bare: Assay) -> None:
    """A wrong URL may hold a password."""
    refused = bare("up", status=2, ASSAY_DATABASE_URL="mysql://user:hunter2@somewhere/assay")
    assert "ASSAY_DATABASE_URL" in refused.stderr
    assert "hunter2" not in refused.stderr


@pytest.mark.parametrize("part", ["api", "sweep", "worker"])
def test_no_store(bare: Assay, part: str) -> None:
    """A part that finds no store says how one is made."""
    refused = bare(part, status=5)
    assert "assay up" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_database_away(bare: Assay) -> None:
    away = bare("key", "list", status=3, ASSAY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert "ASSAY_DATABASE_URL" in away.stderr
    assert len(away.stderr.splitlines()) == 1


def test_old_schema(bare: Assay, tmp_path: Path) -> None:
    """A store of another version is not touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "assay.sqlite3").touch()
    assert "assay db upgrade" in bare("key", "list", status=2).stderr
    assert "revision" in bare("db", "upgrade").stdout
    assert bare.json("key", "list") == []


def test_unknown_worker(bare: Assay) -> None:
    assert "'nope' is not available" in bare("worker", "--workers", "nope", status=2).stderr


def test_wrong_usage(bare: Assay) -> None:
    """What typer itself refuses has the same exit status."""
    bare("submit", status=2)
    bare("no-such-command", status=2)
    bare("key", "create", "x", "--role", "emperor", status=2)


def test_settings_from_a_file(bare: Assay, tmp_path: Path) -> None:
    file = tmp_path / "assay.env"
    file.write_text("ASSAY_PORT=70000\n")
    assert "ASSAY_PORT" in bare("up", status=2, ASSAY_CONFIG=str(file)).stderr
