"""Quotas: how much there may be of what, asked before it is made; and how they are changed."""

from dataclasses import dataclass

from outcrop.aws.errors import ServiceQuotaExceededException
from outcrop.core.errors import OutcropError
from outcrop.governance.quota_catalogue import QUOTAS, Quota
from outcrop.storage import service_quotas as repository
from outcrop.storage.database.engine import Database
from outcrop.storage.service_quotas import RequestRow

PENDING, APPROVED, DENIED = "PENDING", "APPROVED", "DENIED"
_HIGHEST = 10_000_000_000  # what the service model allows


class QuotaError(OutcropError):
    """There is no such quota or request, or its state does not allow what was asked."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas of an installation; values are read when asked, so a change holds at once."""

    database: Database

    def value(self, service: str, code: str, *, region: str = "") -> float:
        """Return how much a quota allows.

        Args:
            region: whose quota is meant; may be left out for quotas of the whole account.

        Raises:
            QuotaError: there is no such quota.
        """
        quota = find_quota(service, code)
        changed = repository.value(
            self.database.reader, scope_of(quota, region), quota.service, quota.code
        )
        return quota.default if changed is None else changed

    def check(self, service: str, code: str, used: float, *, region: str = "") -> None:
        """Refuse what a quota does not allow.

        Args:
            used: how much would be in use, that which is asked for included.
            region: whose quota is meant; may be left out for quotas of the whole account.

        Raises:
            ServiceQuotaExceededException: more than the quota; says how to have it raised.
        """
        excess = self.excess(service, code, used, region=region)
        if excess:
            raise ServiceQuotaExceededException(excess)

    def excess(self, service: str, code: str, used: float, *, region: str = "") -> str:
        """Return why `check` would refuse, or "": for services whose error has another name."""
        limit = self.value(service, code, region=region)
        if used <= limit:
            return ""
        quota = find_quota(service, code)
        place = "" if quota.is_global else f" in {region}"
        advice = (
            f"ask for more with `aws service-quotas request-service-quota-increase --service-code {service} "
            f"--quota-code {code} --desired-value N`, which an administrator grants with `outcrop quotas grant`"
            if quota.is_adjustable
            else f"have an administrator raise it with `outcrop quotas set {service} {code} N`"
        )
        return (
            f"{quota.name}: {plain(used)} would be in use{place}, the quota ({service} {code}) is {plain(limit)}. "
            f"Remove what is no longer needed, or {advice}."
        )


def find_quota(service: str, code: str) -> Quota:
    """Return a quota.

    Raises:
        QuotaError: there is none of this service and code.
    """
    quota = QUOTAS.get((service, code))
    if quota is None:
        raise QuotaError(
            f"there is no quota {code} of {service}; `outcrop quotas list` shows those there are"
        )
    return quota


def scope_of(quota: Quota, region: str) -> str:
    """Return the region that a quota's rows carry: "" for quotas of the whole account."""
    if quota.is_global:
        return ""
    assert region, f"{quota.code} has a value for each region"
    return region


def plain(value: float) -> str:
    """Return a number as people write it: 100 rather than 100.0."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"


def set_value(database: Database, quota: Quota, value: float, *, region: str, now_us: int) -> None:
    """Give a quota a value; for administrators.

    Raises:
        QuotaError: no quota can have this value.
    """
    if not 0 <= value <= _HIGHEST:
        raise QuotaError(f"a quota cannot be {plain(value)}: give a number from 0 to {_HIGHEST:,}")
    with database.write(durable=True) as connection:
        repository.put_value(
            connection, scope_of(quota, region), quota.service, quota.code, value, now_us
        )


def grant(
    database: Database, request_id: str, *, now_us: int, value: float | None = None
) -> RequestRow:
    """Grant a request to raise a quota; it holds from the next call on.

    Args:
        value: what to grant instead of what was asked for.

    Returns:
        The request as it was.

    Raises:
        QuotaError: no such request, or it was decided already.
    """
    with database.write(durable=True) as connection:
        row = _require_pending(repository.get_request(connection, request_id), request_id)
        granted = row.desired_value if value is None else value
        repository.put_value(connection, row.region, row.service, row.code, granted, now_us)
        repository.decide_request(connection, row.id, APPROVED, now_us)
    return row


def deny(database: Database, request_id: str, *, now_us: int) -> RequestRow:
    """Deny a request to raise a quota.

    Returns:
        The request as it was.

    Raises:
        QuotaError: no such request, or it was decided already.
    """
    with database.write(durable=True) as connection:
        row = _require_pending(repository.get_request(connection, request_id), request_id)
        repository.decide_request(connection, row.id, DENIED, now_us)
    return row


def _require_pending(row: RequestRow | None, request_id: str) -> RequestRow:
    if row is None:
        raise QuotaError(f"there is no request {request_id}; `outcrop quotas requests` shows them")
    if row.status != PENDING:
        raise QuotaError(f"the request {request_id} is {row.status} already")
    return row
