"""Contract 1.4 and 1.5: every route with every role, without a key, and across customers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from argus_api.exceptions.client import ArgusAPIAuthenticationError

from tests.contract import models
from tests.contract.conftest import OTHER, ROLES, World
from tests.contract.driver import AGENT, Api, Submitted, refused, unique
from tests.contract.models import BASE
from tests.contract.routes import NEVER, ROUTES, Route
from tests.running import Stack

each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")


def test_the_table_has_every_operation() -> None:
    found = [models.operation_of(r.method, BASE + re.sub("[{}]", "", r.path)) for r in ROUTES]
    assert {o.id for o in found if o} == {*models.OPERATIONS, "addJobTask"}


@each_route
def test_each_role(route: Route, as_role: Callable[..., Api], world: World) -> None:
    """403 for whoever lacks the function, before anything else is looked at; never for whoever has it."""
    kwargs: dict[str, Any] = {"json": {}} if route.method in {"POST", "PUT"} else {}
    if route.path == "/sample":
        kwargs = {"data": b"uploaded by some role"}
    for role in ROLES:
        status = as_role(role).send(route.method, route.url(world), **kwargs).status_code
        if route.roles is None:
            assert status not in {401, 412}, role
            assert role != "admin" or status != 403
        elif role in route.roles:
            assert status not in {401, 403}, role
        else:
            assert status == 403, role


@each_route
def test_without_a_key(route: Route, stack: Stack, world: World) -> None:
    """401 in the envelope without a key, with an unknown one, and with what is no key at all."""
    for headers in ({}, {"Argus-API-Key": "unknown"}, {"Argus-API-Key": ""}, {"Authorization": "Basic eDp5"}):
        kwargs: dict[str, Any] = {"json": {}} if route.method in {"POST", "PUT"} else {}
        response = requests.request(
            route.method, stack.url + BASE + route.url(world), headers=headers, timeout=30, **kwargs
        )
        assert response.status_code == 401
        models.check_error(response)


def test_the_key_header_has_any_case(stack: Stack, viewer: Api) -> None:
    for name in ("argus-api-key", "ARGUS-API-KEY", "Argus-Api-Key"):
        response = requests.get(f"{stack.url}{BASE}/job", headers={name: viewer.key}, timeout=30)
        assert response.status_code == 200


def test_a_key_for_one_call_wins(viewer: Api, analyzer: Api, submitted: Submitted) -> None:
    """The client's `apiKey=` goes before the key of its session."""
    with refused(403):
        viewer.sample.add_verdict(submitted.sha256, "x", "benign")
    viewer.sample.add_verdict(submitted.sha256, "x", "benign", apiKey=analyzer.key)
    assert viewer.status == 201


def test_the_session_can_be_checked(viewer: Api, stack: Stack) -> None:
    """`authenticate(check=True)` asks the authentication service for the session."""
    viewer.session.authenticate(check=True)
    with pytest.raises(ArgusAPIAuthenticationError):
        Api(stack.url, "unknown").session.authenticate(check=True)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.scope], ids=lambda r: f"{r.method} {r.path}")
def test_another_customer_s_object(route: Route, stranger: Api, world: World) -> None:
    """What belongs to another customer is neither shown nor changed, whatever the role."""
    kwargs = {"json": route.body} if route.method in {"POST", "PUT"} else {}
    response = stranger.send(route.method, route.url(world), **kwargs)
    if route.scope == "submissions" and response.status_code == 200:
        assert response.json()["data"] == []
    else:
        assert response.status_code in {403, 404}


def test_another_customer_s_objects_are_in_no_list(stranger: Api, world: World) -> None:
    """Lists, searches and statistics leave out what the customer may not see."""
    sha256 = world.sample.sha256
    assert stranger.job.search_jobs(sampleSha256=[sha256])["count"] == 0
    assert not {j["id"] for j in stranger.job.list_jobs(limit=0)["data"]} & set(world.jobs)
    assert stranger.sample.advanced_search(sha256=[sha256])["count"] == 0
    assert stranger.sample.simple_search([sha256])["count"] == 0
    assert stranger.submission.submission_simple_search([world.word])["count"] == 0
    assert stranger.submission.submission_advanced_search(sampleSha256=[sha256])["count"] == 0
    statistics = stranger.submission.submission_statistics(sampleSha256=[sha256])["data"]
    assert sum(record["count"] for record in statistics) == 0


def test_a_submission_of_its_own_opens_the_sample(stranger: Api, analyzer: Api, submitted: Submitted) -> None:
    """A customer that submits the same file sees the sample, its own submission and job, and no other's."""
    own = stranger.submit(submitted.data, customer=OTHER)
    assert stranger.sample.get_sample_meta_data(submitted.sha256)["data"]["sha256"] == submitted.sha256
    assert stranger.sample.download_raw_sample(submitted.sha256).content == submitted.data
    listed = stranger.sample.list_submissions(submitted.sha256)["data"]
    assert [s["id"] for s in listed] == [own.submission["id"]]
    with refused(403, 404):
        stranger.sample.get_submission(submitted.sha256, submitted.submission["id"])
    jobs = stranger.job.search_jobs(sampleSha256=[submitted.sha256])["data"]
    assert [job["customer"]["shortName"] for job in jobs] == [OTHER]
    with refused(403, 404):
        stranger.job.get_job(submitted.job)
    with refused(403, 404):
        analyzer.sample.get_submission(submitted.sha256, own.submission["id"])


def test_an_acl_grants_a_user_of_another_customer(stranger: Api, analyzer: Api) -> None:
    """The user named in a submission's acl sees that submission and its sample."""
    for reference in (stranger.me["shortName"], str(stranger.me["id"])):
        shared = analyzer.submit(acl=[reference])
        entry = shared.submission["acl"][0]
        assert entry["subject"]["id"] == stranger.me["id"]
        assert entry["grantedByUser"]["id"] == analyzer.me["id"]
        assert stranger.sample.get_sample_meta_data(shared.sha256)["data"]["size"] == len(shared.data)
        seen = stranger.sample.get_submission(shared.sha256, shared.submission["id"])["data"]
        assert seen["id"] == shared.submission["id"]
        assert stranger.sample.advanced_search(sha256=[shared.sha256])["count"] == 1


def test_a_customer_may_not_submit_for_another(stranger: Api) -> None:
    with refused(403):
        stranger.submit(customer="default")


def test_another_customer_s_job_is_not_cancelled(stranger: Api, analyzer: Api, submitted: Submitted) -> None:
    task = analyzer.only_task(submitted.job)
    for path in (f"/job/{submitted.job}", f"/job/{submitted.job}/task/{task['id']}"):
        assert stranger.send("DELETE", path).status_code in {403, 404}
    assert analyzer.only_task(submitted.job) == task


def test_an_administrator_sees_everything(admin: Api, stranger: Api) -> None:
    """Administrators see the objects of all customers."""
    theirs = stranger.submit(customer=OTHER)
    assert admin.sample.get_sample_meta_data(theirs.sha256)["data"]["sha256"] == theirs.sha256
    assert admin.job.get_job(theirs.job)["data"]["customer"]["shortName"] == OTHER
    assert admin.submission.submission_advanced_search(sampleSha256=[theirs.sha256])["count"] == 1
    assert admin.sample.download_raw_sample(theirs.sha256).content == theirs.data


def test_the_customer_of_a_key_is_the_default(stranger: Api) -> None:
    """Submissions belong to the caller's customer when they name none."""
    own = stranger.submit()
    assert own.submission["customer"]["shortName"] == OTHER
    link = stranger.sample.add_link(own.sha256, own.sha256, "amber", "child", AGENT)["data"]
    assert link["customer"]["shortName"] == OTHER


def test_refusals_come_in_order(viewer: Api, analyzer: Api, stack: Stack) -> None:
    """401 before 403, 403 before 412, 412 before 404 (contract 1.5)."""
    url, wrong = f"/job/{NEVER}/task/{NEVER}", {"json": {"state": unique()}}
    assert Api(stack.url, "unknown").send("PUT", url, **wrong).status_code == 401
    assert viewer.send("PUT", url, **wrong).status_code == 403
    assert analyzer.send("PUT", url, **wrong).status_code == 412
    assert analyzer.send("PUT", url, json={"state": "executing"}).status_code == 404
