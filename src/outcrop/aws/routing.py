"""Which operation a request means, found from its path, headers and (for forms) its action.

Path tables are built per service when a request for it first arrives. Paths are matched on the raw path, segment by
segment, and decoded afterwards: clients send ARNs as %3A and %2F inside one segment.

The query protocol names its operation in the body: read the body first where `Router.needs_body` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote

from outcrop.aws import service_models
from outcrop.aws.errors import SerializationException, ServiceError, UnknownOperationException
from outcrop.aws.http import HttpRequest
from outcrop.aws.path_tables import BucketTable, Candidate, PathTable
from outcrop.aws.service_models import Operation, Service, ServiceDescription
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error

_FORM = "application/x-www-form-urlencoded"
_RPC_PATH = "/service/"
_S3 = "s3"


@dataclass(slots=True)
class Route:
    """What a request asks for.

    Attributes:
        service: botocore's service name.
        operation: AWS's operation name.
        path_parameters: decoded path labels by name.
        protocol: name of the protocol the client speaks.
        plan: the operation's compiled parts.
    """

    service: str
    operation: str
    path_parameters: dict[str, str]
    protocol: str
    plan: Operation

    @property
    def streams_request(self) -> bool:
        """Whether the body must be handed over as a stream; known before the body is read."""
        return self.plan.streams_request


class Router:
    """Finds the operation of a request among the given services.

    Args:
        service_names: botocore's names of the services served.
        hosts: names under which the server is reached; what stands before one of them, or before
            "s3.", is a bucket.
    """

    def __init__(self, service_names: Iterable[str], hosts: Iterable[str] = ("localhost",)) -> None:
        self._services = [service_models.describe(name) for name in service_names]
        self._by_signing_name: dict[str, list[ServiceDescription]] = {}
        for service in self._services:
            self._by_signing_name.setdefault(service.signing_name, []).append(service)
        self._by_target = {
            service.target_prefix: service for service in self._services if service.target_prefix
        }
        self._bucket_of = lru_cache(1024)(_BucketNames(tuple(hosts)))
        self._tables: dict[str, PathTable] = {}
        self._buckets: BucketTable | None = None

    def needs_body(self, request: HttpRequest, signing_name: str | None) -> bool:
        """Whether the body must be read before `match`: forms name their operation there."""
        return request.method == "POST" and self._is_form(request, signing_name)

    def match(self, request: HttpRequest, signing_name: str | None) -> Route:
        """Return what the request asks for.

        Args:
            request: its body is read only where `needs_body` is true.
            signing_name: service in the credential scope; None for bearer tokens and unsigned requests.

        Raises:
            UnknownOperationException: no operation of the served services is meant.
            ServiceError: InvalidAction or MethodNotAllowed, as the query protocol and S3 say it, or credentials made
                for another service.
        """
        target = request.headers.get("x-amz-target")
        if target is not None and signing_name != _S3:
            return self._match_target(target, signing_name)
        if request.raw_path.startswith(_RPC_PATH) and "smithy-protocol" in request.headers:
            return self._match_rpc(request.raw_path, signing_name)
        if signing_name != _S3 and (
            self._is_form(request, signing_name) or "Action=" in request.query_string
        ):
            return self._match_action(request, signing_name)
        for service in self._rest_services(request, signing_name):
            if service.name == _S3:
                return self._match_bucket(request)
            route = self._match_path(service.name, request)
            if route is not None:
                return route
        raise UnknownOperationException(
            f"No operation has the path {request.method} {request.raw_path:.200}"
        )

    def _is_form(self, request: HttpRequest, signing_name: str | None) -> bool:
        if not request.headers.get("content-type", "").startswith(_FORM):
            return False
        if signing_name is None:
            return request.raw_path == "/"
        services = self._by_signing_name.get(signing_name, ())
        return any("query" in service.protocols for service in services)

    def _match_target(self, target: str, signing_name: str | None) -> Route:
        prefix, _, name = target.rpartition(".")
        service = self._by_target.get(prefix)
        if service is None or "json" not in service.protocols:
            raise UnknownOperationException(f"No service has the target {target!r:.200}")
        _require_scope(service, signing_name, "json")
        return _route(service.name, name, {}, "json")

    def _match_rpc(self, path: str, signing_name: str | None) -> Route:
        prefix, _, name = path[len(_RPC_PATH) :].partition("/operation/")
        service = self._by_target.get(prefix)
        if service is None or "smithy-rpc-v2-cbor" not in service.protocols:
            raise UnknownOperationException(f"No service has the path {path!r:.200}")
        _require_scope(service, signing_name, "smithy-rpc-v2-cbor")
        return _route(service.name, name, {}, "smithy-rpc-v2-cbor")

    def _match_action(self, request: HttpRequest, signing_name: str | None) -> Route:
        fields = dict(parse_qsl(request.body.decode("utf-8", "replace"))) if request.body else {}
        action = fields.get("Action") or request.query.get("Action", [""])[0]
        version = fields.get("Version") or request.query.get("Version", [""])[0]
        services = (
            self._services if signing_name is None else self._by_signing_name.get(signing_name, [])
        )
        speaking = [service for service in services if "query" in service.protocols]
        versioned = [service for service in speaking if service.api_version == version]
        for service in versioned or speaking:
            if action in service_models.load(service.name).operation_names:
                return _route(service.name, action, {}, "query")
        error = ServiceError(f"Could not find operation {action:.100} for version {version:.20}")
        error.code, error.status = "InvalidAction", 400
        raise error

    def _rest_services(
        self, request: HttpRequest, signing_name: str | None
    ) -> list[ServiceDescription]:
        if signing_name is not None:
            return self._by_signing_name.get(signing_name, [])
        bearer = [service for service in self._services if service.accepts_bearer_tokens]
        if request.headers.get("authorization", "").startswith("Bearer "):
            return bearer
        buckets = [service for service in self._services if service.name == _S3]
        if "AWSAccessKeyId=" in request.query_string or self._bucket_of(_host(request)):
            return buckets
        return bearer + buckets

    def _match_path(self, service_name: str, request: HttpRequest) -> Route | None:
        table = self._tables.get(service_name)
        if table is None:
            protocol = service_models.describe(service_name).protocols[0]
            if protocol != "rest-json":
                return None
            table = self._tables[service_name] = PathTable(service_models.load(service_name))
        found = table.find(request)
        if found is None:
            return None
        candidate, values = found
        return _rest_route(table.service, candidate, values)

    def _match_bucket(self, request: HttpRequest) -> Route:
        if self._buckets is None:
            self._buckets = BucketTable(service_models.load(_S3))
        found = self._buckets.find(request, self._bucket_of(_host(request)))
        if found is None:
            error = ServiceError("The specified method is not allowed against this resource.")
            error.code, error.status = "MethodNotAllowed", 405
            raise error
        candidate, values = found
        return _rest_route(self._buckets.service, candidate, values)


def _require_scope(service: ServiceDescription, signing_name: str | None, protocol: str) -> None:
    """Refuse credentials made for another service: whoever was given a key of one must not reach the others."""
    if signing_name is not None and signing_name != service.signing_name:
        message = f"Credential should be scoped to correct service: '{service.signing_name}'."
        raise as_service_error(SignatureRefused(Reason.MISMATCH, message), protocol)


def _route(service_name: str, name: str, labels: dict[str, str], protocol: str) -> Route:
    plan = service_models.load(service_name).operation(name, protocol)
    return Route(service_name, plan.name, labels, plan.protocol, plan)


def _rest_route(service: Service, candidate: Candidate, values: list[str]) -> Route:
    plan = service.operation(candidate.name)
    labels = {}
    for label, value in zip(candidate.labels, values, strict=True):
        labels[label] = _decoded(value, service.name) if "%" in value else value
    return Route(service.name, plan.name, labels, plan.protocol, plan)


def _decoded(text: str, service_name: str) -> str:
    """Return percent-encoded text decoded; most of it is ARNs, for which replacing is five times faster.

    Raises:
        ServiceError: it is no UTF-8; read leniently, different names would become one.
    """
    text = text.replace("%3A", ":").replace("%2F", "/")
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        if service_name != _S3:
            raise SerializationException("The path of the request is not valid UTF-8") from None
        error = ServiceError("Couldn't parse the specified URI.")
        error.code, error.status = "InvalidURI", 400
        raise error from None


def _host(request: HttpRequest) -> str:
    return request.headers.get("host", "")


class _BucketNames:
    """Reads the bucket out of a virtual-host style Host header."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._suffixes = tuple(f".{host.lower()}" for host in hosts)

    def __call__(self, host: str) -> str:
        """Return the bucket that a Host header names, or ""."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.lower()
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            pass
        else:
            return ""
        # bucket.s3.amazonaws.com, bucket.s3.eu-west-1.amazonaws.com, bucket.s3-eu-west-1.amazonaws.com
        if name.startswith(("s3.", "s3-")):
            return ""
        for marker in (".s3.", ".s3-"):
            if marker in name:
                return name[: name.index(marker)]
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return name.removesuffix(suffix)
        return ""


def guess_protocol(request: HttpRequest, signing_name: str | None) -> str:
    """Return the protocol to answer in when no route was found."""
    headers = request.headers
    if "x-amz-target" in headers:
        return "json"
    if "smithy-protocol" in headers:
        return "smithy-rpc-v2-cbor"
    if signing_name == _S3:
        return "rest-xml"
    if headers.get("content-type", "").startswith(_FORM) or "Action=" in request.query_string:
        return "query"
    if signing_name is None and not headers.get("authorization", "").startswith("Bearer "):
        return "rest-xml"
    return "rest-json"
