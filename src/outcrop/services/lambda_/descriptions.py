"""Functions, versions and aliases as the wire describes them."""

import hashlib
import sys
from collections.abc import Mapping
from typing import Any

from outcrop.core.times import from_us
from outcrop.services.lambda_.settings import IMAGE
from outcrop.storage.functions.attachments import AliasRow
from outcrop.storage.functions.rows import FAILED, IN_PROGRESS, PENDING, VersionRow

CREATING = "Creating"
BEING_CREATED = "The function is being created."
# What a listing leaves out: Lambda API reference, ListFunctions.
_LISTED_WITHOUT = frozenset(
    {
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
    }
)
_TAKEN = (
    "Role",
    "Runtime",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "PackageType",
    "Architectures",
    "TracingConfig",
    "EphemeralStorage",
    "LoggingConfig",
    "DeadLetterConfig",
    "VpcConfig",
    "Layers",
)


def configuration(
    version: VersionRow, arn: str, environment: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a FunctionConfiguration.

    Args:
        version: of the function.
        arn: as asked for, with or without a qualifier.
        environment: member Environment, None where there is none.
    """
    settings = version.settings
    region, name = version.function_arn.split(":")[3], version.function_arn.rsplit(":", 1)[1]
    described: dict[str, Any] = {
        member: settings[member] for member in _TAKEN if settings.get(member) is not None
    }
    described |= {
        "FunctionName": name,
        "FunctionArn": arn,
        "CodeSize": version.code_bytes,
        "CodeSha256": version.code_sha256,
        "LastModified": last_modified(version.modified_us),
        "Version": version.version,
        "RevisionId": version.revision_id,
        "SnapStart": {"ApplyOn": settings["SnapStart"], "OptimizationStatus": "Off"},
        "Environment": environment,
        "KMSKeyArn": version.kms_key_arn,
        **_state(version),
    }
    if image := settings.get("ImageConfig"):
        described["ImageConfigResponse"] = {"ImageConfig": image}
    if settings["PackageType"] != IMAGE:
        described["RuntimeVersionConfig"] = {
            "RuntimeVersionArn": _runtime_arn(region, settings["Runtime"])
        }
    return described


def listed(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a FunctionConfiguration as lists have it."""
    return {member: value for member, value in described.items() if member not in _LISTED_WITHOUT}


def _state(version: VersionRow) -> dict[str, Any]:
    state: dict[str, Any] = {"State": version.state}
    if version.state == PENDING:
        return {**state, "StateReasonCode": CREATING, "StateReason": BEING_CREATED}
    if version.state == FAILED:
        state |= {
            "StateReasonCode": version.state_reason_code,
            "StateReason": version.state_reason,
        }
    state["LastUpdateStatus"] = version.update_status
    if version.update_status == IN_PROGRESS:
        state |= {
            "LastUpdateStatusReasonCode": CREATING,
            "LastUpdateStatusReason": BEING_CREATED,
        }
    elif version.update_status == FAILED:
        state |= {
            "LastUpdateStatusReasonCode": version.state_reason_code,
            "LastUpdateStatusReason": version.state_reason,
        }
    return state


def environment_member(variables: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Return the member Environment of variables, None where the function has none."""
    return None if variables is None else {"Variables": dict(variables)}


def last_modified(modified_us: int) -> str:
    """Return a time as Lambda writes it: with milliseconds, and a zone without a colon."""
    moment = from_us(modified_us)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def _runtime_arn(region: str, runtime: str) -> str:
    # AWS's is a digest of the runtime's build; ours says which interpreter really runs.
    digest = hashlib.sha256(f"{runtime} on {sys.version}".encode()).hexdigest()
    return f"arn:aws:lambda:{region}::runtime:{digest}"


def alias(row: AliasRow) -> dict[str, Any]:
    """Return an AliasConfiguration."""
    described: dict[str, Any] = {
        "AliasArn": f"{row.function_arn}:{row.name}",
        "Name": row.name,
        "FunctionVersion": row.version,
        "Description": row.description,
        "RevisionId": row.revision_id,
    }
    if weights := row.weights:
        described["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    return described
