"""``assay key``: keys are made by whoever runs the service, on the store itself, beside a running one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import stores
from orchestrator.cli.output import line, moment, out, print_json, table
from orchestrator.domain.vocabulary import Role
from orchestrator.errors import SettingsError
from orchestrator.services import access, audit
from orchestrator.store.tables import ApiKey

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys, on the store itself.")

#: Short names of the roles, beside their names on the wire.
_ROLES = {role.name: role for role in Role} | {role.value: role for role in Role}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is: a user, made where it is new.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(role.name for role in Role)}.")],
    customer: Annotated[str, typer.Option(help="The user's customer, made where it is new.")] = (
        access.DEFAULT_CUSTOMER
    ),
    data: stores.Data = None,
) -> None:
    """Make a key and print it, and nothing else. It is kept as a digest: nobody can show it again."""
    wanted = _ROLES.get(role) or _ROLES.get(role.upper())
    if wanted is None:
        raise SettingsError(f"--role {role}: must be one of {', '.join(each.name for each in Role)}")
    with stores.opened(stores.settings_for(data)) as begin, begin() as uow:
        audit.note(uow, "key create", name, role=wanted.value, customer=customer)
        line(access.create_key(uow, name, wanted, customer))


@app.command("list")
def list_(
    data: stores.Data = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show whose keys there are, never the keys."""
    with stores.opened(stores.settings_for(data)) as begin, begin(write=False) as uow:
        rows = [_shown(row) for row in access.list_keys(uow)]
    if json:
        print_json(rows)
        return
    columns = ("id", "name", "role", "customer", "created", "state")
    out.print(
        table(
            "Keys",
            columns,
            [
                (
                    row["id"],
                    row["name"],
                    row["role"],
                    row["customer"],
                    moment(row["createdTimestamp"]),
                    "revoked" if row["revokedTimestamp"] else "good",
                )
                for row in rows
            ],
        )
    )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The id of a key, or the name of a user for all of its keys.")],
    data: stores.Data = None,
) -> None:
    """Make keys good no more; a running API may take them for two more seconds."""
    with stores.opened(stores.settings_for(data)) as begin, begin() as uow:
        audit.note(uow, "key revoke", key)
        count = access.revoke_key(uow, key)
    line(f"revoked {count} {'key' if count == 1 else 'keys'}")


def _shown(row: ApiKey) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "role": row.role.value,
        "customer": row.user.customer.short_name,
        "createdTimestamp": int(row.created_at.timestamp() * 1000),
        "expiresTimestamp": int(row.expires_at.timestamp() * 1000) if row.expires_at else None,
        "revokedTimestamp": int(row.revoked_at.timestamp() * 1000) if row.revoked_at else None,
    }
