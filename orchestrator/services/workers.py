"""The registry of analysis workers (contract section 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import now
from orchestrator.domain.ids import new_id
from orchestrator.domain.paging import Found, Page
from orchestrator.errors import Invalid, NotFound, Refused
from orchestrator.settings import Settings
from orchestrator.store import policies
from orchestrator.store import workers as store
from orchestrator.store.tables import RegisteredWorker, WorkerProcess
from orchestrator.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFields:
    """What an administrator says of a worker; None: nothing (an update leaves it alone)."""

    short_name: str | None = None
    localized_names: Mapping[str, str] | None = None
    localized_descriptions: Mapping[str, str] | None = None
    schema: Any = None


def list_workers(uow: UnitOfWork, page: Page, *, include_deleted: bool) -> Found[RegisteredWorker]:
    return store.find_workers(uow.session, page, include_deleted=include_deleted)


def get_worker(uow: UnitOfWork, reference: str) -> RegisteredWorker:
    """By id, deleted or not, or by the short name of a live one; else :class:`NotFound`."""
    worker = _find(uow, reference)
    if worker is None:
        raise NotFound("worker", reference)
    return worker


def _find(uow: UnitOfWork, reference: str) -> RegisteredWorker | None:
    try:
        found = store.get_worker(uow.session, UUID(reference))
    except ValueError:
        found = None
    return found or store.live_worker(uow.session, reference)


def ids_of(uow: UnitOfWork, references: Sequence[str], field: str) -> list[str]:
    """The ids of live workers, each once, in order; an unknown one is :class:`Invalid` for ``field``."""
    ids = []
    for reference in references:
        worker = _find(uow, reference)
        if worker is None or worker.deleted_at:
            raise Invalid(field, f"worker {reference} does not exist")
        ids.append(str(worker.id))
    return list(dict.fromkeys(ids))


def names_of(uow: UnitOfWork, references: Sequence[str], field: str) -> list[str]:
    """The short names of live workers, each once, in order; none or an unknown one is :class:`Invalid`."""
    if not references:
        raise Invalid(field, "names at least one worker")
    names = []
    for reference in references:
        worker = _find(uow, reference)
        if worker is None or worker.deleted_at:
            raise Invalid(field, f"worker {reference} does not exist")
        names.append(worker.short_name)
    return list(dict.fromkeys(names))


def add_worker(uow: UnitOfWork, caller: Caller, fields: WorkerFields) -> RegisteredWorker:
    """Register a worker. A name that Celery served before it was deleted is served again."""
    policies.lock_policy(uow.session)
    assert fields.short_name
    worker = RegisteredWorker(
        id=new_id(),
        short_name=fields.short_name,
        localized_names=dict(fields.localized_names or {}),
        localized_descriptions=dict(fields.localized_descriptions or {}),
        result_schema=valid_schema(fields.schema),
        created_at=now(),
        created_by_id=caller.user_id,
    )
    _check_free(uow, worker.id, worker.short_name)
    before = store.last_deleted(uow.session, worker.short_name)
    if before is not None and before.celery:
        _inherit(worker, before)
    uow.session.add(worker)
    return _save(uow, worker)


def _inherit(worker: RegisteredWorker, before: RegisteredWorker) -> None:
    for name in ("version", "accepts", "classifies", "celery", "seconds"):
        setattr(worker, name, getattr(before, name))
    if worker.result_schema is None:
        worker.result_schema = before.result_schema


def update_worker(uow: UnitOfWork, caller: Caller, reference: str, fields: WorkerFields) -> RegisteredWorker:
    """Replace what is given. Under a new name a worker is an external analyzer's: Celery serves the old."""
    policies.lock_policy(uow.session)
    worker = _live(uow, reference)
    if fields.short_name is not None and fields.short_name != worker.short_name:
        _check_free(uow, worker.id, fields.short_name)
        worker.short_name, worker.celery, worker.version = fields.short_name, False, None
    if fields.localized_names is not None:
        worker.localized_names = dict(fields.localized_names)
    if fields.localized_descriptions is not None:
        worker.localized_descriptions = dict(fields.localized_descriptions)
    if fields.schema is not None:
        worker.result_schema = valid_schema(fields.schema)
    worker.updated_at, worker.updated_by_id = now(), caller.user_id
    return _save(uow, worker)


def delete_worker(uow: UnitOfWork, caller: Caller, reference: str) -> RegisteredWorker:
    """Mark the worker as deleted; no new job gets it, and its name is free again."""
    policies.lock_policy(uow.session)
    worker = _live(uow, reference)
    worker.deleted_at, worker.deleted_by_id = now(), caller.user_id
    return _save(uow, worker)


def schema_of(uow: UnitOfWork, reference: str) -> Any:
    """The JSON schema of the worker's results; :class:`NotFound` where it registered none."""
    worker = get_worker(uow, reference)
    if worker.result_schema is None:
        raise NotFound("schema of worker", reference)
    return worker.result_schema


def processes(uow: UnitOfWork, settings: Settings, worker: RegisteredWorker) -> list[WorkerProcess]:
    """The worker processes that live now and serve this worker, Celery's and remote ones."""
    since = now() - timedelta(seconds=settings.worker_lease)
    alive = store.processes_alive(uow.session, since)
    return [process for process in alive if worker.short_name in process.workers]


def _live(uow: UnitOfWork, reference: str) -> RegisteredWorker:
    worker = get_worker(uow, reference)
    if worker.deleted_at:
        raise Refused(f"worker {reference} is deleted")
    return worker


def _check_free(uow: UnitOfWork, worker_id: UUID, short_name: str) -> None:
    other = store.live_worker(uow.session, short_name)
    if other is not None and other.id != worker_id:
        raise Invalid("shortName", f"worker {short_name} exists already")


def valid_schema(schema: Any) -> Any:
    """The JSON schema, or None; :class:`Invalid` where it is not one."""
    if schema is None or isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        raise Invalid("schema", "a JSON schema is an object or a boolean")
    dialect = schema.get("$schema")
    if not isinstance(dialect, str | None):
        raise Invalid("schema", "$schema is not a URI")
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except (SchemaError, RecursionError) as error:
        reason = error.message if isinstance(error, SchemaError) else "nested too deeply"
        raise Invalid("schema", f"not a valid JSON schema: {reason}") from None
    return schema


def _save(uow: UnitOfWork, worker: RegisteredWorker) -> RegisteredWorker:
    uow.flush()
    uow.session.refresh(worker)
    uow.commit()
    return worker
