"""Errors as Secrets Manager names and words them.

ServiceError
└── SecretsManagerError     one class for each code, named by it
"""

from outcrop.aws.errors import ServiceError


class SecretsManagerError(ServiceError):
    """An error of Secrets Manager; all of them are answered with status 400."""

    status = 400
    text = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.text)


class ResourceNotFoundException(SecretsManagerError):
    """There is no such secret, version or label."""

    code = "ResourceNotFoundException"
    text = "Secrets Manager can't find the specified secret."


class ResourceExistsException(SecretsManagerError):
    """A secret has this name, or a version this id."""

    code = "ResourceExistsException"


class InvalidRequestException(SecretsManagerError):
    """The secret's state does not allow the operation; by default: it is marked for deletion."""

    code = "InvalidRequestException"
    text = "You can't perform this operation on the secret because it was marked for deletion."


class InvalidParameterException(SecretsManagerError):
    """Parameters are wrong or contradict each other."""

    code = "InvalidParameterException"


class InvalidNextTokenException(SecretsManagerError):
    """The token of the next page was not given out by this operation."""

    code = "InvalidNextTokenException"
    text = "The NextToken value is invalid."


class LimitExceededException(SecretsManagerError):
    """A secret would have too many versions, labels or tags."""

    code = "LimitExceededException"


class MalformedPolicyDocumentException(SecretsManagerError):
    """The resource policy is no valid policy."""

    code = "MalformedPolicyDocumentException"


class PublicPolicyException(SecretsManagerError):
    """The resource policy lets everybody in, and the caller asked to prevent that."""

    code = "PublicPolicyException"
    text = (
        "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent "
        "broad access to the secret."
    )


class EncryptionFailure(SecretsManagerError):
    """The KMS key cannot be used to encrypt."""

    code = "EncryptionFailure"
    text = (
        "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS "
        "key is available, enabled, and not in an invalid state."
    )


class DecryptionFailure(SecretsManagerError):
    """The KMS key cannot be used to decrypt."""

    code = "DecryptionFailure"
    text = "Secrets Manager can't decrypt the protected secret text using the provided KMS key."
