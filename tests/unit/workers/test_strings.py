import random

from workers.strings import strings


def test_both_encodings_are_read(analyse):
    """ASCII and UTF-16 runs of six characters or more are found, shorter ones are not."""
    content = b"\x01visible text\x00\x02short\x00\x00" + "wide text".encode("utf-16-le") + b"\xff\xfe"
    result = analyse(strings, content).result
    assert "visible text" in result.strings
    assert "wide text" in result.strings
    assert "short" not in result.strings
    assert (result.ascii_count, result.utf16_count) == (1, 1)


def test_indicators_come_out_defanged(analyse):
    """A URL in the bytes is reported in a form that cannot be clicked."""
    content = b"\x00" * 20 + b"GET http://198.51.100.7/payload.bin" + b"\x00" * 20
    found = {each.kind: each.value for each in analyse(strings, content).result.indicators}
    assert found["url"] == "hxxp://198[.]51[.]100[.]7/payload.bin"


def test_a_real_program(analyse, launchers):
    """A launcher's messages and its debug path are found."""
    result = analyse(strings, launchers["t64.exe"]).result
    assert any("shebang" in text for text in result.strings)
    assert any(each.kind == "pdb" for each in result.indicators)


def test_much_text_goes_into_evidence(analyse):
    """The result is limited to a thousand strings; the evidence file holds the others too."""
    noise = random.Random(1)
    content = b"\0".join(b"string number %d" % noise.randrange(10**9) for _ in range(3000))
    findings = analyse(strings, content)
    assert len(findings.result.strings) == 1000
    assert len(findings.evidence[0].path.read_text().splitlines()) > 2900
    assert findings.score == -1


def test_repeats_count_but_are_listed_once(analyse):
    """The count is of all runs, the list of distinct ones."""
    result = analyse(strings, b"the same run\x00" * 10).result
    assert (result.ascii_count, result.strings) == (10, ["the same run"])


def test_nothing_to_read(analyse):
    """Empty and one-byte files have no strings and are no failure."""
    for content in (b"", b"a", b"\0" * 1000):
        assert analyse(strings, content).result.strings == []
