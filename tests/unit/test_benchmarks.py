"""The parts that all benchmarks share: statistics, turns, tables, pages, plots, stamps."""

from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from benchmarks.kit import machine, stamps
from benchmarks.kit.figures import Spread, percentile, ratios, take_turns
from benchmarks.kit.load import Requests
from benchmarks.kit.plots import Bar, bars
from benchmarks.kit.report import Report, Table, first_table, heading, index
from benchmarks.soak import Memory


def test_a_spread_is_median_and_range() -> None:
    assert Spread.of([3, 1, 8]) == Spread(3, 1, 8)
    assert Spread.of([1234.5, 1000, 2000]).text() == "1,234 (1,000 to 2,000)"
    assert Spread.of([0.5]).text(2) == "0.50"


@pytest.mark.parametrize("measure", [Spread.of, lambda values: percentile(values, 0.5)])
def test_nothing_measured_is_an_error(measure: object) -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        measure([])  # type: ignore[operator]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([90, 40], [100, 50]) == Spread(pytest.approx(0.85), 0.8, 0.9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_every_second_round_goes_backwards() -> None:
    order: list[str] = []

    def case(name: str) -> str:
        order.append(name)
        return name

    found = take_turns({"a": lambda: case("a"), "b": lambda: case("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": ["a"] * 3, "b": ["b"] * 3}


def test_a_table_keeps_its_shape() -> None:
    table = Table(("what", "rate"), [("a | b", "1")])
    assert table.markdown() == "| what | rate |\n| --- | --- |\n| a \\| b | 1 |"
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table(("what", "rate"), [("a",)]).markdown()


def test_pages_are_written_and_the_index_shows_their_first_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "describe", lambda: [("cores", "2")])
    monkeypatch.setattr(machine, "circumstances", lambda: "today")
    first, second = Table(("x",), [("1",)]), Table(("y",), [("2",)], "More")
    plot = bars("Rates", "1/s", [Bar("a", Spread(1, 1, 1))])
    Report("peers", "Against peers", "make bench", [first, second], "Some\ntext.", {"rates": plot}).write(
        tmp_path
    )
    page = (tmp_path / "peers.md").read_text()
    assert heading(page) == "Against peers"
    assert "Some text." in page
    assert "![rates](peers-rates.svg)" in page
    assert (tmp_path / "peers-rates.svg").read_text() == plot
    assert first_table(page) == first.markdown()
    assert first.markdown() in (tmp_path / "index.md").read_text()
    assert second.markdown() not in (tmp_path / "index.md").read_text()


def test_the_index_is_in_the_order_of_the_subject(tmp_path: Path) -> None:
    for name in ("zebra", "recording", "peers"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n")
    text = index(tmp_path, [("cores", "2")])
    assert text.index("| cores | 2 |") < text.index("(recording.md)") < text.index("(peers.md)")
    assert text.index("(peers.md)") < text.index("(zebra.md)")


def test_a_plot_is_well_formed_and_escapes_its_labels() -> None:
    drawn = bars("A < B", "1/s", [Bar("a & b", Spread(5, 4, 6), "one"), Bar("c", Spread(0, 0, 0), "two")])
    texts = [each.text for each in ET.fromstring(drawn).iter() if each.text]
    assert {"a & b", "c", "one", "two"} <= set(texts)


def test_stamps_of_several_processes_are_read_by_job_task(tmp_path: Path) -> None:
    path, key = tmp_path / "stamps", UUID(int=7)
    one, other = stamps.Stamps(path), stamps.Stamps(path)
    one.add(key.bytes)
    other.add(key.bytes)
    first, second = stamps.moments(path)
    assert first <= second
    assert stamps.count(path) == 2
    assert stamps.by_job_task(path) == {key: first}


def test_requests_go_together_with_their_bodies() -> None:
    assert list(Requests("GET", ["/a", "/b"]).lines()) == ["/a", "/b"]
    assert list(Requests("PUT", ["/a"], ['{"x": 1}']).lines()) == ['/a {"x": 1}']
    with pytest.raises(ValueError, match="shorter"):
        list(Requests("PUT", ["/a", "/b"], ["{}"]).lines())


def test_memory_is_compared_after_the_first_quarter() -> None:
    memory = Memory({"API": [50.0, *[100.0] * 7, *[110.0] * 8]})
    assert memory.rows() == [["API", "50", "100", "110", "1.100"]]
