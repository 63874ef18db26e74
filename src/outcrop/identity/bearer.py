"""Bedrock API keys: bearer tokens instead of signatures, for the bedrock* services only.

A long-term key is the root's or a service-specific credential of a user. A short-term one is what AWS's own token
generators make: a presigned URL of `bedrock.amazonaws.com/?Action=CallWithBearerToken` in Base64, so it is verified
like any presigned URL, whoever signed it, and needs no state here.
"""

import base64
import binascii
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs

from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.aws.signatures import presigned, sigv4
from outcrop.aws.signatures.refusals import Reason, SignatureRefused
from outcrop.identity.credentials import CredentialStore

_SHORT_TERM = "bedrock-api-key-"
_LONGEST_LIFETIME_SECONDS = 12 * 3600
_HOST = "bedrock.amazonaws.com"
_EXPIRED = "Bearer Token has expired: make a new short-term API key."


def verify_bearer_token(
    token: str, store: CredentialStore, keys: sigv4.SigningKeys, now: datetime
) -> tuple[Principal, str]:
    """Return who a Bedrock API key stands for, and the region it is bound to ("" for any).

    Args:
        token: what followed `Authorization: Bearer `.
        store: knows the keys.
        keys: derives signing keys.
        now: the present.

    Raises:
        SignatureRefused: the key is unknown, malformed, tampered with or expired.
    """
    if token.startswith(_SHORT_TERM):
        return _verify_short_term(token, store, keys, now)
    principal = store.owner_of_api_key(token, now)
    if principal is None:
        raise SignatureRefused(Reason.BEARER)
    return principal, ""


def _verify_short_term(
    token: str, store: CredentialStore, keys: sigv4.SigningKeys, now: datetime
) -> tuple[Principal, str]:
    try:
        url = base64.b64decode(token.removeprefix(_SHORT_TERM), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise SignatureRefused(Reason.BEARER) from None
    # The generators append the version after signing.
    address, _, query = url.removesuffix("&Version=1").partition("?")
    if address != f"{_HOST}/" or parse_qs(query).get("Action") != ["CallWithBearerToken"]:
        raise SignatureRefused(Reason.BEARER)
    request = HttpRequest("POST", "/", query, headers={"host": _HOST})
    try:
        claim = presigned.read_claim(request)
        found = store.find(claim.access_key_id, claim.session_token)
        if found is None or claim.service != "bedrock":
            raise SignatureRefused(Reason.BEARER)
        signing_key = keys.derive(found.secret, claim)
        sigv4.verify(claim, request, signing_key, sigv4.EMPTY_SHA256, is_s3=False)
        _check_lifetime(claim, now, found.expires)
    except SignatureRefused as refusal:
        if refusal.reason in {Reason.EXPIRED, Reason.BEARER}:
            raise SignatureRefused(Reason.BEARER, refusal.message) from None
        raise SignatureRefused(Reason.BEARER) from None
    return replace(found.principal, bearer_token_type="SHORT_TERM"), claim.region  # noqa: S106  # a kind


def _check_lifetime(claim: sigv4.Claim, now: datetime, session_ends: datetime | None) -> None:
    if (claim.expires_seconds or 0) > _LONGEST_LIFETIME_SECONDS:
        raise SignatureRefused(Reason.BEARER, "A short-term API key lives for at most 12 hours.")
    try:
        presigned.check_lifetime(claim, now)
    except SignatureRefused:
        raise SignatureRefused(Reason.BEARER, _EXPIRED) from None
    if session_ends is not None and now >= session_ends:
        raise SignatureRefused(Reason.BEARER, _EXPIRED)
