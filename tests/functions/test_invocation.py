import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from functions.conftest import MakeSample
from outcrop.functions.code import ConcurrencyExceeded
from support.functions import ARN, NO_LIMIT_SECONDS, Sample

ECHO = """
def handler(event, context):
    return event
"""
COUNT = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    return [count, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]]
"""
# Answers when the test has written a file that the function sees: nothing depends on how long anything takes.
WAIT = """
import os, time
def handler(event, context):
    print("waiting")
    while not os.path.exists(os.environ["LAMBDA_TASK_ROOT"] + "/" + event):
        time.sleep(0.01)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


async def until(condition: Any) -> None:
    async with asyncio.timeout(NO_LIMIT_SECONDS):
        while not condition():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.01)


async def test_a_function_answers_what_its_handler_returns(sample: Sample) -> None:
    event = {"text": "häß ⚓", "list": [1, 2.5, None, True]}
    assert await sample.answer(sample.code(ECHO), event) == event


async def test_the_context_knows_function_request_and_time(sample: Sample) -> None:
    code = sample.code("""
        def handler(event, context):
            return {
                "id": context.aws_request_id, "arn": context.invoked_function_arn,
                "name": context.function_name, "version": context.function_version,
                "memory": context.memory_limit_in_mb, "group": context.log_group_name,
                "left": context.get_remaining_time_in_millis(), "custom": context.client_context.custom,
            }
        """)
    answer = await sample.answer(
        code,
        request_id="11111111-2222-4333-8444-555555555555",
        invoked_arn=f"{ARN}:live",
        client_context='{"custom": {"a": "b"}}',
    )
    left = answer.pop("left")
    assert 0 < left <= NO_LIMIT_SECONDS * 1000
    assert answer == {
        "id": "11111111-2222-4333-8444-555555555555",
        "arn": f"{ARN}:live",
        "name": "sample",
        "version": "$LATEST",
        "memory": "512",
        "group": "/aws/lambda/sample",
        "custom": {"a": "b"},
    }


async def test_the_environment_is_lambdas_with_the_functions_own_variables(sample: Sample) -> None:
    code = sample.code(
        "import os\ndef handler(event, context): return dict(os.environ)\n",
        environment={"OWN": "value", "AWS_REGION": "elsewhere"},
    )
    variables = await sample.answer(code, trace_id="Root=1-2-3;Sampled=0")
    assert variables["OWN"] == "value"
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_NAME": "sample",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sample",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": "Root=1-2-3;Sampled=0",
        "TZ": ":UTC",
    }.items():
        assert variables[name] == value, name
    assert "OUTCROP_HOME" not in variables
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in variables


async def test_a_warm_process_takes_the_next_event(sample: Sample) -> None:
    code = sample.code(COUNT)
    first = await sample.invoke(code)
    second = await sample.invoke(code)
    assert [json.loads(item.payload)[0] for item in (first, second)] == [1, 2]
    assert first.init_duration_ms is not None
    assert second.init_duration_ms is None
    assert first.log_stream == second.log_stream == json.loads(first.payload)[1]


async def test_events_that_overlap_have_processes_of_their_own(sample: Sample) -> None:
    code = sample.code(WAIT)
    release = sample.folder / "release"
    calls = [asyncio.create_task(sample.answer(code, "release")) for _ in range(3)]
    await until(lambda: sample.lines.count("waiting\n") == 3)
    release.touch()
    assert len(set(await asyncio.gather(*calls))) == 3


async def test_a_changed_function_never_runs_in_an_old_process(sample: Sample) -> None:
    assert (await sample.answer(sample.code(COUNT)))[0] == 1
    changed = sample.code(COUNT.replace("count += 1", "count += 10"), revision="2")
    assert (await sample.answer(changed))[0] == 10
    assert (await sample.answer(changed))[0] == 20


async def test_a_retired_function_starts_anew(sample: Sample) -> None:
    code = sample.code(COUNT)
    await sample.answer(code)
    await sample.host.retire(ARN)
    assert (await sample.answer(code))[0] == 1


async def test_reserved_concurrency_refuses_what_is_beyond(sample: Sample) -> None:
    code = sample.code(WAIT, reserved_concurrency=1)
    first = asyncio.create_task(sample.answer(code, "release"))
    await until(lambda: "waiting\n" in sample.lines)
    with pytest.raises(ConcurrencyExceeded) as refused:
        await sample.invoke(code)
    assert refused.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    (sample.folder / "release").touch()
    await first
    await sample.answer(code, "release")


async def test_nothing_runs_with_no_concurrency_reserved(sample: Sample) -> None:
    with pytest.raises(ConcurrencyExceeded, match="Rate Exceeded"):
        await sample.invoke(sample.code(ECHO, reserved_concurrency=0))


async def test_the_account_has_a_limit_of_its_own(make_sample: MakeSample) -> None:
    sample = make_sample(function_concurrency=0)
    with pytest.raises(ConcurrencyExceeded) as refused:
        await sample.invoke(sample.code(ECHO))
    assert refused.value.reason == "ConcurrentInvocationLimitExceeded"


async def test_events_wait_where_no_more_processes_may_live(make_sample: MakeSample) -> None:
    sample = make_sample(function_processes=1)
    here = sample.code(COUNT)
    there = sample.code(COUNT, arn=f"{ARN}-other")
    calls = [sample.answer(code) for code in (here, there, here, there, here)]
    answers = await asyncio.gather(*calls)
    assert all(count >= 1 for count, _ in answers)


async def test_a_process_that_is_not_used_ends(make_sample: MakeSample) -> None:
    sample = make_sample(function_idle_seconds=0.2)
    code = sample.code(COUNT)
    await sample.answer(code)
    pool = sample.host._pool
    assert pool is not None
    await until(lambda: pool.size == 0)
    assert (await sample.answer(code))[0] == 1


async def test_a_process_is_replaced_before_its_credentials_expire(make_sample: MakeSample) -> None:
    sample = make_sample()
    keys = {"AWS_ACCESS_KEY_ID": "old"}
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + NO_LIMIT_SECONDS - 10))
    given = [keys | {"AWS_CREDENTIAL_EXPIRATION": soon}, {"AWS_ACCESS_KEY_ID": "new"}]
    sample.host._credentials = lambda _: given.pop(0)
    code = sample.code(
        "import os\ndef handler(event, context): return os.environ['AWS_ACCESS_KEY_ID']\n"
    )
    assert await sample.answer(code) == "old"
    assert await sample.answer(code) == "new"


async def test_a_caller_that_goes_away_stops_nothing(sample: Sample) -> None:
    code = sample.code(WAIT)
    call = asyncio.create_task(sample.answer(code, "release"))
    await until(lambda: "waiting\n" in sample.lines)
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await call
    assert cancelled
    (sample.folder / "release").touch()
    await until(lambda: any(line.startswith("REPORT") for line in sample.lines))


async def test_large_events_and_answers_arrive_whole(sample: Sample) -> None:
    text = "x" * 5_000_000
    assert await sample.answer(sample.code(ECHO), text) == text


async def test_an_answer_beyond_the_limit_is_an_error(sample: Sample) -> None:
    code = sample.code("def handler(event, context): return 'x' * event\n")
    assert await sample.error(code, 6_291_555) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert await sample.answer(code, 3) == "xxx"


async def test_layers_and_requirements_can_be_imported_after_the_package(
    sample: Sample, tmp_path: Path
) -> None:
    layers, requirements = tmp_path / "layers", tmp_path / "requirements"
    for folder, text in ((layers / "python", "layer"), (requirements, "requirements")):
        folder.mkdir(parents=True)
        (folder / f"of_{text}.py").write_text(f"name = {text!r}\n")
        (folder / "both.py").write_text(f"name = {text!r}\n")
    code = sample.code(
        "import both, of_layer, of_requirements\n"
        "def handler(event, context): return [both.name, of_layer.name, of_requirements.name]\n",
        layers=layers,
        requirements=requirements,
    )
    assert await sample.answer(code) == ["layer", "layer", "requirements"]


async def test_a_package_may_bring_a_module_that_the_runtime_loaded_already(sample: Sample) -> None:
    sample.write("name = 'mine'\n", "queue.py")
    code = sample.code("import queue\ndef handler(event, context): return queue.name\n")
    assert await sample.answer(code) == "mine"


async def test_boto3_is_there(sample: Sample) -> None:
    code = sample.code("""
        import boto3
        def handler(event, context):
            return boto3.client("s3").meta.region_name
        """)
    assert await sample.answer(code) == "eu-west-1"


async def test_an_image_runs_from_its_sources_with_its_dockerfiles_command(sample: Sample) -> None:
    sample.write('FROM public.ecr.aws/lambda/python:3.12\nCMD [ "app.handler" ]\n', "Dockerfile")
    code = sample.code(ECHO, kind="Image", handler="", runtime="", image_uri="repository:tag")
    assert await sample.answer(code, "seen") == "seen"


async def test_what_goes_on_in_the_background_rests_until_the_next_event(sample: Sample) -> None:
    code = sample.code("""
        import threading
        ticks = 0
        def spin():
            global ticks
            while True:
                ticks += 1
        threading.Thread(target=spin, daemon=True).start()
        def handler(event, context):
            return ticks
        """)
    await sample.answer(code)
    pool = sample.host._pool
    assert pool is not None
    await until(lambda: all(item._is_frozen for item in pool.processes()))
    assert await sample.answer(code) > 0


async def test_a_launcher_that_is_killed_is_replaced(sample: Sample) -> None:
    code = sample.code(COUNT)
    await sample.answer(code)
    launcher = sample.host._launcher._process
    assert launcher is not None
    launcher.kill()
    pool = sample.host._pool
    assert pool is not None
    await until(lambda: pool.size == 0)
    assert (await sample.answer(code))[0] == 1


async def test_connections_to_the_runtime_api_are_counted(sample: Sample) -> None:
    code = sample.code("""
        import os, socket
        def handler(event, context):
            host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
            made = [socket.create_connection((host, int(port)), 20) for _ in range(100)]
            alive = 0
            for item in made:
                item.settimeout(20)
                try:
                    item.sendall(b"GET /nothing HTTP/1.1\\r\\n\\r\\n")
                    alive += bool(item.recv(1))
                except OSError:
                    pass
            return alive
        """)
    assert await sample.answer(code) < 40
    assert await sample.answer(code) < 40
