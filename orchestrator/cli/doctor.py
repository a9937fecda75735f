"""``assay doctor``: whether everything that a start needs is here, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.text import Text

from orchestrator import bootstrap
from orchestrator.cli import embedded, output, stores
from orchestrator.cli.failure import Failure, Status
from orchestrator.errors import AssayError
from orchestrator.sandbox import Level, examine
from orchestrator.services import health
from orchestrator.settings import Settings
from orchestrator.worker import installed, uninstallable

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``optional`` ones may be missing; ``advice`` says what to do."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    optional: bool = False


@app.command()
def doctor(
    data: stores.Data = None, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Check settings, database, broker, blobs, sandbox and the workers' libraries."""
    settings = stores.settings_for(data)
    checks = [*_stores(settings), *_sandbox(settings), *_workers()]
    if json:
        output.print_json([asdict(check) for check in checks])
    else:
        rows = [(check.name, _sign(check), check.detail, check.advice) for check in checks]
        output.out.print(output.table("Doctor", ("what", "state", "found", "what to do"), rows))
    if not all(check.ok or check.optional for check in checks):
        raise typer.Exit(Status.failed)


def _sign(check: Check) -> Text:
    if check.ok:
        return output.text("✓ good", style="green")
    return output.text("- absent", style="yellow") if check.optional else output.text("✗ bad", style="red")


def _stores(settings: Settings) -> list[Check]:
    """The database, the broker and the blobs, as the API's own readiness sees them."""
    idle = not settings.broker_url and not embedded.valkey_answers(settings)
    found = {"database": settings.database, "broker": settings.broker, "blobs": settings.blobs}
    application = bootstrap.make_application(settings)
    try:
        checks = [
            Check("broker", ok=True, detail="embedded Valkey; `assay up` starts it")
            if name == "broker" and idle
            else _attempt(name, without_password(found[name]), check)
            for name, check in health.checks(application).items()
            if name != "database"
        ]
    finally:
        application.close()
    return [_database(settings), *checks]


def _database(settings: Settings) -> Check:
    if stores.is_new(settings):
        return Check("database", ok=True, detail=f"{settings.database}: not yet; `assay up` makes it")

    def schema() -> None:
        with stores.opened(settings):
            pass

    return _attempt("database", without_password(settings.database), schema)


def _attempt(name: str, detail: str, check: Callable[[], None]) -> Check:
    advice = {
        "database": "check ASSAY_DATABASE_URL",
        "broker": "check ASSAY_BROKER_URL",
        "blobs": "check ASSAY_BLOB_URL",
    }
    try:
        check()
    except (AssayError, Failure) as error:
        return Check(name, ok=False, detail=f"{detail}: {error}", advice=advice[name])
    return Check(name, ok=True, detail=detail)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":…@", 1)


def _sandbox(settings: Settings) -> list[Check]:
    """What each level of isolation lacks here, and whether the strongest meets the setting."""
    lacks = examine()
    best = next((level for level, reason in lacks.items() if not reason), None)
    minimum = Level(settings.sandbox_minimum)
    enough = best is not None and best >= minimum
    verdict = Check(
        "sandbox",
        ok=enough,
        detail=f"{best or 'none'}; ASSAY_SANDBOX_MINIMUM is {minimum}",
        advice="" if enough else "install bubblewrap, or lower ASSAY_SANDBOX_MINIMUM",
    )
    levels = [
        Check(f"sandbox {level}", ok=not reason, detail=reason or "works", optional=True)
        for level, reason in lacks.items()
    ]
    return [verdict, *levels]


def _workers() -> list[Check]:
    good = [
        Check(f"worker {name}", ok=True, detail=f"version {worker.version}")
        for name, worker in installed().items()
    ]
    bad = [
        Check(f"worker {name}", ok=False, detail=reason, advice="install its extra", optional=True)
        for name, reason in uninstallable().items()
    ]
    return good + bad
