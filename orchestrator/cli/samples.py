"""``assay sample``: what is known of a sample, and what was found inside it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from orchestrator.cli import output
from orchestrator.cli.client import API, connect

app = typer.Typer(no_args_is_help=True, help="Show samples, and what was found inside them.")

Sha256 = Annotated[str, typer.Argument(metavar="SHA256", help="The sample's hash.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the fields of the API.")]

#: From which score on a verdict is shown as malicious, and as suspicious.
_MALICIOUS, _SUSPICIOUS = 70, 30


@app.command()
def show(sha256: Sha256, json: Json = False) -> None:
    """Show a sample: hashes, type, verdict, and the analyses of it."""
    with connect() as client:
        sample = client.get(f"/sample/{sha256}")
        analyses = client.get(f"/sample/{sha256}/analysis", limit=100)
    if json:
        output.print_json({**sample, "analyses": analyses})
        return
    for name, value in _facts(sample):
        output.out.print(output.text(f"{name:<11}"), value, sep="")
    rows = [
        (
            row["userAgent"]["name"],
            row["userAgent"]["version"],
            row["analysisScore"],
            output.moment(row["createdTimestamp"]),
            row["analysisID"],
        )
        for row in analyses
    ]
    output.out.print(output.table("Analyses", ("worker", "version", "#score", "made", "id"), rows))


def _facts(sample: dict[str, Any]) -> list[tuple[str, Text]]:
    classification = sample.get("latestClassification") or {}
    verdict = sample.get("latestVerdict") or {}
    kind = " / ".join(filter(None, (classification.get("superType"), classification.get("type"))))
    return [
        *((name, output.text(sample[name])) for name in ("sha256", "sha1", "md5")),
        ("size", output.text(output.size(sample["size"]))),
        ("type", output.text(kind or "not classified")),
        ("verdict", _verdict(verdict.get("score"), verdict.get("statusOverride"))),
        ("first seen", output.text(output.moment(sample.get("firstSubmittedTimestamp")))),
        ("last seen", output.text(output.moment(sample.get("lastSubmittedTimestamp")))),
    ]


def _verdict(score: int | None, override: str | None) -> Text:
    """A verdict's score, in a colour, and the status that stands above it."""
    if score is None:
        return output.text("no verdict", style="dim")
    malicious = override == "malicious" or (override is None and score >= _MALICIOUS)
    suspicious = override is None and score >= _SUSPICIOUS
    style = "bold red" if malicious else "yellow" if suspicious else "green"
    return output.text(f"{score}, {override}" if override else score, style=style)


@app.command()
def tree(
    sha256: Sha256,
    depth: Annotated[int, typer.Option(min=0, max=16, help="Levels below the sample.")] = 5,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Samples at most.")] = 1000,
    json: Json = False,
) -> None:
    """Show what was found inside a sample, and inside that: name, type, verdict."""
    with connect() as client:
        answer = client.call("GET", f"{API}/sample/{sha256}/tree", params={"depth": depth, "limit": limit})
    if json:
        output.print_json(answer["data"])
        return
    output.out.print(_branch(answer["data"], Tree(_label(answer["data"]))))
    if not answer["metaData"]["complete"]:
        output.out.print(output.text("there is more: see --depth and --limit", style="yellow"))


def _branch(node: dict[str, Any], made: Tree) -> Tree:
    for child in node["children"]:
        _branch(child, made.add(_label(child)))
    return made


def _label(node: dict[str, Any]) -> Text:
    parts = [output.text(node.get("fileName") or node["sha256"], style="bold")]
    kind = " / ".join(filter(None, (node.get("superType"), node.get("type"))))
    if kind:
        parts.append(output.text(kind))
    if node.get("size") is None:
        parts.append(output.text("not here, or not to be seen", style="dim"))
    else:
        parts += [
            output.text(output.size(node["size"])),
            _verdict(node.get("score"), node.get("statusOverride")),
        ]
    if node.get("relation") not in (None, "child"):
        parts.append(output.text(node["relation"], style="cyan"))
    if node.get("fileName"):
        parts.append(output.text(node["sha256"][:16] + "…", style="dim"))
    if node["repeated"]:
        parts.append(output.text("see above", style="dim"))
    if node["cut"]:
        parts.append(output.text("… more below", style="yellow"))
    return Text("  ").join(parts)
