"""An API without a server: the app over a store of its own, and a dispatch that only remembers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from orchestrator.api.app import make_app
from orchestrator.domain.messages import KeptMessage, Message
from orchestrator.domain.vocabulary import Role
from orchestrator.services import access
from orchestrator.services.application import Application
from orchestrator.settings import Settings
from orchestrator.store import migrations
from orchestrator.store.blobs import open_blobs
from orchestrator.store.engine import make_engine
from orchestrator.store.hot import open_hot_reads
from orchestrator.store.tables import Base
from orchestrator.store.unit_of_work import UnitOfWork

BASE = "/sampledb/v2"
POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432"


class TestDatabase:
    """A PostgreSQL database of its own."""

    __test__ = False

    def __init__(self) -> None:
        self.name = f"assay_test_{uuid4().hex[:12]}"
        self._server = create_engine(f"{POSTGRESQL}/postgres", isolation_level="AUTOCOMMIT")
        with self._server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {self.name}"))
        self.url = f"{POSTGRESQL}/{self.name}"

    def migrate(self) -> None:
        """Bring it to the newest schema."""
        engine = make_engine(self.url)
        migrations.upgrade(engine)
        engine.dispose()

    def empty(self) -> None:
        """Delete every row."""
        engine = make_engine(self.url)
        with engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        engine.dispose()

    def drop(self) -> None:
        with self._server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {self.name} WITH (FORCE)"))
        self._server.dispose()


class Api:
    """The app, its store, one key per role, and what it dispatched."""

    def __init__(self, folder: Path, database_url: str = "", **settings: Any) -> None:
        self.settings = Settings(data_dir=folder, database_url=database_url, **settings)
        self.engine = make_engine(self.settings.database)
        if migrations.current(self.engine) != migrations.head():
            migrations.upgrade(self.engine)
        self.begin = partial(UnitOfWork, self.engine)
        self.dispatched: list[Message] = []
        self.resent: list[KeptMessage] = []
        self.application = Application(
            settings=self.settings,
            begin=self.begin,
            blobs=open_blobs(self.settings),
            dispatch=self._dispatch,
            resend=self.resent.append,
            reads=open_hot_reads(self.settings.database),
            check_broker=lambda: None,
            close=self.engine.dispose,
        )
        self.keys: dict[Role, str] = {}
        with self.begin() as uow:
            access.service_user(uow)
            uow.commit()
        for role in Role:
            self.keys[role] = self.key(role)
        self.app = make_app(self.application)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def _dispatch(self, messages: Sequence[Message]) -> None:
        self.dispatched += messages

    def key(self, role: Role, customer: str = "default") -> str:
        """A new key of this role, for a user of this customer."""
        with self.begin() as uow:
            return access.create_key(uow, f"{customer}-{role.name}", role, customer)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.analyzer,
        key: str | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """One request below the base path, with the key of this role."""
        headers = {"Argus-API-Key": self.keys[role] if key is None else key, **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return self.client.request(method, BASE + path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        return self.call("POST", path, {} if body is None else body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        return self.call("PUT", path, {} if body is None else body, **options)

    def delete(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("DELETE", path, **options)

    def upload(self, content: bytes, **options: Any) -> dict[str, Any]:
        """Upload a sample; the answer's data."""
        answer = self.call("POST", "/sample", content=io.BytesIO(content).getvalue(), **options)
        assert answer.status_code in (200, 201), answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def submit(self, content: bytes = b"a sample", **fields: Any) -> dict[str, Any]:
        """Upload a sample and submit it; the submission."""
        options = {name: fields.pop(name) for name in ("role", "key") if name in fields}
        uploaded = self.upload(content, **options)
        body = {
            "challengeToken": uploaded["challenge"],
            "fileName": "sample.bin",
            "userAgent": {"name": "tests", "version": "1.0"},
            **fields,
        }
        answer = self.post(f"/sample/{uploaded['sample']['id']}/submission", body, **options)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def job_of(self, submission: dict[str, Any]) -> dict[str, Any]:
        """The newest job over the submission's sample."""
        answer = self.post(
            "/job/search",
            {"sampleSha256": submission["sampleSha256"], "sortBy": "-enqueuedTimestamp"},
            role=Role.administrator,
        )
        data: dict[str, Any] = answer.json()["data"][0]
        return data

    def close(self) -> None:
        self.client.close()
        # its thread may be writing still
        self.app.state.audit.close()
        self.engine.dispose()
