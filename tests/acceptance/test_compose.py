"""Production as docker-compose.yml has it: same commands, real PostgreSQL, RabbitMQ and an S3 server."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import httpx
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from orchestrator.settings import Settings
from tests.acceptance import compose
from tests.acceptance.conftest import Assay
from tests.conftest import missing
from tests.integration.backends import eventually, own_vhost, rabbitmq_runs
from tests.running import postgresql_database

pytestmark = pytest.mark.timeout(900)

PARTS = ("api", "worker", "sweep", "migrate")


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of an S3 server with the file's bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client(url).create_bucket(Bucket="assay")
    yield url
    server.stop()


def client(url: str):
    keys = {"aws_access_key_id": "assay", "aws_secret_access_key": "try-things-out"}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)


@pytest.fixture
def stores(s3: str) -> Iterator[dict[str, str]]:
    """This machine's stores, by the settings that name them, and a free port."""
    if not rabbitmq_runs():
        missing("RabbitMQ")
    with ExitStack() as stack:
        try:
            database = stack.enter_context(postgresql_database())
        except OSError:
            missing("PostgreSQL")
        broker = stack.enter_context(own_vhost())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        yield {
            "ASSAY_DATABASE_URL": database,
            "ASSAY_BROKER_URL": broker,
            "ASSAY_S3_ENDPOINT": s3,
            "port": port,
        }


def test_commands_run(stores: dict[str, str], s3: str, tmp_path: Path) -> None:
    """The file's commands make a working service: a sample goes in, its results come out."""
    services = compose.load()["services"]
    made = {name: compose.Service(services[name], tmp_path, stores) for name in PARTS}
    made["migrate"].run()
    url = f"http://127.0.0.1:{stores['port']}"
    with made["api"] as api, made["worker"] as worker, made["sweep"] as sweep:
        operator = Assay({name: value for name, value in api.env.items() if name.startswith("ASSAY_")})
        key = operator("key", "create", "admin", "--role", "administrator").stdout.strip()

        def ready() -> bool:
            assert all(each.running for each in (api, worker, sweep)), (
                api.told() + worker.told() + sweep.told()
            )
            try:
                return httpx.get(f"{url}/ready").is_success
            except httpx.TransportError:
                return False

        eventually(ready, "the service does not come up")
        remote = Assay({"ASSAY_URL": url, "ASSAY_API_KEY": key})
        eventually(lambda: len(remote.json("worker", "list")) > 4, "the workers do not register")
        [run] = remote.json("submit", "-", "--wait", stdin=b"MZ, but no program " * 100)
        assert run["ok"], run
        assert run["tasks"]
    kept = client(s3).list_objects_v2(Bucket="assay")
    assert any(each["Key"].endswith(run["sha256"]) for each in kept["Contents"])


def test_parts_are_confined() -> None:
    """Every part runs without capabilities on a read-only root, and only the API can be reached."""
    services = compose.load()["services"]
    for name in ("small", *PARTS):
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["security_opt"] == ["no-new-privileges:true"], name
    assert [name for name, each in services.items() if "ports" in each] == ["small", "api"]
    for name in ("small", "api"):
        assert services[name]["ports"] == ["127.0.0.1:8585:8585"]


def test_profiles_are_whole() -> None:
    """Each has all that its services wait for, and the volumes and networks that they name exist."""
    file = compose.load()
    services = file["services"]
    for profile, wanted in (("small", {"small"}), ("full", set(services) - {"small"})):
        inside = {name for name, each in services.items() if profile in each["profiles"]}
        assert inside == wanted
        for name in sorted(inside):
            assert set(services[name].get("depends_on", {})) <= inside, name
            assert set(services[name]["networks"]) <= set(file["networks"]), name
            volumes = {each.partition(":")[0] for each in services[name].get("volumes", [])}
            assert volumes <= set(file["volumes"]), name


def test_settings_exist() -> None:
    """Every setting in the file is one that Assay knows."""
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    for name in ("small", *PARTS):
        assert set(compose.load()["services"][name]["environment"]) <= known


def test_image_runs_as_ordinary_user() -> None:
    """The last stage of the Dockerfile ends as a user that is not root."""
    users = re.findall(r"^USER (\d+)", (compose.FILE.parent / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] != "0"


def test_compose_accepts_the_file() -> None:
    """The client itself finds nothing to complain about, where it is installed."""
    commands = [["docker", "compose"], ["docker-compose"]]
    command = next((each for each in commands if shutil.which(each[0]) and _works(each)), None)
    if command is None:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [*command, "-f", compose.FILE, "config", "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _works(command: list[str]) -> bool:
    return subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
