"""Versions of a secret: values, labels that move, lists, batches."""

from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import Refused


def labels(client: Any, name: str) -> dict[str, list[str]]:
    """Version id → labels, of all versions."""
    listed = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)
    return {item["VersionId"]: item.get("VersionStages", []) for item in listed["Versions"]}


def put(client: Any, name: str, value: str, *stages: str) -> str:
    more = {"VersionStages": list(stages)} if stages else {}
    version: str = client.put_secret_value(SecretId=name, SecretString=value, **more)["VersionId"]
    return version


def test_a_new_value_is_current_and_the_old_one_previous(client: Any, name: str) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    second = put(client, name, "2")
    third = put(client, name, "3")
    assert labels(client, name) == {first: [], second: ["AWSPREVIOUS"], third: ["AWSCURRENT"]}
    read = client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    assert (read["SecretString"], read["VersionId"]) == ("2", second)
    assert client.get_secret_value(SecretId=name, VersionId=first)["SecretString"] == "1"


def test_a_value_under_other_labels_leaves_the_current_one(client: Any, name: str) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    answer = client.put_secret_value(
        SecretId=name, SecretString="2", VersionStages=["two", "one", "three"]
    )
    assert answer["VersionStages"] == ["one", "three", "two"]
    second = answer["VersionId"]
    third = put(client, name, "3", "one", "two", "four")
    assert labels(client, name) == {
        first: ["AWSCURRENT"],
        second: ["three"],
        third: ["four", "one", "two"],
    }
    assert client.get_secret_value(SecretId=name)["SecretString"] == "1"


def test_the_same_token_and_value_again_change_nothing(
    client: Any, name: str, refused: Refused
) -> None:
    token = str(uuid4())
    client.create_secret(Name=name, SecretString="1")
    request = {"SecretId": name, "SecretString": "2", "ClientRequestToken": token}
    client.put_secret_value(**request)
    last = put(client, name, "3")
    again = client.put_secret_value(**request)
    assert (again["VersionId"], again["VersionStages"]) == (token, ["AWSPREVIOUS"])
    assert labels(client, name)[last] == ["AWSCURRENT"]
    code, message = refused(client.put_secret_value, **{**request, "SecretString": "hidden"})
    assert (code, "hidden" in message) == ("ResourceExistsException", False)
    code, _ = refused(
        client.put_secret_value, SecretId=name, SecretBinary=b"2", ClientRequestToken=token
    )
    assert code == "ResourceExistsException"


def test_a_rotation_by_hand_moves_current_and_previous(client: Any, name: str) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    second = put(client, name, "2", "AWSPENDING", "mine")
    client.update_secret_version_stage(
        SecretId=name,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=first,
        MoveToVersionId=second,
    )
    assert labels(client, name) == {
        first: ["AWSPREVIOUS"],
        second: ["AWSCURRENT", "AWSPENDING", "mine"],
    }
    third = put(client, name, "3", "AWSPENDING")
    assert labels(client, name)[second] == ["AWSCURRENT", "mine"]
    client.update_secret_version_stage(
        SecretId=name,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=second,
        MoveToVersionId=third,
    )
    assert labels(client, name) == {
        first: [],
        second: ["AWSPREVIOUS", "mine"],
        third: ["AWSCURRENT", "AWSPENDING"],
    }


def test_a_new_current_value_ends_what_was_pending_on_the_old_one(client: Any, name: str) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    second = put(client, name, "2", "AWSPENDING")
    client.update_secret_version_stage(
        SecretId=name,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=first,
        MoveToVersionId=second,
    )
    third = put(client, name, "3")
    assert labels(client, name) == {first: [], second: ["AWSPREVIOUS"], third: ["AWSCURRENT"]}


def test_a_label_is_moved_only_by_who_knows_where_it_is(
    client: Any, name: str, refused: Refused
) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    second = put(client, name, "2", "other")
    move = client.update_secret_version_stage
    current = {"SecretId": name, "VersionStage": "AWSCURRENT"}
    code, message = refused(move, **current, MoveToVersionId=second)
    assert code == "InvalidParameterException"
    assert f"currently attached to version {first}" in message
    code, message = refused(move, **current, RemoveFromVersionId=first)
    assert (code, "completely removed" in message) == ("InvalidParameterException", True)
    wrong = {"RemoveFromVersionId": second, "MoveToVersionId": first}
    assert refused(move, **current, **wrong)[0] == "InvalidParameterException"
    unknown = str(uuid4())
    code, message = refused(move, **current, MoveToVersionId=unknown)
    assert (code, message) == ("InvalidParameterException", f"Not a valid version: {unknown}")
    assert refused(move, **current)[0] == "InvalidParameterException"
    move(SecretId=name, VersionStage="other", RemoveFromVersionId=second)
    move(SecretId=name, VersionStage="new", MoveToVersionId=first)
    assert labels(client, name) == {first: ["AWSCURRENT", "new"], second: []}


def test_a_label_that_is_elsewhere_reads_nothing(client: Any, name: str, refused: Refused) -> None:
    first = client.create_secret(Name=name, SecretString="1")["VersionId"]
    put(client, name, "2")
    read = client.get_secret_value
    mismatch = {"SecretId": name, "VersionId": first, "VersionStage": "AWSCURRENT"}
    assert refused(read, **mismatch) == (
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    )
    unknown = str(uuid4())
    assert refused(read, SecretId=name, VersionId=unknown) == (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {unknown}",
    )
    code, message = refused(read, SecretId=name, VersionStage="none")
    assert (code, message.endswith("label: none")) == ("ResourceNotFoundException", True)


def test_lists_leave_out_versions_without_labels(client: Any, name: str) -> None:
    client.create_secret(Name=name, SecretString="1")
    second, third = put(client, name, "2"), put(client, name, "3")
    listed = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert [item["VersionId"] for item in listed] == [second, third]
    assert [item["KmsKeyIds"] for item in listed] == [["DefaultEncryptionKey"]] * 2
    pages = [client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=2)]
    pages.append(
        client.list_secret_version_ids(
            SecretId=name,
            IncludeDeprecated=True,
            MaxResults=2,
            NextToken=pages[0]["NextToken"],
        )
    )
    assert [len(page["Versions"]) for page in pages] == [2, 1]
    assert "NextToken" not in pages[1]


def test_old_versions_without_labels_make_room(client: Any, name: str, refused: Refused) -> None:
    first = client.create_secret(Name=name, SecretString="0")["VersionId"]
    kept = put(client, name, "1", "keep")
    for number in range(105):
        put(client, name, str(number))
    found = labels(client, name)
    assert len(found) == 100
    assert first not in found
    assert found[kept] == ["keep"]
    assert client.get_secret_value(SecretId=name, VersionId=kept)["SecretString"] == "1"
    code, _ = refused(client.get_secret_value, SecretId=name, VersionId=first)
    assert code == "ResourceNotFoundException"


def test_a_version_has_at_most_twenty_labels(client: Any, name: str, refused: Refused) -> None:
    first = client.create_secret(Name=name, SecretString="0")["VersionId"]
    second = put(client, name, "1", *(f"label{number:02d}" for number in range(20)))
    move = {"SecretId": name, "VersionStage": "more", "MoveToVersionId": second}
    assert refused(client.update_secret_version_stage, **move)[0] == "LimitExceededException"
    assert len(labels(client, name)[second]) == 20
    assert labels(client, name)[first] == ["AWSCURRENT"]


def test_a_value_needs_a_value(client: Any, name: str, refused: Refused) -> None:
    client.create_secret(Name=name)
    assert refused(client.put_secret_value, SecretId=name) == (
        "InvalidRequestException",
        "You must provide either SecretString or SecretBinary.",
    )
    put(client, name, "1")
    assert client.get_secret_value(SecretId=name)["VersionStages"] == ["AWSCURRENT"]


def test_a_batch_reads_what_it_can(client: Any, name: str, refused: Refused) -> None:
    client.create_secret(Name=f"{name}/a", SecretString="A")
    client.create_secret(Name=f"{name}/b", SecretString="B")
    client.create_secret(Name=f"{name}/c")
    named = [f"{name}/a", f"{name}/c", "unknown", f"{name}/b"]
    answer = client.batch_get_secret_value(SecretIdList=named)
    assert [item["SecretString"] for item in answer["SecretValues"]] == ["A", "B"]
    assert [(item["SecretId"], item["ErrorCode"]) for item in answer["Errors"]] == [
        (f"{name}/c", "ResourceNotFoundException"),
        ("unknown", "ResourceNotFoundException"),
    ]
    filters = [{"Key": "name", "Values": [name]}]
    found: list[str] = []
    request = {"Filters": filters, "MaxResults": 2}
    while True:
        page = client.batch_get_secret_value(**request)
        found += [item["Name"] for item in page["SecretValues"]]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert found == [f"{name}/a", f"{name}/b"]
    both = {"SecretIdList": named, "Filters": filters}
    assert refused(client.batch_get_secret_value, **both)[0] == "InvalidParameterException"
    assert refused(client.batch_get_secret_value)[0] == "InvalidParameterException"


@pytest.mark.parametrize("member", ["SecretString", "SecretBinary"])
def test_a_refusal_does_not_repeat_the_value(
    client: Any, name: str, refused: Refused, member: str
) -> None:
    client.create_secret(Name=name)
    value: Any = "hidden" * 12_000 if member == "SecretString" else b"hidden" * 12_000
    _, message = refused(client.put_secret_value, SecretId=name, **{member: value})
    assert "hidden" not in message
    assert "aGlkZGVu" not in message
