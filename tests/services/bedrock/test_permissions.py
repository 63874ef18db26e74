"""The customization guides' policies, with real boto3: exactly what they allow passes, and each part of them counts."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.customer import BASE_MODEL, Customer, make_customer, records
from support.people import Person, document, make_person, outcome
from support.running_server import RunningServer
from support.service_role import customization_trust

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/customization"
FOUNDATION = "arn:aws:bedrock:us-east-1::foundation-model/*"
CUSTOM = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:custom-model/*"
JOBS = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-customization-job/*"
Statement = dict[str, Any]
Policy = dict[str, Statement]


def allow(action: object, resource: object, **condition: object) -> Statement:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


# A customizer's identity policy, after the user guide's example for model customization.
CUSTOMIZER: Policy = {
    "create": allow("bedrock:CreateModelCustomizationJob", [FOUNDATION, CUSTOM]),
    "pass role": allow(
        "iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "bedrock.amazonaws.com"}
    ),
    "tag": allow(
        "bedrock:TagResource",
        [JOBS, CUSTOM],
        StringEquals={"aws:RequestTag/team": "tuning"},
        **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    ),
    "watch": allow(["bedrock:GetModelCustomizationJob", "bedrock:StopModelCustomizationJob"], JOBS),
    "list": allow(["bedrock:ListModelCustomizationJobs", "bedrock:ListCustomModels"], "*"),
    "models": allow(["bedrock:GetCustomModel", "bedrock:DeleteCustomModel"], CUSTOM),
}


def creation(customer: Customer, **changes: Any) -> dict[str, Any]:
    """A request that passes every permission check and then finds no training data."""
    return customer.request(
        trainingDataConfig={"s3Uri": f"s3://{customer.bucket}/none.jsonl"}, **changes
    )


def calls(
    person: Person, customer: Customer
) -> dict[str, tuple[Callable[[], Any], dict[str, str]]]:
    """Return name → (call, {statement it depends on: action that is named without it})."""
    bedrock = person.client("bedrock")
    tags = [{"key": "team", "value": "tuning"}]
    creating = {"create": "bedrock:CreateModelCustomizationJob", "pass role": "iam:PassRole"}
    name = "no-such-job"
    return {
        "create": (
            lambda: bedrock.create_model_customization_job(**creation(customer)),
            creating,
        ),
        "create with job tags": (
            lambda: bedrock.create_model_customization_job(**creation(customer, jobTags=tags)),
            {**creating, "tag": "bedrock:TagResource"},
        ),
        "create with model tags": (
            lambda: bedrock.create_model_customization_job(
                **creation(customer, customModelTags=tags)
            ),
            {**creating, "tag": "bedrock:TagResource"},
        ),
        "get job": (
            lambda: bedrock.get_model_customization_job(jobIdentifier=name),
            {"watch": "bedrock:GetModelCustomizationJob"},
        ),
        "stop job": (
            lambda: bedrock.stop_model_customization_job(jobIdentifier=name),
            {"watch": "bedrock:StopModelCustomizationJob"},
        ),
        "list jobs": (
            bedrock.list_model_customization_jobs,
            {"list": "bedrock:ListModelCustomizationJobs"},
        ),
        "list models": (bedrock.list_custom_models, {"list": "bedrock:ListCustomModels"}),
        "get model": (
            lambda: bedrock.get_custom_model(modelIdentifier="none"),
            {"models": "bedrock:GetCustomModel"},
        ),
        "delete model": (
            lambda: bedrock.delete_custom_model(modelIdentifier="none"),
            {"models": "bedrock:DeleteCustomModel"},
        ),
    }


@pytest.fixture(scope="module")
def customer(server: RunningServer) -> Customer:
    made = make_customer(server)
    made.put("train.jsonl", records(40))
    return made


@pytest.fixture(scope="module")
def person(server: RunningServer) -> Person:
    return make_person(server)


@pytest.mark.parametrize("removed", [None, *CUSTOMIZER])
def test_without_a_statement_exactly_the_calls_that_need_it_are_denied(
    person: Person, customer: Customer, removed: str | None
) -> None:
    person.may(*(statement for name, statement in CUSTOMIZER.items() if name != removed))
    for call, needed in calls(person, customer).values():
        refusal = outcome(call)
        if removed in needed:
            assert f"is not authorized to perform: {needed[removed]}" in refusal
            assert f"no identity-based policy allows the {needed[removed]} action" in refusal
        else:
            assert refusal == ""


@pytest.mark.parametrize(
    ("name", "conditions", "denied"),
    [
        ("pass role", {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}, 3),
        ("tag", {"StringEquals": {"aws:RequestTag/team": "others"}}, 2),
        ("tag", {"ForAllValues:StringEquals": {"aws:TagKeys": ["cost"]}}, 2),
    ],
)
def test_a_condition_that_does_not_hold_denies_the_calls_that_depend_on_it(
    person: Person, customer: Customer, name: str, conditions: Statement, denied: int
) -> None:
    changed = {**CUSTOMIZER[name], "Condition": {**CUSTOMIZER[name]["Condition"], **conditions}}
    person.may(*{**CUSTOMIZER, name: changed}.values())
    refusals = [outcome(call) for call, _ in calls(person, customer).values()]
    actions = {"pass role": "iam:PassRole", "tag": "bedrock:TagResource"}
    assert len([text for text in refusals if text]) == denied
    assert all(actions[name] in text for text in refusals if text)


def test_the_role_that_may_not_be_passed_is_named(person: Person, customer: Customer) -> None:
    person.may(*CUSTOMIZER.values())
    other = f"arn:aws:iam::{ACCOUNT}:role/administrator"
    bedrock = person.client("bedrock")
    refusal = outcome(
        lambda: bedrock.create_model_customization_job(**creation(customer, roleArn=other))
    )
    assert f"iam:PassRole on resource: {other} because no identity-based policy" in refusal


@pytest.mark.parametrize(
    ("resource", "missing"),
    [
        (CUSTOM, f"foundation-model/{BASE_MODEL}"),
        (FOUNDATION, f"custom-model/{BASE_MODEL}/"),
        ([FOUNDATION.replace("/*", "/other.*"), CUSTOM], f"foundation-model/{BASE_MODEL}"),
    ],
)
def test_creating_needs_the_base_model_and_the_custom_model(
    person: Person, customer: Customer, resource: object, missing: str
) -> None:
    create = allow("bedrock:CreateModelCustomizationJob", resource)
    person.may(*{**CUSTOMIZER, "create": create}.values())
    refusal = outcome(
        lambda: person.client("bedrock").create_model_customization_job(**creation(customer))
    )
    assert "bedrock:CreateModelCustomizationJob on resource: " in refusal
    assert missing in refusal


def test_a_customizer_trains_a_model_and_does_nothing_else(
    person: Person, customer: Customer
) -> None:
    person.may(*CUSTOMIZER.values())
    bedrock = person.client("bedrock")
    request = customer.request()
    bedrock.create_model_customization_job(**request)
    job = customer.ended(request["jobName"])
    assert job["status"] == "Completed", job.get("failureMessage")
    model = bedrock.get_custom_model(modelIdentifier=request["customModelName"])["modelArn"]
    beyond = [
        bedrock.list_foundation_models,
        lambda: bedrock.create_provisioned_model_throughput(
            provisionedModelName="x", modelId=model, modelUnits=1
        ),
        lambda: bedrock.tag_resource(resourceARN=model, tags=[{"key": "a", "value": "b"}]),
        lambda: person.client("s3").get_object(Bucket=customer.bucket, Key="train.jsonl"),
        person.client("iam").list_roles,
        lambda: person.client("bedrock-runtime").invoke_model(modelId=BASE_MODEL, body=b"{}"),
    ]
    for call in beyond:
        assert person.name in outcome(call)
    bedrock.delete_custom_model(modelIdentifier=model)


def test_tags_of_a_resource_decide_over_it(person: Person, server: RunningServer) -> None:
    root = server.client("bedrock")
    made = {
        team: root.create_inference_profile(
            inferenceProfileName=f"tagged-{team}",
            modelSource={"copyFrom": FOUNDATION.replace("*", BASE_MODEL)},
            tags=[{"key": "Team", "value": team}],
        )["inferenceProfileArn"]
        for team in ("red", "blue")
    }
    person.may(
        allow("bedrock:*InferenceProfile", "*", StringEquals={"aws:ResourceTag/team": "blue"})
    )
    bedrock = person.client("bedrock")
    bedrock.get_inference_profile(inferenceProfileIdentifier=made["blue"])
    # By whatever name it is called, the profile is the one with the tag.
    bedrock.get_inference_profile(inferenceProfileIdentifier=made["blue"].rsplit("/", 1)[1])
    refusal = outcome(lambda: bedrock.get_inference_profile(inferenceProfileIdentifier=made["red"]))
    assert f"bedrock:GetInferenceProfile on resource: {made['red']}" in refusal
    root.tag_resource(resourceARN=made["blue"], tags=[{"key": "Team", "value": "green"}])
    assert "bedrock:GetInferenceProfile" in outcome(
        lambda: bedrock.get_inference_profile(inferenceProfileIdentifier=made["blue"])
    )


def make_role(server: RunningServer, trust: Statement, *statements: Statement) -> str:
    """Return the ARN of a new role."""
    iam, name = server.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document([trust]))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(statements))
    arn: str = role["Role"]["Arn"]
    return arn


def conditions(**changes: Mapping[str, str]) -> Statement:
    """The guide's trust policy with other conditions."""
    trust = customization_trust(ACCOUNT)
    return {**trust, "Condition": {**trust["Condition"], **changes}}


TRUST = customization_trust(ACCOUNT)
REFUSED_TRUSTS: dict[str, Statement] = {
    "another service": {**TRUST, "Principal": {"Service": "sagemaker.amazonaws.com"}},
    "the account's identities": {**TRUST, "Principal": {"AWS": ACCOUNT}},
    "another account's jobs": conditions(StringEquals={"aws:SourceAccount": "111111111111"}),
    "jobs of another kind": conditions(
        ArnEquals={"aws:SourceArn": JOBS.replace("customization", "import")}
    ),
    "jobs of another region": conditions(
        ArnEquals={"aws:SourceArn": JOBS.replace("us-east-1", "eu-west-1")}
    ),
    "jobs on another model": conditions(
        ArnEquals={"aws:SourceArn": JOBS.replace("/*", "/other.model-v1:0/*")}
    ),
    "an explicit deny": {**TRUST, "Effect": "Deny"},
}


@pytest.mark.parametrize("trust", REFUSED_TRUSTS.values(), ids=REFUSED_TRUSTS)
def test_a_role_that_trusts_somebody_else_is_not_assumed(
    server: RunningServer, customer: Customer, trust: Statement
) -> None:
    role = make_role(server, trust, allow("s3:*", "*"))
    with pytest.raises(ClientError) as caught:
        customer.create(roleArn=role)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("Could not assume provided IAM role.")
    assert role in error["Message"]


@pytest.mark.parametrize("left_out", ["StringEquals", "ArnEquals"])
def test_each_condition_of_the_trust_policy_may_be_left_out(
    server: RunningServer, customer: Customer, left_out: str
) -> None:
    trust = {**TRUST, "Condition": {**TRUST["Condition"]}}
    del trust["Condition"][left_out]
    role = make_role(server, trust, allow("s3:*", "*"))
    refusal = creation(customer, roleArn=role)
    with pytest.raises(ClientError, match="there is no such object"):
        customer.bedrock.create_model_customization_job(**refusal)


def test_a_role_that_does_not_exist_is_named(customer: Customer) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    with pytest.raises(ClientError, match=f"Could not assume .* {role} does not exist"):
        customer.create(roleArn=role)


def service_role_policy(bucket: str) -> Policy:
    """The guide's permissions of a service role, for training data and output in one bucket."""
    return {
        "read": allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        "list": allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
        "write": allow("s3:PutObject", f"arn:aws:s3:::{bucket}/out/*"),
    }


def test_the_guides_service_role_suffices(server: RunningServer, customer: Customer) -> None:
    role = make_role(server, TRUST, *service_role_policy(customer.bucket).values())
    job = customer.ended(customer.create(roleArn=role)["jobName"])
    assert job["status"] == "Completed", job.get("failureMessage")


@pytest.mark.parametrize(
    ("removed", "action", "resource"),
    [
        ("read", "s3:GetObject", "/train.jsonl"),
        ("list", "s3:ListBucket", ""),
        ("write", "s3:PutObject", "/out/.write_access_check_file.tmp"),
    ],
)
def test_what_a_service_role_lacks_fails_the_job_with_action_role_and_object(
    server: RunningServer, customer: Customer, removed: str, action: str, resource: str
) -> None:
    kept = service_role_policy(customer.bucket)
    del kept[removed]
    role = make_role(server, TRUST, *kept.values())
    try:
        name = customer.create(roleArn=role)["jobName"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException"  # noqa: PT017  # one of two ways
        reason = error.response["Error"]["Message"]
    else:
        job = customer.ended(name)
        assert job["status"] == "Failed"
        reason = job["failureMessage"]
    assert f"not authorized to perform: {action} on resource" in reason
    assert role in reason
    assert f"arn:aws:s3:::{customer.bucket}{resource}" in reason
    assert "no identity-based policy allows" in reason


def test_a_role_taken_away_while_a_job_waits_fails_the_job_with_that_reason(
    server: RunningServer, customer: Customer
) -> None:
    customer.put("long.jsonl", records(400))
    long = {"s3Uri": f"s3://{customer.bucket}/long.jsonl"}
    first = customer.create(trainingDataConfig=long, hyperParameters={"epochCount": "50"})
    role = make_role(server, TRUST, *service_role_policy(customer.bucket).values())
    second = customer.create(roleArn=role)["jobName"]
    iam, name = server.client("iam"), role.rsplit("/", 1)[1]
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.delete_role(RoleName=name)
    customer.bedrock.stop_model_customization_job(jobIdentifier=first["jobName"])
    job = customer.ended(second)
    assert job["status"] == "Failed"
    assert job["failureMessage"].startswith("Could not assume provided IAM role.")
    assert f"{role} does not exist" in job["failureMessage"]
    customer.ended(first["jobName"])


def test_a_deny_reaches_the_caller_at_once(person: Person) -> None:
    person.may(allow("bedrock:*", "*"))
    bedrock = person.client("bedrock")
    bedrock.list_custom_models()
    deny = {"Effect": "Deny", "Action": "bedrock:ListCustomModels", "Resource": "*"}
    person.may(allow("bedrock:*", "*"), deny)
    refusal = outcome(bedrock.list_custom_models)
    assert refusal.endswith("with an explicit deny in an identity-based policy")
    person.may(allow("bedrock:*", "*"))
    bedrock.list_custom_models()


@pytest.mark.parametrize(("year", "is_allowed"), [(2020, False), (2120, True)])
def test_a_permission_ends_at_its_moment(person: Person, year: int, *, is_allowed: bool) -> None:
    until = {"aws:CurrentTime": f"{year}-01-01T00:00:00Z"}
    person.may(allow("bedrock:ListCustomModels", "*", DateLessThan=until))
    refusal = outcome(person.client("bedrock").list_custom_models)
    assert (refusal == "") is is_allowed
