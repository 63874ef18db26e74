"""What the quotas are: services, applied values, defaults."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.governance.quota_catalogue import QUOTAS, SERVICE_NAMES, Quota
from outcrop.services.platform import Context
from outcrop.services.service_quotas.errors import NoSuchResourceException
from outcrop.services.service_quotas.pages import page

_LEVEL = "ACCOUNT"


@operation("service-quotas:ListServices")
def list_services(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the services that have quotas here."""
    entries = [
        (code, {"ServiceCode": code, "ServiceName": name}) for code, name in SERVICE_NAMES.items()
    ]
    return page("Services", entries, request, context)


@operation("service-quotas:ListServiceQuotas")
def list_service_quotas(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a service's quotas with the values that hold.

    Raises:
        NoSuchResourceException: the service has no quotas here.
    """
    quotas = quotas_of(request["ServiceCode"])
    if "QuotaCode" in request:
        quotas = [quota for quota in quotas if quota.code == request["QuotaCode"]]
    if request.get("QuotaAppliedAtLevel") == "RESOURCE":
        quotas = []
    entries = [(quota.code, applied(quota, context)) for quota in quotas]
    return page("Quotas", entries, request, context)


@operation("service-quotas:ListAWSDefaultServiceQuotas")
def list_aws_default_service_quotas(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a service's quotas with their defaults.

    Raises:
        NoSuchResourceException: the service has no quotas here.
    """
    quotas = quotas_of(request["ServiceCode"])
    entries = [(quota.code, default(quota, context)) for quota in quotas]
    return page("Quotas", entries, request, context)


@operation("service-quotas:GetServiceQuota")
def get_service_quota(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a quota with the value that holds.

    Raises:
        NoSuchResourceException: no such service or quota, or none for a single resource.
    """
    if "ContextId" in request:
        raise NoSuchResourceException(
            "The request failed because the quota is not applied at the resource level."
        )
    quota = require_quota(request["ServiceCode"], request["QuotaCode"])
    return {"Quota": applied(quota, context)}


@operation("service-quotas:GetAWSDefaultServiceQuota")
def get_aws_default_service_quota(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a quota with its default.

    Raises:
        NoSuchResourceException: no such service or quota.
    """
    quota = require_quota(request["ServiceCode"], request["QuotaCode"])
    return {"Quota": default(quota, context)}


def quotas_of(service: str) -> list[Quota]:
    """Return the quotas of a service.

    Raises:
        NoSuchResourceException: it has none here.
    """
    if service not in SERVICE_NAMES:
        raise NoSuchResourceException(
            "The request failed because the specified service does not exist."
        )
    return [quota for quota in QUOTAS.values() if quota.service == service]


def require_quota(service: str, code: str) -> Quota:
    """Return one quota.

    Raises:
        NoSuchResourceException: no such service or quota.
    """
    for quota in quotas_of(service):
        if quota.code == code:
            return quota
    raise NoSuchResourceException("The request failed because the specified quota does not exist.")


def quota_arn(quota: Quota, region: str, account_id: str) -> str:
    """Return the ARN of an account's quota."""
    return f"arn:aws:servicequotas:{region}:{account_id}:{quota.service}/{quota.code}"


def applied(quota: Quota, context: Context) -> dict[str, Any]:
    """Return a quota as the wire tells it, with the value that holds."""
    value = context.platform.quotas.value(quota.service, quota.code, region=context.region)
    return {
        **_describe(quota),
        "QuotaArn": quota_arn(quota, context.region, context.account_id),
        "Value": value,
    }


def default(quota: Quota, context: Context) -> dict[str, Any]:
    """Return a quota as the wire tells it, with its default."""
    return {
        **_describe(quota),
        "QuotaArn": quota_arn(quota, context.region, ""),
        "Value": float(quota.default),
    }


def _describe(quota: Quota) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": SERVICE_NAMES[quota.service],
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Unit": "None",
        "Adjustable": quota.is_adjustable,
        "GlobalQuota": quota.is_global,
        "QuotaAppliedAtLevel": _LEVEL,
        "Description": quota.description,
    }
