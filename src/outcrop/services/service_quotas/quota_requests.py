"""Requests for more: made here, decided by an administrator (governance/quotas.py)."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.governance.quota_catalogue import QUOTAS, SERVICE_NAMES
from outcrop.governance.quotas import PENDING, scope_of
from outcrop.services.platform import Context
from outcrop.services.service_quotas.errors import (
    IllegalArgumentException,
    NoSuchResourceException,
    ResourceAlreadyExistsException,
)
from outcrop.services.service_quotas.pages import page
from outcrop.services.service_quotas.quota_values import quota_arn, quotas_of, require_quota
from outcrop.storage import service_quotas as repository
from outcrop.storage.service_quotas import RequestRow

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 40
_LEVEL = "ACCOUNT"


@operation("service-quotas:RequestServiceQuotaIncrease")
def request_service_quota_increase(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Ask for a higher value; the request is PENDING until an administrator decides.

    Raises:
        NoSuchResourceException: no such service or quota.
        IllegalArgumentException: the quota is not adjustable, or already as high.
        ResourceAlreadyExistsException: another request for it is waiting.
    """
    quota = require_quota(request["ServiceCode"], request["QuotaCode"])
    if not quota.is_adjustable:
        raise IllegalArgumentException(
            "The request failed because the specified quota is not adjustable."
        )
    if "ContextId" in request:
        raise IllegalArgumentException(
            "The request failed because the specified quota is not adjustable at the resource level."
        )
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        region = scope_of(quota, context.region)
        present = context.platform.quotas.value(quota.service, quota.code, region=context.region)
        if request["DesiredValue"] <= present:
            raise IllegalArgumentException(
                f"You must provide a quota value greater than the current quota value of {present}"
            )
        if any(
            (row.region, row.service, row.code, row.status)
            == (region, quota.service, quota.code, PENDING)
            for row in repository.requests(connection)
        ):
            raise ResourceAlreadyExistsException
        row = RequestRow(
            id="".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)),
            region=region,
            service=quota.service,
            code=quota.code,
            desired_value=float(request["DesiredValue"]),
            status=PENDING,
            requester=context.principal.arn,
            created_us=now,
            modified_us=now,
        )
        repository.insert_request(connection, row)
    return {"RequestedQuota": _describe(row, context)}


@operation("service-quotas:GetRequestedServiceQuotaChange")
def get_requested_service_quota_change(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return what became of a request.

    Raises:
        NoSuchResourceException: no such request in this region.
    """
    row = repository.get_request(context.platform.database.reader, request["RequestId"])
    if row is None or row.region not in {"", context.region}:
        raise NoSuchResourceException(
            "The request failed because the specified quota increase request does not exist."
        )
    return {"RequestedQuota": _describe(row, context)}


@operation("service-quotas:ListRequestedServiceQuotaChangeHistory")
def list_requested_service_quota_change_history(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """List requests of this region, the newest first.

    Raises:
        NoSuchResourceException: the service has no quotas here.
    """
    if "ServiceCode" in request:
        quotas_of(request["ServiceCode"])
    return _history(request, context)


@operation("service-quotas:ListRequestedServiceQuotaChangeHistoryByQuota")
def list_requested_service_quota_change_history_by_quota(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """List requests for one quota, the newest first.

    Raises:
        NoSuchResourceException: no such service or quota.
    """
    require_quota(request["ServiceCode"], request["QuotaCode"])
    return _history(request, context)


def _history(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    asked = {
        "service": request.get("ServiceCode"),
        "code": request.get("QuotaCode"),
        "status": request.get("Status"),
    }
    wanted = {column: value for column, value in asked.items() if value is not None}
    entries = [
        (row.id, _describe(row, context))
        for row in repository.requests(context.platform.database.reader)
        if row.region in {"", context.region}
        and all(getattr(row, column) == value for column, value in wanted.items())
        and request.get("QuotaRequestedAtLevel") != "RESOURCE"
    ]
    return page("RequestedQuotas", entries, request, context)


def _describe(row: RequestRow, context: Context) -> dict[str, Any]:
    quota = QUOTAS[row.service, row.code]
    return {
        "Id": row.id,
        "ServiceCode": row.service,
        "ServiceName": SERVICE_NAMES[row.service],
        "QuotaCode": row.code,
        "QuotaName": quota.name,
        "DesiredValue": row.desired_value,
        "Status": row.status,
        "Created": from_us(row.created_us),
        "LastUpdated": from_us(row.modified_us),
        "Requester": row.requester,
        "QuotaArn": quota_arn(quota, context.region, context.account_id),
        "GlobalQuota": quota.is_global,
        "Unit": "None",
        "QuotaRequestedAtLevel": _LEVEL,
    }
