import importlib
import json
import sys

import pytest

from orchestrator.worker import NothingForMe
from workers import _tools

RULE = """
rule:
  meta:
    name: write to another process
    namespace: host-interaction/process/inject
    authors: [tests]
    scopes: {static: function, dynamic: call}
    att&ck: ["Defense Evasion::Process Injection [T1055]"]
    mbc: ["Memory::Allocate Memory [C0007]"]
  features:
    - api: kernel32.WriteProcessMemory
"""

#: What capa 10 prints, as far as it is read.
CAPA = {
    "meta": {
        "version": "10.0.0",
        "analysis": {
            "format": "pe",
            "arch": "i386",
            "os": "windows",
            "feature_counts": {"functions": [{"address": 4218880, "count": 26}]},
        },
    },
    "rules": {
        "write to another process": {
            "meta": {
                "name": "write to another process",
                "namespace": "host-interaction/process/inject",
                "lib": False,
                "is_subscope_rule": False,
                "attack": [{"parts": ["Defense Evasion", "Process Injection"], "id": "T1055"}],
                "mbc": [{"parts": ["Memory", "Allocate Memory"], "id": "C0007"}],
            },
            "matches": [[{"type": "absolute", "value": 4218880}, {"success": True}]],
        },
        "read file": {
            "meta": {"name": "read file", "namespace": "host-interaction/file-system/read"},
            "matches": [[{"type": "no address"}, {}]],
        },
        "part": {"meta": {"lib": True}, "matches": []},
    },
}

#: What FLOSS 3.2 prints, as far as it is read.
FLOSS = {
    "analysis": {"functions": {"discovered": 12}},
    "metadata": {"version": "3.2.0", "language": "unknown"},
    "strings": {
        "decoded_strings": [
            {"string": "cmd.exe /c vssadmin delete shadows /all", "decoding_routine": 4198400},
            {"string": "http://evil.example.com/stage2", "decoding_routine": 4198400},
        ],
        "stack_strings": [{"string": "kernel32.dll", "function": 4198500}],
        "tight_strings": [{"string": "kernel32.dll", "function": 4198600}],
        "static_strings": [],
    },
}


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """A tool that prints this and ends with that status stands in for the real one; it is minutes faster."""

    def install(name, output, status=0):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        body = (
            f"#!{sys.executable}\nprint('a warning first')\nprint({json.dumps(output)!r})\nexit({status})\n"
        )
        tool.write_text(body)
        tool.chmod(0o755)
        monkeypatch.setattr(_tools, "_FOLDERS", (str(tool.parent),))
        module = importlib.import_module(f"workers.{name}")
        monkeypatch.setattr(module, f"_{name.upper()}", str(tool))
        return getattr(module, name)

    return install


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "inject.yml").write_text(RULE)
    return str(folder)


def test_capabilities(analyse, pretend, rules):
    """Rules that matched become capabilities with their techniques; parts of rules do not."""
    findings = analyse(pretend("capa", CAPA), b"MZ", options={"capa.rules_dir": rules})
    first, second = sorted(findings.result.capabilities, key=lambda each: each.namespace, reverse=True)
    assert first.name == "write to another process"
    assert first.attack == ["Process Injection T1055"]
    assert first.behaviours == ["Memory::Allocate Memory C0007"]
    assert first.places == ["0x406000"]
    assert second.places == ["no address"]
    assert findings.score == 25
    assert {tag.value for tag in findings.tags} == {"write to another process", "read file"}


def test_no_rules_and_no_program(analyse, pretend, rules):
    """Without rules, and for what capa cannot read, there is nothing to tell; a broken file is said to be."""
    with pytest.raises(NothingForMe, match="there are no rules"):
        analyse(pretend("capa", CAPA), b"MZ")
    with pytest.raises(NothingForMe, match="processor"):
        analyse(pretend("capa", {}, status=17), b"MZ", options={"capa.rules_dir": rules})
    with pytest.raises(ValueError, match="broken"):
        analyse(pretend("capa", {}, status=13), b"MZ", options={"capa.rules_dir": rules})
    with pytest.raises(NotADirectoryError):
        analyse(pretend("capa", CAPA), b"MZ", options={"capa.rules_dir": "/nowhere"})


def test_hidden_texts(analyse, pretend):
    """Hidden texts are told once each, with the function that decodes them, and judged by what they do."""
    findings = analyse(pretend("floss", FLOSS), b"MZ")
    kinds = [(each.kind, each.function) for each in findings.result.strings]
    assert kinds == [("decoded", "0x401000"), ("decoded", "0x401000"), ("stack", "0x401064")]
    assert "hxxp://evil[.]example[.]com/stage2" in {each.value for each in findings.result.indicators}
    assert {trait.name for trait in findings.result.traits} >= {"deletes-backups"}
    assert findings.score == 60


def test_a_broken_program(analyse, pretend):
    """What FLOSS cannot load is the file's fault."""
    with pytest.raises(ValueError, match="broken"):
        analyse(pretend("floss", {}, status=255), b"MZ")


def test_a_tool_that_is_not_installed(monkeypatch, tmp_path):
    """The worker is left out with the reason, as for any extra that nobody asked for."""
    monkeypatch.setattr(_tools, "_FOLDERS", (str(tmp_path),))
    with pytest.raises(ImportError, match="no-such-tool is not installed"):
        _tools.installed_beside("no-such-tool")
