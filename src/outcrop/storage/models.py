"""Custom models as rows and folders, and what an ARN that may be invoked stands for."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select

from outcrop.core.models import EndpointStatus, Invocable
from outcrop.core.weights import Weights
from outcrop.storage import customization_jobs
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.customization import custom_models as table
from outcrop.storage.database.tables.customization import deployments, provisioned_throughputs
from outcrop.storage.home import Home
from outcrop.storage.listing import Filters, Listing
from outcrop.storage.prepared import Prepared

__all__ = ["Invocable", "ModelRow", "resolve_invocable", "weights_of"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One row, columns as in tables/customization.py."""

    id: str
    region: str
    name: str
    arn: str
    job_id: str
    base_model_arn: str
    foundation_model_arn: str
    customization_type: str
    created_us: int
    detail_json: str
    method: str
    base_model_id: str
    base_custom_model_id: str | None

    @property
    def detail(self) -> dict[str, Any]:
        """Members of GetCustomModel beyond the columns, by wire name."""
        detail: dict[str, Any] = json.loads(self.detail_json)
        return detail

    def weights(self, home: Home, base_models: BaseModelStore) -> Weights:
        """Return what an engine loads for this model.

        Raises:
            ModelNotFound: its base model is no longer in the catalogue.
        """
        own = home.custom_models / self.id
        if self.method == "full":
            return Weights(base=own)
        if self.base_custom_model_id is not None:
            return Weights(base=home.custom_models / self.base_custom_model_id, adapter=own)
        return Weights(base=base_models.get(self.base_model_id).folder, adapter=own)


_COLUMNS = [table.c[item.name] for item in fields(ModelRow)]
_BY_NAME = Prepared(
    select(*_COLUMNS).where(
        table.c.region == bindparam("region"), table.c.name == bindparam("name")
    )
)
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_IDS = Prepared(select(table.c.id))
_CHILDREN = Prepared(
    select(table.c.name).where(table.c.base_custom_model_id == bindparam("id")).limit(1)
)
SUMMARY_COLUMNS = (
    "created_us",
    "id",
    "arn",
    "name",
    "base_model_arn",
    "foundation_model_arn",
    "customization_type",
)
_LISTING = Listing(table, SUMMARY_COLUMNS)

_THROUGHPUTS_OF = Prepared(
    select(provisioned_throughputs.c.arn)
    .where(
        or_(
            provisioned_throughputs.c.model_arn == bindparam("arn"),
            provisioned_throughputs.c.desired_model_arn == bindparam("arn"),
        )
    )
    .limit(1)
)
_DEPLOYMENTS_OF = Prepared(
    select(deployments.c.arn)
    .where(
        or_(
            deployments.c.model_arn == bindparam("arn"),
            deployments.c.update_model_arn == bindparam("arn"),
        )
    )
    .limit(1)
)


def insert(connection: Connection, row: ModelRow) -> None:
    """Add a model whose folder is complete."""
    values = {item.name: getattr(row, item.name) for item in fields(ModelRow)}
    connection.execute(table.insert().values(values))


def find(connection: Connection, region: str, *, name: str) -> ModelRow | None:
    """Return the model of this name."""
    row = _BY_NAME.first(connection, region=region, name=name)
    return None if row is None else ModelRow(*row)


def get(connection: Connection, model_id: str) -> ModelRow | None:
    """Return the model of this id."""
    row = _BY_ID.first(connection, id=model_id)
    return None if row is None else ModelRow(*row)


def page(
    connection: Connection, filters: Filters
) -> tuple[list[tuple[Any, ...]], tuple[int, str] | None]:
    """Return a page of SUMMARY_COLUMNS and where the next one begins."""
    return _LISTING.page(connection, filters)


def remove(connection: Connection, model_id: str) -> None:
    """Delete the row; its folder is deleted by `remove_folder` once that is committed."""
    connection.execute(delete(table).where(table.c.id == model_id))


def remove_folder(home: Home, model_id: str) -> None:
    """Delete a model's weights; what a crash leaves of them, `sweep` deletes at the next start."""
    shutil.rmtree(home.custom_models / model_id, ignore_errors=True)


def user_of(connection: Connection, row: ModelRow) -> str | None:
    """Return what needs this model, in words, or None when it may be deleted."""
    for prepared, kind in (
        (_THROUGHPUTS_OF, "provisioned throughput"),
        (_DEPLOYMENTS_OF, "deployment"),
    ):
        if user := prepared.first(connection, arn=row.arn):
            return f"{kind} {user[0]}"
    if child := _CHILDREN.first(connection, id=row.id):
        return f"custom model {child[0]}, whose weights lie on it"
    if customization_jobs.trains_from(connection, row.id):
        return "a customization job that trains from it"
    return None


def sweep(database: Database, home: Home) -> list[Path]:
    """Delete folders of jobs and models that no row knows; return them. For the start of a server."""
    with database.read() as connection:
        jobs = customization_jobs.unfinished_ids(connection)
        kept = {row[0] for row in _IDS.all(connection)}
        # A job that is being registered already has its model's folder.
        kept |= {
            row.model_arn.rsplit("/", 1)[-1]
            for job_id in jobs
            if (row := customization_jobs.get(connection, job_id))
        }
    swept = [
        folder
        for parent, known in ((home.jobs, jobs), (home.custom_models, kept))
        for folder in parent.iterdir()
        if folder.name not in known
    ]
    for folder in swept:
        shutil.rmtree(folder, ignore_errors=True)
    return swept


_PROVISIONED = Prepared(
    select(
        provisioned_throughputs.c.arn,
        provisioned_throughputs.c.status,
        provisioned_throughputs.c.model_arn,
    ).where(
        provisioned_throughputs.c.region == bindparam("region"),
        or_(
            provisioned_throughputs.c.name == bindparam("name"),
            provisioned_throughputs.c.id == bindparam("id"),
        ),
    )
)
_DEPLOYED = Prepared(
    select(deployments.c.arn, deployments.c.status, deployments.c.model_arn).where(
        deployments.c.region == bindparam("region"), deployments.c.id == bindparam("id")
    )
)
# Our status → AWS's, per resource.
THROUGHPUT_STATUS: Mapping[str, str] = {
    EndpointStatus.CREATING: "Creating",
    EndpointStatus.READY: "InService",
    EndpointStatus.UPDATING: "Updating",
    EndpointStatus.FAILED: "Failed",
}
# A deployment has no UPDATING: an update shows in its updateDetails, and it stays Active throughout.
DEPLOYMENT_STATUS: Mapping[str, str] = {
    EndpointStatus.CREATING: "Creating",
    EndpointStatus.READY: "Active",
    EndpointStatus.FAILED: "Failed",
}
_ANSWERING = frozenset({EndpointStatus.READY, EndpointStatus.UPDATING})


def resolve_invocable(
    connection: Connection,
    identifier: str,
    *,
    region: str,
    home: Home,
    base_models: BaseModelStore,
) -> Invocable | None:
    """Return what a provisioned throughput (ARN, name or id) or deployment (ARN) serves.

    Args:
        identifier: what the caller gave as modelId; foundation models are not looked for here.

    Returns:
        None when there is no such resource in this region.

    Raises:
        ModelNotFound: the base model under it is no longer in the catalogue.
    """
    key = identifier.rsplit("/", 1)[-1]
    if ":custom-model-deployment/" in identifier:
        found, spelling = _DEPLOYED.first(connection, region=region, id=key), DEPLOYMENT_STATUS
    else:
        found = _PROVISIONED.first(connection, region=region, name=key, id=key)
        spelling = THROUGHPUT_STATUS
    if found is None or (identifier.startswith("arn:") and found[0] != identifier):
        return None
    _, status, model_arn = found
    weights, base_model_id = weights_of(connection, model_arn, home, base_models)
    return Invocable(identifier, weights, base_model_id, status in _ANSWERING, spelling[status])


def weights_of(
    connection: Connection, model_arn: str, home: Home, base_models: BaseModelStore
) -> tuple[Weights, str]:
    """Return what an engine loads for a custom or foundation model, and the foundation model's id.

    Raises:
        ModelNotFound: the base model is no longer in the catalogue.
    """
    if ":custom-model/" in model_arn:
        row = get(connection, model_arn.rsplit("/", 1)[-1])
        assert row is not None, "a model in use is not deleted"
        return row.weights(home, base_models), row.base_model_id
    base = base_models.get(model_arn)
    return Weights(base=base.folder), base.model_id
