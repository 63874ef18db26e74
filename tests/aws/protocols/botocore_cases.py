"""botocore's protocol test cases as data, and which of them do not concern a server.

A case concerns a server unless its name is in EXCLUDED with a reason.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.model import ServiceModel

CASES = Path(__file__).parents[3] / ".cache" / "botocore-tests" / "tests" / "unit" / "protocols"
FILES = (
    "json",
    "json_1_0",
    "json_1_0-query-compatible",
    "query",
    "rest-json",
    "rest-xml",
    "smithy-rpc-v2-cbor",
    "smithy-rpc-v2-cbor-non-query-compatible",
    "smithy-rpc-v2-cbor-query-compatible",
)

_COMPRESSED = "client only: the case says which header the client adds, but has no body to read"
_TOKEN = "client only: the client invents the token; the case's parameters leave it out"
_ABSENT = "client only: null and empty are not sent, so a server cannot tell them from absent"
_QUERY_MAP = (
    "client only: a server's map holds every query parameter (Smithy, httpQueryParams), the case's "
    "only those that no other member is bound to"
)
_PARSER = "botocore's parser misreads this response: it is on botocore's own list of ignored cases"

# By direction and case name: why the case does not concern a server.
EXCLUDED: dict[tuple[str, str], str] = {
    ("input", "json:SDKAppliedContentEncoding_awsJson1_1"): _COMPRESSED,
    ("input", "json:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1"): _COMPRESSED,
    ("input", "json_1_0:SDKAppliedContentEncoding_awsJson1_0"): _COMPRESSED,
    ("input", "json_1_0:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0"): _COMPRESSED,
    ("input", "query:SDKAppliedContentEncoding_awsQuery"): _COMPRESSED,
    ("input", "query:SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery"): _COMPRESSED,
    ("input", "rest-json:SDKAppliedContentEncoding_restJson1"): _COMPRESSED,
    ("input", "rest-json:SDKAppendedGzipAfterProvidedEncoding_restJson1"): _COMPRESSED,
    ("input", "rest-xml:SDKAppliedContentEncoding_restXml"): _COMPRESSED,
    ("input", "rest-xml:SDKAppendedGzipAfterProvidedEncoding_restXml"): _COMPRESSED,
    ("input", "query:QueryProtocolIdempotencyTokenAutoFill"): _TOKEN,
    ("input", "rest-json:RestJsonQueryIdempotencyTokenAutoFill"): _TOKEN,
    ("input", "rest-xml:QueryIdempotencyTokenAutoFill"): _TOKEN,
    ("input", "json:AwsJson11StructuresDontSerializeNullValues"): _ABSENT,
    ("input", "query:QueryEmptyQueryMaps"): _ABSENT,
    ("input", "rest-json:RestJsonHttpPrefixHeadersAreNotPresent"): _ABSENT,
    ("input", "rest-json:RestJsonNullAndEmptyHeaders"): _ABSENT,
    ("input", "rest-json:RestJsonOmitsNullQuery"): _ABSENT,
    ("input", "rest-json:RestJsonOmitsEmptyListQueryValues"): _ABSENT,
    ("input", "rest-json:RestJsonDoesntSerializeNullStructureValues"): _ABSENT,
    ("input", "rest-xml:HttpPrefixHeadersAreNotPresent"): _ABSENT,
    ("input", "rest-xml:NullAndEmptyHeaders"): _ABSENT,
    ("input", "rest-xml:RestXmlOmitsNullQuery"): _ABSENT,
    ("input", "smithy-rpc-v2-cbor:RpcV2CborClientDoesntSerializeNullStructureValues"): _ABSENT,
    ("input", "rest-json:RestJsonQueryParamsStringListMap"): _QUERY_MAP,
    ("input", "rest-json:RestJsonQueryPrecedence"): _QUERY_MAP,
    ("input", "rest-xml:AllQueryStringTypes"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlQueryStringEscaping"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlSupportsNaNFloatQueryValues"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlSupportsInfinityFloatQueryValues"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlSupportsNegativeInfinityFloatQueryValues"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlZeroAndFalseQueryValues"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlQueryParamsStringListMap"): _QUERY_MAP,
    ("input", "rest-xml:RestXmlQueryPrecedence"): _QUERY_MAP,
    ("output", "query:QueryXmlLists"): _PARSER,
    ("output", "rest-xml:XmlLists"): _PARSER,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One case: `data` has params and serialized (input) or response and result or error (output)."""

    name: str
    suite: str
    data: dict[str, Any]
    model: ServiceModel

    @property
    def operation_name(self) -> str:
        return str(self.data.get("given", {}).get("name", "OperationName"))


def load_cases(direction: str) -> Iterator[Case]:
    """Yield all cases of "input" or "output"."""
    for stem in FILES:
        path = CASES / direction / f"{stem}.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: run `make setup` (tools/fetch_protocol_tests.py)"
            )
        for suite_number, suite in enumerate(json.loads(path.read_text())):
            for number, data in enumerate(suite["cases"]):
                description = {key: value for key, value in suite.items() if key != "cases"}
                case_id = data.get("id", f"{suite_number}.{number}")
                name = data.get("given", {}).get("name", "OperationName")
                description["operations"] = {name: data["given"] | {"name": name}}
                yield Case(
                    name=f"{stem}:{case_id}",
                    suite=suite["description"],
                    data=data,
                    model=ServiceModel(description, "test"),
                )
