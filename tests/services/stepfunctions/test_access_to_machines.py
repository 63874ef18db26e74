"""Who may do what with state machines: identity policies, qualifiers, tags, passing roles, KMS keys."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from services.stepfunctions.conftest import PASS, MakeMachine
from support.composed_server import ComposedServer

Statement = dict[str, Any]
User = Callable[..., Any]


@pytest.fixture
def user(server: ComposedServer) -> Iterator[User]:
    """Give a client of Step Functions to a user with these statements."""
    iam = server.client("iam")
    made: list[tuple[str, str]] = []

    def make(*statements: Statement) -> Any:
        name = f"user-{uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.append((name, key["AccessKeyId"]))
        return server.client(
            "stepfunctions",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    yield make
    for name, key_id in made:
        iam.delete_access_key(UserName=name, AccessKeyId=key_id)


def allow(*actions: str, resource: str = "*", **condition: Any) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def denied(function: Any, **request: Any) -> str:
    """Call what must be denied, and return the message."""
    with pytest.raises(ClientError) as caught:
        function(**request)
    error = caught.value.response["Error"]
    assert error["Code"] in {"AccessDeniedException", "KmsAccessDeniedException"}, error
    message: str = error["Message"]
    return message


def test_a_machine_is_made_only_by_who_may_pass_its_role(user: User, role: str) -> None:
    request = {"name": f"m-{uuid4()}", "definition": json.dumps(PASS), "roleArn": role}
    without = user(allow("states:CreateStateMachine"))
    elsewhere = user(
        allow("states:CreateStateMachine"),
        allow("iam:PassRole", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}),
    )
    passing = user(
        allow("states:CreateStateMachine"),
        allow("iam:PassRole", StringEquals={"iam:PassedToService": "states.amazonaws.com"}),
    )

    assert "iam:PassRole" in denied(without.create_state_machine, **request)
    assert "iam:PassRole" in denied(elsewhere.create_state_machine, **request)
    made = passing.create_state_machine(**request)
    assert made["stateMachineArn"].endswith(request["name"])


def test_permissions_on_a_machine_are_by_its_arn(user: User, make: MakeMachine) -> None:
    mine, other = make()["stateMachineArn"], make()["stateMachineArn"]
    client = user(allow("states:DescribeStateMachine", resource=mine))

    assert client.describe_state_machine(stateMachineArn=mine)["stateMachineArn"] == mine
    assert "states:DescribeStateMachine" in denied(
        client.describe_state_machine, stateMachineArn=other
    )


def test_a_qualifier_narrows_a_permission_to_a_version_or_alias(
    user: User, make: MakeMachine, client: Any
) -> None:
    machine = make(publish=True)["stateMachineArn"]
    client.create_state_machine_alias(
        name="PROD",
        routingConfiguration=[{"stateMachineVersionArn": f"{machine}:1", "weight": 100}],
    )
    narrow = user(
        allow(
            "states:DescribeStateMachineAlias",
            "states:DescribeStateMachine",
            resource=machine,
            StringEquals={"states:StateMachineQualifier": ["PROD"]},
        )
    )

    described = narrow.describe_state_machine_alias(stateMachineAliasArn=f"{machine}:PROD")
    assert described["name"] == "PROD"
    denied(narrow.describe_state_machine, stateMachineArn=machine)
    denied(narrow.describe_state_machine, stateMachineArn=f"{machine}:1")


def test_tags_of_a_machine_decide_about_it(user: User, make: MakeMachine) -> None:
    tagged = make(tags=[{"key": "team", "value": "red"}])["stateMachineArn"]
    plain = make()["stateMachineArn"]
    client = user(
        allow("states:DescribeStateMachine", StringEquals={"aws:ResourceTag/team": "red"})
    )

    assert client.describe_state_machine(stateMachineArn=tagged)["stateMachineArn"] == tagged
    denied(client.describe_state_machine, stateMachineArn=plain)


def test_tags_of_a_request_decide_about_it(user: User) -> None:
    client = user(
        allow("states:CreateActivity", "states:TagResource"),
        {
            "Effect": "Deny",
            "Action": "states:CreateActivity",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestTag/team": "red"}},
        },
    )

    tags = [{"key": "team", "value": "red"}]
    assert client.create_activity(name=f"a-{uuid4()}", tags=tags)["activityArn"]
    denied(client.create_activity, name=f"a-{uuid4()}")


@pytest.fixture(scope="module")
def key(server: ComposedServer) -> str:
    arn: str = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_a_definition_under_a_key_is_read_only_by_who_may_decrypt(
    server: ComposedServer, client: Any, user: User, make: MakeMachine, key: str
) -> None:
    encryption = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key}
    definition = {**PASS, "Comment": "nobody reads this on the disk"}
    arn = make(definition=definition, encryptionConfiguration=encryption)["stateMachineArn"]
    described = client.describe_state_machine(stateMachineArn=arn)

    assert json.loads(described["definition"]) == definition
    assert described["encryptionConfiguration"] == {
        **encryption,
        "kmsDataKeyReusePeriodSeconds": 300,
    }
    files = server.home.database.parent.glob(f"{server.home.database.name}*")
    assert not any(b"nobody reads this" in file.read_bytes() for file in files)
    reader = user(allow("states:DescribeStateMachine"))
    denied(reader.describe_state_machine, stateMachineArn=arn)
    bare = reader.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert bare["definition"] == "{}"


def test_keys_that_cannot_encrypt_are_refused(
    server: ComposedServer, make: MakeMachine, refused: Any
) -> None:
    kms = server.client("kms")
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    disabled = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=disabled)

    for wrong in (signing, disabled, "missing"):
        encryption = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": wrong}
        code, _ = refused(make, encryptionConfiguration=encryption)
        assert code == "InvalidEncryptionConfiguration", wrong
    code, _ = refused(make, encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})
    assert code == "InvalidEncryptionConfiguration"


def test_tasks_are_answered_by_who_may_on_their_activity_or_machine(
    client: Any, user: User, make: MakeMachine
) -> None:
    activity = client.create_activity(name=f"a-{uuid4()}")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "End": True}
    machine = make(definition={"StartAt": "Work", "States": {"Work": task}})["stateMachineArn"]
    client.start_execution(stateMachineArn=machine)
    token = client.get_activity_task(activityArn=activity)["taskToken"]
    worker = user(allow("states:SendTask*", resource=activity))
    stranger = user(allow("states:SendTask*", resource=f"{activity}-other"))

    denied(stranger.send_task_heartbeat, taskToken=token)
    denied(worker.send_task_heartbeat, taskToken="made up")
    worker.send_task_heartbeat(taskToken=token)
    denied(stranger.send_task_success, taskToken=token, output="{}")
    worker.send_task_success(taskToken=token, output="{}")
