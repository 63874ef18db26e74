"""Who may invoke what: models, deployments, and models through inference profiles alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from services.bedrock_runtime.conftest import BASE, Runtime
from support.people import Person, make_person, outcome

MODEL = f"arn:aws:bedrock:us-east-1::foundation-model/{BASE}"
EVERYWHERE = f"arn:aws:bedrock:*::foundation-model/{BASE}"
ACCOUNT = "000000000000"
SYSTEM_PROFILE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{BASE}"
BODY = json.dumps({"prompt": "Hi", "max_tokens": 1})
MESSAGES = [{"role": "user", "content": [{"text": "Hi"}]}]
Statement = dict[str, Any]
Calls = dict[str, Callable[[str], Any]]


def allow(action: object, resource: object, **condition: object) -> Statement:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


@pytest.fixture(scope="module")
def person(runtime: Runtime) -> Person:
    return make_person(runtime.server)


@pytest.fixture(scope="module")
def profile(runtime: Runtime) -> str:
    """An application inference profile on the bundled model."""
    made = runtime.server.client("bedrock").create_inference_profile(
        inferenceProfileName="judge", modelSource={"copyFrom": MODEL}
    )
    arn: str = made["inferenceProfileArn"]
    return arn


@pytest.fixture(scope="module")
def calls(person: Person) -> Calls:
    """Name of the operation → a call of it on a model."""
    client = person.client("bedrock-runtime")
    limit = {"maxTokens": 1}
    return {
        "InvokeModel": lambda model: client.invoke_model(modelId=model, body=BODY),
        "InvokeModelWithResponseStream": lambda model: list(
            client.invoke_model_with_response_stream(modelId=model, body=BODY)["body"]
        ),
        "Converse": lambda model: client.converse(
            modelId=model, messages=MESSAGES, inferenceConfig=limit
        ),
        "ConverseStream": lambda model: list(
            client.converse_stream(modelId=model, messages=MESSAGES, inferenceConfig=limit)[
                "stream"
            ]
        ),
        "CountTokens": lambda model: client.count_tokens(
            modelId=model, input={"invokeModel": {"body": BODY.encode()}}
        ),
    }


ACTIONS = {
    "InvokeModel": "bedrock:InvokeModel",
    "InvokeModelWithResponseStream": "bedrock:InvokeModelWithResponseStream",
    "Converse": "bedrock:InvokeModel",
    "ConverseStream": "bedrock:InvokeModelWithResponseStream",
    "CountTokens": "bedrock:CountTokens",
}


@pytest.mark.parametrize("allowed", sorted(set(ACTIONS.values())))
def test_each_action_lets_its_operations_through_and_no_others(
    person: Person, calls: Calls, allowed: str
) -> None:
    person.may(allow(allowed, MODEL))
    for operation, call in calls.items():
        refusal = outcome(lambda call=call: call(BASE))  # type: ignore[misc]
        if ACTIONS[operation] == allowed:
            assert refusal == ""
        else:
            assert (
                f"not authorized to perform: {ACTIONS[operation]} on resource: {MODEL}" in refusal
            )


def test_what_is_allowed_answers(person: Person, calls: Calls) -> None:
    person.may(allow(["bedrock:InvokeModel*", "bedrock:CountTokens"], MODEL))
    for call in calls.values():
        assert call(BASE)


@pytest.mark.parametrize(
    "spelling",
    [
        BASE,
        f"{BASE}:8k",
        MODEL,
        MODEL.replace("us-east-1", "eu-west-1"),
        MODEL.replace("arn:aws:", "arn:aws-cn:"),
    ],
)
def test_no_spelling_of_a_model_slips_past_a_deny(
    person: Person, calls: Calls, spelling: str
) -> None:
    deny = {"Effect": "Deny", "Action": "bedrock:InvokeModel", "Resource": MODEL}
    person.may(allow("bedrock:*", "*"), deny)
    refusal = outcome(lambda: calls["InvokeModel"](spelling))
    assert "with an explicit deny in an identity-based policy" in refusal


@pytest.mark.parametrize("name", ["throughput", "throughput_name", "deployment"])
def test_what_serves_a_custom_model_is_a_resource_of_its_own(
    runtime: Runtime, person: Person, calls: Calls, name: str
) -> None:
    model = getattr(runtime, name)
    arn = runtime.deployment if name == "deployment" else runtime.throughput
    person.may(allow("bedrock:InvokeModel", MODEL))
    refusal = outcome(lambda: calls["InvokeModel"](model))
    assert f"bedrock:InvokeModel on resource: {arn} because" in refusal
    person.may(allow("bedrock:InvokeModel", arn))
    assert calls["InvokeModel"](model)
    assert MODEL in outcome(lambda: calls["InvokeModel"](BASE))


def through(profile: str, models: object = EVERYWHERE) -> dict[str, Statement]:
    """The guide's two statements: the profile, and its models through the profile alone."""
    actions = ["bedrock:InvokeModel*", "bedrock:CountTokens"]
    key = {"bedrock:InferenceProfileArn": profile}
    return {"profile": allow(actions, profile), "models": allow(actions, models, StringLike=key)}


@pytest.mark.parametrize("operation", list(ACTIONS))
def test_a_profile_lets_its_model_through_and_only_through_itself(
    person: Person, calls: Calls, profile: str, operation: str
) -> None:
    call, action = calls[operation], ACTIONS[operation]
    both = through(profile)
    person.may(*both.values())
    assert call(profile)
    assert call(profile.rsplit("/", 1)[1])
    assert f"{action} on resource: {MODEL} because" in outcome(lambda: call(BASE))
    assert SYSTEM_PROFILE in outcome(lambda: call(SYSTEM_PROFILE))

    person.may(both["models"])
    assert f"{action} on resource: {profile} because" in outcome(lambda: call(profile))
    person.may(both["profile"])
    assert f"{action} on resource: {MODEL} because" in outcome(lambda: call(profile))
    person.may(both["profile"], through(SYSTEM_PROFILE)["models"])
    assert f"{action} on resource: {MODEL} because" in outcome(lambda: call(profile))


def test_a_system_profile_needs_its_model_in_every_region(person: Person, calls: Calls) -> None:
    call = calls["InvokeModel"]
    person.may(*through(SYSTEM_PROFILE).values())
    for spelling in (SYSTEM_PROFILE, f"us.{BASE}"):
        assert call(spelling)
    regions = ["us-east-1", "us-east-2", "us-west-2"]
    for missing in regions:
        models = [MODEL.replace("us-east-1", region) for region in regions if region != missing]
        person.may(*through(SYSTEM_PROFILE, models).values())
        refusal = outcome(lambda: call(SYSTEM_PROFILE))
        assert MODEL.replace("us-east-1", missing) in refusal


def test_a_direct_call_knows_no_profile(person: Person, calls: Calls) -> None:
    key = {"bedrock:InferenceProfileArn": "true"}
    person.may(allow("bedrock:InvokeModel", "*", Null=key))
    assert calls["InvokeModel"](BASE)
    assert "bedrock:InvokeModel" in outcome(lambda: calls["InvokeModel"](SYSTEM_PROFILE))


@pytest.mark.parametrize("tier", ["default", "flex"])
def test_the_service_tier_is_a_condition(person: Person, tier: str) -> None:
    person.may(allow("bedrock:InvokeModel", "*", StringEquals={"bedrock:ServiceTier": "default"}))
    client = person.client("bedrock-runtime")
    refusal = outcome(lambda: client.invoke_model(modelId=BASE, body=BODY, serviceTier=tier))
    assert (refusal == "") is (tier == "default")


def test_an_unknown_profile_is_not_found_by_those_who_may_use_profiles(
    runtime: Runtime, person: Person
) -> None:
    unknown = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/abcdefghijkl"
    other_region = SYSTEM_PROFILE.replace("/us.", "/eu.")
    client = runtime.client
    for arn in (unknown, other_region):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke_model(modelId=arn, body=BODY)
    person.may(allow("bedrock:InvokeModel", MODEL))
    mine = person.client("bedrock-runtime")
    assert unknown in outcome(lambda: mine.invoke_model(modelId=unknown, body=BODY))


def test_an_api_key_needs_leave_to_be_shown(runtime: Runtime, person: Person) -> None:
    server = runtime.server
    made = server.client("iam").create_service_specific_credential(
        UserName=person.name, ServiceName="bedrock.amazonaws.com"
    )["ServiceSpecificCredential"]
    web = urllib3.PoolManager(ca_certs=str(server.home / "ca" / "ca.pem"))

    def ask() -> tuple[int, str]:
        answer = web.request(
            "POST",
            f"{server.tls_endpoint}/model/{BASE}/invoke",
            body=BODY,
            headers={"Authorization": f"Bearer {made['ServiceCredentialSecret']}"},
        )
        return answer.status, answer.data.decode()

    invoke = allow("bedrock:InvokeModel", MODEL)
    person.may(invoke)
    status, message = ask()
    assert status == 403
    assert "bedrock:CallWithBearerToken because no identity-based policy" in message
    show = allow("bedrock:CallWithBearerToken", "*")
    person.may(invoke, show)
    assert ask()[0] == 200
    kind = {"StringEquals": {"bedrock:bearerTokenType": "LONG_TERM"}}
    person.may(invoke, show, {**show, "Effect": "Deny", "Condition": kind})
    status, message = ask()
    assert status == 403
    assert "bedrock:CallWithBearerToken with an explicit deny" in message
    person.may(show)
    assert f"bedrock:InvokeModel on resource: {MODEL}" in ask()[1]
