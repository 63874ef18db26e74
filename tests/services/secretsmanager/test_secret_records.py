"""Making, describing, changing, deleting and restoring secrets."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from outcrop.storage.secrets import rows
from support.composed_server import ComposedServer, Refused

NOT_FOUND = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
    "following: -/_+=.@!"
)
NAME_SCHEDULED = (
    "You can't create this secret because a secret with this name is already scheduled for "
    "deletion."
)
MARKED = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)


def test_a_secret_is_read_as_it_was_written(client: Any, name: str) -> None:
    made = client.create_secret(Name=name, SecretString="s3cr3t")
    assert re.fullmatch(
        rf"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-[A-Za-z0-9]{{6}}",
        made["ARN"],
    )
    read = client.get_secret_value(SecretId=name)
    assert read["SecretString"] == "s3cr3t"
    assert read["VersionStages"] == ["AWSCURRENT"]
    assert (read["ARN"], read["Name"], read["VersionId"]) == (made["ARN"], name, made["VersionId"])


def test_a_binary_secret_is_read_as_it_was_written(client: Any, name: str) -> None:
    client.create_secret(Name=name, SecretBinary=b"\x00\xff")
    read = client.get_secret_value(SecretId=name)
    assert read["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in read


def test_a_secret_without_a_value_has_no_version(client: Any, name: str, refused: Refused) -> None:
    made = client.create_secret(Name=name)
    assert "VersionId" not in made
    assert "VersionIdsToStages" not in client.describe_secret(SecretId=name)
    assert refused(client.get_secret_value, SecretId=name) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )


def test_a_description_names_key_tags_and_stages(client: Any, name: str) -> None:
    made = client.create_secret(
        Name=name,
        Description="for tests",
        SecretString="a",
        Tags=[{"Key": "team", "Value": "blue"}, {"Key": "app", "Value": ""}],
    )
    described = client.describe_secret(SecretId=made["ARN"])
    assert described["Description"] == "for tests"
    assert described["Tags"] == [{"Key": "app", "Value": ""}, {"Key": "team", "Value": "blue"}]
    assert described["VersionIdsToStages"] == {made["VersionId"]: ["AWSCURRENT"]}
    absent = {"KmsKeyId", "RotationEnabled", "DeletedDate", "LastAccessedDate"}
    assert absent & described.keys() == set()


def test_reading_a_value_notes_the_day(client: Any, name: str) -> None:
    client.create_secret(Name=name, SecretString="a")
    client.get_secret_value(SecretId=name)
    accessed = client.describe_secret(SecretId=name)["LastAccessedDate"].astimezone(None)
    assert accessed.timestamp() % 86_400 == 0
    versions = client.list_secret_version_ids(SecretId=name)["Versions"]
    assert versions[0]["LastAccessedDate"].timestamp() == accessed.timestamp()


def test_the_same_request_again_makes_nothing(client: Any, name: str, refused: Refused) -> None:
    token = str(uuid4())
    first = client.create_secret(Name=name, SecretString="a", ClientRequestToken=token)
    again = client.create_secret(Name=name, SecretString="a", ClientRequestToken=token)
    assert (again["ARN"], again["VersionId"]) == (first["ARN"], token)
    code, message = refused(
        client.create_secret, Name=name, SecretString="b", ClientRequestToken=token
    )
    assert code == "ResourceExistsException"
    assert first["ARN"] in message
    assert refused(client.create_secret, Name=name, SecretString="a") == (
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def test_a_secret_answers_to_its_name_its_arn_and_the_arns_beginning(
    client: Any, name: str, refused: Refused
) -> None:
    arn = client.create_secret(Name=name, SecretString="a")["ARN"]
    for identifier in (name, arn, arn[:-7]):
        assert client.describe_secret(SecretId=identifier)["ARN"] == arn
    for identifier in (arn[:-1], arn.replace("eu-west-1", "eu-west-2"), arn[:-6] + "AAAAAA"):
        assert refused(client.describe_secret, SecretId=identifier) == NOT_FOUND


def test_a_beginning_that_looks_like_a_whole_arn_is_taken_for_one(
    client: Any, refused: Refused
) -> None:
    name = f"n{uuid4().hex}-a1b2c3"
    arn = client.create_secret(Name=name, SecretString="a")["ARN"]
    assert refused(client.get_secret_value, SecretId=arn[:-7]) == NOT_FOUND
    assert client.get_secret_value(SecretId=name)["ARN"] == arn


def test_regions_do_not_share_secrets(
    server: ComposedServer, client: Any, name: str, refused: Refused
) -> None:
    client.create_secret(Name=name, SecretString="here")
    elsewhere = server.client("secretsmanager", region="us-east-1")
    assert refused(elsewhere.get_secret_value, SecretId=name) == NOT_FOUND
    elsewhere.create_secret(Name=name, SecretString="there")
    assert client.get_secret_value(SecretId=name)["SecretString"] == "here"


@pytest.mark.parametrize("wrong", ["Inv Name", " Inv*Name? ", "a\\b", "ä"])
def test_other_characters_make_no_name(client: Any, refused: Refused, wrong: str) -> None:
    expected = (
        "ValidationException",
        INVALID_NAME,
    )
    assert refused(client.create_secret, Name=wrong, SecretString="a") == expected
    assert refused(client.get_secret_value, SecretId=wrong) == expected


def test_what_is_not_offered_is_refused(client: Any, name: str, refused: Refused) -> None:
    code, message = refused(
        client.create_secret, Name=name, AddReplicaRegions=[{"Region": "us-east-1"}]
    )
    assert (code, "AddReplicaRegions" in message) == ("InvalidParameterException", True)
    assert refused(client.describe_secret, SecretId=name) == NOT_FOUND


def test_two_kinds_of_value_at_once_are_refused(client: Any, name: str, refused: Refused) -> None:
    code, message = refused(client.create_secret, Name=name, SecretString="a", SecretBinary=b"b")
    assert code == "InvalidParameterException"
    assert message.startswith("You can't specify both")


def test_a_value_may_have_65536_bytes(client: Any, name: str, refused: Refused) -> None:
    client.create_secret(Name=name, SecretString="a" * 65_536)
    assert len(client.get_secret_value(SecretId=name)["SecretString"]) == 65_536
    # As many characters, but more bytes.
    code, message = refused(client.put_secret_value, SecretId=name, SecretString="ä" * 40_000)
    assert (code, "80000" in message, "ä" in message) == ("InvalidParameterException", True, False)


def test_an_update_changes_only_what_it_names(client: Any, name: str) -> None:
    first = client.create_secret(Name=name, Description="old", SecretString="a")["VersionId"]
    assert "VersionId" not in client.update_secret(SecretId=name, Description="new")
    assert client.get_secret_value(SecretId=name)["SecretString"] == "a"
    second = client.update_secret(SecretId=name, SecretString="b")["VersionId"]
    described = client.describe_secret(SecretId=name)
    assert described["Description"] == "new"
    assert described["VersionIdsToStages"] == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_an_update_that_is_refused_changes_nothing(
    client: Any, name: str, refused: Refused
) -> None:
    token = str(uuid4())
    client.create_secret(Name=name, Description="old", SecretString="a", ClientRequestToken=token)
    code, message = refused(
        client.update_secret,
        SecretId=name,
        Description="new",
        SecretString="hidden",
        ClientRequestToken=token,
    )
    assert (code, "hidden" in message) == ("ResourceExistsException", False)
    assert client.describe_secret(SecretId=name)["Description"] == "old"


def test_a_deleted_secret_is_closed_until_it_is_restored(
    client: Any, name: str, refused: Refused
) -> None:
    client.create_secret(Name=name, SecretString="a")
    deleted = client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert client.describe_secret(SecretId=name)["DeletedDate"] == deleted["DeletionDate"]
    assert refused(client.get_secret_value, SecretId=name) == MARKED
    assert refused(client.put_secret_value, SecretId=name, SecretString="b") == MARKED
    assert refused(client.update_secret, SecretId=name, Description="b") == MARKED
    assert refused(client.get_resource_policy, SecretId=name) == MARKED
    assert refused(client.tag_resource, SecretId=name, Tags=[]) == MARKED
    assert refused(client.create_secret, Name=name, SecretString="a") == (
        "InvalidRequestException",
        NAME_SCHEDULED,
    )
    assert refused(client.delete_secret, SecretId=name)[0] == "InvalidRequestException"
    client.restore_secret(SecretId=name)
    assert client.get_secret_value(SecretId=name)["SecretString"] == "a"
    assert "DeletedDate" not in client.describe_secret(SecretId=name)


@pytest.mark.parametrize("days", [0, 6, 31])
def test_a_recovery_window_has_seven_to_thirty_days(
    client: Any, name: str, refused: Refused, days: int
) -> None:
    client.create_secret(Name=name, SecretString="a")
    assert refused(client.delete_secret, SecretId=name, RecoveryWindowInDays=days) == (
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )
    assert "DeletedDate" not in client.describe_secret(SecretId=name)


def test_force_leaves_no_window_and_minds_no_absence(
    client: Any, name: str, refused: Refused
) -> None:
    first = client.create_secret(Name=name, SecretString="a")["ARN"]
    both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
    code, _ = refused(client.delete_secret, SecretId=name, **both)
    assert code == "InvalidParameterException"
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert refused(client.describe_secret, SecretId=name) == NOT_FOUND
    again = client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert again["Name"] == name
    assert refused(client.delete_secret, SecretId=name) == NOT_FOUND
    second = client.create_secret(Name=name, SecretString="b")["ARN"]
    assert first != second


def test_a_secret_whose_window_is_over_is_gone_and_its_name_free(
    server: ComposedServer, client: Any, name: str, refused: Refused
) -> None:
    arn = client.create_secret(Name=name, SecretString="a", Tags=[{"Key": "k"}])["ARN"]
    client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    server.clock.ahead = timedelta(days=7, seconds=1)
    try:
        assert refused(client.describe_secret, SecretId=name) == NOT_FOUND
        assert refused(client.restore_secret, SecretId=arn) == NOT_FOUND
        client.create_secret(Name=name, SecretString="b")
        assert client.get_secret_value(SecretId=name)["SecretString"] == "b"
        assert "Tags" not in client.describe_secret(SecretId=name)
        with server.database.read() as connection:
            assert rows.versions(connection, arn) == []
    finally:
        server.clock.ahead = timedelta()


def test_what_is_due_is_removed_at_the_start(
    server: ComposedServer, client: Any, name: str
) -> None:
    arn = client.create_secret(Name=name, SecretString="a")["ARN"]
    due = client.delete_secret(SecretId=name, RecoveryWindowInDays=30)["DeletionDate"]
    due_us = int(due.timestamp() * 1e6) + 1_000_000
    assert rows.sweep(server.database, due_us - 2_000_000) == 0
    assert rows.sweep(server.database, due_us) >= 1
    with server.database.read() as connection:
        assert rows.versions(connection, arn) == []
        assert rows.stages(connection, arn) == {}


def test_an_unknown_secret_is_not_found(client: Any, refused: Refused) -> None:
    for function in (client.get_secret_value, client.describe_secret, client.restore_secret):
        assert refused(function, SecretId="nothing-here") == NOT_FOUND


def test_tags_are_added_changed_and_taken_off(client: Any, name: str, refused: Refused) -> None:
    client.create_secret(Name=name, Tags=[{"Key": "a", "Value": "1"}])
    client.tag_resource(
        SecretId=name, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    )
    assert client.describe_secret(SecretId=name)["Tags"] == [
        {"Key": "a", "Value": "2"},
        {"Key": "b", "Value": "3"},
    ]
    client.untag_resource(SecretId=name, TagKeys=["a", "unknown"])
    assert client.describe_secret(SecretId=name)["Tags"] == [{"Key": "b", "Value": "3"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    code, message = refused(client.tag_resource, SecretId=name, Tags=many)
    assert (code, "51 tags" in message) == ("InvalidParameterException", True)
    code, _ = refused(client.tag_resource, SecretId=name, Tags=[{"Key": "aws:x", "Value": ""}])
    assert code == "InvalidParameterException"


def test_no_value_lies_on_disk_in_clear(server: ComposedServer, client: Any, name: str) -> None:
    canary = f"canary-{uuid4()}"
    client.create_secret(Name=name, SecretString=canary)
    client.put_secret_value(SecretId=name, SecretBinary=json.dumps({"k": canary}).encode())
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    found = [
        path
        for path in server.home.path.rglob("*")
        if path.is_file() and canary.encode() in path.read_bytes()
    ]
    assert found == []
