"""What grants may say, whom they mean, and how far one that is passed on may go."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import Principal
from outcrop.services.kms.errors import InvalidGrantTokenException
from outcrop.services.kms.specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import grant_tokens
from outcrop.storage.kms_keys.grants import GrantRow
from outcrop.storage.kms_keys.keys import KeyRow

EQUALS = "EncryptionContextEquals"
SUBSET = "EncryptionContextSubset"
# Their requests carry an encryption context, so that a constraint can be held against it.
CONSTRAINED = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
)
_OF_EVERY_KEY = frozenset({"CreateGrant", "DescribeKey", "RetireGrant"})
_ASYMMETRIC = {
    ENCRYPT_DECRYPT: {"Decrypt", "Encrypt", "GetPublicKey", "ReEncryptFrom", "ReEncryptTo"},
    SIGN_VERIFY: {"GetPublicKey", "Sign", "Verify"},
    GENERATE_VERIFY_MAC: {"GenerateMac", "VerifyMac"},
}


def require_possible(grant: GrantRow, row: KeyRow) -> None:
    """Refuse operations that the key does not have, and constraints that nothing could be held against.

    Raises:
        ValidationException: so it is.
    """
    of_kind = CONSTRAINED if row.is_symmetric else _ASYMMETRIC[row.usage]
    for operation in grant.operations:
        if operation not in of_kind and operation not in _OF_EVERY_KEY:
            raise ValidationException(
                f"Grant operation {operation} is not supported by a key of spec {row.spec} and usage "
                f"{row.usage}"
            )
    if not grant.operations:
        raise ValidationException("Operations is required: name what the grant allows")
    if grant.constraints and not row.is_symmetric:
        raise ValidationException(
            f"A key of spec {row.spec} has no encryption context to constrain a grant by"
        )
    if EQUALS in grant.constraints and SUBSET in grant.constraints:
        raise ValidationException(f"A grant has one constraint: {EQUALS} or {SUBSET}")


def holds(named: str, principal: Principal) -> bool:
    """Whether a grant that names a principal by ARN means this one; a role means each of its sessions."""
    return bool(named) and named in {
        principal.arn,
        principal.role_arn,
        f"arn:aws:iam::{principal.account_id}:root" if principal.is_root else "",
    }


def may_retire(grant: GrantRow, on_key: Sequence[GrantRow], principal: Principal) -> bool:
    """Whether who passed the gate may retire this grant.

    The gate let the caller pass for a policy, or for being named by some grant on the key; in the latter case it has
    to be this one.

    Args:
        on_key: every grant on its key.
    """

    def is_named_by(one: GrantRow) -> bool:
        return holds(one.retiring, principal) or (
            holds(one.grantee, principal) and "RetireGrant" in one.operations
        )

    return principal.is_root or is_named_by(grant) or not any(map(is_named_by, on_key))


def is_within(grant: GrantRow, parent: GrantRow) -> bool:
    """Whether a grant allows no more than another one, which its creator acts under."""
    if not set(grant.operations) <= set(parent.operations):
        return False
    outer, inner = parent.constraints, grant.constraints
    if EQUALS in outer:
        return bool(inner.get(EQUALS) == outer[EQUALS])
    if SUBSET in outer:
        pairs = inner.get(SUBSET) or inner.get(EQUALS) or {}
        return all(pairs.get(key) == value for key, value in outer[SUBSET].items())
    return True


def check_grant_tokens(request: Mapping[str, Any], context: Context) -> None:
    """Refuse tokens that this server did not give out. Grants need none here: they hold at once.

    Raises:
        InvalidGrantTokenException: one of them is such.
    """
    for token in request.get("GrantTokens", ()):
        if not grant_tokens.is_genuine(token, context.platform.token_key):
            raise InvalidGrantTokenException("A grant token is not valid.")
