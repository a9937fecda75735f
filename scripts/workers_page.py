"""Write ``docs/workers.md`` from the analysis workers' own words: ``python scripts/workers_page.py``.

Prints the page with ``--print``. Every worker of ``pyproject.toml`` is on it, installed here or not: what it
accepts and what its score means stands in its source, which is read, not run.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "workers.md"

#: What besides the core install a worker needs.
NEEDS = {
    "office": "extra `office`",
    "rtf": "extra `office`",
    "msg": "extra `office`",
    "apk": "extra `android`",
    "capa": "extra `capa`, rules in `ASSAY_CAPA_RULES_DIR`",
    "floss": "extra `floss`",
    "metadata": "`exiftool`",
    "clamav": "`clamscan` or `clamd`, signatures",
    "archive": "`7z` or `bsdtar` for formats that Python cannot read",
}

HEAD = """# The analysis workers

What each worker accepts, finds, and means by its score. A score of -1 is "nothing to judge by"; the verdict
on a sample is made of all its workers' scores. `scripts/workers_page.py` makes this page of their sources.

`assay worker list` shows which of them run here, `assay worker run NAME FILE` runs one without a stack.
What a worker needs and does not find leaves it out: nothing else changes.

"""

TAIL = """
## Extras that are in no lock file

`capa` and `floss` analyse a program's code, which takes minutes: whoever wants them installs them, with
`pip install 'assay[capa,floss]'` into the environment of Assay, or into one of their own with links named
`capa` and `floss` in `/usr/local/bin`. capa's rules are not part of its package: `ASSAY_CAPA_RULES_DIR` names
the folder, such as a checkout of its authors' rules.

## Real files

`make corpus` fetches about a thousand files out of public packages, `make test-corpus` sends them through a
whole Assay, and prints the types, how the job tasks ended and why, and the time per worker.
"""


class Entry(NamedTuple):
    """A worker, in its own words."""

    name: str
    accepts: str
    finds: str
    score: str


def page() -> str:
    """The whole page."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["assay.workers"]
    entries = [entry(name, target.partition(":")[0]) for name, target in sorted(points.items())]
    rows = [
        "| worker | accepts | finds | what its score means | needs |",
        "|---|---|---|---|---|",
        *(f"| `{e.name}` | {e.accepts} | {e.finds} | {e.score} | {NEEDS.get(e.name, '')} |" for e in entries),
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def entry(name: str, module: str) -> Entry:
    """The worker of this name, read out of its module."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    function = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name)
    decorator = next(each for each in function.decorator_list if isinstance(each, ast.Call))
    accepts = next((each.value for each in decorator.keywords if each.arg == "accepts"), None)
    types = sorted(ast.literal_eval(accepts)) if accepts is not None else []
    finds, _, rest = (ast.get_docstring(function) or "").partition("\n\n")
    return Entry(name, ", ".join(types) or "every sample", plain(finds), plain(rest))


def plain(text: str) -> str:
    """One line, fit for a cell of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page())
