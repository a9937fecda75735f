"""What a run gets to see."""

from __future__ import annotations

import sys

from orchestrator.sandbox.view import open_to_everybody, visible


def test_of_a_checkout_only_modules_and_packages_are_shown(tmp_path):
    for name in ("package/__init__.py", "module.py", ".env", "assay.db", "data/blob", ".ssh/id.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    shown = [each for each in visible([str(tmp_path)]) if each.startswith(str(tmp_path))]
    assert shown == [str(tmp_path / "module.py"), str(tmp_path / "package")]


def test_installed_packages_and_python_itself_are_shown_whole(tmp_path):
    site = tmp_path / "lib" / "site-packages"
    site.mkdir(parents=True)
    shown = visible([str(site)])
    assert str(site) in shown
    assert any(sys.prefix.startswith(each) for each in shown)


def test_what_is_asked_for_is_shown_and_what_is_missing_is_not(tmp_path):
    (tmp_path / "rules").mkdir()
    shown = visible([], [str(tmp_path / "rules"), str(tmp_path / "missing")])
    assert str(tmp_path / "rules") in shown
    assert str(tmp_path / "missing") not in shown


def test_nothing_is_named_twice(tmp_path):
    (tmp_path / "rules" / "inner").mkdir(parents=True)
    shown = visible([], [str(tmp_path / "rules"), str(tmp_path / "rules" / "inner")])
    assert [each for each in shown if each.startswith(str(tmp_path))] == [str(tmp_path / "rules")]


def test_a_folder_behind_a_private_one_is_not_open_to_everybody(tmp_path):
    inner = tmp_path / "private" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    assert not open_to_everybody(str(inner))
    assert open_to_everybody("/usr")
