"""How analysis workers are found: by name, without a look at the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.worker import UnknownWorker, find, installed, uninstallable


def test_who_is_not_named_is_not_imported() -> None:
    """A process that serves one worker does not pay for the libraries of all."""
    script = (
        "import sys; from orchestrator.worker import find, installed;"
        "found = installed(['hashes']); find('hashes');"
        "print(sorted(found), 'workers.pe' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "['hashes'] False"


def test_all_are_found_after_some() -> None:
    """The ones that were named before are among them, in order."""
    named = installed(["hashes"])
    everything = installed()
    assert list(everything) == sorted(everything)
    assert everything["hashes"] is named["hashes"]
    assert len(everything) > len(named)


def test_a_name_that_nobody_offers() -> None:
    """It is said in one sentence; those that are there stay."""
    assert installed(["nobody", "hashes"]).keys() == {"hashes"}
    with pytest.raises(UnknownWorker, match="no installed package offers it"):
        find("nobody")
    assert "nobody" not in uninstallable()
