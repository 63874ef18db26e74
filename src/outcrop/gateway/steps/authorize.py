"""Step 4: may the caller do this.

Today the account's root may do everything, and so may role sessions that a job of this server acts under; nobody
else exists.
"""

from outcrop.aws.errors import AccessDeniedException
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts


def authorize(call: Call, gateway: Parts) -> None:
    """Refuse callers that are neither this account's root nor an in-process role session.

    Raises:
        AccessDeniedException: anyone else.
    """
    principal = call.caller()
    if principal.account_id == gateway.account_id:
        if principal.type == "Account":
            return
        if principal.type == "AssumedRole" and call.connection is None:
            return
    route = call.routed()
    raise AccessDeniedException(
        f"User: {principal.arn} is not authorized to perform: {route.service}:{route.operation}"
    )
