"""One real service per test process, and the unmodified client with a key for each role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

# before the imports, or their asserts would say nothing about what they compared
pytest.register_assert_rewrite("tests.contract.models", "tests.contract.driver", "tests.running")

from tests.contract.driver import AGENT, EXTERNAL, Api, Submitted, unique  # noqa: E402
from tests.running import Stack, running_stack  # noqa: E402

ROLES = {
    "viewer": "SAMPLEDB-VIEWER",
    "uploader": "SAMPLEDB-UPLOADER",
    "user": "SAMPLEDB-USER",
    "analyzer": "SAMPLEDB-ANALYZER",
    "admin": "ADMINISTRATOR-ROLE",
}

#: A customer that owns nothing of what the other tests make.
OTHER = "other"


def names(english: str) -> dict[str, str]:
    return {"english": english}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def as_role(stack: Stack) -> Callable[..., Api]:
    """`as_role("viewer")`, `as_role("analyzer", "other")`: the client with a key of that role."""

    @cache
    def client(role: str, customer: str = "default") -> Api:
        return Api(stack.url, stack.key(ROLES[role], customer), customer)

    return client


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Api:
    """The client with the key of the first start; the default policy selects a worker that nobody serves."""
    api = Api(stack.url, stack.admin_key)
    api.worker.add_analysis_worker(names("By hand"), names("External"), EXTERNAL)
    api.policy.update_default_analysis_policy(workers=[EXTERNAL], options=[])
    return api


@pytest.fixture(scope="session")
def analyzer(as_role: Callable[..., Api], admin: Api) -> Api:
    return as_role("analyzer")


@pytest.fixture(scope="session")
def viewer(as_role: Callable[..., Api], admin: Api) -> Api:
    return as_role("viewer")


@pytest.fixture(scope="session")
def stranger(as_role: Callable[..., Api], admin: Api) -> Api:
    """An analyzer of another customer."""
    return as_role("analyzer", OTHER)


@pytest.fixture
def submitted(analyzer: Api) -> Submitted:
    return analyzer.submit()


@pytest.fixture
def policy(admin: Api) -> Iterator[Callable[..., None]]:
    """Changes the default policy for one test."""

    def change(**fields: Any) -> None:
        admin.policy.update_default_analysis_policy(**fields)

    yield change
    admin.policy.update_default_analysis_policy(workers=[EXTERNAL], options=[])


@pytest.fixture
def rule(admin: Api) -> Iterator[Callable[..., dict[str, Any]]]:
    """Adds rules that are gone after the test."""
    made: list[str] = []

    def add(match: dict[str, Any], action: dict[str, Any], **fields: str) -> dict[str, Any]:
        fields = {"name": unique("rule-"), "description": "made by a test", **fields}
        added = admin.policy.add_default_analysis_rule(action, match=match, **fields)["data"]
        made.append(added["id"])
        return dict(added)

    yield add
    live = {r["id"] for r in admin.policy.list_default_analysis_rules(limit=0)["data"]}
    for made_id in live.intersection(made):
        admin.policy.delete_default_analysis_rule(made_id)


@pytest.fixture
def registered(admin: Api) -> Iterator[Callable[..., dict[str, Any]]]:
    """Registers workers that are gone after the test."""
    made: list[str] = []

    def add(short_name: str = "", **fields: Any) -> dict[str, Any]:
        short_name = short_name or unique("w-")
        added = admin.worker.add_analysis_worker(
            fields.pop("localizedDescriptions", names("for a test")),
            fields.pop("localizedNames", names(short_name)),
            short_name,
            **fields,
        )["data"]
        made.append(added["id"])
        return dict(added)

    yield add
    live = {w["id"] for w in admin.worker.list_analysis_workers(limit=0)["data"]}
    for made_id in live.intersection(made):
        admin.worker.delete_analysis_worker(made_id)


@dataclass(frozen=True)
class World:
    """Three of everything, for the tests that walk over all operations."""

    sample: Submitted
    jobs: list[str]
    tasks: list[str]
    analyses: list[str]
    evidence: list[str]
    links: list[str]
    facts: list[str]
    workers: list[str]
    rules: list[str]
    reindexes: list[str]
    word: str


@pytest.fixture(scope="session")
def world(analyzer: Api, admin: Api) -> World:
    return build_world(analyzer, admin)


def build_world(analyzer: Api, admin: Api) -> World:
    word = unique("world")
    first = analyzer.submit(fileName=word, metaData={"word": word})
    for number in range(2):
        analyzer.submit(first.data, fileName=f"{word}-{number}", metaData={"word": word})
    for _ in range(2):
        analyzer.submit(fileName=word, metaData={"word": word})
    sha256 = first.sha256
    jobs = analyzer.job.list_jobs(limit=0, sortBy=["enqueuedTimestamp"])["data"]
    analyses = [analyzer.add_analysis(sha256, score)["analysisID"] for score in (10, -1, 90)]
    for _ in range(3):
        analyzer.sample.reclassify_sample(sha256)
        analyzer.sample.add_verdict(sha256, "by hand", "benign")
    tasks = [analyzer.only_task(first.job)["id"]]
    tasks += [analyzer.add_job_task(first.job, f"{EXTERNAL}-{n}")["id"] for n in range(2)]
    return World(
        sample=first,
        jobs=[job["id"] for job in jobs if job["analysedSample"]["id"] == sha256],
        tasks=tasks,
        analyses=analyses,
        evidence=[
            analyzer.sample.upload_evidence(sha256, analyses[0], f"e{n}.json")["data"]["id"] for n in range(3)
        ],
        links=[
            analyzer.sample.add_link(sha256, analyzer.submit().sha256, "amber", "child", AGENT)["data"]["id"]
            for _ in range(3)
        ],
        facts=[
            analyzer.sample.add_static_fact(sha256, f"{word}.{n}", AGENT, str(n))["data"]["id"]
            for n in range(3)
        ],
        workers=[
            admin.worker.add_analysis_worker(names("d"), names("n"), unique("world-"))["data"]["id"]
            for _ in range(3)
        ],
        rules=[
            admin.policy.add_default_analysis_rule(
                {"options": {"add": [{"key": word, "value": "1"}]}},
                "made by a test",
                {"submission": {"metaDataKey": [f"never-{word}"], "metaDataValue": [str(n)]}},
                f"{word} {n}",
            )["data"]["id"]
            for n in range(3)
        ],
        reindexes=[
            admin.servicetask.reindex_resources(resource="sample")["data"]["correlationID"] for _ in range(3)
        ],
        word=word,
    )
