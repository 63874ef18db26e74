"""What a function cannot do, and what becomes of one that tries. Each test names the walls it leans on."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from functions.conftest import MakeSample
from outcrop.config import Settings
from outcrop.core.errors import ConfigurationError
from outcrop.functions import walls
from outcrop.functions.code import FunctionsRefused
from outcrop.functions.sandbox import seccomp
from outcrop.functions.walls import Wall
from support.functions import Sample, require

Tried = Mapping[str, Wall]

# Runs what the event holds, and answers with its result or its error's name.
ATTEMPT = """
import ctypes, os, pathlib, signal, socket, subprocess, sys, time
def handler(event, context):
    try:
        return eval(event)
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'errno', '')}".strip()
"""


async def test_a_function_cannot_read_the_home_folder(
    sample: Sample, tmp_path: Path, tried_walls: Tried
) -> None:
    require(tried_walls, "landlock")
    secret = tmp_path / "root-key.json"
    secret.write_text("secret")
    secret.chmod(0o644)
    code = sample.code(ATTEMPT)
    for path in (secret, "/etc/shadow", Path.home() / ".ssh", "/var/log", tmp_path):
        answer = await sample.answer(code, f"list(pathlib.Path({str(path)!r}).iterdir())")
        assert answer in {"PermissionError 13", "FileNotFoundError 2", "NotADirectoryError 20"}
        answer = await sample.answer(code, f"pathlib.Path({str(path)!r}).read_text()")
        assert answer in {"PermissionError 13", "FileNotFoundError 2", "IsADirectoryError 21"}


async def test_a_function_sees_a_root_of_its_own(sample: Sample, tried_walls: Tried) -> None:
    require(tried_walls, "namespaces")
    code = sample.code(ATTEMPT)
    assert sorted(await sample.answer(code, "os.listdir('/var')")) == ["runtime", "task"]
    assert await sample.answer(code, "os.getcwd()") == "/var/task"
    assert await sample.answer(code, "os.listdir('/tmp')") == []
    assert await sample.answer(code, "socket.gethostname()") == "outcrop-function"
    assert await sample.answer(code, "[os.getuid(), os.getgid(), os.getgroups()]") == [993, 990, []]
    assert await sample.answer(code, "os.listdir('/home')") == "FileNotFoundError 2"


async def test_a_function_writes_to_its_own_temporary_folder_alone(
    sample: Sample, tried_walls: Tried
) -> None:
    require(tried_walls, "namespaces", "landlock")
    code = sample.code(ATTEMPT)
    assert await sample.answer(code, "pathlib.Path('/tmp/own').write_text('kept')") == 4
    assert await sample.answer(code, "pathlib.Path('/tmp/own').read_text()") == "kept"
    for folder in (
        "/var/task",
        "/var/runtime",
        "/opt",
        "/etc",
        "/usr/lib",
        "/",
        "/dev",
        "/proc/sys/kernel",
    ):
        answer = await sample.answer(code, f"pathlib.Path('{folder}/own').write_text('no')")
        assert answer in {"OSError 30", "PermissionError 13", "FileNotFoundError 2"}, folder
    assert not (sample.folder / "own").exists()
    other = sample.code(ATTEMPT, arn="arn:other")
    assert await sample.answer(other, "os.listdir('/tmp')") == []


async def test_a_function_sees_no_process_but_its_own(sample: Sample, tried_walls: Tried) -> None:
    require(tried_walls, "namespaces")
    code = sample.code(ATTEMPT)
    seen = await sample.answer(code, "[int(n) for n in os.listdir('/proc') if n.isdigit()]")
    if isinstance(seen, list):  # a container's kernel may refuse a new /proc altogether
        assert set(seen) <= {1, 2}
    assert await sample.answer(code, f"os.kill({os_pid()}, 0)") == "ProcessLookupError 3"
    # Process 1 is ours; the kernel keeps signals of its own children from it.
    assert await sample.answer(code, "os.kill(1, signal.SIGKILL)") is None
    assert await sample.answer(code, "1 + 1") == 2


@pytest.mark.parametrize(
    "call",
    [
        "ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0)",
        "ctypes.CDLL(None, use_errno=True).unshare(0x10000000)",
        "ctypes.CDLL(None, use_errno=True).mount(b'x', b'/tmp', b'tmpfs', 0, None)",
        "ctypes.CDLL(None, use_errno=True).setns(0, 0)",
        "ctypes.CDLL(None, use_errno=True).personality(0x0040000)",
        "ctypes.CDLL(None, use_errno=True).syscall(321, 0, 0, 0)",
        "ctypes.CDLL(None, use_errno=True).syscall(250, 0, 0, 0)",
        "ctypes.CDLL(None, use_errno=True).syscall(425, 1, 0)",
        "ctypes.CDLL(None, use_errno=True).shmget(0, 4096, 0o1600)",
    ],
)
async def test_calls_that_reach_past_the_walls_are_refused(
    sample: Sample, tried_walls: Tried, call: str
) -> None:
    require(tried_walls, "seccomp")
    code = sample.code(f"""
        import ctypes
        def handler(event, context):
            return [{call}, ctypes.get_errno()]
        """)
    if __import__("platform").machine() != "x86_64" and "syscall(" in call:
        pytest.skip("the numbers are x86_64's")
    assert await sample.answer(code) == [-1, 1]


@pytest.mark.parametrize(
    ("family", "kind"),
    [("AF_INET", "SOCK_RAW"), ("AF_PACKET", "SOCK_RAW"), ("AF_NETLINK", "SOCK_RAW")],
)
async def test_raw_sockets_are_refused(
    sample: Sample, tried_walls: Tried, family: str, kind: str
) -> None:
    require(tried_walls, "seccomp")
    code = sample.code(ATTEMPT)
    answer = await sample.answer(code, f"socket.socket(socket.{family}, socket.{kind})")
    assert answer == "PermissionError 1"


async def test_a_function_cannot_become_another_user(sample: Sample, tried_walls: Tried) -> None:
    require(tried_walls, "namespaces", "seccomp")
    code = sample.code(ATTEMPT)
    # Where the server is no root, its namespaces know no other user: an invalid one.
    for call in ("os.setuid(0)", "os.chown('/tmp', 0, 0)"):
        assert await sample.answer(code, call) in {"PermissionError 1", "OSError 22"}
    status = await sample.answer(code, "pathlib.Path('/proc/self/status').read_text()")
    if not status.startswith(("FileNotFound", "Permission")):
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
        assert fields["NoNewPrivs"] == "1"


async def test_a_function_reaches_the_endpoint_and_nothing_else(
    sample: Sample, tried_walls: Tried
) -> None:
    require(tried_walls, "namespaces", "network")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the endpoint")
        writer.close()

    endpoint = await asyncio.start_server(greet, "127.0.0.1", 0)
    other = await asyncio.start_server(greet, "127.0.0.1", 0)
    (_, port), (_, elsewhere) = (item.sockets[0].getsockname() for item in (endpoint, other))
    sample.host.server_listens(port, port + 1 if port < 65535 else port - 1)
    code = sample.code(ATTEMPT)
    read = "socket.create_connection(('127.0.0.1', {}), 20).recv(100).decode()"
    assert await sample.answer(code, read.format(port)) == "the endpoint"
    assert await sample.answer(code, "os.environ['AWS_ENDPOINT_URL']") == f"http://127.0.0.1:{port}"
    assert await sample.answer(code, read.format(elsewhere)) == "ConnectionRefusedError 111"
    machine = socket.gethostbyname("localhost")
    assert machine == "127.0.0.1"
    assert (
        await sample.answer(code, "socket.create_connection(('192.0.2.1', 80), 20)")
        == "OSError 101"
    )
    assert await sample.answer(code, "[name for _, name in socket.if_nameindex()]") in (
        ["lo"],
        "PermissionError 1",
    )
    for server in (endpoint, other):
        server.close()


async def test_an_open_network_is_the_machines_own(
    make_sample: MakeSample, tried_walls: Tried
) -> None:
    require(tried_walls, "namespaces")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"anything")
        writer.close()

    sample = make_sample(function_network="open")
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    read = f"socket.create_connection(('127.0.0.1', {port}), 20).recv(100).decode()"
    code = sample.code(ATTEMPT)
    assert await sample.answer(code, read) == "anything"
    # Functions share the machine's ports now, so the Runtime API's paths are a secret of each process.
    other = sample.code(
        """
        import os, urllib.error, urllib.request
        def handler(event, context):
            url = f"http://{event}/2018-06-01/runtime/invocation/next"
            try:
                return urllib.request.urlopen(url, timeout=20).status
            except urllib.error.HTTPError as error:
                return error.code
        """,
        arn="arn:other",
    )
    address = await sample.answer(code, "os.environ['AWS_LAMBDA_RUNTIME_API']")
    assert await sample.answer(other, address) == 403
    server.close()


async def test_a_function_that_eats_memory_is_stopped(sample: Sample) -> None:
    code = sample.code(
        """
        held = []
        def handler(event, context):
            while event:
                held.append(bytearray(1 << 20))
            return len(held)
        """,
        memory_mb=128,
    )
    assert await sample.answer(code, False) == 0
    invocation = await sample.invoke(code, True, request_id="11111111-2222-4333-8444-555555555555")
    assert json.loads(invocation.payload) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": "RequestId: 11111111-2222-4333-8444-555555555555 Error: Runtime exited with error: "
        "signal: killed",
    }
    assert invocation.max_memory_bytes == 128 * 2**20
    assert sample.lines[-1].endswith("Status: error\tError Type: Runtime.OutOfMemory\n")
    assert await sample.answer(code, False) == 0


async def test_memory_of_a_functions_children_counts(sample: Sample) -> None:
    code = sample.code(
        """
        import os, time
        def handler(event, context):
            for _ in range(4):
                if os.fork() == 0:
                    held = bytearray(os.urandom(1 << 20)) * 60
                    time.sleep(3600)
            time.sleep(3600)
        """,
        memory_mb=192,
    )
    assert (await sample.error(code))["errorType"] == "Runtime.OutOfMemory"


async def test_a_function_that_forks_without_end_is_stopped(
    sample: Sample, tried_walls: Tried
) -> None:
    require(tried_walls, "namespaces")
    code = sample.code(
        """
        import os, time
        def handler(event, context):
            while True:
                if os.fork() == 0:
                    time.sleep(3600)
        """,
        memory_mb=10240,
    )
    error = await sample.error(code)
    # The kernel refuses the next process, or the supervisor was there first.
    assert error["errorType"] in {"BlockingIOError", "Runtime.ExitError", "Runtime.OutOfMemory"}
    assert await sample.answer(sample.code(ATTEMPT, revision="2"), "1 + 1") == 2


async def test_a_function_that_loops_is_stopped_with_all_it_started(
    sample: Sample, tried_walls: Tried
) -> None:
    require(tried_walls, "supervisor")
    code = sample.code(
        """
        import os, subprocess, sys
        def handler(event, context):
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    while True:
                        pass
            while True:
                pass
        """
    )
    call = asyncio.create_task(sample.error(code))
    pool = None
    watched: set[int] = set()
    async with asyncio.timeout(60):
        while len(watched) < 4:  # the supervisor sets no event
            await asyncio.sleep(0.01)
            pool = sample.host._pool
            for process in pool.processes() if pool else []:
                watched |= set(process._processes)
    assert pool is not None
    for environment in pool.processes():
        environment._time_out()  # as its timer would
    assert (await call)["errorType"] == "Sandbox.Timedout"
    async with asyncio.timeout(60):
        while any(is_running(process) for process in watched):  # noqa: ASYNC110  # nor does the kernel
            await asyncio.sleep(0.01)


async def test_a_function_that_fills_its_disk_meets_its_end(
    sample: Sample, tried_walls: Tried
) -> None:
    require(tried_walls, "namespaces")
    code = sample.code(
        """
        def handler(event, context):
            with open("/tmp/large", "wb") as file:
                for _ in range(event):
                    file.write(bytes(1 << 20))
            return "written"
        """,
        ephemeral_mb=16,
    )
    assert await sample.answer(code, 8) == "written"
    error = await sample.error(code, 64)
    assert error["errorType"] == "OSError"
    assert error["errorMessage"] == "[Errno 28] No space left on device"


async def test_a_disk_that_does_not_fit_into_memory_is_watched(
    make_sample: MakeSample, tried_walls: Tried
) -> None:
    require(tried_walls, "supervisor")
    sample = make_sample()
    host = sample.host
    code = sample.code(
        """
        import tempfile, time
        def handler(event, context):
            for number in range(event):
                with open(f"{tempfile.gettempdir()}/{number}", "wb") as file:
                    file.write(bytes(8 << 20))
            if event > 2:
                time.sleep(3600)
            return "written"
        """,
        ephemeral_mb=32,
    )
    await host._prepared()
    assert host._pool is not None
    host._pool._surroundings.memory_for_temporary_bytes = 0
    assert await sample.answer(code, 2) == "written"
    assert (await sample.error(code, 8))["errorType"] == "Runtime.ExitError"


async def test_functions_are_refused_where_a_wall_is_missing(make_sample: MakeSample) -> None:
    sample = make_sample(function_isolation="full")
    missing = Wall("landlock", False, "the kernel has none")

    async def tried() -> tuple[Wall, ...]:
        return (missing,)

    sample.host._walls = asyncio.create_task(tried())
    with pytest.raises(FunctionsRefused, match="landlock: the kernel has none"):
        await sample.invoke(sample.code(ATTEMPT), "1")


async def test_functions_run_without_walls_where_that_is_asked_for(
    make_sample: MakeSample, tmp_path: Path
) -> None:
    sample = make_sample(function_isolation="none")
    code = sample.code(ATTEMPT)
    assert await sample.answer(code, "os.getcwd()") == str(sample.folder)
    assert await sample.answer(code, "os.environ['LAMBDA_TASK_ROOT']") == str(sample.folder)
    place = await sample.answer(code, "__import__('tempfile').gettempdir()")
    assert Path(place).is_relative_to(tmp_path)
    error = await sample.error(sample.code("import nothing_there", revision="2"))
    assert error["errorType"] == "Runtime.ImportModuleError"
    await sample.host.close()
    assert not await asyncio.to_thread(Path(place).exists)


def test_a_setting_that_is_none_of_its_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OUTCROP_FUNCTION_ISOLATION cannot be 'some'"):
        walls.walls_to_put_up(Settings(home=tmp_path, function_isolation="some"), ())
    with pytest.raises(ConfigurationError, match="OUTCROP_FUNCTION_NETWORK cannot be 'some'"):
        walls.walls_to_put_up(Settings(home=tmp_path, function_network="some"), ())


def test_an_open_network_needs_no_wall_of_its_own(tmp_path: Path) -> None:
    found = (Wall("namespaces", True, ""), Wall("network", False, ""), Wall("supervisor", True, ""))
    closed, opened = (Settings(home=tmp_path, function_network=kind) for kind in ("closed", "open"))
    assert walls.walls_to_put_up(opened, found) == ("namespaces",)
    with pytest.raises(FunctionsRefused, match="network"):
        walls.walls_to_put_up(closed, found)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_a_program_whose_jumps_stay_inside(machine: str) -> None:
    code = seccomp.assemble(machine)
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(code) % 8 == 0
    for number, step in enumerate(steps):
        assert number + 1 + max(step[2], step[3]) < len(steps) or step[0] == 0x06
    assert steps[-1][4:] == (0x7FFF0000).to_bytes(4, "little")


def os_pid() -> int:
    """Return this process's id, which no function should know."""
    import os

    return max(os.getpid(), 100_000 if os.getpid() < 3 else os.getpid())


def is_running(process: int) -> bool:
    """Return whether a process lives; one that waits to be taken in does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
