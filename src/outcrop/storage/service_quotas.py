"""Changed quotas, and requests to raise them, as rows."""

from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, bindparam, delete, select, update

from outcrop.storage.database.tables.service_quotas import quota_requests, service_quotas
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request to raise a quota, columns as in tables/service_quotas.py.

    Attributes:
        region: of the quota; "" for a quota of the whole account.
        status: PENDING until an administrator has decided, then APPROVED or DENIED.
        requester: ARN of who asked.
    """

    id: str
    region: str
    service: str
    code: str
    desired_value: float
    status: str
    requester: str
    created_us: int
    modified_us: int


_COLUMNS = [quota_requests.c[item.name] for item in fields(RequestRow)]
_VALUE = Prepared(
    select(service_quotas.c.value).where(
        service_quotas.c.region == bindparam("region"),
        service_quotas.c.service == bindparam("service"),
        service_quotas.c.code == bindparam("code"),
    )
)
_BY_ID = Prepared(select(*_COLUMNS).where(quota_requests.c.id == bindparam("id")))
_NEWEST_FIRST = Prepared(
    select(*_COLUMNS).order_by(quota_requests.c.created_us.desc(), quota_requests.c.id.desc())
)


def value(connection: Connection, region: str, service: str, code: str) -> float | None:
    """Return the value that an administrator gave a quota, or None where nobody did."""
    row = _VALUE.first(connection, region=region, service=service, code=code)
    return None if row is None else float(row[0])


def put_value(  # noqa: PLR0913, PLR0917  # all of them make up the row
    connection: Connection, region: str, service: str, code: str, value: float, now_us: int
) -> None:
    """Give a quota a value."""
    connection.execute(
        delete(service_quotas).where(
            service_quotas.c.region == region,
            service_quotas.c.service == service,
            service_quotas.c.code == code,
        )
    )
    connection.execute(
        service_quotas.insert().values(
            region=region, service=service, code=code, value=value, modified_us=now_us
        )
    )


def insert_request(connection: Connection, row: RequestRow) -> None:
    """Add a request."""
    connection.execute(quota_requests.insert().values(asdict(row)))


def get_request(connection: Connection, request_id: str) -> RequestRow | None:
    """Return the request of this id."""
    row = _BY_ID.first(connection, id=request_id)
    return None if row is None else RequestRow(*row)


def requests(connection: Connection) -> list[RequestRow]:
    """Return every request, the newest first."""
    return [RequestRow(*row) for row in _NEWEST_FIRST.all(connection)]


def decide_request(connection: Connection, request_id: str, status: str, now_us: int) -> None:
    """Set what became of a request."""
    connection.execute(
        update(quota_requests)
        .where(quota_requests.c.id == request_id)
        .values(status=status, modified_us=now_us)
    )
