"""Inference profiles with real boto3: those every account has, and the account's own."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.customer import BASE_MODEL
from support.running_server import RunningServer

ACCOUNT = "000000000000"
MODEL_ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{BASE_MODEL}"
SYSTEM_ID = f"us.{BASE_MODEL}"
SYSTEM_ARN = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{SYSTEM_ID}"
US_MODELS = [
    {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{BASE_MODEL}"}
    for region in ("us-east-1", "us-east-2", "us-west-2")
]


@pytest.fixture(scope="module")
def bedrock(server: RunningServer) -> Any:
    return server.client("bedrock")


def create(bedrock: Any, source: str = MODEL_ARN, **request: Any) -> str:
    made = bedrock.create_inference_profile(
        inferenceProfileName=f"team-{uuid.uuid4().hex[:8]}",
        modelSource={"copyFrom": source},
        **request,
    )
    assert made["status"] == "ACTIVE"
    arn: str = made["inferenceProfileArn"]
    return arn


def code_of(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_a_profile_is_described_by_arn_and_by_id(bedrock: Any) -> None:
    arn = create(bedrock, description="Invoices: team A.")
    by_arn = bedrock.get_inference_profile(inferenceProfileIdentifier=arn)
    by_id = bedrock.get_inference_profile(inferenceProfileIdentifier=arn.rsplit("/", 1)[1])
    for described in (by_arn, by_id):
        described.pop("ResponseMetadata")
    assert by_arn == by_id
    assert by_arn["inferenceProfileArn"] == arn
    assert arn.startswith(f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/")
    assert by_arn["models"] == [{"modelArn": MODEL_ARN}]
    assert (by_arn["type"], by_arn["status"]) == ("APPLICATION", "ACTIVE")
    assert by_arn["description"] == "Invoices: team A."
    assert by_arn["createdAt"] == by_arn["updatedAt"]


def test_each_model_has_a_system_profile_in_its_geography(bedrock: Any) -> None:
    described = bedrock.get_inference_profile(inferenceProfileIdentifier=SYSTEM_ID)
    assert described["inferenceProfileArn"] == SYSTEM_ARN
    assert described["type"] == "SYSTEM_DEFINED"
    assert described["models"] == US_MODELS
    call = bedrock.get_inference_profile
    assert code_of(call, inferenceProfileIdentifier=f"eu.{BASE_MODEL}") == (
        "ResourceNotFoundException"
    )
    assert code_of(call, inferenceProfileIdentifier="us.no-such.model-v1:0") == (
        "ResourceNotFoundException"
    )


def test_a_copy_of_a_system_profile_leads_to_the_same_models(bedrock: Any) -> None:
    arn = create(bedrock, SYSTEM_ARN)
    described = bedrock.get_inference_profile(inferenceProfileIdentifier=arn)
    assert described["models"] == US_MODELS


def test_listing_gives_both_types_page_by_page_and_each_alone(bedrock: Any) -> None:
    own = {create(bedrock) for _ in range(3)}
    whole: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = bedrock.list_inference_profiles(maxResults=2, **token)
        whole += page["inferenceProfileSummaries"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    arns = [found["inferenceProfileArn"] for found in whole]
    assert len(set(arns)) == len(arns)
    assert own | {SYSTEM_ARN} <= set(arns)
    for kind in ("SYSTEM_DEFINED", "APPLICATION"):
        alone = bedrock.list_inference_profiles(typeEquals=kind)["inferenceProfileSummaries"]
        assert {found["type"] for found in alone} == {kind}
        assert [found["inferenceProfileArn"] for found in alone] == [
            found["inferenceProfileArn"] for found in whole if found["type"] == kind
        ]


def test_a_page_that_ends_with_the_system_profiles_goes_on_with_ones_own(bedrock: Any) -> None:
    arn = create(bedrock)
    system = bedrock.list_inference_profiles(typeEquals="SYSTEM_DEFINED")
    count = len(system["inferenceProfileSummaries"])
    first = bedrock.list_inference_profiles(maxResults=count)
    second = bedrock.list_inference_profiles(nextToken=first["nextToken"])
    assert arn in [item["inferenceProfileArn"] for item in second["inferenceProfileSummaries"]]


def test_a_deleted_profile_is_gone_and_a_system_profile_stays(bedrock: Any) -> None:
    arn = create(bedrock)
    bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)
    for call in (bedrock.get_inference_profile, bedrock.delete_inference_profile):
        assert code_of(call, inferenceProfileIdentifier=arn) == "ResourceNotFoundException"
    call = bedrock.delete_inference_profile
    assert code_of(call, inferenceProfileIdentifier=SYSTEM_ID) == "ValidationException"


def test_profiles_carry_tags(bedrock: Any) -> None:
    arn = create(bedrock, tags=[{"key": "team", "value": "a"}])
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "cost", "value": "7"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["team"])
    tags = bedrock.list_tags_for_resource(resourceARN=arn)["tags"]
    assert tags == [{"key": "cost", "value": "7"}]


def test_a_repeated_request_makes_one_profile(bedrock: Any) -> None:
    request = {
        "inferenceProfileName": "once",
        "modelSource": {"copyFrom": MODEL_ARN},
        "clientRequestToken": uuid.uuid4().hex,
    }
    first, second = (bedrock.create_inference_profile(**request) for _ in range(2))
    assert first["inferenceProfileArn"] == second["inferenceProfileArn"]
    request["inferenceProfileName"] = "other"
    assert code_of(bedrock.create_inference_profile, **request) == "ConflictException"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (MODEL_ARN.replace("us-east-1", "eu-west-1"), "ValidationException"),
        (MODEL_ARN.replace("nano", "none"), "ResourceNotFoundException"),
        (SYSTEM_ARN.replace("/us.", "/eu."), "ResourceNotFoundException"),
        (SYSTEM_ARN.replace(ACCOUNT, "111111111111"), "ResourceNotFoundException"),
    ],
)
def test_what_cannot_be_copied_from_is_refused(bedrock: Any, source: str, code: str) -> None:
    refused = code_of(
        bedrock.create_inference_profile,
        inferenceProfileName="bad",
        modelSource={"copyFrom": source},
    )
    assert refused == code
