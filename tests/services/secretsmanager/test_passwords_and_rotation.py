"""Random passwords, and how a secret is to rotate."""

import string
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.composed_server import Refused

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"


def password(client: Any, **request: Any) -> str:
    made: str = client.get_random_password(**request)["RandomPassword"]
    return made


def test_a_password_has_32_characters_of_every_kind(client: Any) -> None:
    kinds = (
        string.ascii_lowercase,
        string.ascii_uppercase,
        string.digits,
        string.punctuation,
    )
    for _ in range(20):
        made = password(client)
        assert len(made) == 32
        assert all(set(kind) & set(made) for kind in kinds)
        assert set(made) <= set("".join(kinds))
    assert password(client) != password(client)


def test_a_password_leaves_out_what_is_excluded(client: Any) -> None:
    made = password(
        client,
        PasswordLength=2000,
        ExcludeNumbers=True,
        ExcludePunctuation=True,
        ExcludeUppercase=True,
        ExcludeCharacters="abc",
        IncludeSpace=True,
    )
    assert set(made) == set(string.ascii_lowercase[3:] + " ")
    assert len(made) == 2000


def test_a_password_of_one_kind_need_not_have_the_others(client: Any) -> None:
    made = password(client, PasswordLength=1, RequireEachIncludedType=False)
    assert len(made) == 1


def test_a_password_that_cannot_be_is_refused(client: Any, refused: Refused) -> None:
    request = client.get_random_password
    code, message = refused(request, PasswordLength=3)
    assert (code, "too short" in message) == ("InvalidParameterException", True)
    code, _ = refused(request, ExcludeCharacters=string.digits)
    assert code == "InvalidParameterException"
    nothing = string.ascii_letters + string.digits + string.punctuation
    code, _ = refused(request, ExcludeCharacters=nothing, RequireEachIncludedType=False)
    assert code == "InvalidParameterException"


def test_rotation_is_kept_where_nothing_has_to_run(client: Any, name: str) -> None:
    client.create_secret(Name=name, SecretString="a")
    rules = {"AutomaticallyAfterDays": 30, "Duration": "2h"}
    client.rotate_secret(
        SecretId=name, RotationLambdaARN=FUNCTION, RotationRules=rules, RotateImmediately=False
    )
    described = client.describe_secret(SecretId=name)
    assert described["RotationEnabled"] is True
    assert described["RotationLambdaARN"] == FUNCTION
    assert described["RotationRules"] == rules
    # The function is remembered.
    later = {"ScheduleExpression": "rate(10 days)"}
    client.rotate_secret(SecretId=name, RotationRules=later, RotateImmediately=False)
    assert client.describe_secret(SecretId=name)["RotationRules"] == later
    client.cancel_rotate_secret(SecretId=name)
    described = client.describe_secret(SecretId=name)
    assert described["RotationEnabled"] is False
    assert described["RotationLambdaARN"] == FUNCTION


def test_a_rotation_that_would_run_a_function_is_refused_and_changes_nothing(
    client: Any, name: str
) -> None:
    client.create_secret(Name=name, SecretString="a")
    with pytest.raises(ClientError, match="functions are not offered") as caught:
        client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert "RotationEnabled" not in client.describe_secret(SecretId=name)


def test_a_rotation_needs_a_function_and_one_rule(client: Any, name: str, refused: Refused) -> None:
    client.create_secret(Name=name, SecretString="a")
    assert refused(client.rotate_secret, SecretId=name) == (
        "InvalidRequestException",
        "No Lambda rotation function ARN is associated with this secret.",
    )
    both = {"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"}
    for rules in ({}, both, {"ScheduleExpression": "daily"}):
        code, _ = refused(
            client.rotate_secret,
            SecretId=name,
            RotationLambdaARN=FUNCTION,
            RotationRules=rules,
            RotateImmediately=False,
        )
        assert code == "InvalidParameterException"
