"""ARNs fall apart and come together; pagination tokens cannot be made elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.aws import arns, service_models
from outcrop.aws.arns import Arn
from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token

ACCOUNT, REGION, ID = "123456789012", "eu-west-1", "abcdefghijkl"


def test_an_arn_is_parsed_into_its_parts_and_written_again() -> None:
    text = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model/outcrop.nano-v1:0/{ID}"
    arn = Arn.parse(text)
    assert (arn.service, arn.region, arn.account_id) == ("bedrock", REGION, ACCOUNT)
    assert (arn.resource_type, arn.resource_id) == ("custom-model", f"outcrop.nano-v1:0/{ID}")
    assert str(arn) == text


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:s3", "bedrock:custom-model", "arn:aws:s3:::"])
def test_other_text_is_no_arn(text: str) -> None:
    assert not arns.is_arn(text)
    with pytest.raises(ValidationException):
        Arn.parse(text)


@pytest.mark.parametrize(
    ("operation", "parameter", "arn"),
    [
        (
            "GetModelCustomizationJob",
            "jobIdentifier",
            arns.customization_job_arn(REGION, ACCOUNT, "outcrop.nano-v1:0", ID),
        ),
        (
            "GetCustomModel",
            "modelIdentifier",
            arns.custom_model_arn(REGION, ACCOUNT, "outcrop.nano-v1:0", ID),
        ),
        (
            "GetFoundationModel",
            "modelIdentifier",
            arns.foundation_model_arn(REGION, "outcrop.nano-v1:0"),
        ),
        (
            "GetProvisionedModelThroughput",
            "provisionedModelId",
            arns.provisioned_model_arn(REGION, ACCOUNT, ID),
        ),
        (
            "GetCustomModelDeployment",
            "customModelDeploymentIdentifier",
            arns.custom_model_deployment_arn(REGION, ACCOUNT, ID),
        ),
        ("GetModelImportJob", "jobIdentifier", arns.model_import_job_arn(REGION, ACCOUNT, ID)),
        ("GetImportedModel", "modelIdentifier", arns.imported_model_arn(REGION, ACCOUNT, ID)),
        ("GetEvaluationJob", "jobIdentifier", arns.evaluation_job_arn(REGION, ACCOUNT, ID)),
        (
            "GetModelInvocationJob",
            "jobIdentifier",
            arns.model_invocation_job_arn(REGION, ACCOUNT, ID),
        ),
        ("GetModelCopyJob", "jobArn", arns.model_copy_job_arn(REGION, ACCOUNT, ID)),
    ],
)
def test_built_arns_satisfy_the_service_model(operation: str, parameter: str, arn: str) -> None:
    service_models.load("bedrock").operation(operation).validate({parameter: arn})


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3))
def test_a_token_gives_back_its_state(state: dict[str, str | int]) -> None:
    assert decode_token(encode_token(state, b"key"), b"key") == state


@pytest.mark.parametrize(
    "token",
    ["", "x", "####", encode_token({"a": 1}, b"other"), encode_token({"a": 1}, b"key") + "AA"],
)
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(ValidationException):
        decode_token(token, b"key")
