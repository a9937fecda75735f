"""Wrong keys are counted by where they come from, and forgotten."""

from __future__ import annotations

import pytest

from orchestrator.errors import TooMany
from orchestrator.services import guesses as module
from orchestrator.services.guesses import WINDOW, Guesses


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def _wrong(guesses, count, address="198.51.100.1", key="guess-{}"):
    for index in range(count):
        guesses.wrong(address, key.format(index).rjust(20, "abcdefgh"[index % 8]))


def test_an_address_is_refused_for_the_rest_of_the_window():
    """Others are not, and after it nobody is."""
    clock = Clock()
    guesses = Guesses(3, clock)
    _wrong(guesses, 3)
    clock.at += 10
    with pytest.raises(TooMany) as refused:
        guesses.check("198.51.100.1", "another")
    assert refused.value.retry_after == WINDOW - 10 + 1
    guesses.check("198.51.100.2", "another")
    clock.at += WINDOW
    guesses.check("198.51.100.1", "another")


def test_a_beginning_of_a_key_is_refused_wherever_it_comes_from():
    """Whoever knows one cannot try the rest from many addresses."""
    guesses = Guesses(3)
    for index in range(3):
        guesses.wrong(f"198.51.100.{index}", f"Leaked-8{index}")
    with pytest.raises(TooMany):
        guesses.check("203.0.113.9", "Leaked-8xyz")
    guesses.check("203.0.113.9", "other")


def test_one_ipv6_network_is_one_address():
    """For one host has all of it; an IPv4 address inside of IPv6 is that address."""
    guesses = Guesses(2)
    guesses.wrong("2001:db8:0:1::1", "a" * 20)
    guesses.wrong("2001:db8:0:1:ffff::2", "b" * 20)
    with pytest.raises(TooMany):
        guesses.check("2001:db8:0:1::3", "c")
    guesses.check("2001:db8:0:2::1", "c")
    _wrong(guesses, 2, "::ffff:198.51.100.7")
    with pytest.raises(TooMany):
        guesses.check("::ffff:198.51.100.7", "c")
    guesses.check("::ffff:198.51.100.8", "c")


def test_memory_is_bounded(monkeypatch):
    """The source that was not heard for longest is forgotten."""
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    guesses = Guesses(1)
    for index in range(100):
        guesses.wrong(f"198.51.100.{index}", f"{index:08}")
    assert len(guesses._counted) == 10
    guesses.check("198.51.100.1", "x")
    with pytest.raises(TooMany):
        guesses.check("198.51.100.99", "x")


def test_no_limit_counts_nothing():
    guesses = Guesses(0)
    _wrong(guesses, 100)
    guesses.check("198.51.100.1", "x")
