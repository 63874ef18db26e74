"""The roles that state machines run as: they must be there and let Step Functions assume them."""

from dataclasses import replace

from outcrop.aws.operation import Principal
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers
from outcrop.services.stepfunctions.errors import AccessDeniedException

SERVICE = "states.amazonaws.com"


def assume(role_arn: str, machine_arn: str, context: Context) -> Principal:
    """Return the session of a role in which Step Functions acts for a machine.

    Raises:
        InvalidArn: it is no role's ARN.
        AccessDeniedException: the role is another account's, is not there, or does not trust Step Functions on
            behalf of this machine (`aws:SourceArn`) of this account (`aws:SourceAccount`).
    """
    if identifiers.role_account(role_arn) != context.account_id:
        raise AccessDeniedException("Cross-account pass role is not allowed.")
    try:
        session = context.platform.directory.assume_for_service(
            role_arn,
            SERVICE,
            source_arn=machine_arn,
            source_account=context.account_id,
            session_name="StateMachineConfiguration",
        )
    except RoleNotAssumable:
        raise AccessDeniedException(
            f"Neither the global service principal {SERVICE}, nor the regional one is authorized to assume the "
            "provided role."
        ) from None
    return replace(session, via="states")
