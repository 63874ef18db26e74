from typing import Any

import pytest

from services.bedrock_runtime.conftest import Runtime


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"text": text}]}


def test_a_conversation_is_answered_with_usage_and_latency(runtime: Runtime) -> None:
    response = runtime.client.converse(
        modelId=runtime.base,
        system=[{"text": "Answer briefly."}],
        messages=[user("Hello"), assistant("Hi, how can I help?"), user("Where is the station?")],
        inferenceConfig={"maxTokens": 10, "temperature": 0.7, "topP": 0.9},
        additionalModelRequestFields={"top_k": 50, "seed": 3},
        performanceConfig={"latency": "standard"},
    )
    message = response["output"]["message"]
    assert message["role"] == "assistant"
    assert message["content"][0]["text"]
    usage = response["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert response["metrics"]["latencyMs"] >= 0
    assert response["performanceConfig"] == {"latency": "standard"}


def test_converse_and_invoke_model_give_a_model_the_same_tokens(runtime: Runtime) -> None:
    converse = {"messages": [user("Hello there")]}
    body = b'{"prompt": "Hello there"}'
    counts = [
        runtime.client.count_tokens(modelId=runtime.base, input=asked)["inputTokens"]
        for asked in ({"converse": converse}, {"invokeModel": {"body": body}})
    ]
    response = runtime.client.converse(
        modelId=runtime.throughput, inferenceConfig={"maxTokens": 1}, **converse
    )
    assert counts[0] == counts[1] == response["usage"]["inputTokens"]


def test_a_streamed_conversation_has_the_events_in_order(runtime: Runtime) -> None:
    asked: dict[str, Any] = {
        "modelId": runtime.base,
        "messages": [user("Tell me about the sea.")],
        "inferenceConfig": {"maxTokens": 20},
    }
    plain = runtime.client.converse(**asked)
    events = list(runtime.client.converse_stream(**asked)["stream"])
    names = [next(iter(event)) for event in events]
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events[1:-3]]
    assert names[0] == "messageStart"
    assert set(names[1:-3]) == {"contentBlockDelta"}
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert "".join(deltas) == plain["output"]["message"]["content"][0]["text"]
    assert events[-2]["messageStop"]["stopReason"] == plain["stopReason"]
    assert events[-1]["metadata"]["usage"] == plain["usage"]


def test_stop_reasons_say_why_an_answer_ended(runtime: Runtime) -> None:
    def ask(**config: Any) -> dict[str, Any]:
        response: dict[str, Any] = runtime.client.converse(
            modelId=runtime.base,
            messages=[user("Tell me about the sea.")],
            inferenceConfig=config,
            additionalModelResponseFieldPaths=["/stop_sequence", "/nothing"],
        )
        return response

    cut = ask(maxTokens=6)
    assert (cut["stopReason"], cut["usage"]["outputTokens"]) == ("max_tokens", 6)
    text = cut["output"]["message"]["content"][0]["text"]
    stop = text[4:7]
    stopped = ask(maxTokens=6, stopSequences=[stop])
    assert stopped["stopReason"] == "stop_sequence"
    assert stopped["output"]["message"]["content"][0]["text"] == text[: text.index(stop)]
    assert stopped["additionalModelResponseFields"] == {"stop_sequence": stop}
    assert ask(maxTokens=2000)["stopReason"] in {"end_turn", "model_context_window_exceeded"}


IMAGE = {"image": {"format": "png", "source": {"bytes": b"x"}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": [assistant("Hi")]}, "must start with a user message"),
        ({"messages": [user("a"), user("b")]}, "must alternate.* messages.1"),
        ({"messages": [user("a"), assistant("b")]}, "must end with a user message"),
        ({"messages": [user("  ")]}, "messages.0.content.0 is blank"),
        (
            {"messages": [{"role": "user", "content": [{"text": "a"}, IMAGE]}]},
            "block image at messages.0.content.1",
        ),
        ({"system": [{"cachePoint": {"type": "default"}}]}, "block cachePoint at system.0"),
        ({"inferenceConfig": {"temperature": 1.5}}, "temperature"),
        ({"additionalModelRequestFields": {"wrong": 1}}, r"extraneous key \[wrong\]"),
        ({"additionalModelRequestFields": {"top_k": "a"}}, "#/top_k: 'a' is not an integer"),
        (
            {"guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"}},
            "guardrail abc",
        ),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]}},
            "tools are not offered",
        ),
    ],
)
def test_a_broken_rule_is_a_validation_error_that_names_it(
    runtime: Runtime, change: dict[str, Any], message: str
) -> None:
    asked = {"modelId": runtime.base, "messages": [user("Hello")], **change}
    for operation in (runtime.client.converse, runtime.client.converse_stream):
        with pytest.raises(runtime.client.exceptions.ValidationException, match=message):
            operation(**asked)


def test_a_raw_custom_model_arn_cannot_converse(runtime: Runtime) -> None:
    for arn in runtime.custom_models:
        with pytest.raises(runtime.client.exceptions.ValidationException):
            runtime.client.converse(modelId=arn, messages=[user("Hello")])
