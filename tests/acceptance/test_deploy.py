"""The operator's files: their commands are Assay's, their settings and metrics exist, and they confine."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.cli.app import app
from orchestrator.settings import Settings
from tests.acceptance import chart, compose
from tests.integration.api import Api

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = {f"ASSAY_{name.upper()}" for name in Settings.model_fields} | {"ASSAY_CONFIG"}

TWO_GROUPS = {
    name: {
        "serves": serves,
        "processes": 2,
        "min": 0,
        "max": 4,
        "cpu": "1",
        "memory": "1Gi",
        "queue": f"analysis.{serves.partition(',')[0]}",
        "depth": 9,
    }
    for name, serves in (("quick", "hashes,filetype"), ("slow", "office"))
}


def unit(path: Path) -> dict[str, list[str]]:
    """A unit's settings, each with every value that it is given."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def containers(objects: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every pod and its one container."""
    pods = [each["spec"]["template"]["spec"] for each in objects if each["kind"] in {"Deployment", "Job"}]
    return [(pod, pod["containers"][0]) for pod in pods]


def commands() -> Iterator[tuple[str, list[str]]]:
    for path in UNITS:
        [command] = unit(path)["ExecStart"]
        yield path.name, shlex.split(command)
    for each in chart.render(chart.values(workers=TWO_GROUPS)):
        for _, container in containers([each]):
            yield f"chart {each['metadata']['name']}", container["command"]
    for name, service in compose.load()["services"].items():
        if service.get("image") == "assay":
            yield f"compose {name}", service["command"]


def parse(command: Any, arguments: list[str]) -> None:
    """Take the arguments apart as the command line would; it raises where it would complain."""
    context = command.make_context(command.name or "assay", list(arguments))
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if rest:
        assert hasattr(command, "resolve_command"), f"{command.name} takes no {rest}"
        _, inner, left = command.resolve_command(context, rest)
        parse(inner, left)


COMMANDS = sorted(commands())


@pytest.mark.parametrize("arguments", [each for _, each in COMMANDS], ids=[name for name, _ in COMMANDS])
def test_every_command_is_one_of_assay(arguments: list[str]) -> None:
    program, *rest = arguments
    assert Path(program).name == "assay"
    parse(typer.main.get_command(app), rest)


def test_a_wrong_command_would_be_noticed() -> None:
    """The assertion above can fail."""
    for wrong in (["sweep", "--often"], ["database"], ["db", "downgrade"], ["api", "--porto", "1"]):
        with pytest.raises(Exception, match=r"(?i)no such|not a valid|invalid"):
            parse(typer.main.get_command(app), wrong)


@pytest.mark.parametrize("path", UNITS, ids=[path.stem for path in UNITS])
def test_a_unit_is_confined(path: Path) -> None:
    """A user of its own, nothing writable but its folder, no capability, and secrets from a file."""
    found = unit(path)
    wanted = {
        "DynamicUser": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "LoadCredential": "assay.env:/etc/assay/assay.env",
    }
    assert {name: found[name] for name in wanted} == {name: [value] for name, value in wanted.items()}
    names = {each.split("=", 1)[0] for each in found["Environment"]}
    assert "ASSAY_CONFIG" in names
    assert names <= SETTINGS


def test_the_chart_confines_every_container() -> None:
    found = containers(chart.render(chart.values()))
    assert sorted(container["name"] for _, container in found) == ["api", "migrate", "sweep", "worker"]
    for pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"], container["name"]
        assert pod["automountServiceAccountToken"] is False, container["name"]
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"], container["name"]
        assert confined["allowPrivilegeEscalation"] is False, container["name"]
        assert confined["capabilities"] == {"drop": ["ALL"]}, container["name"]
        assert {each["name"] for each in container["env"]} <= SETTINGS, container["name"]
        assert not any("secret" in json.dumps(each).lower() for each in container["env"]), container["name"]


@pytest.mark.parametrize("broker", ["rabbitmq", "redis"])
def test_each_group_of_workers_is_scaled_by_its_queue(broker: str) -> None:
    keda = {"enabled": True, "broker": broker, "address": "redis:6379"}
    objects = chart.render(chart.values(workers=TWO_GROUPS, keda=keda))
    deployments = {each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"}
    scaled = [each["spec"] for each in objects if each["kind"] == "ScaledObject"]
    assert {each["scaleTargetRef"]["name"] for each in scaled} == {"assay-worker-quick", "assay-worker-slow"}
    assert {each["scaleTargetRef"]["name"] for each in scaled} <= deployments
    triggers = [trigger for each in scaled for trigger in each["triggers"]]
    assert [each["type"] for each in triggers] == [broker] * 2
    queues = [each["metadata"]["queueName" if broker == "rabbitmq" else "listName"] for each in triggers]
    suffix = "" if broker == "rabbitmq" else "\x06\x163"
    assert queues == [f"analysis.hashes{suffix}", f"analysis.office{suffix}"]
    without = chart.render(chart.values(keda={**keda, "enabled": False}))
    assert not any(each["kind"] == "ScaledObject" for each in without)


def test_every_part_of_the_chart_may_be_disrupted_one_at_a_time() -> None:
    objects = chart.render(chart.values(workers=TWO_GROUPS))
    budgets = [each["spec"]["selector"] for each in objects if each["kind"] == "PodDisruptionBudget"]
    wanted = [each["spec"]["selector"] for each in objects if each["kind"] == "Deployment"]
    assert sorted(map(str, budgets)) == sorted(map(str, wanted))


def test_the_dashboard_asks_for_metrics_that_exist(tmp_path: Path) -> None:
    board = json.loads((DEPLOY / "grafana" / "assay.json").read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bassay_\w+", target["expr"])
    }
    assert len(asked) > 5
    api = Api(tmp_path)
    try:
        api.submit()
        text = api.client.get("/metrics", headers={"Accept": "text/plain"}).text
    finally:
        api.close()
    known = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples} | {
        family.name for family in text_string_to_metric_families(text)
    }
    assert asked - known == set()
