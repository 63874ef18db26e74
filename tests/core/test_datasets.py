"""What a user's data file may hold, and what is said about one that is wrong."""

import json
from pathlib import Path

import pytest

from outcrop.core.datasets import DatasetLimits, limits_for, read_records, validate_file
from outcrop.core.errors import DatasetError

PAIR = '{"prompt": "p", "completion": "c"}'


def _conversation(*roles: str, **extra: object) -> str:
    messages = [
        {"role": role, "content": [{"text": f"{role} {i}"}]} for i, role in enumerate(roles)
    ]
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages, **extra})


def _write(path: Path, *lines: str | bytes) -> Path:
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in raw))
    return path


def test_a_pair_becomes_one_user_turn_and_one_assistant_turn(tmp_path: Path) -> None:
    (record,) = read_records(_write(tmp_path / "d", PAIR))
    assert record.chat == [
        {"role": "user", "content": "p"},
        {"role": "assistant", "content": "c"},
    ]
    assert (record.line, record.completion, record.format) == (1, "c", "prompt-completion")


def test_a_conversation_keeps_its_system_prompt_and_all_its_turns(tmp_path: Path) -> None:
    line = _conversation(
        "user", "assistant", "user", "assistant", system=[{"text": "a"}, {"text": "b"}]
    )
    (record,) = read_records(_write(tmp_path / "d", line))
    assert record.system == "a\nb"
    assert [turn["content"] for turn in record.messages] == [
        "user 0",
        "assistant 1",
        "user 2",
        "assistant 3",
    ]
    assert record.prompt_chat[0] == {"role": "system", "content": "a\nb"}
    assert record.completion == "assistant 3"


def test_messages_with_plain_strings_are_read(tmp_path: Path) -> None:
    line = json.dumps(
        {
            "system": "s",
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a"},
            ],
        }
    )
    (record,) = read_records(_write(tmp_path / "d", line))
    assert (record.format, record.system, record.completion) == ("messages", "s", "a")


def test_windows_line_ends_and_a_missing_last_line_end_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_bytes(f"{PAIR}\r\n{PAIR}".encode())
    assert validate_file(path, "d", DatasetLimits()).records == 2


def test_a_summary_says_records_format_and_size(tmp_path: Path) -> None:
    path = _write(tmp_path / "d", _conversation("user", "assistant"))
    summary = validate_file(path, "d", DatasetLimits())
    assert (summary.records, summary.format) == (1, "bedrock-conversation-2024")
    assert summary.size_bytes == path.stat().st_size


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"prompt": "\xff"}', ["not UTF-8", "0xff", "byte 13"]),
        (b"\xef\xbb\xbf" + PAIR.encode(), ["byte order mark"]),
        ('{"prompt": "p", ', ["not valid JSON", "column"]),
        ("[" * 100_000, ["nested too deeply"]),
        ("", ["blank"]),
        ("   ", ["blank"]),
        ('["p"]', ["expected a JSON object", "a list"]),
        ("3", ["a number"]),
        ('{"input": "p", "output": "c"}', ["'input', 'output'", "expected 'prompt'"]),
        ("{}", ["found none"]),
        ('{"prompt": "p"}', ["misses 'completion'"]),
        ('{"prompt": "p", "completion": "c", "id": 1}', ["unknown 'id'"]),
        ('{"prompt": "p", "prompt": "q", "completion": "c"}', ["'prompt' appears twice"]),
        ('{"prompt": "p", "completion": ""}', ["'completion' is empty"]),
        ('{"prompt": " \\n", "completion": "c"}', ["'prompt' is empty"]),
        ('{"prompt": "p", "completion": 5}', ["'completion' must be a string", "a number"]),
        ('{"prompt": "p", "completion": null}', ["found null"]),
        ('{"prompt": "p", "completion": "\\ud800"}', ["surrogate"]),
        ('{"schemaVersion": "v2", "messages": []}', ["'v2'", "bedrock-conversation-2024"]),
        (_conversation("assistant", "user"), ["messages[0]", "expected 'user'"]),
        (_conversation("user", "user"), ["messages[1]", "expected 'assistant'"]),
        (_conversation("user", "assistant", "user"), ["end with an assistant"]),
        (_conversation(), ["end with an assistant"]),
        (_conversation("user", "assistant", system="s"), ["'system' must be a list"]),
        (
            '{"schemaVersion":"bedrock-conversation-2024","messages":[{"role":"user","content":[{"image":{}}]}]}',
            ["'image'", "only text"],
        ),
        ('{"messages": [{"role": "user"}]}', ["'messages[0]' misses 'content'"]),
        ('{"messages": {"role": "user"}}', ["'messages' must be a list"]),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(
    tmp_path: Path, line: str | bytes, words: list[str]
) -> None:
    good = line if isinstance(line, str) and "schemaVersion" in line else PAIR
    first = _conversation("user", "assistant") if good == line else PAIR
    path = _write(tmp_path / "d", first, line, first)
    with pytest.raises(DatasetError) as caught:
        validate_file(path, "s3://bucket/d.jsonl", DatasetLimits())
    assert str(caught.value).startswith("s3://bucket/d.jsonl, line 2: ")
    assert caught.value.line == 2
    for word in words:
        assert word in str(caught.value)


def test_two_formats_in_one_file_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "d", PAIR, _conversation("user", "assistant"))
    with pytest.raises(DatasetError, match=r"line 2: .*bedrock-conversation-2024.*line 1"):
        validate_file(path, "d", DatasetLimits())


@pytest.mark.parametrize(
    ("lines", "limits", "words"),
    [
        (0, DatasetLimits(), "the file is empty"),
        (3, DatasetLimits(min_records=4), "has 3 records, at least 4"),
        (5, DatasetLimits(max_records=4), "more than 4 records"),
        (5, DatasetLimits(max_size_bytes=100), "at most 100 are allowed"),
    ],
)
def test_a_file_of_the_wrong_size_is_refused(
    tmp_path: Path, lines: int, limits: DatasetLimits, words: str
) -> None:
    path = _write(tmp_path / "d", *[PAIR] * lines)
    with pytest.raises(DatasetError, match=words) as caught:
        validate_file(path, "d", limits)
    assert caught.value.line is None


def test_a_record_of_exactly_the_limit_passes_and_one_byte_more_does_not(tmp_path: Path) -> None:
    path = _write(tmp_path / "d", PAIR, PAIR + " ")
    assert validate_file(path, "d", DatasetLimits(max_record_bytes=len(PAIR) + 1)).records == 2
    with pytest.raises(DatasetError, match="line 2: the record is longer than"):
        validate_file(path, "d", DatasetLimits(max_record_bytes=len(PAIR)))


def test_limits_follow_the_family_and_the_kind_of_file() -> None:
    assert limits_for("cohere.command-light").max_records == 10_000
    assert limits_for("cohere.command-light", validation=True).max_records == 1_000
    assert limits_for("outcrop") == limits_for("no such family")
