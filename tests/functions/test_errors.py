import asyncio
import os
import re
import signal
from collections.abc import Mapping

import pytest

from outcrop.aws.trace_header import read_lineage, trace_of
from outcrop.functions import records
from outcrop.functions.environment import State
from outcrop.functions.walls import Wall
from support.functions import Sample, require

REQUEST = "11111111-2222-4333-8444-555555555555"


async def test_what_a_handler_raises_is_the_answer(sample: Sample) -> None:
    code = sample.code("""
        class NotGood(Exception):
            pass

        def inner():
            raise NotGood("no good")

        def handler(event, context):
            inner()
        """)
    error = await sample.error(code, request_id=REQUEST)
    trace = error.pop("stackTrace")
    assert error == {"errorType": "NotGood", "errorMessage": "no good", "requestId": REQUEST}
    assert [re.sub(r'File ".*/', 'File "', line) for line in trace] == [
        '  File "app.py", line 9, in handler\n    inner()\n',
        '  File "app.py", line 6, in inner\n    raise NotGood("no good")\n',
    ]
    assert "[ERROR] NotGood: no good\nTraceback (most recent call last):\n" in "".join(sample.lines)


@pytest.mark.parametrize(
    ("handler", "source", "kind", "message"),
    [
        (
            "missing.handler",
            "",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        (
            "app.handler",
            "import not_there",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'not_there'",
        ),
        (
            "app.handler",
            "x = 1",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
        ),
        (
            "app",
            "x = 1",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        ("app.handler", "x = = 1", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("app.handler", "1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
async def test_a_module_that_cannot_be_loaded_is_the_answer_every_time(
    sample: Sample, handler: str, source: str, kind: str, message: str
) -> None:
    code = sample.code(source, handler=handler)
    for _ in range(2):
        error = await sample.error(code)
        assert error["errorType"] == kind
        assert error["errorMessage"].startswith(message)
        assert "stackTrace" in error
    text = "".join(sample.lines)
    assert f"[ERROR] {kind}: {message}" in text
    assert re.search(
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: {kind}\n",
        text,
    )
    assert re.search(rf"REPORT RequestId: .*\tStatus: error\tError Type: {kind}\n", text)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "with error: exit status 3"),
        ("sys.exit()", "without providing a reason"),
        ("os._exit(0)", "without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "with error: signal: killed"),
        ("os.abort()", "with error: signal: aborted"),
        ("ctypes.string_at(0)", "with error: signal: segmentation fault"),
    ],
)
async def test_a_process_that_ends_is_an_error_and_the_next_event_finds_another(
    sample: Sample, statement: str, reason: str
) -> None:
    code = sample.code(f"""
        import ctypes, os, signal, sys
        def handler(event, context):
            if event == "end":
                {statement}
            return "fine"
        """)
    assert await sample.answer(code) == "fine"
    assert await sample.error(code, "end", request_id=REQUEST) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {REQUEST} Error: Runtime exited {reason}",
    }
    text = "".join(sample.lines)
    assert f"RequestId: {REQUEST} Error: Runtime exited {reason}\nRuntime.ExitError\n" in text
    assert await sample.answer(code) == "fine"


async def test_a_module_that_exits_is_an_error(sample: Sample) -> None:
    code = sample.code("import sys\nsys.exit(1)\n")
    assert await sample.error(code, request_id=REQUEST) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {REQUEST} Error: Runtime exited with error: exit status 1",
    }


async def test_an_answer_that_is_no_json_is_an_error(sample: Sample) -> None:
    error = await sample.error(sample.code("def handler(event, context): return object()\n"))
    assert error["errorType"] == "Runtime.MarshalError"
    assert "Unable to marshal response" in error["errorMessage"]


async def test_a_function_that_takes_too_long_is_stopped(sample: Sample) -> None:
    code = sample.code(
        """
        import time
        def handler(event, context):
            print("began")
            time.sleep(event)
            return "fine"
        """,
        timeout_seconds=3,
    )
    assert await sample.answer(code, 0) == "fine"
    error = await sample.error(code, 3600, request_id=REQUEST)
    assert error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {REQUEST} Error: Task timed out after 3.00 seconds",
    }
    text = "".join(sample.lines)
    assert f"Z {REQUEST} Task timed out after 3.00 seconds\n\n" in text
    assert re.search(
        rf"REPORT RequestId: {REQUEST}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
        r"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tStatus: timeout\n",
        text,
    )
    assert await sample.answer(code, 0) == "fine"


async def test_a_module_that_takes_too_long_has_the_invocations_time_in_the_end(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.functions.pool._INIT_SECONDS", 0.2)
    code = sample.code("import time\ntime.sleep(3600)\n", timeout_seconds=1)
    error = await sample.error(code, request_id=REQUEST)
    assert error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {REQUEST} Error: Task timed out after 1.00 seconds",
    }


def test_ends_are_worded_as_aws_words_them() -> None:
    assert records.exit_reason(0) == "without providing a reason"
    assert records.exit_reason(7 << 8) == "with error: exit status 7"
    assert records.exit_reason(9) == "with error: signal: killed"
    assert records.exit_reason(11 | 0x80) == "with error: signal: segmentation fault"


async def test_an_event_whose_sandbox_is_killed_is_handled_in_another_as_the_same_work(
    sample: Sample, tried_walls: Mapping[str, Wall]
) -> None:
    require(tried_walls, "namespaces")
    code = sample.code("""
        import os, time
        def handler(event, context):
            while event == "wait" and not os.path.exists("go"):
                time.sleep(0.01)
            return os.environ.get("_X_AMZN_TRACE_ID")
        """)
    await sample.answer(code)
    first = trace_of(REQUEST)
    under_way = asyncio.ensure_future(sample.answer(code, "wait", trace_id=first))
    pool = sample.host._pool
    assert pool is not None
    while not (busy := [item for item in pool.processes() if item.state is State.BUSY]):  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.01)
    assert busy[0]._started is not None
    os.kill(busy[0]._started.process, signal.SIGKILL)
    sample.write("", "go")

    earlier, later = read_lineage(first), read_lineage(await under_way)
    assert earlier is not None
    assert later is not None
    assert later.root == earlier.root
    assert later.run != earlier.run
