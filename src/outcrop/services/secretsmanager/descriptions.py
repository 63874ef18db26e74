"""What is told of a secret, besides its value."""

from collections.abc import Mapping
from typing import Any

from outcrop.core.times import from_us, optional
from outcrop.services.secretsmanager import staging_labels
from outcrop.storage.secrets import SecretRow


def describe(
    secret: SecretRow, tags: Mapping[str, str], **labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return the members that DescribeSecret and ListSecrets share.

    Args:
        labels: the staging labels, under the name that the operation has for them.
    """
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description or None,
        "KmsKeyId": secret.kms_key_id,
        **secret.rotation,
        "LastChangedDate": from_us(secret.changed_us),
        "LastAccessedDate": optional(secret.accessed_us),
        "DeletedDate": optional(secret.deleted_us),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()] or None,
        "CreatedDate": from_us(secret.created_us),
        **{member: staging_labels.by_version(found) or None for member, found in labels.items()},
    }
