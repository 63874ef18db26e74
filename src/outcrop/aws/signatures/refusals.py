"""Why a signature is refused, and under which code each family of AWS services says so.

A refusal is raised before one knows how the service words it; `as_service_error` translates. The families
differ for historical reasons: S3 and the query services have their own codes, the JSON services share one set.
"""

from enum import Enum

from outcrop.aws.errors import ServiceError


class Reason(Enum):
    """Why a request was not accepted as signed."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    MALFORMED_QUERY = "malformed query"
    UNKNOWN_KEY = "unknown key"
    UNKNOWN_TOKEN = "unknown token"  # noqa: S105  # a reason, not a password
    EXPIRED_TOKEN = "expired token"  # noqa: S105  # a reason, not a password
    MISMATCH = "mismatch"
    SKEWED = "skewed"
    EXPIRED = "expired"
    UNSIGNED_HEADERS = "unsigned headers"
    BODY_MISMATCH = "body mismatch"
    BEARER = "bearer"


class SignatureRefused(Exception):  # reads as the sentence it is
    """The request does not prove who sent it.

    Args:
        reason: what is wrong.
        message: says it with the values at hand; empty for the family's own wording.
        fields: further members of the error, by wire name.
    """

    def __init__(self, reason: Reason, message: str = "", **fields: str) -> None:
        super().__init__(message or reason.value)
        self.reason = reason
        self.message = message
        self.fields = fields


class SignatureError(ServiceError):
    """A refusal in the words of the service that was called."""

    def __init__(self, code: str, status: int, message: str, **fields: object) -> None:
        super().__init__(message, **fields)
        self.code = code
        self.status = status


_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105  # wording
_EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105  # wording
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
_S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)

# protocol family → reason → (code, status, wording). Wordings are AWS's, so that tools which match on them work.
_JSON: dict[Reason, tuple[str, int, str]] = {
    Reason.MISSING: ("MissingAuthenticationTokenException", 403, "Missing Authentication Token"),
    Reason.INCOMPLETE: ("IncompleteSignatureException", 400, "The signature is incomplete."),
    Reason.MALFORMED_QUERY: ("IncompleteSignatureException", 400, "The signature is incomplete."),
    Reason.UNKNOWN_KEY: ("UnrecognizedClientException", 403, _INVALID_TOKEN),
    Reason.UNKNOWN_TOKEN: ("UnrecognizedClientException", 403, _INVALID_TOKEN),
    Reason.EXPIRED_TOKEN: ("ExpiredTokenException", 403, _EXPIRED_TOKEN),
    Reason.MISMATCH: ("InvalidSignatureException", 403, _MISMATCH),
    Reason.SKEWED: ("InvalidSignatureException", 403, _MISMATCH),
    Reason.EXPIRED: ("RequestExpired", 400, "Request has expired."),
    Reason.UNSIGNED_HEADERS: ("InvalidSignatureException", 403, _MISMATCH),
    Reason.BODY_MISMATCH: ("InvalidSignatureException", 403, _MISMATCH),
    Reason.BEARER: (
        "AccessDeniedException",
        403,
        "Authentication failed: Please make sure your API Key is valid.",
    ),
}
_QUERY: dict[Reason, tuple[str, int, str]] = {
    **_JSON,
    Reason.MISSING: (
        "MissingAuthenticationToken",
        403,
        "Request is missing Authentication Token",
    ),
    Reason.INCOMPLETE: ("IncompleteSignature", 400, "The signature is incomplete."),
    Reason.MALFORMED_QUERY: ("IncompleteSignature", 400, "The signature is incomplete."),
    Reason.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Reason.UNKNOWN_TOKEN: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
    Reason.EXPIRED_TOKEN: ("ExpiredToken", 403, _EXPIRED_TOKEN),
    Reason.MISMATCH: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Reason.SKEWED: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Reason.UNSIGNED_HEADERS: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Reason.BODY_MISMATCH: ("SignatureDoesNotMatch", 403, _MISMATCH),
}
_S3: dict[Reason, tuple[str, int, str]] = {
    Reason.MISSING: ("AccessDenied", 403, "Access Denied"),
    Reason.INCOMPLETE: (
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header that you provided is not valid.",
    ),
    Reason.MALFORMED_QUERY: (
        "AuthorizationQueryParametersError",
        400,
        "Error parsing the authorization query parameters.",
    ),
    Reason.UNKNOWN_KEY: (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    Reason.UNKNOWN_TOKEN: (
        "InvalidToken",
        400,
        "The provided token is malformed or otherwise invalid.",
    ),
    Reason.EXPIRED_TOKEN: ("ExpiredToken", 400, "The provided token has expired."),
    Reason.MISMATCH: ("SignatureDoesNotMatch", 403, _S3_MISMATCH),
    Reason.SKEWED: (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    Reason.EXPIRED: ("AccessDenied", 403, "Request has expired"),
    Reason.UNSIGNED_HEADERS: (
        "AccessDenied",
        403,
        "There were headers present in the request which were not signed",
    ),
    Reason.BODY_MISMATCH: (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
    Reason.BEARER: ("AccessDenied", 403, "Access Denied"),
}


def as_service_error(refusal: SignatureRefused, protocol: str) -> SignatureError:
    """Return the refusal as a service of this protocol words it.

    Args:
        refusal: why.
        protocol: botocore's name: "rest-xml" (S3), "query", "ec2", or one of the JSON and CBOR protocols.
    """
    family = {"rest-xml": _S3, "query": _QUERY, "ec2": _QUERY}.get(protocol, _JSON)
    code, status, wording = family[refusal.reason]
    # S3's own sentence is what its tools look for; the others carry the details in the message.
    message = wording if family is _S3 else refusal.message or wording
    if family is _S3 and refusal.reason in {Reason.INCOMPLETE, Reason.MALFORMED_QUERY}:
        message = refusal.message or wording
    return SignatureError(code, status, message, **refusal.fields)
