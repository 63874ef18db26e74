"""Versions are numbered once and for all; aliases lead to one or two of them."""

import json
from typing import Any

import pytest

from services.stepfunctions.conftest import PASS, MakeMachine
from support.composed_server import Refused


def revise(client: Any, arn: str, comment: str, **more: Any) -> dict[str, Any]:
    text = json.dumps({**PASS, "Comment": comment})
    updated: dict[str, Any] = client.update_state_machine(
        stateMachineArn=arn, definition=text, **more
    )
    return updated


def versions_of(client: Any, arn: str) -> list[str]:
    listed = client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    return [item["stateMachineVersionArn"] for item in listed]


def test_a_machine_is_published_with_its_creation(client: Any, make: MakeMachine) -> None:
    made = make(publish=True, versionDescription="first")
    version = client.describe_state_machine(stateMachineArn=made["stateMachineVersionArn"])

    assert made["stateMachineVersionArn"] == f"{made['stateMachineArn']}:1"
    assert version["stateMachineArn"] == made["stateMachineVersionArn"]
    assert version["description"] == "first"
    plain = client.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    assert "description" not in plain


def test_a_version_keeps_its_definition(client: Any, make: MakeMachine) -> None:
    arn = make()["stateMachineArn"]
    first = revise(client, arn, "R1")
    published = client.publish_state_machine_version(stateMachineArn=arn, description="v1")
    revise(client, arn, "R2")
    version = client.describe_state_machine(stateMachineArn=published["stateMachineVersionArn"])

    assert json.loads(version["definition"])["Comment"] == "R1"
    assert version["revisionId"] == first["revisionId"]
    assert version["creationDate"] == published["creationDate"]


def test_a_revision_has_one_version(client: Any, make: MakeMachine) -> None:
    arn = make()["stateMachineArn"]
    first = client.publish_state_machine_version(stateMachineArn=arn)
    again = client.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL")
    same = client.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(PASS), publish=True
    )

    assert first["stateMachineVersionArn"] == again["stateMachineVersionArn"] == f"{arn}:1"
    assert same["stateMachineVersionArn"] == f"{arn}:1"
    assert versions_of(client, arn) == [f"{arn}:1"]


def test_publishing_another_than_the_present_revision_is_a_conflict(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    arn = make()["stateMachineArn"]
    first, second = revise(client, arn, "1")["revisionId"], revise(client, arn, "2")["revisionId"]

    publish = client.publish_state_machine_version
    assert refused(publish, stateMachineArn=arn, revisionId=first) == (
        "ConflictException",
        (
            f"Failed to publish the State Machine version for revision {first}. The current State Machine revision is "
            f"{second}."
        ),
    )


def test_versions_are_listed_newest_first_in_pages(client: Any, make: MakeMachine) -> None:
    arn = make()["stateMachineArn"]
    for number in range(1, 6):
        updated = revise(client, arn, str(number), publish=True)
        assert updated["stateMachineVersionArn"] == f"{arn}:{number}"
    first = client.list_state_machine_versions(stateMachineArn=arn, maxResults=3)
    second = client.list_state_machine_versions(
        stateMachineArn=arn, maxResults=3, nextToken=first["nextToken"]
    )

    shown = first["stateMachineVersions"] + second["stateMachineVersions"]
    expected = [f"{arn}:{number}" for number in (5, 4, 3, 2, 1)]
    assert [item["stateMachineVersionArn"] for item in shown] == expected
    assert "nextToken" not in second


def test_the_number_of_a_deleted_version_is_not_given_again(client: Any, make: MakeMachine) -> None:
    arn = make(publish=True)["stateMachineArn"]
    revise(client, arn, "R2", publish=True)
    client.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
    client.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
    published = client.publish_state_machine_version(stateMachineArn=arn)

    assert published["stateMachineVersionArn"] == f"{arn}:3"
    assert versions_of(client, arn) == [f"{arn}:3", f"{arn}:1"]


def test_versions_cannot_be_updated(client: Any, make: MakeMachine, refused: Refused) -> None:
    version = make(publish=True)["stateMachineVersionArn"]

    assert refused(client.update_state_machine, stateMachineArn=version, definition="{}") == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{version}'",
    )


@pytest.fixture
def published(client: Any, make: MakeMachine) -> str:
    """ARN of a machine with two versions."""
    arn: str = make(publish=True)["stateMachineArn"]
    revise(client, arn, "second", publish=True)
    return arn


def route(arn: str, *weights: int) -> list[dict[str, Any]]:
    return [
        {"stateMachineVersionArn": f"{arn}:{number}", "weight": weight}
        for number, weight in enumerate(weights, start=1)
    ]


def test_an_alias_lives_through_its_whole_life(client: Any, published: str) -> None:
    made = client.create_state_machine_alias(
        name="PROD", description="live", routingConfiguration=route(published, 100)
    )
    alias = made["stateMachineAliasArn"]
    assert alias == f"{published}:PROD"

    client.update_state_machine_alias(stateMachineAliasArn=alias, description="new")
    client.update_state_machine_alias(
        stateMachineAliasArn=alias, routingConfiguration=route(published, 40, 60)
    )
    described = client.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert described["description"] == "new"
    assert described["name"] == "PROD"
    assert described["routingConfiguration"] == route(published, 40, 60)
    assert described["creationDate"] == made["creationDate"]

    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    listed = client.list_state_machine_aliases(stateMachineArn=published)
    assert listed["stateMachineAliases"] == []


def test_the_same_alias_again_is_found_and_another_is_a_conflict(
    client: Any, published: str, refused: Refused
) -> None:
    request = {"name": "A", "description": "x", "routingConfiguration": route(published, 100)}
    first = client.create_state_machine_alias(**request)
    assert client.create_state_machine_alias(**request)["creationDate"] == first["creationDate"]

    conflict = (
        "ConflictException",
        (
            "Failed to create alias because an alias with the same name and a different routing configuration already "
            "exists."
        ),
    )
    create = client.create_state_machine_alias
    assert refused(create, **{**request, "description": "y"}) == conflict
    other = {**request, "routingConfiguration": route(published, 50, 50)}
    assert refused(create, **other) == conflict


def test_routing_must_name_distinct_versions_with_a_hundred_in_sum(
    client: Any, published: str, refused: Refused
) -> None:
    def message(routing: list[dict[str, Any]]) -> tuple[str, str]:
        return refused(client.create_state_machine_alias, name="x", routingConfiguration=routing)

    own = [{"stateMachineVersionArn": published, "weight": 100}]
    assert message(own) == (
        "ValidationException",
        f"Routing configuration must contain state machine version ARNs. Received: [{published}]",
    )
    twice = [*route(published, 50), *route(published, 50)]
    assert message(twice) == (
        "ValidationException",
        (
            "Routing configuration must contain distinct state machine version ARNs. Received: "
            f"[{published}:1, {published}:1]"
        ),
    )
    assert message(route(published, 70, 29)) == (
        "ValidationException",
        "Sum of routing configuration weights must equal 100. Received: [70, 29]",
    )
    missing = [{"stateMachineVersionArn": f"{published}:9", "weight": 100}]
    assert message(missing) == (
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )


def test_aliases_are_listed_by_machine_and_by_version(client: Any, published: str) -> None:
    for name, weights in (("one", (100,)), ("both", (10, 90)), ("two", (0, 100))):
        client.create_state_machine_alias(
            name=name, routingConfiguration=route(published, *weights)[-2:]
        )

    def names(arn: str) -> list[str]:
        listed = client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]
        return [item["stateMachineAliasArn"].rpartition(":")[2] for item in listed]

    assert names(published) == ["both", "one", "two"]
    assert names(f"{published}:2") == ["both", "two"]


def test_a_version_that_an_alias_leads_to_cannot_be_deleted(
    client: Any, published: str, refused: Refused
) -> None:
    client.create_state_machine_alias(name="live", routingConfiguration=route(published, 100))

    delete = client.delete_state_machine_version
    assert refused(delete, stateMachineVersionArn=f"{published}:1") == (
        "ConflictException",
        (
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: "
            "[live]"
        ),
    )
    client.update_state_machine_alias(
        stateMachineAliasArn=f"{published}:live",
        routingConfiguration=[{"stateMachineVersionArn": f"{published}:2", "weight": 100}],
    )
    delete(stateMachineVersionArn=f"{published}:1")
    assert versions_of(client, published) == [f"{published}:2"]


def test_an_alias_that_is_not_there_is_not_found(
    client: Any, published: str, refused: Refused
) -> None:
    update = client.update_state_machine_alias
    missing = f"{published}:missing"

    assert refused(update, stateMachineAliasArn=missing, description="x") == (
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )
    code, _ = refused(client.describe_state_machine_alias, stateMachineAliasArn=missing)
    assert code == "ResourceNotFound"
    code, _ = refused(update, stateMachineAliasArn=published, description="x")
    assert code == "ValidationException"
