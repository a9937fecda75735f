"""The scratch folder as an untrusted tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.sandbox.scratch import MAX_FILES, NotAcceptable, collect, disk_usage, remove


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(source) -> Iterator[int]:
    descriptor = os.open(source, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_named_files_are_copied_and_no_others(source, opened, target):
    (source / "a").mkdir()
    (source / "a" / "b").write_bytes(b"b")
    (source / "c").write_bytes(b"c")
    collect(opened, [Path("a/b"), Path("a/b")], target, 10)
    assert [each for each in target.rglob("*") if each.is_file()] == [target / "a" / "b"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "missing", "a\0b"])
def test_names_that_lead_nowhere_or_out_are_refused(opened, target, name):
    with pytest.raises(NotAcceptable):
        collect(opened, [Path(name)], target, 1 << 20)


def test_the_budget_counts_every_file(source, opened, target):
    for name in ("a", "b"):
        (source / name).write_bytes(bytes(60))
    with pytest.raises(NotAcceptable, match="larger"):
        collect(opened, [Path("a"), Path("b")], target, 100)


def test_a_folder_is_no_file(source, opened, target):
    (source / "a").mkdir()
    with pytest.raises(NotAcceptable, match="regular file"):
        collect(opened, [Path("a")], target, 100)


def test_usage_counts_a_file_with_two_names_once_and_no_link(source, tmp_path):
    (source / "a").write_bytes(bytes(1 << 20))
    os.link(source / "a", source / "b")
    (tmp_path / "large").write_bytes(bytes(1 << 22))
    (source / "c").symlink_to(tmp_path / "large")
    size, files = disk_usage(str(source))
    assert (1 << 20) <= size < (1 << 21)
    assert files == 3


def _dig(folder: Path, depth: int) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def test_a_tree_too_deep_counts_as_too_many_files(source):
    _dig(source, 40)
    assert disk_usage(str(source))[1] > MAX_FILES


def test_any_tree_can_be_removed(source, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    _dig(source, 3000)
    (source / "locked").mkdir()
    (source / "locked" / "file").touch()
    (source / "locked").chmod(0)
    (source / "link").symlink_to(outside)
    os.mkfifo(source / "fifo")
    remove(source)
    assert not source.exists()
    assert (outside / "kept").exists()


def test_removing_what_is_not_there_is_no_error(tmp_path):
    remove(tmp_path / "missing")
