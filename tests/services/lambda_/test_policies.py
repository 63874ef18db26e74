"""Resource policies: statements, and who may call because of them."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal
from services.lambda_.conftest import Make, finish
from support.composed_server import ComposedServer

REGION, ACCOUNT = "eu-west-1", "123456789012"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/nightly"


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def service(name: str, source_arn: str = "", account: str = ACCOUNT) -> Principal:
    return Principal(
        type="AWSService",
        arn=f"{name}.amazonaws.com",
        account_id=ACCOUNT,
        principal_id=f"{name}.amazonaws.com",
        source_arn=source_arn,
        source_account=account,
    )


def call_as(server: ComposedServer, principal: Principal, function: str) -> bytes:
    """Call a function in process as somebody; return the payload."""
    answer = finish(
        server,
        server.platform.invoke(
            "lambda", "Invoke", {"FunctionName": function}, principal=principal, region=REGION
        ),
    )
    payload: bytes = answer["Payload"]
    return payload


def test_statements_are_written_as_aws_writes_them(lambda_client: Any, make: Make) -> None:
    name = make()
    before = lambda_client.get_function_configuration(FunctionName=name)["RevisionId"]
    answer = lambda_client.add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE,
        SourceAccount=ACCOUNT,
    )
    statement = {
        "Sid": "rule",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn_of(name),
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": RULE},
        },
    }
    assert json.loads(answer["Statement"]) == statement
    got = lambda_client.get_policy(FunctionName=name)
    assert json.loads(got["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    now = lambda_client.get_function_configuration(FunctionName=name)["RevisionId"]
    assert got["RevisionId"] == now != before
    lambda_client.remove_permission(FunctionName=name, StatementId="rule", RevisionId=now)


def test_what_policies_cannot_say_is_refused(lambda_client: Any, make: Make, refused: Any) -> None:
    name = make()
    statement = {
        "FunctionName": name,
        "StatementId": "one",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    get, add, remove = (
        lambda_client.get_policy,
        lambda_client.add_permission,
        lambda_client.remove_permission,
    )
    none = ("ResourceNotFoundException", "The resource you requested does not exist.")
    assert refused(get, FunctionName=name) == none
    assert refused(remove, FunctionName=name, StatementId="one") == (
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
    )
    add(**statement)
    assert refused(add, **statement) == (
        "ResourceConflictException",
        (
            "The statement id (one) provided already exists. Please provide a new statement id, or remove the "
            "existing statement."
        ),
    )
    assert refused(add, **(statement | {"StatementId": "two", "Principal": "nobody"})) == (
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )
    assert refused(add, **(statement | {"Qualifier": "$LATEST"})) == (
        "InvalidParameterValueException",
        "We currently do not support adding policies for $LATEST.",
    )
    assert refused(add, **(statement | {"Qualifier": "none"})) == (
        "ResourceNotFoundException",
        f"Cannot find alias arn: {arn_of(name)}:none",
    )
    assert refused(remove, FunctionName=name, StatementId="two") == (
        "ResourceNotFoundException",
        "Statement two is not found in resource policy.",
    )


@pytest.mark.parametrize("caller", ["events", "s3", "sns", "states"])
def test_a_service_calls_only_for_the_source_that_was_let_in(
    lambda_client: Any, make: Make, server: ComposedServer, caller: str
) -> None:
    name = make("def handler(event, context):\n    return 'called'\n")
    with pytest.raises(ServiceError, match="lambda:InvokeFunction"):
        call_as(server, service(caller, RULE), name)
    lambda_client.add_permission(
        FunctionName=name,
        StatementId="source",
        Action="lambda:InvokeFunction",
        Principal=f"{caller}.amazonaws.com",
        SourceArn=RULE,
        SourceAccount=ACCOUNT,
    )
    assert call_as(server, service(caller, RULE), name) == b'"called"'
    for stranger in (
        service(caller, f"{RULE}-other"),
        service(caller, RULE, account="210987654321"),
        service("logs", RULE),
    ):
        with pytest.raises(ServiceError, match="lambda:InvokeFunction"):
            call_as(server, stranger, name)


def test_an_alias_has_a_policy_of_its_own(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    name = make("def handler(event, context):\n    return 'called'\n", Publish=True)
    lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    lambda_client.add_permission(
        FunctionName=name,
        Qualifier="live",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    assert call_as(server, service("events"), f"{name}:live") == b'"called"'
    for closed in (name, f"{name}:1"):
        with pytest.raises(ServiceError, match="lambda:InvokeFunction"):
            call_as(server, service("events"), closed)


def test_identities_need_their_own_permission(
    make: Make, server: ComposedServer, role: str, refused: Any
) -> None:
    name = make("def handler(event, context):\n    return 'called'\n")
    iam = server.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )

    def allow(*statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="caller", PolicyName="own", PolicyDocument=document)

    code, message = refused(client.invoke, FunctionName=name)
    assert code == "AccessDeniedException"
    assert "lambda:InvokeFunction on resource: " + arn_of(name) in message
    allow({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn_of(name)})
    assert client.invoke(FunctionName=name)["Payload"].read() == b'"called"'
    qualified = refused(client.invoke, FunctionName=name, Qualifier="$LATEST")
    assert qualified[0] == "AccessDeniedException"
    assert refused(client.get_function, FunctionName=name)[0] == "AccessDeniedException"
    # Who may make functions may not hand them any role.
    creating = {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*"}
    allow(creating)
    request = {
        "FunctionName": "made-by-caller",
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": b"never looked at"},
    }
    code, message = refused(client.create_function, **request)
    assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)
    passing = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": role,
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    }
    allow(creating, passing)
    code, _ = refused(client.create_function, **request)
    assert code == "InvalidParameterValueException"
