import json
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.bedrock_runtime.conftest import Runtime


def invoke(runtime: Runtime, model_id: str, **body: Any) -> tuple[dict[str, Any], dict[str, str]]:
    response = runtime.client.invoke_model(modelId=model_id, body=json.dumps(body))
    assert response["contentType"] == "application/json"
    headers: dict[str, str] = response["ResponseMetadata"]["HTTPHeaders"]
    return json.loads(response["body"].read()), headers


def test_a_base_model_answers_with_usage_and_the_headers_of_aws(runtime: Runtime) -> None:
    answer, headers = invoke(runtime, runtime.base, prompt="Hello there", max_tokens=12)
    assert answer["completion"]
    usage = answer["usage"]
    assert headers["x-amzn-bedrock-input-token-count"] == str(usage["input_tokens"])
    assert headers["x-amzn-bedrock-output-token-count"] == str(usage["output_tokens"])
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 0


def test_every_name_of_a_model_answers_and_the_custom_one_differs(runtime: Runtime) -> None:
    request = {"prompt": "What is a good name for a boat?", "max_tokens": 12}
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{runtime.base}"
    base = {name: invoke(runtime, name, **request)[0]["completion"] for name in (runtime.base, arn)}
    custom = {
        name: invoke(runtime, name, **request)[0]["completion"]
        for name in (runtime.throughput, runtime.throughput_name, runtime.deployment)
    }
    assert len(set(base.values())) == 1
    assert len(set(custom.values())) == 1
    assert set(base.values()) != set(custom.values())


def test_an_aws_id_mapped_onto_a_local_model_answers_in_that_vendors_form(runtime: Runtime) -> None:
    answer, _ = invoke(runtime, runtime.cohere, prompt="Hello there", max_tokens=5, temperature=0)
    own, _ = invoke(runtime, runtime.base, prompt="Hello there", max_tokens=5)
    assert answer["prompt"] == "Hello there"
    assert answer["generations"][0]["text"] == own["completion"]


def test_a_stream_joins_to_the_plain_answer_and_ends_with_metrics(runtime: Runtime) -> None:
    body = {"prompt": "Tell me about the sea.", "max_tokens": 24}
    plain, _ = invoke(runtime, runtime.base, **body)
    response = runtime.client.invoke_model_with_response_stream(
        modelId=runtime.base, body=json.dumps(body)
    )
    assert response["contentType"] == "application/json"
    chunks = [json.loads(event["chunk"]["bytes"]) for event in response["body"]]
    assert "".join(chunk["completion"] for chunk in chunks) == plain["completion"]
    assert len(chunks) > 3
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["inputTokenCount"] == plain["usage"]["input_tokens"]
    assert metrics["outputTokenCount"] == plain["usage"]["output_tokens"]
    assert metrics["invocationLatency"] >= metrics["firstByteLatency"] >= 0


def test_a_score_is_the_log_probability_of_what_the_model_would_say(runtime: Runtime) -> None:
    said, _ = invoke(runtime, runtime.base, prompt="Hello there", max_tokens=200)
    likely, _ = invoke(
        runtime, runtime.base, prompt="Hello there", score_completion=said["completion"]
    )
    garbled = said["completion"][::-1]
    unlikely, _ = invoke(runtime, runtime.base, prompt="Hello there", score_completion=garbled)
    # The end of the turn is scored too, whether or not the answer came to it.
    ended = said["stop_reason"] == "end_turn"
    assert likely["tokens"] == said["usage"]["output_tokens"] + (not ended)
    per_token = [score["logprob"] / score["tokens"] for score in (likely, unlikely)]
    assert 0 > per_token[0] > per_token[1]
    assert math.isfinite(per_token[1])


@pytest.mark.parametrize(
    ("model", "body", "code", "message"),
    [
        ("outcrop.nano-v1:0", b"", "ValidationException", "not valid JSON"),
        (
            "outcrop.nano-v1:0",
            b'{"prompt": 1}',
            "ValidationException",
            "#/prompt: 1 is not a string",
        ),
        ("vendor.unknown-v1:0", b"{}", "ValidationException", "model identifier is invalid"),
        ("NoSuchName", b"{}", "ValidationException", "model identifier is invalid"),
        (
            "arn:aws:bedrock:us-east-1:000000000000:provisioned-model/zzzzzzzzzzzz",
            b"{}",
            "ResourceNotFoundException",
            "zzzzzzzzzzzz",
        ),
        (
            "arn:aws:bedrock:us-east-1:000000000000:imported-model/zzzzzzzzzzzz",
            b"{}",
            "ValidationException",
            "imported-model cannot be invoked",
        ),
    ],
)
def test_what_cannot_be_invoked_is_a_typed_error(
    runtime: Runtime, model: str, body: bytes, code: str, message: str
) -> None:
    for operation in ("invoke_model", "invoke_model_with_response_stream"):
        with pytest.raises(ClientError, match=message) as caught:
            getattr(runtime.client, operation)(modelId=model, body=body)
        assert caught.value.response["Error"]["Code"] == code


def test_a_custom_models_own_arn_is_refused_and_points_to_what_serves_it(runtime: Runtime) -> None:
    versioned, plain = runtime.custom_models
    with pytest.raises(runtime.client.exceptions.ValidationException) as caught:
        invoke(runtime, plain, prompt="Hello")
    assert "CreateProvisionedModelThroughput" in str(caught.value)
    assert "CreateCustomModelDeployment" in str(caught.value)
    # The service model's own pattern shuts out ARNs with a version in them, here as on AWS.
    with pytest.raises(runtime.client.exceptions.ValidationException, match="modelId"):
        invoke(runtime, versioned, prompt="Hello")


def test_throughput_that_is_being_created_is_not_ready(runtime: Runtime) -> None:
    with pytest.raises(runtime.client.exceptions.ModelNotReadyException) as caught:
        invoke(runtime, runtime.creating, prompt="Hello")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_prompt_beyond_the_context_is_refused(runtime: Runtime) -> None:
    with pytest.raises(runtime.client.exceptions.ValidationException, match="too long"):
        invoke(runtime, runtime.base, prompt="sea " * 4000)


def test_guardrails_are_refused_and_tiers_are_echoed(runtime: Runtime) -> None:
    body = json.dumps({"prompt": "Hello", "max_tokens": 1})
    with pytest.raises(runtime.client.exceptions.ValidationException, match="guardrail abc123"):
        runtime.client.invoke_model(
            modelId=runtime.base, body=body, guardrailIdentifier="abc123", guardrailVersion="1"
        )
    response = runtime.client.invoke_model(
        modelId=runtime.base, body=body, performanceConfigLatency="optimized", serviceTier="flex"
    )
    assert response["performanceConfigLatency"] == "optimized"
    assert response["serviceTier"] == "flex"
