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
