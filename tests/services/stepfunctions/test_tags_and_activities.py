"""Tags of machines and activities, and the life of activities."""

from typing import Any
from uuid import uuid4

from services.stepfunctions.conftest import MakeMachine
from support.composed_server import Refused


def test_tags_are_put_replaced_and_taken_off(client: Any, make: MakeMachine) -> None:
    arn = make(tags=[{"key": "made", "value": "with"}])["stateMachineArn"]
    client.tag_resource(
        resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "made", "value": "later"}]
    )
    client.untag_resource(resourceArn=arn, tagKeys=["a", "missing"])

    listed = client.list_tags_for_resource(resourceArn=arn)["tags"]
    assert listed == [{"key": "made", "value": "later"}]


def test_versions_carry_no_tags(client: Any, make: MakeMachine, refused: Refused) -> None:
    version = make(publish=True)["stateMachineVersionArn"]

    tags = [{"key": "a", "value": "1"}]
    assert refused(client.tag_resource, resourceArn=version, tags=tags) == (
        "ResourceNotFound",
        f"Resource not found: '{version}'",
    )


def test_more_than_fifty_tags_are_too_many(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    arn = make(tags=[{"key": str(number), "value": ""} for number in range(50)])["stateMachineArn"]

    code, _ = refused(client.tag_resource, resourceArn=arn, tags=[{"key": "x", "value": ""}])
    assert code == "TooManyTags"
    client.tag_resource(resourceArn=arn, tags=[{"key": "7", "value": "changed"}])


def test_an_activity_lives_through_its_whole_life(client: Any, refused: Refused) -> None:
    name = f"activity-{uuid4()}"
    made = client.create_activity(name=name, tags=[{"key": "a", "value": "1"}])
    arn = made["activityArn"]

    assert client.create_activity(name=name)["creationDate"] == made["creationDate"]
    described = client.describe_activity(activityArn=arn)
    assert (described["name"], described["activityArn"]) == (name, arn)
    assert described["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "1"}]
    listed = client.list_activities()["activities"]
    assert name in [item["name"] for item in listed]

    client.delete_activity(activityArn=arn)
    client.delete_activity(activityArn=arn)
    gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
    assert refused(client.describe_activity, activityArn=arn) == gone
    assert refused(client.get_activity_task, activityArn=arn) == gone


def test_names_and_arns_of_activities_are_checked(client: Any, refused: Refused) -> None:
    assert refused(client.create_activity, name="TestActivity InvalidName$") == (
        "InvalidName",
        "Invalid Name: 'TestActivity InvalidName$'",
    )
    assert refused(client.describe_activity, activityArn="no_an_activity_arn") == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'",
    )


def test_activities_are_listed_by_name_in_pages(client: Any) -> None:
    for number in range(3):
        client.create_activity(name=f"paged-{number}")
    pages = client.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
    names = [item["name"] for page in pages for item in page["activities"]]

    assert [name for name in names if name.startswith("paged-")] == [
        "paged-0",
        "paged-1",
        "paged-2",
    ]
    assert names == sorted(names)
