"""Which states of a key an operation bears (KMS Developer Guide, "Key states of KMS keys")."""

from outcrop.aws.errors import AccessDeniedException
from outcrop.services.kms.errors import (
    DisabledException,
    InvalidKeyUsageException,
    KMSInvalidStateException,
    UnsupportedOperationException,
)
from outcrop.storage.kms_keys.keys import KeyRow, KeyState


def require_not_pending(row: KeyRow) -> None:
    """Refuse a key that is to be deleted.

    Raises:
        KMSInvalidStateException: it is.
    """
    if row.state == KeyState.PENDING_DELETION:
        raise KMSInvalidStateException(f"{row.arn} is pending deletion.")


def require_enabled(row: KeyRow) -> None:
    """Refuse a key that must not be used now.

    Raises:
        DisabledException: it is disabled.
        KMSInvalidStateException: it is to be deleted.
    """
    if row.state == KeyState.ENABLED:
        return
    require_not_pending(row)
    raise DisabledException(f"{row.arn} is disabled.")


def require_usage(row: KeyRow, usage: str, operation: str) -> None:
    """Refuse a key that is for something else.

    Raises:
        InvalidKeyUsageException: it is.
    """
    if row.usage != usage:
        raise InvalidKeyUsageException(
            f"{row.arn} key usage is {row.usage} which is not valid for {operation}."
        )


def require_symmetric(row: KeyRow) -> None:
    """Refuse keys that have no rotation.

    Raises:
        UnsupportedOperationException: an asymmetric or HMAC key.
    """
    if not row.is_symmetric:
        raise UnsupportedOperationException(
            f"{row.arn} key spec is {row.spec} which is not valid for this operation."
        )


def require_customer_key(row: KeyRow) -> None:
    """Refuse to change a key that a service manages.

    Raises:
        AccessDeniedException: it is one.
    """
    if row.service:
        raise AccessDeniedException(
            f"{row.arn} is the AWS managed key of {row.service}; only that service manages it"
        )
