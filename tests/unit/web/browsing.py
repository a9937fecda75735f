"""A visitor without a browser: the pages over a store of their own, signed in with a key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
from fastapi.testclient import TestClient
from starlette.applications import Starlette

from orchestrator.domain.vocabulary import Role
from orchestrator.web.app import routes
from tests.integration.api import Api

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"


class Visit:
    """One visitor's cookies, and the token of its forms."""

    def __init__(self, api: Api, role: Role | None = Role.analyzer) -> None:
        self.api = api
        app = Starlette(routes=routes(api.application))
        self.client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        self.csrf = ""
        if role is not None:
            answer = self.sign_in(api.keys[role])
            assert answer.status_code == 303, answer.text
            self.csrf = self._token(self.get("/dashboard" if role is not Role.uploader else "/submit").text)

    def sign_in(self, key: str, target: str = "") -> httpx2.Response:
        form = self.get("/sign-in")
        return self.post("/sign-in", {"csrf": self._token(form.text), "key": key, "next": target})

    @staticmethod
    def _token(html: str) -> str:
        found = re.search(r'name="csrf" (?:content|value)="([0-9a-f]{64})"', html)
        assert found, html
        return found[1]

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.client.get(f"/ui{path}", **options)

    def post(self, path: str, form: dict[str, str] | None = None) -> httpx2.Response:
        return self.client.post(f"/ui{path}", data=form or {})

    def act(self, path: str) -> httpx2.Response:
        """Press a button of a page."""
        return self.post(path, {"csrf": self.csrf})

    def upload(self, content: bytes, name: str = "sample.bin", **query: Any) -> httpx2.Response:
        return self.client.post(
            "/ui/submit/sample",
            params={"name": name, **query},
            content=content,
            headers={
                "X-CSRF-Token": self.csrf,
                "Content-Type": "application/octet-stream",
                "Accept": "application/json",
            },
        )


def static_folder() -> Path:
    """Where scripts, styles and pictures lie."""
    return Path(routes.__code__.co_filename).with_name("static")


def submit(visit, content=b"a sample of some bytes", **fields):
    answer = visit.upload(content, **fields)
    assert answer.status_code == 201, answer.text
    data = answer.json()
    return data["sha256"], data["url"].removeprefix("/ui")


def finish(visit, job_path, result, score=80, **fields):
    """Do the worker's part, as an external analyzer does."""
    api = visit.api
    job_id = job_path.rpartition("/")[2]
    job = api.get(f"/job/{job_id}").json()["data"]
    body = {
        "analysisResult": result,
        "analysisScore": score,
        "customer": "default",
        "tlp": "amber",
        "userAgent": {"name": "looker", "version": "1.0"},
        **fields,
    }
    made = api.post(f"/sample/{job['analysedSample']['id']}/analysis", body)
    assert made.status_code == 200, made.text
    (task,) = api.get(f"/job/{job_id}/tasks").json()["data"]
    done = api.put(
        f"/job/{job_id}/task/{task['id']}",
        {"state": "success", "message": HOSTILE, "analyses": [made.json()["data"]["analysisID"]]},
    )
    assert done.status_code == 200, done.text
    return made.json()["data"]["analysisID"]
