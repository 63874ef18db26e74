"""Cross-origin resource sharing: which web pages may use a bucket, and what their browsers are told.

A browser asks first (OPTIONS, unsigned), and looks at the headers of every answer; the gateway calls `CrossOrigin` for
both. Which rule applies is decided as S3 does: the first one that fits origin, method and headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import InvalidRequest, MalformedXML, S3Error
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    drop_document,
    keep_document,
    read_document,
)
from outcrop.storage.bucket_configuration import BucketConfigurations

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketCorsRequestTypeDef

_MOST_RULES = 100
_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


class CorsRefused(S3Error):
    """No rule lets this page do this."""

    code, status = "AccessForbidden", 403


class BadPreflight(S3Error):
    """An OPTIONS request without what makes it one of a browser."""

    code = "BadRequest"


@operation("s3:GetBucketCors")
def get_bucket_cors(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return a bucket's rules.

    Raises:
        NoSuchBucket: no such bucket.
        NotConfigured: it has none.
    """
    rules = read_document(
        request, context, "cors", "NoSuchCORSConfiguration", "The CORS configuration does not exist"
    )
    return {"CORSRules": rules}


@operation("s3:PutBucketCors")
def put_bucket_cors(request: "PutBucketCorsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Give a bucket these rules in the place of those it has.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML: no rules, or over 100.
        InvalidRequest: a method that S3 does not know, or two wildcards in one value.
    """
    rules = [dict(rule) for rule in request["CORSConfiguration"]["CORSRules"]]
    if not 1 <= len(rules) <= _MOST_RULES:
        raise MalformedXML
    for rule in rules:
        _check_rule(rule)
    return keep_document(request, context, "cors", rules)


@operation("s3:DeleteBucketCors")
def delete_bucket_cors(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Take a bucket's rules away; it is no error if there are none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return drop_document(request, context, "cors")


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """Answers browsers.

    Args:
        configurations: of the buckets.
    """

    configurations: BucketConfigurations

    def preflight(self, request: HttpRequest, bucket: str, *, names_object: bool) -> HttpResponse:
        """Answer a browser that asks whether a page may send a request.

        Raises:
            BadPreflight: the origin or the method is missing.
            CorsRefused: no rule allows it.
        """
        origin = request.headers.get("origin")
        method = request.headers.get("access-control-request-method")
        if origin is None:
            raise BadPreflight("Insufficient information. Origin request header needed.")
        if method not in _METHODS:
            raise BadPreflight(f"Invalid Access-Control-Request-Method: {method}")
        wanted = [
            name.strip().lower()
            for name in request.headers.get("access-control-request-headers", "").split(",")
            if name.strip()
        ]
        kind = "OBJECT" if names_object else "BUCKET"
        rules = self._rules(bucket)
        if not rules:
            raise CorsRefused(
                "CORSResponse: CORS is not enabled for this bucket.",
                Method=method,
                ResourceType=kind,
            )
        rule = _first_fitting(rules, origin, method, wanted)
        if rule is None:
            raise CorsRefused(
                "CORSResponse: This CORS request is not allowed. This is usually because the "
                "evalution of Origin, request method / Access-Control-Request-Method or "
                "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
                Method=method,
                ResourceType=kind,
            )
        headers = _headers(rule, origin)
        if wanted:
            headers.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
        return HttpResponse(200, headers)

    def headers(self, request: HttpRequest, bucket: str) -> list[tuple[str, str]]:
        """Return the headers that a page's browser looks for on an answer; none where no rule fits."""
        origin = request.headers.get("origin")
        if origin is None:
            return []
        rule = _first_fitting(self._rules(bucket), origin, request.method, [])
        return [] if rule is None else _headers(rule, origin)

    def _rules(self, bucket: str) -> list[Mapping[str, Any]]:
        configuration = self.configurations.find(bucket)
        return [] if configuration is None else configuration.document("cors") or []


def _first_fitting(
    rules: list[Mapping[str, Any]], origin: str, method: str, wanted: list[str]
) -> Mapping[str, Any] | None:
    for rule in rules:
        allowed = [header.lower() for header in rule.get("AllowedHeaders", [])]
        if (
            method in rule["AllowedMethods"]
            and any(_fits(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(any(_fits(pattern, name) for pattern in allowed) for name in wanted)
        ):
            return rule
    return None


def _fits(pattern: str, value: str) -> bool:
    start, star, end = pattern.partition("*")
    if not star:
        return pattern == value
    long_enough = len(value) >= len(start) + len(end)
    return long_enough and value.startswith(start) and value.endswith(end)


def _headers(rule: Mapping[str, Any], origin: str) -> list[tuple[str, str]]:
    if "*" in rule["AllowedOrigins"]:
        headers = [("Access-Control-Allow-Origin", "*")]
    else:
        headers = [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Allow-Credentials", "true"),
        ]
    headers.append(("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])))
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if "MaxAgeSeconds" in rule:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    headers.append(("Vary", _VARY))
    return headers


def _check_rule(rule: Mapping[str, Any]) -> None:
    if not rule["AllowedMethods"] or not rule["AllowedOrigins"]:
        raise MalformedXML
    for method in rule["AllowedMethods"]:
        if method not in _METHODS:
            raise InvalidRequest(
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )
    for member, noun in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
        for value in rule.get(member, []):
            if value.count("*") > 1:
                raise InvalidRequest(
                    f'{noun} "{value}" can not have more than one wildcard.',
                )
    for value in rule.get("ExposeHeaders", []):
        if "*" in value:
            raise InvalidRequest(
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard '
                "for ExposeHeader."
            )
