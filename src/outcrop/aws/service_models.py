"""botocore's service models, loaded when a service is first used and compiled operation by operation.

A model is data that ships with botocore: routes, shapes, constraints and errors. Nothing of it is retyped here.
`describe` reads only the first kilobytes of a model, so that a server knows the protocols and names of its
services without loading them; `load` reads the whole, drops the documentation texts and compiles on demand.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from outcrop.aws.errors import ServiceError, UnknownOperationException

if TYPE_CHECKING:  # botocore takes a third of a second to import: only when a service is used
    from collections.abc import Callable

    from botocore.model import OperationModel, ServiceModel, Shape

    from outcrop.aws.protocols.contract import RequestParser, ResponseSerializer, WireProtocol
    from outcrop.aws.validation import Validator

SUPPORTED_PROTOCOLS = ("rest-json", "rest-xml", "query", "json", "smithy-rpc-v2-cbor")
_HEAD_BYTES = 16_384
_MODEL_FILE = "service-2.json"
# What AWS adds to a model for its SDKs.
_EXTRAS_FILE = "service-2.sdk-extras.json"


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """What routing needs of a service before its model is loaded.

    Attributes:
        protocols: those spoken here, the preferred one first.
        target_prefix: what stands before the dot in X-Amz-Target, or "".
        accepts_bearer_tokens: whether API keys may authenticate its calls.
    """

    name: str
    protocols: tuple[str, ...]
    signing_name: str
    target_prefix: str
    api_version: str
    accepts_bearer_tokens: bool


def _model_path(service_name: str) -> Path:
    spec = find_spec("botocore")
    folders = [] if spec is None else (spec.submodule_search_locations or [])
    for folder in folders:
        versions = sorted((Path(folder) / "data" / service_name).glob(f"*/{_MODEL_FILE}*"))
        if versions:
            return versions[-1]
    raise LookupError(f"botocore has no service {service_name!r}")


@cache
def describe(service_name: str) -> ServiceDescription:
    """Return the description of a service by botocore's name; raises LookupError if there is none."""
    path = _model_path(service_name)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8", "ignore")
    start = head.index("{", head.index('"metadata"'))
    metadata, _ = json.JSONDecoder().raw_decode(head, start)
    offered = [metadata["protocol"], *metadata.get("protocols", ())]
    protocols = dict.fromkeys(name for name in offered if name in SUPPORTED_PROTOCOLS)
    return ServiceDescription(
        name=service_name,
        protocols=tuple(protocols),
        signing_name=metadata.get("signingName", metadata["endpointPrefix"]),
        target_prefix=metadata.get("targetPrefix", ""),
        api_version=metadata["apiVersion"],
        accepts_bearer_tokens="smithy.api#httpBearerAuth" in metadata.get("auth", ()),
    )


def _drop_documentation(node: Any) -> None:  # any JSON
    if isinstance(node, dict):
        if isinstance(node.get("documentation"), str):
            del node["documentation"]
        for item in node.values():
            _drop_documentation(item)
    elif isinstance(node, list):
        for item in node:
            _drop_documentation(item)


def _read_model(path: Path) -> dict[str, Any]:
    """Return a model as botocore's own loader would, in a fifth of its time and half its memory.

    That one lists the folders of all services first, and makes each JSON object an OrderedDict.
    """
    content = path.read_bytes()
    model: dict[str, Any] = orjson.loads(
        gzip.decompress(content) if path.suffix == ".gz" else content
    )
    extras = path.parent / _EXTRAS_FILE
    if extras.exists():
        from botocore.utils import deep_merge

        deep_merge(model, orjson.loads(extras.read_bytes())["merge"])
    return model


@cache
def load(service_name: str) -> Service:
    """Return a service by botocore's name; raises LookupError if there is none."""
    from botocore.model import ServiceModel

    description = _read_model(_model_path(service_name))
    for part in ("operations", "shapes"):
        _drop_documentation(description[part])
    return Service(ServiceModel(description, service_name))


def _protocol(name: str, model: ServiceModel) -> WireProtocol:
    if name == "rest-json":
        from outcrop.aws.protocols.rest_json import RestJson

        return RestJson(model)
    if name == "rest-xml":
        from outcrop.aws.protocols.rest_xml import RestXml

        return RestXml(model)
    if name == "query":
        from outcrop.aws.protocols.query import Query

        return Query(model)
    if name == "json":
        from outcrop.aws.protocols.json_rpc import JsonRpc

        return JsonRpc(model)
    if name == "smithy-rpc-v2-cbor":
        from outcrop.aws.protocols.rpc_v2_cbor import RpcV2Cbor

        return RpcV2Cbor(model)
    raise LookupError(f"Protocol {name!r} is not one of {', '.join(SUPPORTED_PROTOCOLS)}")


class Service:
    """One service: its model and its operations, compiled when first called.

    Attributes:
        name: botocore's name.
        model: botocore's service model.
    """

    def __init__(self, model: ServiceModel) -> None:
        self.name: str = model.service_name
        self.model = model
        self.default_protocol: str = model.metadata["protocol"]
        self._protocols: dict[str, WireProtocol] = {}
        self._operations: dict[tuple[str, str], Operation] = {}

    @cached_property
    def operation_names(self) -> frozenset[str]:
        """Names of all operations that AWS has."""
        return frozenset(self.model.operation_names)

    def protocol(self, name: str) -> WireProtocol:
        """Return the service's protocol by name, made once."""
        protocol = self._protocols.get(name)
        if protocol is None:
            protocol = self._protocols[name] = _protocol(name, self.model)
        return protocol

    def operation(self, name: str, protocol: str | None = None) -> Operation:
        """Return an operation, compiled once.

        Args:
            name: AWS's name, such as "GetObject".
            protocol: where the service speaks several; its first by default.

        Raises:
            UnknownOperationException: the service has no such operation.
        """
        spoken = protocol or self.default_protocol
        operation = self._operations.get((name, spoken))
        if operation is None:
            if name not in self.operation_names:
                raise UnknownOperationException(f"{self.name} has no operation {name!r:.100}")
            operation = Operation(self, self.model.operation_model(name), spoken)
            self._operations[name, spoken] = operation
        return operation

    @cached_property
    def _error_shapes(self) -> dict[str, Shape]:
        return _by_code(self.model.error_shapes)

    def error_shape(self, code: str) -> Shape | None:
        """Return the modelled error of this wire code or shape name, whichever operation declares it."""
        return self._error_shapes.get(code)


def _by_code(shapes: list[Shape]) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    for shape in shapes:
        found[shape.name] = shape
        found.setdefault(shape.error_code, shape)
    return found


class Operation:
    """One operation of a service in one protocol; parse, serialize and validate compile at first use.

    Attributes:
        service: the service it belongs to.
        name: AWS's name.
        protocol: name of the protocol it is compiled for.
        streams_request: whether the request body is handed over as a stream.
        idempotency_token: the member that makes a repeated call answer the same, or None.
        accepts_gzip: whether clients may compress the body.
        host_prefix: what clients put before the host, such as "sync-", or None.
    """

    def __init__(self, service: Service, model: OperationModel, protocol: str) -> None:
        self.service = service
        self.name: str = model.name
        self.model = model
        self.protocol = protocol
        self.streams_request: bool = _streams_request(model.input_shape)
        self.accepts_gzip: bool = bool(model.request_compression)
        self.idempotency_token: str | None = next(iter(model.idempotent_members), None)
        endpoint: Mapping[str, str] = model.endpoint or {}
        self.host_prefix = endpoint.get("hostPrefix")

    @property
    def codec(self) -> WireProtocol:
        """The protocol that reads and writes this operation."""
        return self.service.protocol(self.protocol)

    @cached_property
    def parse(self) -> RequestParser:
        """Function from a request and its path labels to the parameters."""
        return self.codec.compile_parser(self.model)

    @cached_property
    def serialize(self) -> ResponseSerializer:
        """Function from a result and a request id to the response."""
        return self.codec.compile_serializer(self.model)

    @cached_property
    def validate(self) -> Callable[[Mapping[str, Any]], None]:
        """Function that raises ServiceError when parameters break the model's constraints."""
        from outcrop.aws.validation import compile_validator

        validator: Validator = compile_validator(self.model, self.protocol)
        return validator

    @cached_property
    def _declared_errors(self) -> dict[str, Shape]:
        return _by_code(self.model.error_shapes)

    def error_status(self, error: ServiceError) -> int:
        """Return the HTTP status of an error: the model's where this operation declares it, else the class's."""
        shape = self._declared_errors.get(error.code)
        if shape is not None:
            modelled = shape.metadata.get("error", {}).get("httpStatusCode")
            if modelled is not None:
                return int(modelled)
        return error.status


def _streams_request(shape: Shape | None) -> bool:
    if shape is None:
        return False
    payload = shape.serialization.get("payload")
    if payload is None:
        return False
    traits = shape.members[payload].serialization
    return bool(traits.get("streaming") or traits.get("eventstream"))
