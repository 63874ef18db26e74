"""State machines: made once, updated by revision, described, listed and deleted."""

import json
from typing import Any

import pytest

from outcrop.services.stepfunctions import deletion
from outcrop.storage import state_machines as rows
from services.stepfunctions.conftest import PASS, MakeMachine, MakeRole
from support.composed_server import ComposedServer, Refused

ACCOUNT, REGION = "123456789012", "eu-west-1"


def arn_of(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def test_a_new_machine_is_described_as_it_was_given(
    client: Any, make: MakeMachine, role: str, name: str
) -> None:
    made = make(name=name)
    described = client.describe_state_machine(stateMachineArn=made["stateMachineArn"])

    assert made["stateMachineArn"] == arn_of(name)
    assert "stateMachineVersionArn" not in made
    assert json.loads(described.pop("definition")) == PASS
    assert described.pop("creationDate") == made["creationDate"]
    described.pop("ResponseMetadata")
    assert described == {
        "stateMachineArn": arn_of(name),
        "name": name,
        "status": "ACTIVE",
        "type": "STANDARD",
        "roleArn": role,
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }


def test_the_same_request_again_finds_the_machine(make: MakeMachine, name: str) -> None:
    made, again = make(name=name), make(name=name)

    assert made["stateMachineArn"] == again["stateMachineArn"]
    assert made["creationDate"] == again["creationDate"]


def test_another_role_and_other_tags_find_the_machine_and_change_nothing(
    client: Any, make: MakeMachine, make_role: MakeRole, role: str, name: str
) -> None:
    made = make(name=name)
    again = make(name=name, roleArn=make_role(), tags=[{"key": "a", "value": "b"}])
    arn = made["stateMachineArn"]

    assert again["stateMachineArn"] == arn
    assert client.describe_state_machine(stateMachineArn=arn)["roleArn"] == role
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == []


@pytest.mark.parametrize(
    "differing",
    [
        {"definition": json.dumps(PASS, indent=1)},
        {"type": "EXPRESS"},
        {"publish": True},
        {"tracingConfiguration": {"enabled": True}},
    ],
)
def test_a_name_that_is_taken_by_something_else_is_refused(
    make: MakeMachine, refused: Refused, name: str, differing: dict[str, Any]
) -> None:
    make(name=name)

    assert refused(make, name=name, **differing) == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{arn_of(name)}'",
    )


@pytest.mark.parametrize("wrong", ["has space", "a/b", "a:b", "a*b", "a\u0007b"])
def test_names_with_other_characters_are_refused(
    make: MakeMachine, refused: Refused, wrong: str
) -> None:
    assert refused(make, name=wrong) == ("InvalidName", f"Invalid Name: '{wrong}'")


def test_names_may_hold_punctuation_and_other_letters(make: MakeMachine) -> None:
    made = make(name="Modell_größe-1.2!@+=(x)")

    assert made["stateMachineArn"].endswith(":Modell_größe-1.2!@+=(x)")


def test_an_invalid_definition_is_refused_in_words_of_the_validator(
    make: MakeMachine, refused: Refused, name: str
) -> None:
    assert refused(make, name=name, definition={"StartAt": "State_1"}) == (
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'",
    )


def test_a_role_that_does_not_trust_step_functions_is_refused(
    make: MakeMachine, make_role: MakeRole, refused: Refused
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    message = (
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
        "the provided role."
    )

    assert refused(make, roleArn=make_role(trust)) == ("AccessDeniedException", message)
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    assert refused(make, roleArn=missing) == ("AccessDeniedException", message)


def test_a_role_that_trusts_for_another_machine_only_is_refused(
    make: MakeMachine, make_role: MakeRole, refused: Refused, name: str
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "states.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"ArnLike": {"aws:SourceArn": arn_of(name)}},
            }
        ],
    }
    narrow = make_role(trust)

    assert refused(make, roleArn=narrow)[0] == "AccessDeniedException"
    assert make(name=name, roleArn=narrow)["stateMachineArn"] == arn_of(name)


def test_a_role_may_trust_the_service_of_its_region_alone(
    make: MakeMachine, make_role: MakeRole, refused: Refused
) -> None:
    def trusting(region: str) -> str:
        principal = {"Service": f"states.{region}.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        return make_role({"Version": "2012-10-17", "Statement": [statement]})

    assert make(roleArn=trusting(REGION))["stateMachineArn"]
    assert refused(make, roleArn=trusting("us-west-2"))[0] == "AccessDeniedException"


def test_something_else_in_the_place_of_a_role_is_refused(
    make: MakeMachine, refused: Refused
) -> None:
    assert refused(make, roleArn="not-a-role") == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: not-a-role'",
    )
    assert refused(make, roleArn="arn:aws:iam::999999999999:role/x")[0] == "AccessDeniedException"


def test_a_description_of_a_version_goes_with_publish_only(
    make: MakeMachine, refused: Refused
) -> None:
    assert refused(make, versionDescription="x") == (
        "ValidationException",
        "Version description can only be set when publish is true",
    )


def test_an_update_makes_a_revision_and_the_same_update_again_makes_none(
    client: Any, make: MakeMachine, make_role: MakeRole
) -> None:
    arn = make()["stateMachineArn"]
    other = make_role()
    first = client.update_state_machine(stateMachineArn=arn, roleArn=other)
    same = client.update_state_machine(
        stateMachineArn=arn, roleArn=other, definition=json.dumps(PASS)
    )
    described = client.describe_state_machine(stateMachineArn=arn)

    assert first["revisionId"] == same["revisionId"] == described["revisionId"]
    assert described["roleArn"] == other
    changed = {**PASS, "Comment": "changed"}
    second = client.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
    assert second["revisionId"] != first["revisionId"]
    text = client.describe_state_machine(stateMachineArn=arn)["definition"]
    assert json.loads(text) == changed


def test_an_update_that_changes_nothing_leaves_the_first_revision(
    client: Any, make: MakeMachine
) -> None:
    arn = make()["stateMachineArn"]
    answer = client.update_state_machine(stateMachineArn=arn, definition=json.dumps(PASS))

    assert "revisionId" not in answer
    assert "revisionId" not in client.describe_state_machine(stateMachineArn=arn)


def test_after_an_update_the_first_request_is_another_machine(
    client: Any, make: MakeMachine, refused: Refused, name: str
) -> None:
    arn = make(name=name)["stateMachineArn"]
    changed = {**PASS, "Comment": "changed"}
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))

    assert refused(make, name=name)[0] == "StateMachineAlreadyExists"
    assert make(name=name, definition=changed)["stateMachineArn"] == arn


def test_an_update_must_name_what_to_change(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    arn = make()["stateMachineArn"]

    assert refused(client.update_state_machine, stateMachineArn=arn) == (
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    )


def test_an_update_of_a_missing_machine_is_refused(client: Any, refused: Refused) -> None:
    arn = arn_of("missing")

    assert refused(client.update_state_machine, stateMachineArn=arn, definition="{}") == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arn}'",
    )


def test_arns_of_nothing_and_of_other_kinds_are_refused(client: Any, refused: Refused) -> None:
    describe = client.describe_state_machine

    assert refused(describe, stateMachineArn=arn_of("missing")) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arn_of('missing')}'",
    )
    assert refused(describe, stateMachineArn="not_a_valid_arn") == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: not_a_valid_arn'",
    )
    execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:a:b"
    assert refused(describe, stateMachineArn=execution) == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: execution'",
    )


def test_metadata_come_without_the_definition(client: Any, make: MakeMachine) -> None:
    arn = make()["stateMachineArn"]
    described = client.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")

    assert described["definition"] == "{}"


def test_machines_are_listed_by_name_in_pages(client: Any, make: MakeMachine) -> None:
    names = sorted(f"page-test-{number}" for number in range(13))
    for each in names:
        make(name=each, type="EXPRESS")
    pages = client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 5})
    found = [machine for page in pages for machine in page["stateMachines"]]

    assert [item["name"] for item in found] == sorted(item["name"] for item in found)
    listed = [item for item in found if item["name"] in names]
    assert [item["name"] for item in listed] == names
    assert {item["type"] for item in listed} == {"EXPRESS"}
    assert listed[0]["stateMachineArn"] == arn_of(names[0])


def test_a_token_of_another_list_is_refused(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    make()
    make()
    token = client.list_state_machines(maxResults=1)["nextToken"]

    assert refused(client.list_activities, nextToken=token) == (
        "InvalidToken",
        "Invalid Token: 'Invalid token'",
    )
    assert refused(client.list_state_machines, nextToken="made-up")[0] == "InvalidToken"


def test_more_than_a_page_may_hold_is_refused(client: Any, refused: Refused) -> None:
    assert refused(client.list_state_machines, maxResults=1001) == (
        "ValidationException",
        (
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have "
            "value less than or equal to 1000"
        ),
    )


def test_a_deleted_machine_is_gone_and_deleting_it_again_is_no_error(
    client: Any, make: MakeMachine, refused: Refused, name: str
) -> None:
    arn = make(name=name, publish=True)["stateMachineArn"]
    client.delete_state_machine(stateMachineArn=arn)
    client.delete_state_machine(stateMachineArn=arn)

    code, _ = refused(client.describe_state_machine, stateMachineArn=arn)
    assert code == "StateMachineDoesNotExist"
    assert client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    made = make(name=name, definition={**PASS, "Comment": "new"}, publish=True)
    assert made["stateMachineVersionArn"] == f"{arn}:1"


def test_a_version_is_not_deleted_as_a_machine(
    client: Any, make: MakeMachine, refused: Refused
) -> None:
    version = make(publish=True)["stateMachineVersionArn"]

    code, _ = refused(client.delete_state_machine, stateMachineArn=version)
    assert code == "ValidationException"


def test_variables_that_states_refer_to_are_described(client: Any, make: MakeMachine) -> None:
    definition = {
        "StartAt": "Start",
        "States": {
            "Start": {
                "Type": "Pass",
                "Assign": {"guess": "a", "answer": "b", "template": "It's {}!"},
                "Next": "Check",
            },
            "Check": {
                "Type": "Choice",
                "Choices": [{"Variable": "$guess", "StringEqualsPath": "$answer", "Next": "Right"}],
                "Default": "Each",
            },
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemSelector": {
                    "text.$": "States.Format($template, $$.Map.Item.Value)",
                    "plain": "$guess",
                },
                "ItemProcessor": {
                    "StartAt": "Inner",
                    "States": {
                        "Inner": {
                            "Type": "Pass",
                            "Parameters": {"a.$": "States.Format('$no {}', $answer)"},
                            "End": True,
                        }
                    },
                },
                "Next": "Formula",
            },
            "Formula": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Output": "{% $not($states.input.done) ? $guess : ($x := 1; $x + $sum([$answer])) %}",
                "Next": "Right",
            },
            "Right": {"Type": "Succeed"},
        },
    }
    arn = make(definition=definition)["stateMachineArn"]

    assert client.describe_state_machine(stateMachineArn=arn)["variableReferences"] == {
        "Check": ["answer", "guess"],
        "Each": ["template"],
        "Inner": ["answer"],
        "Formula": ["answer", "guess"],
    }


def test_a_deletion_that_was_cut_short_is_finished_at_the_next_start(
    server: ComposedServer, client: Any, make: MakeMachine, refused: Refused
) -> None:
    arn = make()["stateMachineArn"]
    with server.database.write() as connection:
        rows.change(connection, arn, status=rows.DELETING)

    assert client.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
    assert refused(client.start_execution, stateMachineArn=arn) == (
        "StateMachineDeleting",
        f"State Machine is being deleted: '{arn}'",
    )
    server.platform.on_loop(deletion.resume(server.platform))
    code, _ = refused(client.describe_state_machine, stateMachineArn=arn)
    assert code == "StateMachineDoesNotExist"
