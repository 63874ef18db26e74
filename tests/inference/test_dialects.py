import json
from typing import Any

import pytest

from outcrop.inference.dialects import InvalidBody, parse_body
from outcrop.inference.dialects.invocation import ScoreRequest
from outcrop.inference.engine import (
    ChatMessage,
    Finished,
    GenerationRequest,
    Prompt,
    Score,
    TextDelta,
)

ENDED = Finished("end_turn", None, 7, 3)
CUT = Finished("max_tokens", None, 7, 20)


def parse(dialect: str, **body: Any) -> Any:
    return parse_body(dialect, json.dumps(body).encode())


def test_outcrop_bodies_carry_every_parameter() -> None:
    invocation = parse(
        "outcrop",
        prompt="Hello",
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=["\n"],
        seed=1,
    )
    expected = GenerationRequest(Prompt.from_user("Hello"), 9, 0.5, 0.9, 40, ("\n",), 1)
    assert invocation.request == expected
    assert invocation.render("Hi", ENDED) == {
        "completion": "Hi",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }
    assert invocation.render_chunk(TextDelta("H", 1)) == {"completion": "H"}
    assert invocation.render_last_chunk("Hi", ENDED)["completion"] == ""


def test_outcrop_bodies_take_messages_and_scores() -> None:
    messages = [{"role": "user", "content": "a"}]
    invocation = parse("outcrop", messages=messages, system="s", score_completion="b")
    prompt = Prompt((ChatMessage("system", "s"), ChatMessage("user", "a")))
    assert invocation.request == ScoreRequest(prompt, "b")
    assert invocation.render_score(Score(-2.5, 4)) == {"logprob": -2.5, "tokens": 4}


def test_cohere_bodies_have_coheres_names_and_defaults() -> None:
    invocation = parse("cohere.command", prompt="Hello")
    assert invocation.request == GenerationRequest(Prompt.from_user("Hello"), 20, 0.9, 0.75)
    answer = invocation.render("Hi", ENDED)
    assert answer["prompt"] == "Hello"
    assert [(one["text"], one["finish_reason"]) for one in answer["generations"]] == [
        ("Hi", "COMPLETE")
    ]
    assert answer["id"] != answer["generations"][0]["id"]
    assert invocation.render("Hi", CUT)["generations"][0]["finish_reason"] == "MAX_TOKENS"
    chunk = invocation.render_chunk(TextDelta("H", 1))
    assert chunk == {"index": 0, "is_finished": False, "text": "H"}
    last = invocation.render_last_chunk("Hi", ENDED)
    assert (last["is_finished"], last["finish_reason"]) == (True, "COMPLETE")
    assert last["response"]["generations"][0]["text"] == "Hi"


@pytest.mark.parametrize(
    ("dialect", "body", "problem"),
    [
        ("outcrop", b"{", "not valid JSON"),
        ("outcrop", b"[]", "JSONObject"),
        ("outcrop", b"{}", r"required key \[prompt\]"),
        ("outcrop", b'{"prompt": 5}', "#/prompt: 5 is not a string"),
        ("outcrop", b'{"prompt": "a", "tokens": 1}', r"extraneous key \[tokens\]"),
        ("outcrop", b'{"prompt": "a", "max_tokens": 0}', "#/max_tokens: 0 is not between 1"),
        ("outcrop", b'{"prompt": "a", "max_tokens": true}', "#/max_tokens: True is not an integer"),
        ("outcrop", b'{"prompt": "a", "temperature": NaN}', "#/temperature: nan"),
        ("outcrop", b'{"prompt": "a", "stop": [""]}', "#/stop"),
        ("outcrop", b'{"prompt": "a", "messages": [{}]}', "not both"),
        ("outcrop", b'{"messages": [{"role": "x", "content": "a"}]}', "#/messages/0/role: 'x'"),
        ("cohere.command", b'{"prompt": "a", "p": 1.5}', "#/p: 1.5 is not between"),
        ("cohere.command", b'{"prompt": "a", "num_generations": 2}', "#/num_generations: 2"),
        (
            "cohere.command",
            b'{"prompt": "a", "return_likelihoods": "ALL"}',
            "#/return_likelihoods: 'ALL' is not one of NONE",
        ),
        ("amazon.titan-text", b'{"inputText": "a"}', "amazon.titan-text .* use Converse"),
    ],
)
def test_a_bad_body_is_refused_with_the_member_and_its_value(
    dialect: str, body: bytes, problem: str
) -> None:
    with pytest.raises(InvalidBody, match=problem):
        parse_body(dialect, body)
