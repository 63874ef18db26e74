import json
import re
import time

from outcrop.functions import records
from outcrop.functions.output import OutputParser
from support.functions import Sample

REQUEST = "11111111-2222-4333-8444-555555555555"
FRAME = bytes.fromhex("a55a0003")


def parse(*pieces: bytes) -> list[str]:
    found: list[str] = []
    parser = OutputParser(lambda _, text: found.append(text))
    for piece in pieces:
        parser.feed(piece)
    parser.end()
    return found


def framed(text: str, micros: int = 0) -> bytes:
    return FRAME + len(text).to_bytes(4, "big") + micros.to_bytes(8, "big") + text.encode()


def test_lines_and_frames_come_out_in_their_order_however_they_are_cut() -> None:
    stream = (
        b"one\n" + framed("two\nstill two") + "drei ⚓Z\n".encode() + b"open" + framed("four\n")
    )
    expected = ["one\n", "two\nstill two\n", "drei ⚓Z\n", "open\n", "four\n"]
    assert parse(stream) == expected
    assert parse(*(bytes([byte]) for byte in stream)) == expected


def test_a_line_without_end_is_cut_where_an_event_must_end() -> None:
    found = parse(b"x" * 600_000 + b"\n")
    assert [len(text) for text in found] == [262_119, 262_119, 75_765]
    assert "".join(text.rstrip("\n") for text in found) == "x" * 600_000


def test_a_frame_cannot_move_its_event_to_another_age() -> None:
    times: list[int] = []
    parser = OutputParser(lambda when, _: times.append(when))
    parser.feed(framed("old", 1))
    assert abs(times[0] - time.time() * 1000) < 3_600_000


async def test_the_platform_frames_what_a_function_logs(sample: Sample) -> None:
    code = sample.code("""
        import logging
        print("loading")
        def handler(event, context):
            print("printed")
            logging.warning("of two\\nlines")
            print("again", 2)
        """)
    await sample.answer(code, request_id=REQUEST)
    streams = {stream for stream, _ in sample.logged}
    assert len(streams) == 1
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", streams.pop())
    start, loading, began, printed, warning, again, ended, report = sample.lines
    assert start.startswith("INIT_START Runtime Version: python3.12\tRuntime Version ARN: arn:aws:")
    assert loading == "loading\n"
    assert began == f"START RequestId: {REQUEST} Version: $LATEST\n"
    assert printed == "printed\n"
    assert re.fullmatch(
        rf"\[WARNING\]\t\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{REQUEST}\tof two\nlines\n", warning
    )
    assert again == "again 2\n"
    assert ended == f"END RequestId: {REQUEST}\n"
    assert re.fullmatch(
        rf"REPORT RequestId: {REQUEST}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        report,
    )


async def test_the_tail_is_the_end_of_one_invocations_log(sample: Sample) -> None:
    code = sample.code("""
        def handler(event, context):
            for number in range(event):
                print("line", number)
        """)
    short = await sample.invoke(code, 2, log_tail=True, request_id=REQUEST)
    lines = short.log_tail.decode().splitlines(keepends=True)
    assert lines[:-1] == [
        f"START RequestId: {REQUEST} Version: $LATEST\n",
        "line 0\n",
        "line 1\n",
        f"END RequestId: {REQUEST}\n",
    ]
    assert lines[-1].startswith(f"REPORT RequestId: {REQUEST}\tDuration: ")
    long = await sample.invoke(code, 5000, log_tail=True)
    assert len(long.log_tail) == records.TAIL_BYTES
    assert b"line 4999\nEND RequestId: " in long.log_tail
    assert (await sample.invoke(code, 1)).log_tail == b""


async def test_json_logging_makes_every_line_an_object(sample: Sample) -> None:
    code = sample.code(
        """
        import logging
        logging.getLogger().setLevel("INFO")
        def handler(event, context):
            logging.info("told")
        """,
        log_format="JSON",
    )
    await sample.answer(code, request_id=REQUEST)
    events = [json.loads(line) for line in sample.lines]
    assert [event.get("type", event.get("message")) for event in events] == [
        "platform.initStart",
        "platform.start",
        "told",
        "platform.report",
    ]
    assert events[1]["record"] == {"requestId": REQUEST, "version": "$LATEST"}
    assert events[2]["level"] == "INFO"
    report = events[3]["record"]
    assert report["status"] == "success"
    assert report["metrics"]["memorySizeMB"] == 512
    assert report["metrics"]["initDurationMs"] > 0


async def test_a_function_that_only_prints_leaves_the_server_its_time(sample: Sample) -> None:
    noisy = sample.code(
        """
        import os
        def handler(event, context):
            while event:
                os.write(1, b"x" * 65536)
            return "fine"
        """,
        timeout_seconds=3,
    )
    assert await sample.answer(noisy) == "fine"
    error = await sample.error(noisy, True)
    assert error["errorType"] == "Sandbox.Timedout"
    # A pipe is read at 10 MiB a second, however fast it is written.
    assert sum(len(line) for line in sample.lines) < 200 * 2**20
