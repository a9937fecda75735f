"""Contract 1.1 to 1.3: what every answer has in common, and how requests may look."""

from typing import Any

import pytest
import requests

from tests.contract.conftest import World
from tests.contract.driver import Api, Submitted, fields_of, messages, refused, sha256_of, unique
from tests.contract.models import OPERATIONS

UNKNOWN = "01234567-89ab-7def-8123-456789abcdef"


def test_a_list_echoes_its_paging(viewer: Api, world: World) -> None:
    """`limit` and `offset` come back, `count` is the total and `size` what is in `data`."""
    total = viewer.job.search_jobs(sampleSha256=[world.sample.sha256], limit=0)["size"]
    answer = viewer.job.search_jobs(sampleSha256=[world.sample.sha256], limit=2, offset=1)
    assert (answer["responseCode"], answer["limit"], answer["offset"]) == (200, 2, 1)
    assert (answer["count"], answer["size"]) == (total, 2)
    assert total >= len(world.jobs)
    assert len(answer["data"]) == 2
    assert answer["metaData"] == {}
    assert answer["messages"] == []


def test_an_empty_list_is_a_list(viewer: Api) -> None:
    """A search without a match has `[]` for data."""
    answer = viewer.job.search_jobs(sampleSha256=["0" * 64])
    assert (answer["data"], answer["count"], answer["size"]) == ([], 0, 0)


def test_a_single_object_has_no_paging(viewer: Api, world: World) -> None:
    """limit, offset, count and size are 0 beside a single object."""
    answer = viewer.job.get_job(world.jobs[0])
    assert answer["responseCode"] == 200
    assert [answer[name] for name in ("limit", "offset", "count", "size")] == [0, 0, 0, 0]
    assert isinstance(answer["data"], dict)


def test_creation_repeats_its_status_in_the_envelope(analyzer: Api) -> None:
    """`responseCode` is 201 where the status is."""
    assert analyzer.upload.upload_sample(unique().encode())["responseCode"] == 201


def test_what_is_not_yet_is_left_out(analyzer: Api, submitted: Submitted) -> None:
    """An enqueued job has no start and no end: the fields are absent, not null."""
    job = analyzer.job.get_job(submitted.job)["data"]
    assert job["state"] == "enqueued"
    assert not {"startTimestamp", "endTimestamp"} & job.keys()


@pytest.mark.parametrize(
    "path",
    ["/job", "/sample", "/submission", "/job/{job}", "/job/{job}/tasks", "/sample/{sha256}/analysis"],
)
def test_a_trailing_slash_changes_nothing(viewer: Api, world: World, path: str) -> None:
    """`/x/` is served like `/x`, without a redirect (POST would degrade to GET)."""
    path = path.format(job=world.jobs[0], sha256=world.sample.sha256)
    with_slash, without = viewer.send("GET", path + "/"), viewer.send("GET", path)
    assert with_slash.status_code == without.status_code == 200
    assert with_slash.json()["data"] == without.json()["data"]


@pytest.mark.parametrize("path", ["analysis", "link", "fact", "verdict", "evidence"])
def test_a_trailing_slash_works_on_posts(analyzer: Api, world: World, path: str) -> None:
    """The guide's examples POST to `/analysis/`, `/evidence/{name}/` and `/link/`."""
    start = f"/sample/{world.sample.sha256}"
    if path == "evidence":
        url = f"{start}/analysis/{world.analyses[0]}/evidence/slash.bin/"
        assert analyzer.send("POST", url, data=b"x").status_code == 201
    else:
        response = analyzer.send("POST", f"{start}/{path}/", json={})
        assert response.status_code == 412, response.headers


def test_an_unknown_url_is_404_in_the_envelope(viewer: Api) -> None:
    response = viewer.send("GET", "/no/such/thing")
    assert response.status_code == 404
    assert response.json()["messages"][0]["messageTemplate"] == "url.not.exist"


def test_a_method_that_a_path_does_not_have_is_refused_in_the_envelope(viewer: Api) -> None:
    response = viewer.send("PATCH", "/job")
    assert response.status_code in {404, 405}
    assert response.json()["responseCode"] == response.status_code


def test_templates_name_the_kind_of_refusal(viewer: Api, world: World, stack: Any) -> None:
    """The sister platform's templates (contract 1.3)."""
    with refused(404) as caught:
        viewer.job.get_job(UNKNOWN)
    assert messages(caught)[0]["messageTemplate"] == "object.not.found"
    with refused(403) as caught:
        viewer.sample.add_verdict(world.sample.sha256, "x", "benign")
    assert messages(caught)[0]["messageTemplate"] == "access.denied"
    with refused(401) as caught:
        Api(stack.url, "nobody's").job.list_jobs()
    assert messages(caught)[0]["messageTemplate"] == "user.not.authenticated"


def test_an_error_has_no_data_and_zero_paging(viewer: Api) -> None:
    """Errors use the same envelope; the client indexes `type` and `message` of every message."""
    response = viewer.send("GET", f"/job/{UNKNOWN}")
    envelope = response.json()
    assert envelope["responseCode"] == 404
    assert envelope.get("data") is None
    assert envelope["messages"][0].keys() >= {"type", "message"}


def test_a_field_error_names_its_field(analyzer: Api, submitted: Submitted) -> None:
    with refused(412) as caught:
        analyzer.sample.add_verdict(submitted.sha256, "fine", "perhaps")
    assert fields_of(caught) == ["statusOverride"]
    assert messages(caught)[0]["type"] == "FIELD_ERROR"


def test_every_wrong_field_is_named_at_once(analyzer: Api, submitted: Submitted) -> None:
    """A body with two mistakes gets two messages."""
    response = analyzer.send("POST", f"/sample/{submitted.sha256}/fact", json={"value": "v"})
    assert response.status_code == 412
    assert {m["field"] for m in response.json()["messages"]} >= {"key", "userAgent"}


@pytest.mark.parametrize("body", [b"{", b"{'state': 'done'}", b"\xff\xfe", b"[1,"])
def test_broken_json_is_a_validation_error(viewer: Api, body: bytes) -> None:
    response = viewer.send("POST", "/job/search", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 412}


@pytest.mark.parametrize("body", ["[]", '"x"', "7", "null", "true"])
def test_a_body_that_is_no_object_is_refused(analyzer: Api, world: World, body: str) -> None:
    """A wrong JSON type is 412 in the envelope, not an internal error."""
    url = f"/job/{world.jobs[0]}/task/{world.tasks[0]}"
    response = analyzer.send("PUT", url, data=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 412}


@pytest.mark.parametrize(
    "body", [{"limit": "many"}, {"limit": 1.5}, {"limit": True}, {"limit": [1]}, {"state": {"a": 1}}]
)
def test_a_value_of_the_wrong_type_is_refused(viewer: Api, body: dict[str, Any]) -> None:
    response = viewer.send("POST", "/job/search", json=body)
    assert response.status_code == 412
    assert response.json()["messages"][0]["field"].startswith(next(iter(body)))


def test_unknown_json_properties_are_ignored(viewer: Api) -> None:
    """So that fields of older generations pass."""
    assert viewer.send("POST", "/job/search", json={"limit": 1, "wat": {"x": []}}).status_code == 200


def test_a_null_is_like_an_absent_field(viewer: Api) -> None:
    response = viewer.send("POST", "/job/search", json={"limit": None, "state": None, "startTimestamp": None})
    assert response.status_code == 200
    assert response.json()["limit"] == 25


def test_a_list_parameter_may_be_repeated_or_single(viewer: Api, world: World) -> None:
    """Repeated keys in the query; a list or a bare scalar in a body."""
    listed = viewer.job.list_jobs(state=["enqueued", "executing"], limit=0)["data"]
    assert {job["state"] for job in listed} <= {"enqueued", "executing"}
    assert viewer.job.list_jobs(state="enqueued")["count"] <= len(listed)
    sha256 = world.sample.sha256
    bare = viewer.job.search_jobs(sampleSha256=sha256, sortBy="-enqueuedTimestamp", state="enqueued")
    as_lists = viewer.job.search_jobs(
        sampleSha256=[sha256], sortBy=["-enqueuedTimestamp"], state=["enqueued"]
    )
    assert bare["data"] == as_lists["data"]


@pytest.mark.parametrize("body", [None, b"{}"])
def test_bodiless_posts_take_none_or_an_object(analyzer: Api, world: World, body: bytes | None) -> None:
    """The helper sends nothing and no Content-Type, the generated function sends `{}`."""
    response = analyzer.send("POST", f"/sample/{world.sample.sha256}/challenge", data=body)
    assert response.status_code == 200


def test_the_client_s_odd_header_is_ignored(viewer: Api) -> None:
    """`content: application/json` goes with every request of a session."""
    assert viewer.session._session.headers["content"] == "application/json"
    assert viewer.job.list_jobs(limit=1)["responseCode"] == 200


def test_a_waiting_upload_is_told_to_go_on(analyzer: Api) -> None:
    """`Expect: 100-continue`, as curl sends for large bodies."""
    data = unique().encode()
    response = analyzer.send("POST", "/sample", data=data, headers={"Expect": "100-continue"})
    assert response.status_code == 201
    assert response.json()["data"]["sample"]["id"] == sha256_of(data)


def test_the_page_of_the_api_and_its_description_are_served(stack: Any) -> None:
    for path in ("/openapi.json", "/docs", "/health", "/ready"):
        assert requests.get(stack.url + path, timeout=30).status_code == 200, path
    paths = requests.get(stack.url + "/openapi.json", timeout=30).json()["paths"]
    assert {o["operationId"] for path in paths.values() for o in path.values()} >= OPERATIONS.keys()
