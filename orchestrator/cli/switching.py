"""``assay worker on`` and ``off``: which workers new jobs get, where no rule says otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.client import API, connect
from orchestrator.cli.failure import Failure

Name = Annotated[str, typer.Argument(help="A worker's short name.")]
Json = Annotated[bool, typer.Option("--json", help="Print the default policy as JSON.")]


def on(name: Name, json: Json = False) -> None:
    """Let new jobs get a worker: it goes to the end of the default policy. For administrators."""
    _switch(name, wanted=True, json=json)


def off(name: Name, json: Json = False) -> None:
    """Let new jobs do without a worker, except where a rule names it; what is open stays."""
    _switch(name, wanted=False, json=json)


def _switch(name: str, *, wanted: bool, json: bool) -> None:
    with connect() as client:
        short_name = client.get(f"/worker/{name}")["shortName"]
        policy = client.get("/policy/default")
        others = [each["shortName"] for each in policy["workers"] if each["shortName"] != short_name]
        chosen = [*others, short_name] if wanted else others
        if not chosen:
            raise Failure(f"{short_name} is the last worker of the default policy: switch another on first")
        policy = client.call("PUT", f"{API}/policy/default", json={"workers": chosen})["data"]
    if json:
        output.print_json(policy)
    else:
        output.line(f"worker {short_name} is {'on' if wanted else 'off'}")
