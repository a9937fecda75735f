from orchestrator.worker import installed
from scripts import workers_page


def test_the_page_is_made_of_the_sources():
    """Whoever changes a worker's words writes the page anew: ``python scripts/workers_page.py``."""
    assert workers_page.PAGE.read_text() == workers_page.page()


def test_the_page_tells_what_the_workers_say():
    """What is read out of the sources is what the registered workers say of themselves."""
    rows = [row.split(" | ") for row in workers_page.page().splitlines() if row.startswith("| `")]
    told = {row[0].strip("| `"): row for row in rows}
    ours = {name: each for name, each in installed().items() if each.analyse.__module__ == f"workers.{name}"}
    assert len(ours) > 15
    for name, worker in ours.items():
        assert told[name][1] == (", ".join(sorted(worker.accepts)) or "every sample")
        assert told[name][2].startswith(workers_page.plain(worker.description))
        assert len(told[name][3]) > 40, f"{name} does not say what its score means"
