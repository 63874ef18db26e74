"""Who may do what with secrets: identity policies, resource policies, KMS keys."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from support.composed_server import ComposedServer, Refused

ACCOUNT = "123456789012"
Statement = dict[str, Any]


@pytest.fixture
def user(server: ComposedServer) -> Iterator[Callable[..., Any]]:
    """Give a client of Secrets Manager to a user with these statements; its ARN is `client.user`."""
    iam = server.client("iam")
    made: list[tuple[str, str]] = []

    def make(*statements: Statement) -> Any:
        name = f"user-{uuid4().hex[:8]}"
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.append((name, key["AccessKeyId"]))
        client = server.client(
            "secretsmanager",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        client.user = arn
        return client

    yield make
    for name, key_id in made:
        iam.delete_access_key(UserName=name, AccessKeyId=key_id)


def allow(*actions: str, resource: str = "*", **condition: Any) -> Statement:
    statement: Statement = {
        "Effect": "Allow",
        "Action": [f"secretsmanager:{action}" for action in actions],
        "Resource": resource,
    }
    return {**statement, "Condition": condition} if condition else statement


def denied(function: Any, **request: Any) -> str:
    """Call what must be denied, and return the message."""
    with pytest.raises(ClientError) as caught:
        function(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    message: str = error["Message"]
    return message


def test_a_user_reads_only_what_is_allowed(client: Any, name: str, user: Any) -> None:
    client.create_secret(Name=name, SecretString="a")
    client.create_secret(Name=f"{name}-other", SecretString="b")
    arns = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:{name}-??????"
    reader = user(allow("GetSecretValue", resource=arns))
    assert reader.get_secret_value(SecretId=name)["SecretString"] == "a"
    message = denied(reader.get_secret_value, SecretId=f"{name}-other")
    assert "secretsmanager:GetSecretValue" in message
    assert reader.user in message
    assert "secretsmanager:DescribeSecret" in denied(reader.describe_secret, SecretId=name)


def test_a_secret_that_is_not_there_is_denied_like_any_other(user: Any, name: str) -> None:
    stranger = user()
    message = denied(stranger.get_secret_value, SecretId=name)
    assert "secretsmanager:GetSecretValue" in message


def test_a_resource_policy_lets_a_user_in_and_a_deny_keeps_everybody_out(
    client: Any, name: str, user: Any
) -> None:
    client.create_secret(Name=name, SecretString="a")
    reader = user()
    denied(reader.get_secret_value, SecretId=name)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": reader.user},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    client.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(document))
    assert reader.get_secret_value(SecretId=name)["SecretString"] == "a"
    statement["Effect"] = "Deny"
    client.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(document))
    allowed = user(allow("*"))
    assert allowed.get_secret_value(SecretId=name)["SecretString"] == "a"
    denied(reader.get_secret_value, SecretId=name)


def test_conditions_look_at_the_request(client: Any, name: str, user: Any) -> None:
    client.create_secret(Name=name, SecretString="1")
    client.put_secret_value(SecretId=name, SecretString="2")
    reader = user(
        allow("GetSecretValue", StringEquals={"secretsmanager:VersionStage": "AWSCURRENT"})
    )
    assert reader.get_secret_value(SecretId=name)["SecretString"] == "2"
    denied(reader.get_secret_value, SecretId=name, VersionStage="AWSPREVIOUS")
    careful = user(
        allow(
            "DeleteSecret",
            NumericGreaterThanEquals={"secretsmanager:RecoveryWindowInDays": "10"},
            Null={"secretsmanager:ForceDeleteWithoutRecovery": "true"},
        )
    )
    denied(careful.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    denied(careful.delete_secret, SecretId=name, RecoveryWindowInDays=7)
    assert careful.delete_secret(SecretId=name, RecoveryWindowInDays=10)["Name"] == name


def test_conditions_look_at_tags(client: Any, name: str, user: Any) -> None:
    client.create_secret(Name=name, SecretString="a", Tags=[{"Key": "team", "Value": "blue"}])
    for key in ("aws:ResourceTag/team", "secretsmanager:ResourceTag/team"):
        blue = user(allow("GetSecretValue", StringEquals={key: "blue"}))
        assert blue.get_secret_value(SecretId=name)["SecretString"] == "a"
        green = user(allow("GetSecretValue", StringEquals={key: "green"}))
        denied(green.get_secret_value, SecretId=name)


def test_creating_with_tags_needs_two_permissions(user: Any, name: str) -> None:
    tags = [{"Key": "team", "Value": "blue"}]
    maker = user(allow("CreateSecret"))
    assert "secretsmanager:TagResource" in denied(maker.create_secret, Name=name, Tags=tags)
    assert maker.create_secret(Name=name, SecretString="a")["Name"] == name
    tagger = user(
        allow("CreateSecret", "TagResource", StringEquals={"aws:RequestTag/team": "blue"})
    )
    assert tagger.create_secret(Name=f"{name}/tagged", Tags=tags)["Name"] == f"{name}/tagged"
    denied(tagger.create_secret, Name=f"{name}/green", Tags=[{"Key": "team", "Value": "green"}])


def test_a_policy_for_everybody_can_be_forbidden(client: Any, name: str, user: Any) -> None:
    client.create_secret(Name=name)
    keeper = user(allow("PutResourcePolicy", Bool={"secretsmanager:BlockPublicPolicy": "true"}))
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    denied(keeper.put_resource_policy, SecretId=name, ResourcePolicy=text)
    keeper.put_resource_policy(SecretId=name, ResourcePolicy=text, BlockPublicPolicy=True)
    assert client.get_resource_policy(SecretId=name)["ResourcePolicy"] == text


def test_a_batch_leaves_out_what_the_caller_may_not_read(client: Any, name: str, user: Any) -> None:
    first = client.create_secret(Name=f"{name}/a", SecretString="A")["ARN"]
    client.create_secret(Name=f"{name}/b", SecretString="B")
    reader = user(allow("BatchGetSecretValue"), allow("GetSecretValue", resource=first))
    answer = reader.batch_get_secret_value(SecretIdList=[f"{name}/a", f"{name}/b"])
    assert [item["SecretString"] for item in answer["SecretValues"]] == ["A"]
    assert [item["ErrorCode"] for item in answer["Errors"]] == ["AccessDeniedException"]


@pytest.fixture
def key(server: ComposedServer) -> str:
    """A KMS key that the account's policies decide about."""
    arn: str = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_a_value_under_a_kms_key_is_read_with_the_right_to_decrypt(
    client: Any, name: str, key: str, user: Any
) -> None:
    client.create_secret(Name=name, SecretString="a", KmsKeyId=key)
    assert client.describe_secret(SecretId=name)["KmsKeyId"] == key
    versions = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert versions[0]["KmsKeyIds"] == [key]
    secret_only = user(allow("*"))
    assert "Access to KMS is not allowed" in denied(secret_only.get_secret_value, SecretId=name)
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}
    both = user(allow("*"), decrypt)
    assert both.get_secret_value(SecretId=name)["SecretString"] == "a"
    assert "KMS" in denied(both.put_secret_value, SecretId=name, SecretString="b")


def test_kms_learns_through_whom_and_for_which_secret(
    client: Any, name: str, key: str, user: Any
) -> None:
    arn = client.create_secret(Name=name, SecretString="a", KmsKeyId=key)["ARN"]
    through = {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
    context = {"kms:EncryptionContext:SecretARN": arn}
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}
    for conditions in (through, context, {**through, **context}):
        reader = user(allow("*"), {**decrypt, "Condition": {"StringEquals": conditions}})
        assert reader.get_secret_value(SecretId=name)["SecretString"] == "a"
    for wrong in (
        {"kms:ViaService": "s3.eu-west-1.amazonaws.com"},
        {"kms:EncryptionContext:SecretARN": f"{arn}x"},
    ):
        reader = user(allow("*"), {**decrypt, "Condition": {"StringEquals": wrong}})
        denied(reader.get_secret_value, SecretId=name)


def test_a_disabled_key_closes_its_secrets(
    server: ComposedServer, client: Any, name: str, key: str, refused: Refused
) -> None:
    kms = server.client("kms")
    client.create_secret(Name=name, SecretString="a", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    code, message = refused(client.get_secret_value, SecretId=name)
    assert code == "DecryptionFailure"
    assert "disabled" in message
    code, message = refused(client.put_secret_value, SecretId=name, SecretString="hidden")
    assert (code, "hidden" in message) == ("EncryptionFailure", False)
    code, _ = refused(client.create_secret, Name=f"{name}2", SecretString="a", KmsKeyId=key)
    assert code == "EncryptionFailure"
    kms.enable_key(KeyId=key)
    assert client.get_secret_value(SecretId=name)["SecretString"] == "a"


def test_a_change_of_key_encrypts_what_is_used_anew(
    server: ComposedServer, client: Any, name: str, key: str, refused: Refused
) -> None:
    kms = server.client("kms")
    client.create_secret(Name=name, SecretString="1")
    client.put_secret_value(SecretId=name, SecretString="2")
    client.update_secret(SecretId=name, KmsKeyId=key)
    versions = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert [item["KmsKeyIds"] for item in versions] == [[key], [key]]
    kms.disable_key(KeyId=key)
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        code, _ = refused(client.get_secret_value, SecretId=name, VersionStage=stage)
        assert code == "DecryptionFailure"
    kms.enable_key(KeyId=key)
    client.update_secret(SecretId=name, KmsKeyId="alias/aws/secretsmanager")
    kms.disable_key(KeyId=key)
    assert client.get_secret_value(SecretId=name)["SecretString"] == "2"
    assert "KmsKeyId" not in client.describe_secret(SecretId=name)


def test_a_key_that_is_not_there_encrypts_nothing(client: Any, name: str, refused: Refused) -> None:
    code, _ = refused(client.create_secret, Name=name, SecretString="a", KmsKeyId="alias/not-there")
    assert code == "EncryptionFailure"
    code, _ = refused(client.describe_secret, SecretId=name)
    assert code == "ResourceNotFoundException"


def test_neither_value_nor_key_lies_on_disk_in_clear(
    server: ComposedServer, client: Any, name: str, key: str
) -> None:
    canary = f"canary-{uuid4()}"
    client.create_secret(Name=name, SecretString=canary, KmsKeyId=key)
    assert client.get_secret_value(SecretId=name)["SecretString"] == canary
    found = [
        path
        for path in server.home.path.rglob("*")
        if path.is_file() and canary.encode() in path.read_bytes()
    ]
    assert found == []
