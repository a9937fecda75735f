"""`assay worker on` and `off` change the default policy, and nothing else of it."""

from __future__ import annotations

from typing import Any, Self

import pytest

from orchestrator.cli import switching
from orchestrator.cli.failure import Failure


class Service:
    """As much of the API as switching asks."""

    def __init__(self, *chosen: str) -> None:
        self.chosen = list(chosen)
        self.puts: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, path: str) -> dict[str, Any]:
        if path.startswith("/worker/"):
            return {"shortName": path.removeprefix("/worker/")}
        assert path == "/policy/default"
        return {"workers": [{"shortName": each} for each in self.chosen]}

    def call(self, method: str, path: str, json: dict[str, Any]) -> dict[str, Any]:
        assert (method, path) == ("PUT", "/sampledb/v2/policy/default")
        self.chosen = json["workers"]
        self.puts.append(json)
        return {"data": self.get("/policy/default")}


def test_on_and_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service("pe", "elf")
    monkeypatch.setattr(switching, "connect", lambda: service)
    switching.off("pe")
    assert service.chosen == ["elf"]
    switching.on("pe")
    switching.on("pe", json=True)
    assert service.chosen == ["elf", "pe"]
    assert all(each.keys() == {"workers"} for each in service.puts)
    shown = capsys.readouterr().out
    assert shown.startswith("worker pe is off\nworker pe is on\n")
    assert '"shortName": "pe"' in shown


def test_the_last_worker_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service("pe")
    monkeypatch.setattr(switching, "connect", lambda: service)
    with pytest.raises(Failure, match="last worker"):
        switching.off("pe")
    assert service.chosen == ["pe"]
