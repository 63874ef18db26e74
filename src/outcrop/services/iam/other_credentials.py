"""Credentials that users have in AWS and cannot have here: passwords, second factors, SSH keys, certificates.

Nothing makes them, so that there are none: tools that delete a user ask for each kind first, and are told so.
"""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import finding
from outcrop.services.iam.errors import NoSuchEntity
from outcrop.services.platform import Context


@operation("iam:GetLoginProfile")
def get_login_profile(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say that a user has no password.

    Raises:
        NoSuchEntity: always; no user has one.
    """
    raise _no_password(_user_name(request, context))


@operation("iam:DeleteLoginProfile")
def delete_login_profile(request: Mapping[str, Any], context: Context) -> None:
    """Say that a user has no password that could be deleted.

    Raises:
        NoSuchEntity: always; no user has one.
    """
    raise _no_password(_user_name(request, context))


@operation("iam:ListMFADevices")
def list_mfa_devices(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a user's second factors: none.

    Raises:
        NoSuchEntity: there is no such user.
    """
    _user_name(request, context)
    return {"MFADevices": [], "IsTruncated": False}


@operation("iam:ListVirtualMFADevices")
def list_virtual_mfa_devices(_request: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    """List the account's virtual second factors: none."""
    return {"VirtualMFADevices": [], "IsTruncated": False}


@operation("iam:ListSSHPublicKeys")
def list_ssh_public_keys(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a user's SSH keys: none.

    Raises:
        NoSuchEntity: there is no such user.
    """
    _user_name(request, context)
    return {"SSHPublicKeys": [], "IsTruncated": False}


@operation("iam:ListSigningCertificates")
def list_signing_certificates(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a user's signing certificates: none.

    Raises:
        NoSuchEntity: there is no such user.
    """
    _user_name(request, context)
    return {"Certificates": [], "IsTruncated": False}


def _user_name(request: Mapping[str, Any], context: Context) -> str:
    with context.platform.database.read() as connection:
        return finding.require_named_or_calling_user(connection, request, context).name


def _no_password(user_name: str) -> NoSuchEntity:
    return NoSuchEntity(f"Login Profile for User {user_name} cannot be found.")
