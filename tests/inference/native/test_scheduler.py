import time
from pathlib import Path

import pytest

from inference.native.local_engine import LocalEngine
from inference.tiny_llama import CONTEXT_TOKENS
from outcrop.inference.engine import ChatMessage, GenerationRequest, Prompt, prompt_to_wire

HELLO = Prompt.from_user("Hello")


def test_text_arrives_in_pieces_that_join_to_the_decoded_answer(engine: LocalEngine) -> None:
    pieces, last = engine.collect(engine.start(GenerationRequest(HELLO, max_tokens=30)))
    assert len(pieces) > 5
    assert last["stop_reason"] == "max_tokens"
    assert last["output_tokens"] == 30
    counted = engine.next_answer(engine.send("count_tokens", prompt=prompt_to_wire(HELLO)))
    assert last["input_tokens"] == counted["tokens"]


def test_an_answer_ends_where_the_model_ends_its_turn(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.model, "end_ids", frozenset(range(engine.model.vocabulary_size)))
    text, last = engine.generate(GenerationRequest(HELLO, max_tokens=8))
    assert text == ""
    assert last["stop_reason"] == "end_turn"
    assert last["output_tokens"] == 1


def test_the_context_window_ends_an_answer(engine: LocalEngine) -> None:
    _, last = engine.generate(GenerationRequest(HELLO, max_tokens=10_000))
    assert last["stop_reason"] == "context_window"
    assert last["input_tokens"] + last["output_tokens"] == CONTEXT_TOKENS


def test_a_stop_sequence_ends_the_answer_and_nothing_of_it_is_sent(engine: LocalEngine) -> None:
    whole, _ = engine.generate(GenerationRequest(HELLO, max_tokens=40))
    stop = whole[10:16]
    first = whole.index(stop)
    pieces, last = engine.collect(
        engine.start(GenerationRequest(HELLO, max_tokens=40, stop_sequences=("never so", stop)))
    )
    assert "".join(pieces) == whole[:first]
    assert (last["stop_reason"], last["stop_sequence"]) == ("stop_sequence", stop)
    assert last["output_tokens"] < 40


def test_a_beginning_of_a_stop_sequence_that_does_not_come_is_sent_in_the_end(
    engine: LocalEngine,
) -> None:
    whole, _ = engine.generate(GenerationRequest(HELLO, max_tokens=20))
    text, last = engine.generate(
        GenerationRequest(HELLO, max_tokens=20, stop_sequences=(whole[-3:] + "#",))
    )
    assert text == whole
    assert last["stop_reason"] == "max_tokens"


def test_a_seed_makes_sampled_answers_repeatable_whatever_runs_beside_them(
    engine: LocalEngine,
) -> None:
    def sampled(seed: int | None) -> GenerationRequest:
        return GenerationRequest(HELLO, max_tokens=25, temperature=1.0, top_p=0.95, seed=seed)

    alone, _ = engine.generate(sampled(11))
    numbers = [engine.start(sampled(seed)) for seed in (11, 12, 11, None)]
    first, second, third, unseeded = ("".join(engine.collect(n)[0]) for n in numbers)
    assert alone == first == third
    assert len({first, second, unseeded}) == 3


def test_cancelling_takes_effect_within_one_token(engine: LocalEngine) -> None:
    before = engine.statistics()
    number = engine.start(GenerationRequest(HELLO, max_tokens=180))
    seen = engine.next_answer(number)["output_tokens"]
    engine.cancel(number)
    after_cancel = engine.statistics()
    assert after_cancel["cancelled"] == before["cancelled"] + 1
    assert after_cancel["running"] == 0
    time.sleep(0.1)
    later = engine.statistics()
    assert later["generated_tokens"] == after_cancel["generated_tokens"]
    assert later["generated_tokens"] - before["generated_tokens"] < 180
    assert seen >= 1


def test_a_lost_connection_cancels_its_requests(engine: LocalEngine) -> None:
    number = engine.start(GenerationRequest(HELLO, max_tokens=180))
    engine.next_answer(number)
    engine.scheduler.submit("test", None)
    assert engine.statistics()["running"] == 0


def test_a_new_request_starts_while_others_run(engine: LocalEngine) -> None:
    long = engine.start(GenerationRequest(HELLO, max_tokens=150))
    engine.next_answer(long)
    short, last = engine.generate(GenerationRequest(HELLO, max_tokens=5))
    assert last["stop_reason"] == "max_tokens"
    assert short
    assert engine.statistics()["running"] == 1
    engine.collect(long)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt.from_user("river " * 300), "Input is too long"),
        (
            Prompt((ChatMessage("user", "a"), ChatMessage("system", "b"))),
            "system message comes first",
        ),
        (Prompt(text=""), "empty"),
    ],
)
def test_a_prompt_the_model_cannot_take_is_refused_with_the_reason(
    engine: LocalEngine, prompt: Prompt, message: str
) -> None:
    _, answer = engine.generate(GenerationRequest(prompt, max_tokens=5))
    assert answer["error"] == "prompt"
    assert message in answer["message"]


def test_an_adapter_that_does_not_fit_is_an_error_of_its_request_alone(
    engine: LocalEngine, tmp_path: Path
) -> None:
    running = engine.start(GenerationRequest(HELLO, max_tokens=60))
    _, answer = engine.generate(GenerationRequest(HELLO, max_tokens=5), tmp_path / "missing")
    assert answer["error"] == "engine"
    assert "missing" in answer["message"]
    assert engine.collect(running)[1]["stop_reason"] == "max_tokens"


def test_an_unknown_operation_is_an_error(engine: LocalEngine) -> None:
    assert engine.next_answer(engine.send("dance"))["error"] == "engine"
