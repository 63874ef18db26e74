"""The policy of a posted form: who signed it, until when it holds, and what the form may say.

Source: Amazon S3 API reference, "POST policy" and "Creating a POST policy" (SigV4), and the SigV2 pages before them.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Any

from outcrop.aws.posted_forms import FormRefused, PostedForm
from outcrop.aws.signatures.refusals import Reason, SignatureRefused
from outcrop.aws.signatures.sigv4 import derive_signing_key

_ALGORITHM = "AWS4-HMAC-SHA256"
# Fields that need no condition.
_UNCONDITIONAL = frozenset(
    {"x-amz-signature", "signature", "awsaccesskeyid", "file", "policy", "submit"}
)


@dataclass(frozen=True, slots=True)
class PolicyClaim:
    """What a form says of its signature; nothing of it is verified yet.

    Attributes:
        scope: date, region and service of a SigV4 credential; empty for SigV2.
        signature: hexadecimal for SigV4, Base64 for SigV2.
    """

    access_key_id: str
    signature: str
    scope: tuple[str, str, str] | None = None
    session_token: str = ""

    @property
    def region(self) -> str:
        """The region of the credential scope, or ""."""
        return self.scope[1] if self.scope else ""


def read_claim(form: PostedForm) -> PolicyClaim | None:
    """Return what a form says of its signature; None where it has no policy, and is nobody's.

    Raises:
        FormRefused: it has a policy and no complete signature.
    """
    fields = form.fields
    if not fields.get("policy"):
        return None
    token = fields.get("x-amz-security-token", "")
    if "x-amz-signature" in fields or "x-amz-credential" in fields:
        parts = fields.get("x-amz-credential", "").split("/")
        if (
            fields.get("x-amz-algorithm") != _ALGORITHM
            or len(parts) < 5
            or parts[-1] != "aws4_request"
        ):
            raise FormRefused(
                "InvalidArgument", "x-amz-algorithm or x-amz-credential of the form is malformed"
            )
        signature = _required(fields, "x-amz-signature")
        scope = (parts[-4], parts[-3], parts[-2])
        return PolicyClaim("/".join(parts[:-4]), signature, scope, token)
    return PolicyClaim(
        _required(fields, "awsaccesskeyid"), _required(fields, "signature"), None, token
    )


def verify(claim: PolicyClaim, form: PostedForm, secret: str) -> None:
    """Refuse the form unless its policy's signature is the one this secret gives.

    Raises:
        SignatureRefused: it differs.
    """
    policy = form.fields["policy"].encode()
    if claim.scope is None:
        expected = base64.b64encode(hmac_digest(secret.encode(), policy, "sha1")).decode()
    else:
        expected = derive_signing_key(secret, *claim.scope).sign(policy)
    if claim.scope is not None and claim.scope[2] != "s3":
        raise SignatureRefused(Reason.MISMATCH, AWSAccessKeyId=claim.access_key_id)
    if not compare_digest(expected.encode(), claim.signature.encode("utf-8", "surrogateescape")):
        raise SignatureRefused(Reason.MISMATCH, AWSAccessKeyId=claim.access_key_id)


def check(form: PostedForm, bucket: str, now: datetime) -> None:
    """Hold a form against its policy, and set the file's limits.

    Raises:
        FormRefused: the policy is malformed, has expired, or does not allow what the form says.
    """
    policy = _parse(form.fields["policy"])
    if now >= _expiration(policy):
        raise _denied("Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise _invalid("Invalid Policy: Policy missing conditions.")
    values = {**form.fields, "bucket": bucket, "key": form.key}
    conditioned: set[str] = set()
    for condition in conditions:
        for operator, name, wanted in _read_condition(condition):
            if operator == "content-length-range":
                form.least_bytes, form.most_bytes = int(name), int(wanted)
                continue
            conditioned.add(name)
            value = values.get(name)
            if value is None or not _holds(operator, value, wanted):
                raise _denied(
                    "Invalid according to Policy: Policy Condition failed: "
                    f'["{operator}", "${name}", "{wanted}"]'
                )
    for name in values:
        ignored = name in _UNCONDITIONAL or name.startswith("x-ignore-")
        if not ignored and name not in conditioned:
            raise _denied(f"Invalid according to Policy: Extra input fields: {name}")


def _parse(encoded: str) -> Mapping[str, Any]:
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise _invalid("Invalid Policy: Invalid JSON.")
    return policy


def _expiration(policy: Mapping[str, Any]) -> datetime:
    given = policy.get("expiration")
    if not isinstance(given, str):
        raise _invalid("Invalid Policy: Policy missing expiration.")
    try:
        if not given.endswith("Z"):
            raise ValueError(given)
        return datetime.fromisoformat(given).astimezone(UTC)
    except ValueError:
        raise _invalid(f"Invalid Policy: Invalid 'expiration' value: '{given}'") from None


def _read_condition(condition: object) -> list[tuple[str, str, str]]:
    """Return (operator, name or least, value or most) of each thing that a condition asks for."""
    if isinstance(condition, dict) and condition:
        if all(isinstance(value, str) for value in condition.values()):
            return [("eq", str(name).lower(), value) for name, value in condition.items()]
    elif isinstance(condition, list) and len(condition) == 3 and isinstance(condition[0], str):
        operator = condition[0].lower()
        if operator == "content-length-range":
            return [_length_range(condition[1], condition[2])]
        name, wanted = condition[1], condition[2]
        if (
            operator in {"eq", "starts-with"}
            and isinstance(name, str)
            and name.startswith("$")
            and isinstance(wanted, str)
        ):
            return [(operator, name[1:].lower(), wanted)]
    raise _invalid(
        "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
    )


def _length_range(least: object, most: object) -> tuple[str, str, str]:
    try:
        low, high = int(str(least)), int(str(most))
    except ValueError:
        low = high = -1
    if low < 0 or high < low:
        raise _invalid("Invalid Policy: Invalid content-length-range.")
    return "content-length-range", str(low), str(high)


def _holds(operator: str, value: str, wanted: str) -> bool:
    # A dollar sign may be written as \$, so that it does not look like a field.
    for text in (wanted, wanted.replace("\\$", "$")):
        if value == text or (operator == "starts-with" and value.startswith(text)):
            return True
    return False


def _required(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        shown = {"awsaccesskeyid": "AWSAccessKeyId"}.get(name, name)
        raise FormRefused(
            "InvalidArgument",
            f"Bucket POST must contain a field named '{shown}'.  If it is specified, please check "
            "the order of the fields.",
            ArgumentName=shown,
            ArgumentValue="",
        )
    return value


def _denied(message: str) -> FormRefused:
    return FormRefused("AccessDenied", message)


def _invalid(message: str) -> FormRefused:
    return FormRefused("InvalidPolicyDocument", message)
