import ensurepip
import os
import sys
from pathlib import Path

import pytest

from tests.corpus import fetch
from tests.corpus.run import part, run

PART = 24


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """A part of what was fetched before, else of what is fetched in seconds; and some files of Python's."""
    if not part(PART):
        fetch.main(["--small"])
    wheel = max((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    return [*part(PART), wheel, Path(os.__file__), Path(sys.executable).resolve()]


@pytest.mark.timeout(1200)
def test_a_part_of_the_corpus(real_files):
    """Real files nobody here wrote, through a whole Assay: every job ends, and failures are the files' fault.

    ``make corpus`` fetches all files; ``make test-corpus`` runs them and prints a table.
    """
    report = run(real_files)
    print(report)
    assert report.problems == []
    assert report.files == len(real_files)
    assert report.samples > report.files  # pip's wheel alone has children
    assert {"elf", "zip", "python", "pe"} <= set(report.types)
