from pathlib import Path

import pytest
from transformers import AutoTokenizer

from outcrop.inference.native.answer import Detokenizer, StopMatcher


@pytest.mark.parametrize(
    "text", ["plain words only", "Zürich, 東京 and Київ 🙂🙂", "  spaces  stay \n\n here "]
)
def test_pieces_join_to_the_text_and_never_hold_half_a_character(
    tiny_model: Path, text: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    detokenizer = Detokenizer(tokenizer)
    ids = tokenizer.encode(text, add_special_tokens=False)
    pieces = [detokenizer.add(token) for token in ids] + [detokenizer.finish()]
    assert "".join(pieces) == text
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


def test_an_answer_cut_inside_a_character_ends_with_the_replacement_character(
    tiny_model: Path,
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    ids = tokenizer.encode("ok 🦀", add_special_tokens=False)
    detokenizer = Detokenizer(tokenizer)
    sent = "".join(detokenizer.add(token) for token in ids[:-1])
    assert sent.rstrip() == "ok"
    assert set(detokenizer.finish().strip()) == {"\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_stop_sequence_is_found_however_the_text_is_cut(size: int) -> None:
    text = "one two \n\nHuman: three"
    matcher = StopMatcher(("\n\nHuman:", "four"))
    pieces = []
    for start in range(0, len(text), size):
        pieces.append(matcher.add(text[start : start + size]))
        if matcher.matched:
            break
    assert "".join(pieces) == "one two "
    assert matcher.matched == "\n\nHuman:"


def test_the_earliest_stop_sequence_wins() -> None:
    matcher = StopMatcher(("later", "now"))
    assert matcher.add("it is now or later") == "it is "
    assert matcher.matched == "now"


def test_held_text_is_let_go_when_it_turns_out_harmless() -> None:
    matcher = StopMatcher(("abc",))
    assert matcher.add("xa") == "x"
    assert matcher.add("bd") == "abd"
    assert matcher.add("ab") == ""
    assert matcher.finish() == "ab"
    assert matcher.matched is None
