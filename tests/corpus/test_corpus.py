import pytest

from tests.corpus.run import part, run

PART = 40


@pytest.mark.timeout(1200)
def test_a_part_of_the_corpus():
    """Real files nobody here wrote: no crash, no timeout, and every failure is the file's own fault.

    ``make corpus`` fetches them; ``python -m tests.corpus.run`` runs all of them and prints a table.
    """
    files = part(PART)
    if not files:
        pytest.skip("no files: make corpus fetches them")
    report = run(files)
    print(report)
    assert report.problems == []
    assert report.files == len(files)
