"""Settings come from ASSAY_… variables or a file; a wrong one is one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings import load


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(name)


def test_the_default_is_embedded_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_DATA_DIR", str(tmp_path))
    settings = load()
    assert settings.database == f"sqlite:///{tmp_path}/assay.sqlite3"
    assert settings.broker.startswith(f"redis+socket://{tmp_path}/")
    assert settings.blobs == f"file://{tmp_path}/blobs"
    assert settings.host == "127.0.0.1", "loopback unless told otherwise"


def test_urls_choose_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("ASSAY_BROKER_URL", "amqp://h//")
    monkeypatch.setenv("ASSAY_BLOB_URL", "s3://bucket/prefix")
    settings = load()
    assert settings.database == "postgresql+psycopg://u@h/d"
    assert (settings.broker, settings.blobs) == ("amqp://h//", "s3://bucket/prefix")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_DATABASE_URL", "mysql://h/d"),
        ("ASSAY_BROKER_URL", "kafka://h"),
        ("ASSAY_BLOB_URL", "/tmp/blobs"),
        ("ASSAY_PORT", "70000"),
        ("ASSAY_MAX_SAMPLE_SIZE", "big"),
        ("ASSAY_SANDBOX_MINIMUM", "none"),
        ("ASSAY_JOB_DEADLINE", "0"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load()
    assert str(error.value).startswith(f"{name}={value!r}")
    assert "\n" not in str(error.value)


def test_a_file_may_hold_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "assay.env"
    file.write_text("ASSAY_PORT=1234\n")
    monkeypatch.setenv("ASSAY_CONFIG", str(file))
    assert load().port == 1234
    monkeypatch.setenv("ASSAY_PORT", "1235")
    assert load().port == 1235, "a variable wins over the file"
    file.unlink()
    with pytest.raises(SettingsError, match="ASSAY_CONFIG"):
        load()
