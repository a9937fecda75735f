"""`assay setaside`, as an administrator uses it."""

import sqlite3
import uuid

import pytest

from tests.acceptance.conftest import Assay
from tests.running import Stack


def test_set_aside_messages_are_listed_and_shown(assay: Assay, stack: Stack) -> None:
    store = stack.data / "assay.sqlite3"
    if not store.exists():
        pytest.skip("this stack's store is not a file")
    key = uuid.uuid4()
    with sqlite3.connect(store, timeout=60) as connection:
        connection.execute(
            "INSERT INTO set_aside (id, queue, reason, content_type, headers, body, received_at)"
            " VALUES (?, 'analysis.none', 'odd', 'application/json', '{}', ?, 1767225600000)",
            (key.hex, b"[1,2\x1b[31m"),
        )
    connection.close()
    rows = assay.json("setaside", "list")
    assert [row["reason"] for row in rows if row["id"] == str(key)] == ["odd"]
    shown = assay("setaside", "show", key).stdout
    assert "body: [1,2\\x1b[31m" in shown
    assay("setaside", "show", uuid.uuid4(), status=5)
    assert "analysis.none" in assay("setaside", "replay", key).stdout
    assert str(key) not in {row["id"] for row in assay.json("setaside", "list")}
    assay("setaside", "replay", key, status=1)
