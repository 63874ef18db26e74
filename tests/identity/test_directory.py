"""Who there is and what they may, as decisions ask."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outcrop.aws.operation import Principal
from outcrop.identity.directory import Directory, RoleNotAssumable
from outcrop.storage.database.engine import Database
from outcrop.storage.identities import Entity, IdentityStore, entities, members, policies

ACCOUNT = "123456789012"
SOURCE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-customization-job/base/abc"
DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)


def entity(kind: Any, name: str, unique_id: str, **detail: Any) -> Entity:
    arn = f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"
    return Entity(unique_id, kind, name, "/", arn, 1, detail=detail)


def role(name: str, trust: Any, unique_id: str = "AROAEXAMPLE000000001") -> Entity:
    return entity(
        "role",
        name,
        unique_id,
        description="",
        trust=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        trust_ids={},
        max_session_seconds=3600,
    )


def bedrock_trust(**condition: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return statement | ({"Condition": condition} if condition else {})


def add(directory: Directory, *added: Entity) -> None:
    with directory.identities.write() as connection:
        for one in added:
            entities.insert(connection, one)


def assume(directory: Directory, arn: str, **changes: str) -> Principal:
    request = {
        "source_arn": SOURCE,
        "source_account": ACCOUNT,
        "session_name": "job",
        "service": "bedrock.amazonaws.com",
        **changes,
    }
    return directory.assume_for_service(arn, request.pop("service"), **request)


def test_a_service_acts_as_the_role_that_trusts_it(directory: Directory) -> None:
    only = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:*:{ACCOUNT}:model-customization-job/*"},
    }
    trusting = role("jobs", bedrock_trust(**only))
    add(directory, trusting)
    session = assume(directory, trusting.arn)
    assert session.type == "AssumedRole"
    assert session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/jobs/job"
    assert (session.role_arn, session.principal_id) == (trusting.arn, f"{trusting.id}:job")
    for changes in (
        {"source_account": "999999999999"},
        {"source_arn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:evaluation-job/abc"},
        {"service": "lambda.amazonaws.com"},
    ):
        with pytest.raises(RoleNotAssumable, match="is not authorized to perform: sts:AssumeRole"):
            assume(directory, trusting.arn, **changes)


def test_a_trust_policy_may_name_a_service_with_its_region(directory: Directory) -> None:
    trust = bedrock_trust()
    trusting = role(
        "machines", trust | {"Principal": {"Service": "states.eu-west-1.amazonaws.com"}}
    )
    add(directory, trusting)
    machine = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:m"
    session = assume(directory, trusting.arn, service="states.amazonaws.com", source_arn=machine)
    assert session.role_arn == trusting.arn
    for changes in ({"source_arn": machine.replace("eu-west-1", "us-east-1")}, {"source_arn": ""}):
        with pytest.raises(RoleNotAssumable, match="sts:AssumeRole"):
            assume(directory, trusting.arn, **{"service": "states.amazonaws.com", **changes})


def test_a_role_that_is_not_there_is_not_assumed(directory: Directory) -> None:
    with pytest.raises(RoleNotAssumable, match="does not exist"):
        assume(directory, f"arn:aws:iam::{ACCOUNT}:role/missing")


def test_the_policies_of_a_session_are_those_of_its_role_now(directory: Directory) -> None:
    trusting = role("jobs", bedrock_trust())
    add(directory, trusting)
    session = assume(directory, trusting.arn)
    assert directory.policies_of(session).identity == ()
    with directory.identities.write() as connection:
        policies.put_inline(connection, trusting.id, "read", DOCUMENT)
    (found,) = directory.policies_of(session).identity
    assert found[0] == "read"
    assert directory.policies_of(session) is directory.policies_of(session)
    with directory.identities.write() as connection:
        entities.remove(connection, trusting.id)
        again = replace(trusting, id="AROAEXAMPLE000000002")
        entities.insert(connection, again)
        policies.put_inline(connection, again.id, "read", DOCUMENT)
    assert directory.policies_of(session).identity == ()
    assert len(directory.policies_of(assume(directory, trusting.arn)).identity) == 1


def test_a_user_has_its_own_policies_and_its_groups(directory: Directory) -> None:
    user = entity("user", "anna", "AIDAEXAMPLE000000001")
    group = entity("group", "readers", "AGPAEXAMPLE000000001")
    add(directory, user, group)
    anna = Principal("User", user.arn, ACCOUNT, principal_id=user.id)
    assert directory.policies_of(anna).identity == ()
    with directory.identities.write() as connection:
        policies.put_inline(connection, user.id, "own", DOCUMENT)
        policies.put_inline(connection, group.id, "shared", DOCUMENT)
        read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        policies.attach(connection, group.id, read_only)
        members.add(connection, group.id, user.id)
    names = [name for name, _ in directory.policies_of(anna).identity]
    assert names == ["own", "shared", "AmazonS3ReadOnlyAccess"]
    assert directory.policies_of(Principal("Account", directory.root_arn, ACCOUNT)).identity == ()


def test_another_servers_changes_are_seen(directory: Directory, database: Database) -> None:
    user = entity("user", "anna", "AIDAEXAMPLE000000001")
    add(directory, user)
    elsewhere = IdentityStore(database)
    before = elsewhere.generation
    with elsewhere.write() as connection:
        policies.put_inline(connection, user.id, "own", DOCUMENT)
    assert elsewhere.generation == before + 1
    assert IdentityStore(database).generation == elsewhere.generation


def test_a_change_that_fails_changes_nothing(directory: Directory) -> None:
    before = directory.identities.generation
    user = entity("user", "anna", "AIDAEXAMPLE000000001")

    def fail_half_way() -> None:
        with directory.identities.write() as connection:
            entities.insert(connection, user)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert directory.identities.generation == before
    with directory.identities.database.read() as connection:
        assert entities.by_arn(connection, user.arn) is None


def test_uses_are_stored_now_and_then(directory: Directory) -> None:
    anna = Principal("User", "arn", ACCOUNT, "AKIAEXAMPLEEXAMPLE22")
    now = datetime.now(UTC)
    assert directory.uses.note(anna, "s3", "us-east-1", now)
    assert not directory.uses.note(anna, "sts", "eu-west-1", now + timedelta(seconds=1))
    directory.uses.store()
    with directory.identities.database.read() as connection:
        stored = entities.last_use(connection, "AKIAEXAMPLEEXAMPLE22")
        assert stored is not None
        assert (stored.service, stored.region) == ("sts", "eu-west-1")
        newest = directory.uses.last(connection, "AKIAEXAMPLEEXAMPLE22")
    assert newest == stored
    assert directory.uses.note(anna, "s3", "us-east-1", now + timedelta(seconds=61))
    assert not directory.uses.note(
        Principal("Account", "arn", ACCOUNT, "AKIAROOT"), "s3", "us-east-1", now
    )
