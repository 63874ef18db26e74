"""What a function's process does before its handler is imported: walls up, privileges down, then AWS's runtime client."""

import importlib
import json
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from outcrop.functions.sandbox import filesystem, kernel, landlock, network, seccomp
from outcrop.functions.sandbox.specification import (
    GROUP_ID,
    LANDLOCK,
    LAYERS_ROOT,
    NAMESPACES,
    NETWORK,
    REQUIREMENTS_ROOT,
    RUNTIME_API_PORT,
    RUNTIME_ROOT,
    SECCOMP,
    TASK_ROOT,
    USER_ID,
    Specification,
)

_OUTPUT = 1
_TELEMETRY = 3
_REPORT = 4
_MOST_OPEN_FILES = 1024  # Lambda quotas
_OOM_SCORE = "800"  # the kernel ends functions before it ends the server
_NICENESS = 5

# Loaded before the fork, so that a cold start does not pay for them; boto3 imports most.
_PRELOADED = (
    "base64",
    "concurrent.futures.thread",
    "configparser",
    "copy",
    "csv",
    "datetime",
    "decimal",
    "email.message",
    "email.parser",
    "functools",
    "getpass",
    "gzip",
    "hashlib",
    "hmac",
    "http.client",
    "http.cookiejar",
    "inspect",
    "io",
    "ipaddress",
    "json",
    "logging.config",
    "mimetypes",
    "pathlib",
    "pickle",
    "platform",
    "queue",
    "random",
    "shutil",
    "socket",
    "ssl",
    "statistics",
    "string",
    "subprocess",
    "tempfile",
    "threading",
    "traceback",
    "typing",
    "urllib.request",
    "uuid",
    "warnings",
    "xml.etree.ElementTree",
    "zipfile",
)
_own_modules: set[str] = set()
_standard_path: list[str] = []


def load_libraries(paths: list[str]) -> None:
    """Import in the launcher what every function's process uses.

    Args:
        paths: folders in which we and the runtime client lie, already on the import path.
    """
    _standard_path[:] = [item for item in sys.path if item and item not in paths]
    for name in (
        "simplejson",
        "awslambdaric.lambda_context",
        "awslambdaric.lambda_runtime_exception",
        "awslambdaric.lambda_runtime_log_utils",
        "awslambdaric.lambda_runtime_marshaller",
    ):
        importlib.import_module(name)
    _own_modules.update(sys.modules)
    for name in _PRELOADED:
        with suppress(ImportError):
            importlib.import_module(name)


def load_client() -> None:
    """Import the compiled part of the runtime client ahead.

    It reads the Runtime API's address when it is loaded, so this is for processes that all have it at the same one: the
    client's default, on a loopback address of their own.
    """
    importlib.import_module("runtime_client")


def prepare_and_run(wanted: Specification, report: int, output: int) -> NoReturn:
    """Put the walls up around this process, then run the handler in a child of it.

    Args:
        wanted: what the server asked for.
        report: descriptor of a SOCK_SEQPACKET socket: told of listening sockets, of errors and of the handler's end.
        output: descriptor for everything that is written.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel = _arrange_descriptors(report, output)
    try:
        _put_up_walls(wanted, channel)
    except BaseException as error:  # noqa: BLE001  # the server must hear of whatever went wrong
        _tell(channel, {"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    runtime = os.fork()
    if runtime == 0:
        channel.close()
        kernel.die_with_parent(signal.SIGKILL)
        try:
            run_handler(wanted)
        except SystemExit as request:
            _flush()
            os._exit(_exit_status(request))
        except BaseException:  # noqa: BLE001  # what the interpreter would do at its end
            sys.excepthook(*sys.exc_info())
            _flush()
            os._exit(1)
    _reap_until(runtime, channel)


def run_handler(wanted: Specification) -> None:
    """Become a Lambda Python process: its variables, its import path, its working folder, then AWS's client's loop."""
    has_own_root = wanted.stands(NAMESPACES)
    task_root = TASK_ROOT if has_own_root else wanted.folder
    os.environ.clear()
    os.environ.update(wanted.environment)
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(_TELEMETRY)
    time.tzset()
    os.chdir(task_root)
    sys.path[:] = _import_path(wanted, task_root, has_own_root=has_own_root)
    sys.argv[:] = ["/var/runtime/bootstrap.py", wanted.handler]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()
    _forget_shadowed(task_root)
    _find_again("awslambdaric", wanted, has_own_root=has_own_root)
    _find_again("simplejson", wanted, has_own_root=has_own_root)
    import site

    site.setquit()
    site.sethelper()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _serve(wanted)


def _serve(wanted: Specification) -> None:
    address = wanted.environment["AWS_LAMBDA_RUNTIME_API"]
    os.environ["AWS_LAMBDA_RUNTIME_API"] = address + wanted.api_prefix
    from awslambdaric import bootstrap, lambda_runtime_client  # type: ignore[import-untyped]
    from awslambdaric.lambda_config import LambdaConfigProvider  # type: ignore[import-untyped]

    os.environ["AWS_LAMBDA_RUNTIME_API"] = address

    class Client(lambda_runtime_client.LambdaRuntimeClient):  # type: ignore[misc]  # untyped library
        """AWS's client, where the Runtime API lies below a secret path."""

        def call_rapid(self, http_method: str, endpoint: str, *rest: Any, **named: Any) -> None:
            super().call_rapid(http_method, wanted.api_prefix + endpoint, *rest, **named)

    config = LambdaConfigProvider(sys.argv)
    bootstrap.run(config.handler, Client(config.api_address, config.use_thread_polling))


def _arrange_descriptors(report: int, output: int) -> socket.socket:
    """Keep input from nothing, output, telemetry and the report; close all others."""
    import fcntl

    high_report = fcntl.fcntl(report, fcntl.F_DUPFD, 64)
    high_output = fcntl.fcntl(output, fcntl.F_DUPFD, 64)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(high_output, _OUTPUT)
    os.dup2(high_output, 2)
    os.dup2(high_output, _TELEMETRY, inheritable=False)
    os.dup2(high_report, _REPORT, inheritable=False)
    os.closerange(_REPORT + 1, 1 << 16)
    return socket.socket(fileno=_REPORT)


def _put_up_walls(wanted: Specification, channel: socket.socket) -> None:
    os.setsid()
    has_own_root = wanted.stands(NAMESPACES)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    with suppress(OSError):
        os.nice(_NICENESS)
    if wanted.stands(NETWORK):
        network.raise_loopback()
        doors = network.listen((RUNTIME_API_PORT, *wanted.ports))
        numbers = [door.fileno() for door in doors]
        socket.send_fds(channel, [json.dumps({"listening": len(numbers)}).encode()], numbers)
        for door in doors:
            door.close()
    if has_own_root:
        filesystem.build_root(wanted)
        kernel.set_host_name("outcrop-function")
        _limit_resources(wanted)
        kernel.bound_capabilities()
        _become_user()
        kernel.drop_capabilities()
        kernel.stay_inspectable()
        kernel.die_with_parent(signal.SIGKILL)  # a change of user forgets it
    else:
        _limit_resources(wanted)
    if wanted.stands(LANDLOCK) or wanted.stands(SECCOMP):
        kernel.forbid_new_privileges()
    if wanted.stands(LANDLOCK):
        landlock.restrict(
            filesystem.readable_places(wanted, has_own_root=has_own_root),
            filesystem.writable_places(wanted, has_own_root=has_own_root),
            listable=("/",) if has_own_root else (),
        )
    if wanted.stands(SECCOMP):
        seccomp.install()
    os.umask(0o022)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _become_user() -> None:
    if os.geteuid() != USER_ID:
        os.setgroups([])
        os.setresgid(GROUP_ID, GROUP_ID, GROUP_ID)
        os.setresuid(USER_ID, USER_ID, USER_ID)


def _limit_resources(wanted: Specification) -> None:
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if wanted.file_bytes:
        limits.append((resource.RLIMIT_FSIZE, wanted.file_bytes))
    if wanted.processes and wanted.stands(NAMESPACES):
        # Without a user namespace it would count every process of the server's user.
        limits.append((resource.RLIMIT_NPROC, wanted.processes))
    for which, most in limits:
        hard = resource.getrlimit(which)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))
    # Writing beyond the largest file is an error the handler sees, not its end.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _reap_until(runtime: int, channel: socket.socket) -> NoReturn:
    """Take in every process that ends here; when the handler's does, say how and end with all that is left."""
    os.closerange(0, _REPORT)
    while True:
        process, status = os.wait()
        if process == runtime:
            _tell(channel, {"exit": status})
            os._exit(0)


def _import_path(wanted: Specification, task_root: str, *, has_own_root: bool) -> list[str]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = LAYERS_ROOT if has_own_root else wanted.layers
    requirements = REQUIREMENTS_ROOT if has_own_root else wanted.requirements
    path = [task_root]
    if wanted.layers:
        path += [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    if wanted.requirements:
        path.append(requirements)
    path += _standard_path
    return [*path, RUNTIME_ROOT if has_own_root else wanted.links]


def _forget_shadowed(task_root: str) -> None:
    """Let a package's module win over one of the standard library that is only loaded ahead."""
    own = {name.split(".", 1)[0] for name in os.listdir(task_root)}  # noqa: PTH208  # names, not paths
    for name in list(sys.modules):
        if name.split(".", 1)[0] in own and name not in _own_modules:
            del sys.modules[name]


def _find_again(name: str, wanted: Specification, *, has_own_root: bool) -> None:
    """Let a package that was imported before the root changed find its parts."""
    module: ModuleType | None = sys.modules.get(name)
    if module is not None and has_own_root and name in wanted.runtime:
        module.__path__ = [f"{RUNTIME_ROOT}/{name}"]


def _tell(channel: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):
        channel.send(json.dumps(message).encode())


def _exit_status(request: SystemExit) -> int:
    if request.code is None:
        return 0
    if isinstance(request.code, int):
        return request.code & 0xFF
    sys.stderr.write(f"{request.code}\n")
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
