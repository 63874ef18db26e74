"""The operation TestState."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers, roles
from outcrop.services.stepfunctions.state_tests import requests, runs
from outcrop.workflows.asl.machine import TaskState
from outcrop.workflows.integrations import make_integrations
from outcrop.workflows.tasks import TaskCall


@operation("stepfunctions:TestState")
async def test_state(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Run one state, with real or made-up results, and tell how it ends.

    Raises:
        InvalidArn: the role's ARN is none.
        InvalidDefinition: the definition is not valid, or its state cannot be tested so.
        InvalidExecutionInput: the input is no JSON.
        ValidationException: mock, context, variables or name of the state are wrong.
        AccessDeniedException: the role cannot be assumed.
    """
    platform = context.platform
    test = requests.read(request, context.region, context.account_id, platform.clock)
    machine_arn = identifiers.machine_arn(context.region, context.account_id, str(uuid4()))
    execution_arn = machine_arn.replace(f":{identifiers.MACHINE}:", f":{identifiers.EXPRESS}:")

    async def call(state: TaskState, arguments: Any) -> Any:
        roles.assume(test.role_arn, machine_arn, context)
        integrations = make_integrations(
            platform.invoke, platform.directory, platform.database, account_id=context.account_id
        )
        integrations.describe(state.resource, arguments, context.region)
        return await integrations.start(
            TaskCall(
                resource=state.resource,
                arguments=arguments,
                region=context.region,
                account_id=context.account_id,
                role_arn=test.role_arn,
                execution_arn=f"{execution_arn}:{uuid4()}",
                state_machine_arn=machine_arn,
                state_name=state.name,
                event_id=1,
            )
        )

    answer = await runs.run(test, call, platform.clock, platform.settings.wait_scale)
    if request.get("inspectionLevel", "INFO") == "INFO":
        del answer["inspectionData"]
    return answer
