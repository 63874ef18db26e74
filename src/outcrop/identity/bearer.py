"""Bedrock API keys: bearer tokens instead of signatures, for the bedrock* services only.

A long-term key is kept beside the root key. A short-term one is what AWS's own token generators make: a presigned
URL of `bedrock.amazonaws.com/?Action=CallWithBearerToken` in Base64, so it is verified like any presigned URL and
needs no state here.
"""

import base64
import binascii
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
    principal = store.owner_of_api_key(token)
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
        found = store.secret_for(claim.access_key_id)
        if found is None or claim.service != "bedrock" or claim.session_token:
            raise SignatureRefused(Reason.BEARER)
        secret, principal = found
        signing_key = keys.derive(secret, claim)
        sigv4.verify(claim, request, signing_key, sigv4.EMPTY_SHA256, is_s3=False)
        _check_lifetime(claim, now)
    except SignatureRefused as refusal:
        if refusal.reason in {Reason.EXPIRED, Reason.BEARER}:
            raise SignatureRefused(Reason.BEARER, refusal.message) from None
        raise SignatureRefused(Reason.BEARER) from None
    return principal, claim.region


def _check_lifetime(claim: sigv4.Claim, now: datetime) -> None:
    if (claim.expires_seconds or 0) > _LONGEST_LIFETIME_SECONDS:
        raise SignatureRefused(Reason.BEARER, "A short-term API key lives for at most 12 hours.")
    try:
        presigned.check_lifetime(claim, now)
    except SignatureRefused:
        raise SignatureRefused(
            Reason.BEARER, "Bearer Token has expired: make a new short-term API key."
        ) from None
