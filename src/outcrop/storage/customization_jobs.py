"""Customization jobs as rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from outcrop.core.jobs import JobPlan, JobStatus, Phase, Phases, check_transition
from outcrop.storage.database.tables.customization import customization_jobs as table
from outcrop.storage.listing import Filters, Listing
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class JobRow:
    """One row, columns as in tables/customization.py; the JSON columns are still text."""

    id: str
    region: str
    name: str
    arn: str
    status: str
    base_model_arn: str
    model_name: str
    model_arn: str
    customization_type: str
    created_us: int
    modified_us: int
    ended_us: int | None
    failure_message: str | None
    request_json: str
    phases_json: str
    metrics_json: str | None
    plan_json: str

    @property
    def plan(self) -> JobPlan:
        """What the job does."""
        return JobPlan(**json.loads(self.plan_json))

    @property
    def phases(self) -> Phases:
        """How far it is."""
        return Phases.from_json(json.loads(self.phases_json))


_COLUMNS = [table.c[item.name] for item in fields(JobRow)]
_BY_NAME = Prepared(
    select(*_COLUMNS).where(
        table.c.region == bindparam("region"), table.c.name == bindparam("name")
    )
)
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_ARN_BY_NAME = Prepared(
    select(table.c.arn).where(
        table.c.region == bindparam("region"), table.c.name == bindparam("name")
    )
)
_STATUS = Prepared(select(table.c.status).where(table.c.id == bindparam("id")))
_UNFINISHED = Prepared(
    select(
        table.c.id, table.c.model_arn, table.c.model_name, table.c.region, table.c.plan_json
    ).where(table.c.status.in_([JobStatus.IN_PROGRESS, JobStatus.STOPPING]))
)
SUMMARY_COLUMNS = (
    "created_us",
    "id",
    "arn",
    "base_model_arn",
    "name",
    "status",
    "phases_json",
    "modified_us",
    "ended_us",
    "model_arn",
    "model_name",
    "customization_type",
)
_LISTING = Listing(table, SUMMARY_COLUMNS)


def insert(connection: Connection, row: JobRow) -> None:
    """Add a job. The caller has checked its name in the same transaction."""
    values = {item.name: getattr(row, item.name) for item in fields(JobRow)}
    connection.execute(table.insert().values(values))


def find(connection: Connection, region: str, *, name: str) -> JobRow | None:
    """Return the job of this name."""
    row = _BY_NAME.first(connection, region=region, name=name)
    return None if row is None else JobRow(*row)


def get(connection: Connection, job_id: str) -> JobRow | None:
    """Return the job of this id."""
    row = _BY_ID.first(connection, id=job_id)
    return None if row is None else JobRow(*row)


def arn_of(connection: Connection, region: str, name: str) -> str | None:
    """Return only the ARN of the job of this name: what every permission check asks."""
    row = _ARN_BY_NAME.first(connection, region=region, name=name)
    return None if row is None else str(row[0])


def status_of(connection: Connection, job_id: str) -> JobStatus:
    """Return only the status: what a running job asks often."""
    row = _STATUS.first(connection, id=job_id)
    assert row is not None, job_id
    return JobStatus(row[0])


def page(
    connection: Connection, filters: Filters
) -> tuple[list[tuple[Any, ...]], tuple[int, str] | None]:
    """Return a page of SUMMARY_COLUMNS and where the next one begins."""
    return _LISTING.page(connection, filters)


def unfinished_ids(connection: Connection) -> set[str]:
    """Return the ids of jobs that have not ended."""
    return {row[0] for row in _UNFINISHED.all(connection)}


def claims_model_name(connection: Connection, region: str, model_name: str) -> bool:
    """Whether a job that has not ended will give its model this name."""
    return any((row[3], row[2]) == (region, model_name) for row in _UNFINISHED.all(connection))


def trains_from(connection: Connection, model_id: str) -> bool:
    """Whether a job that has not ended goes on from this custom model."""
    return any(
        json.loads(row[4])["parent_model_id"] == model_id for row in _UNFINISHED.all(connection)
    )


def enter_phase(connection: Connection, job_id: str, phase: Phase, now_us: int) -> None:
    """Record that a phase has begun; an ended or stopping job is left as it is."""
    row = get(connection, job_id)
    if row is None or row.status != JobStatus.IN_PROGRESS:
        return
    _set(connection, job_id, now_us, phases=row.phases.entered(phase, now_us))


def move(  # noqa: PLR0913  # the two optional facts belong to one end of a job each
    connection: Connection,
    row: JobRow,
    status: JobStatus,
    now_us: int,
    *,
    failure_message: str | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Take a job to another status, its running phase with it.

    Raises:
        JobStateError: its present status does not lead there.
    """
    check_transition(JobStatus(row.status), status)
    values: dict[str, Any] = {"status": status}
    if status.is_terminal:
        values["ended_us"] = now_us
    if failure_message is not None:
        values["failure_message"] = failure_message
    if metrics is not None:
        values["metrics_json"] = json.dumps(metrics)
    _set(connection, row.id, now_us, phases=row.phases.ended(status, now_us), **values)


def _set(
    connection: Connection, job_id: str, now_us: int, *, phases: Phases, **values: object
) -> None:
    connection.execute(
        update(table)
        .where(table.c.id == job_id)
        .values(phases_json=json.dumps(phases.to_json()), modified_us=now_us, **values)
    )
