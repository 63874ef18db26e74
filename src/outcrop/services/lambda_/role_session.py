"""The session in which a function acts: of its execution role, named after the function."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from outcrop.aws.operation import Principal
from outcrop.functions.code import FunctionCode
from outcrop.identity.directory import Directory
from outcrop.identity.sessions import Session

SERVICE_PRINCIPAL = "lambda.amazonaws.com"
SERVICE = "lambda"
# Twelve hours, AWS's longest session of a role.
_LIFETIME = timedelta(hours=12)


def assume(directory: Directory, role_arn: str, function_arn: str, name: str) -> Principal:
    """Return the session of a function's role.

    Args:
        directory: of the account.
        role_arn: the execution role.
        function_arn: on whose behalf Lambda acts.
        name: of the session: the function's.

    Raises:
        RoleNotAssumable: the role is gone, or does not trust Lambda.
    """
    return directory.assume_for_service(
        role_arn,
        SERVICE_PRINCIPAL,
        source_arn=function_arn,
        source_account=directory.account_id,
        session_name=name,
    )


def credentials_of_role(directory: Directory) -> Callable[[FunctionCode], Mapping[str, str]]:
    """Return what gives functions the credentials of their roles, as their environment has them."""

    def credentials(code: FunctionCode) -> Mapping[str, str]:
        principal = assume(directory, code.role_arn, code.arn, code.name)
        role = directory.role(principal.role_arn)
        assert role is not None, "assumed a moment ago"
        # Whole seconds, as conditions compare them.
        issued = datetime.now(UTC).replace(microsecond=0)
        expires = issued + _LIFETIME
        key = directory.tokens.issue(
            Session("role", role.id, _to_us(issued), _to_us(expires), name=code.name)
        )
        return {
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_SESSION_TOKEN": key.session_token,
            "AWS_CREDENTIAL_EXPIRATION": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        }

    return credentials


def _to_us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
