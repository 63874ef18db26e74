"""What Task states call: AWS's service integrations, carried out through Invoke as the state machine's role."""

from collections.abc import Awaitable, Callable

from outcrop.aws.operation import Invoke
from outcrop.identity.directory import Directory
from outcrop.storage.database.engine import Database
from outcrop.workflows.integrations.calls import Calls
from outcrop.workflows.integrations.registry import ServiceIntegrations

# Returns when the execution of this ARN has ended; at once when it has ended already.
ExecutionEnded = Callable[[str], Awaitable[None]]


def make_integrations(
    invoke: Invoke,
    directory: Directory,
    database: Database,
    *,
    account_id: str,
    execution_ended: ExecutionEnded | None = None,
) -> ServiceIntegrations:
    """Return the integrations, which implement `workflows.tasks.Integrations`.

    Args:
        invoke: calls operations; every call is authorised and recorded as one of the state machine's role.
        directory: opens the role's session, if its trust policy lets states.amazonaws.com.
        database: where the states of customization jobs are looked up while a `.sync` task waits for one.
        account_id: the one account.
        execution_ended: what a `.sync` task that started an execution waits for; without it the execution is
            described ten times a second, as the role.
    """
    return ServiceIntegrations(
        Calls(invoke, directory, account_id), database, execution_ended=execution_ended
    )
