"""Published versions, and aliases for them."""

import json
from collections import Counter
from typing import Any

import pytest

from services.lambda_.conftest import Make, archive

REGION, ACCOUNT = "eu-west-1", "123456789012"


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def updated(client: Any, name: str, **request: Any) -> None:
    """Change a function's configuration and wait until that is done."""
    client.update_function_configuration(FunctionName=name, **request)
    client.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
    )


@pytest.fixture
def two_versions(lambda_client: Any, make: Make) -> str:
    """A function whose version 1 is blue and whose version 2 is red."""
    name = make(Environment={"Variables": {"COLOUR": "blue"}}, Publish=True)
    updated(lambda_client, name, Environment={"Variables": {"COLOUR": "red"}})
    assert lambda_client.publish_version(FunctionName=name)["Version"] == "2"
    return str(name)


def test_a_version_stays_as_it_was_published(lambda_client: Any, two_versions: str) -> None:
    for version, colour in (("1", "blue"), ("2", "red")):
        found = lambda_client.get_function(FunctionName=two_versions, Qualifier=version)
        described = found["Configuration"]
        assert described["FunctionArn"] == f"{arn_of(two_versions)}:{version}"
        assert described["Version"] == version
        assert described["Environment"] == {"Variables": {"COLOUR": colour}}
        assert (described["State"], described["LastUpdateStatus"]) == ("Active", "Successful")
        answer = lambda_client.invoke(FunctionName=two_versions, Qualifier=version)
        assert answer["ExecutedVersion"] == version
        payload = json.load(answer["Payload"])
        assert (payload["version"], payload["colour"]) == (version, colour)
        assert payload["arn"] == f"{arn_of(two_versions)}:{version}"


def test_publishing_what_did_not_change_makes_no_version(
    lambda_client: Any, make: Make, refused: Any
) -> None:
    name = make()
    first = lambda_client.publish_version(FunctionName=name, Description="the first")
    assert (first["Version"], first["Description"]) == ("1", "the first")
    again = lambda_client.publish_version(FunctionName=name, Description="another")
    assert (again["Version"], again["Description"]) == ("1", "the first")
    updated(lambda_client, name, Description="changed")
    assert lambda_client.publish_version(FunctionName=name)["Version"] == "2"
    listed = lambda_client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [item["Version"] for item in listed] == ["$LATEST", "1", "2"]
    assert [item["FunctionArn"] for item in listed] == [
        f"{arn_of(name)}:{version}" for version in ("$LATEST", "1", "2")
    ]
    digest = listed[0]["CodeSha256"]
    assert refused(
        lambda_client.publish_version, FunctionName=name, CodeSha256="somethingelse"
    ) == (
        "InvalidParameterValueException",
        (
            f"CodeSHA256 (somethingelse) is different from current CodeSHA256 in $LATEST ({digest}). "
            "Please try again with the CodeSHA256 in $LATEST."
        ),
    )
    assert refused(lambda_client.publish_version, FunctionName=name, RevisionId="stale") == (
        "PreconditionFailedException",
        (
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id"
        ),
    )


def test_a_number_is_never_given_again(lambda_client: Any, two_versions: str) -> None:
    lambda_client.delete_function(FunctionName=two_versions, Qualifier="2")
    updated(lambda_client, two_versions, Description="third")
    assert lambda_client.publish_version(FunctionName=two_versions)["Version"] == "3"


def test_updating_code_can_publish(lambda_client: Any, make: Make) -> None:
    name = make()
    code = archive({"index.py": "def handler(event, context):\n    return 2\n"})
    answer = lambda_client.update_function_code(FunctionName=name, ZipFile=code, Publish=True)
    assert (answer["Version"], answer["FunctionArn"]) == ("1", f"{arn_of(name)}:1")
    lambda_client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1")
    assert lambda_client.invoke(FunctionName=f"{name}:1")["Payload"].read() == b"2"


def test_an_alias_shares_calls_between_two_versions(lambda_client: Any, two_versions: str) -> None:
    made = lambda_client.create_alias(
        FunctionName=two_versions,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    assert made["AliasArn"] == f"{arn_of(two_versions)}:live"
    assert made["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.5}}
    seen = Counter(
        lambda_client.invoke(FunctionName=f"{two_versions}:live")["ExecutedVersion"]
        for _ in range(60)
    )
    assert set(seen) == {"1", "2"}
    lambda_client.update_alias(FunctionName=two_versions, Name="live", RoutingConfig={})
    answer = lambda_client.invoke(FunctionName=two_versions, Qualifier="live")
    assert answer["ExecutedVersion"] == "1"
    assert json.load(answer["Payload"])["arn"] == f"{arn_of(two_versions)}:live"


def test_aliases_are_listed_pointed_elsewhere_and_deleted(
    lambda_client: Any, two_versions: str, refused: Any
) -> None:
    for name, version in (("b", "2"), ("a", "1")):
        lambda_client.create_alias(FunctionName=two_versions, Name=name, FunctionVersion=version)
    listed = lambda_client.list_aliases(FunctionName=two_versions)["Aliases"]
    assert [item["Name"] for item in listed] == ["a", "b"]
    of_two = lambda_client.list_aliases(FunctionName=two_versions, FunctionVersion="2")
    assert [item["Name"] for item in of_two["Aliases"]] == ["b"]
    before = lambda_client.get_alias(FunctionName=two_versions, Name="a")
    after = lambda_client.update_alias(
        FunctionName=two_versions, Name="a", FunctionVersion="2", RevisionId=before["RevisionId"]
    )
    assert after["FunctionVersion"] == "2"
    assert after["RevisionId"] != before["RevisionId"]
    stale = refused(
        lambda_client.update_alias,
        FunctionName=two_versions,
        Name="a",
        RevisionId=before["RevisionId"],
    )
    assert stale[0] == "PreconditionFailedException"
    assert refused(lambda_client.delete_function, FunctionName=two_versions, Qualifier="2")[0] == (
        "ResourceConflictException"
    )
    lambda_client.delete_alias(FunctionName=two_versions, Name="a")
    lambda_client.delete_alias(FunctionName=two_versions, Name="a")
    assert refused(lambda_client.get_alias, FunctionName=two_versions, Name="a") == (
        "ResourceNotFoundException",
        f"Cannot find alias arn: {arn_of(two_versions)}:a",
    )


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            "InvalidParameterValueException",
            (
                "Invalid function version 1. Function version 1 is already included in routing "
                "configuration."
            ),
        ),
        (
            {
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}},
            },
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            {
                "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}},
            },
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"FunctionVersion": "10"},
            "ResourceNotFoundException",
            "Function not found: {arn}:10",
        ),
    ],
)
def test_aliases_of_nothing_are_refused(  # noqa: PLR0917
    lambda_client: Any,
    two_versions: str,
    refused: Any,
    request_: dict[str, Any],
    code: str,
    message: str,
) -> None:
    answer = refused(lambda_client.create_alias, FunctionName=two_versions, Name="bad", **request_)
    assert answer == (code, message.replace("{arn}", arn_of(two_versions)))
