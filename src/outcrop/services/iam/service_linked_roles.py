"""Service-linked roles: those that a service keeps for itself, of the services served here."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import descriptions, finding, new_entities
from outcrop.services.iam.errors import InvalidInput, NoSuchEntity
from outcrop.services.platform import Context
from outcrop.storage.identities import entities

# The service's principal → the name that AWS gives the role.
_ROLE_NAMES: Mapping[str, str] = {
    "cloudtrail.amazonaws.com": "AWSServiceRoleForCloudTrail",
    "delivery.logs.amazonaws.com": "AWSServiceRoleForLogDelivery",
    "events.amazonaws.com": "AWSServiceRoleForCloudWatchEvents",
    "mrk.kms.amazonaws.com": "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
    "servicequotas.amazonaws.com": "AWSServiceRoleForServiceQuotas",
    "ses.amazonaws.com": "AWSServiceRoleForAmazonSES",
}


@operation("iam:CreateServiceLinkedRole")
def create_service_linked_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create the role of a service, which only that service can assume or change.

    Raises:
        InvalidInput: the service has no such role, takes no suffix, or its role exists.
    """
    service = request["AWSServiceName"]
    name = _ROLE_NAMES.get(service)
    if name is None:
        raise InvalidInput(
            f"Service-linked role is not supported for {service}: "
            f"it is for {', '.join(sorted(_ROLE_NAMES))}."
        )
    if request.get("CustomSuffix"):
        raise InvalidInput(f"Custom suffix is not allowed for {service}")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": [service]},
                "Action": ["sts:AssumeRole"],
            }
        ],
    }
    described = {"RoleName": name, "Path": f"{finding.SERVICE_ROLE_PATH}{service}/"}
    role = new_entities.new_entity(
        "role",
        described,
        context,
        {
            "description": request.get("Description", ""),
            "trust": json.dumps(trust),
            "trust_ids": {},
            "max_session_seconds": 3600,
        },
    )
    with context.platform.directory.identities.write() as connection:
        if entities.by_name(connection, "role", name) is not None:
            raise InvalidInput(
                f"Service role name {name} has been taken in this account, please try a different suffix."
            )
        new_entities.add(connection, role, described, context)
        return {"Role": descriptions.role(connection, role)}


@operation("iam:DeleteServiceLinkedRole")
def delete_service_linked_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete the role of a service.

    Raises:
        NoSuchEntity: there is no such service-linked role.
    """
    with context.platform.directory.identities.write() as connection:
        role = finding.require(connection, "role", request["RoleName"])
        if not role.path.startswith(finding.SERVICE_ROLE_PATH):
            raise NoSuchEntity(f"The role with name {role.name} is not a service-linked role.")
        entities.remove(connection, role.id)
    return {"DeletionTaskId": f"task{role.path}{role.name}/{uuid.uuid4()}"}


@operation("iam:GetServiceLinkedRoleDeletionStatus")
def get_service_linked_role_deletion_status(
    request: Mapping[str, Any], _context: Context
) -> dict[str, Any]:
    """Say how far the deletion of a service-linked role is: it ends before it is acknowledged.

    Raises:
        NoSuchEntity: the id is not that of a deletion.
    """
    task_id = request["DeletionTaskId"]
    parts = task_id.split("/")
    if len(parts) != 5 or parts[:2] != ["task", "aws-service-role"]:
        raise NoSuchEntity(f"Deletion task {task_id} cannot be found.")
    return {"Status": "SUCCEEDED"}
