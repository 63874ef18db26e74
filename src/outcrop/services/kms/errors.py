"""KMS's own errors; the protocol answers 400 to all that blame the caller."""

from outcrop.aws.errors import ServiceError


class KmsError(ServiceError):
    """An error that KMS's model declares."""

    status = 400


class NotFoundException(KmsError):
    """No such key, alias or grant in this account and region."""

    code = "NotFoundException"


class DisabledException(KmsError):
    """The key is disabled."""

    code = "DisabledException"


class KMSInvalidStateException(KmsError):
    """The key's state does not allow the operation."""

    code = "KMSInvalidStateException"


class InvalidCiphertextException(KmsError):
    """The ciphertext was changed, is not ours, or belongs to another encryption context; nothing more is said."""

    code = "InvalidCiphertextException"


class IncorrectKeyException(KmsError):
    """The ciphertext was made under another key than the named one."""

    code = "IncorrectKeyException"


class InvalidKeyUsageException(KmsError):
    """The key is of a kind that cannot do this."""

    code = "InvalidKeyUsageException"


class KeyUnavailableException(KmsError):
    """The key's material cannot be reached at the moment."""

    code = "KeyUnavailableException"
    status = 500


class AlreadyExistsException(KmsError):
    """The alias exists."""

    code = "AlreadyExistsException"


class InvalidAliasNameException(KmsError):
    """The alias has no name after its prefix."""

    code = "InvalidAliasNameException"


class NotAuthorizedException(KmsError):
    """The alias is reserved for AWS; KMS answers this although its model does not declare it."""

    code = "NotAuthorizedException"


class MalformedPolicyDocumentException(KmsError):
    """The key policy is no valid policy, or would lock its author out."""

    code = "MalformedPolicyDocumentException"


class LimitExceededException(KmsError):
    """A quota would be exceeded."""

    code = "LimitExceededException"


class InvalidGrantTokenException(KmsError):
    """The grant token is none that this server gave out."""

    code = "InvalidGrantTokenException"


class InvalidGrantIdException(KmsError):
    """No grant of this id."""

    code = "InvalidGrantIdException"


class InvalidArnException(KmsError):
    """The ARN is malformed, or names a resource that the operation does not take."""

    code = "InvalidArnException"


class UnsupportedOperationException(KmsError):
    """The key, or this server, does not do this."""

    code = "UnsupportedOperationException"


class TagException(KmsError):
    """A tag is wrong."""

    code = "TagException"


class InvalidMarkerException(KmsError):
    """The marker is none that this operation returned."""

    code = "InvalidMarkerException"


class DryRunOperationException(KmsError):
    """The request would have succeeded; it asked not to be carried out."""

    code = "DryRunOperationException"


class KMSInvalidSignatureException(KmsError):
    """The signature is not one of this message."""

    code = "KMSInvalidSignatureException"


class KMSInvalidMacException(KmsError):
    """The MAC is not one of this message."""

    code = "KMSInvalidMacException"


def stop_dry_run(request_is_dry: bool | None) -> None:
    """End a call that asked whether it would succeed; to be called where nothing but the work is left.

    Raises:
        DryRunOperationException: it would.
    """
    if request_is_dry:
        raise DryRunOperationException(
            "The request would have succeeded, but the DryRun option is set."
        )
