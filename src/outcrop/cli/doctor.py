"""`outcrop doctor`: what this machine can do, and what is wrong with it."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from outcrop import __version__
from outcrop.cli.connection import running_server
from outcrop.cli.flags import HomeFlag
from outcrop.cli.models import BUNDLED_MODEL_FOLDER
from outcrop.cli.terminal import output, size
from outcrop.config import Settings, load_settings
from outcrop.core.errors import OutcropError
from outcrop.storage.home import Home

_GIB = 1024**3
_LEAST_DISK_BYTES = _GIB
_LEAST_MEMORY_BYTES = 2 * _GIB
_PROBE_SECONDS = 120
# What an offset of the clock costs: signatures older than this are refused, as AWS does.
_FAR_PAST = 1_700_000_000


class State(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    DOUBTFUL = "warn"
    BAD = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        hint: what to do, where something is wrong.
    """

    subject: str
    state: State
    detail: str
    hint: str = ""


_COLOURS = {State.GOOD: "green", State.DOUBTFUL: "yellow", State.BAD: "bold red"}


def doctor(home: HomeFlag = None) -> None:
    """Check this machine, the home folder and the server. The exit status is 1 when something is wrong."""
    findings: list[Finding] = []
    try:
        settings = load_settings({"home": home})
    except OutcropError as error:
        findings.append(
            Finding("settings", State.BAD, str(error), "correct it, then run doctor again")
        )
        settings = Settings()
    for check in CHECKS:
        findings += check(settings)
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        detail = Text(finding.detail)
        if finding.hint:
            detail.append(f"\nhint: {finding.hint}", style="cyan")
        table.add_row(Text(finding.state, style=_COLOURS[finding.state]), finding.subject, detail)
    output().print(table)
    if any(finding.state is State.BAD for finding in findings):
        raise typer.Exit(1)


def check_python(_: Settings) -> list[Finding]:
    """Report the versions that matter."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "botocore")
    )
    python = f"Python {platform.python_version()} at {sys.prefix}"
    return [
        Finding("outcrop", State.GOOD, f"{__version__}, {platform.system()} {platform.machine()}"),
        Finding("python", State.GOOD, python),
        Finding("packages", State.GOOD, versions),
    ]


def check_machine(settings: Settings) -> list[Finding]:
    """Report cores and memory, and whether they suffice."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    wanted = max(settings.training_threads, settings.engine_threads)
    enough_cores = cores >= wanted
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    enough_memory = memory_bytes >= _LEAST_MEMORY_BYTES
    return [
        Finding(
            "cores",
            State.GOOD if enough_cores else State.DOUBTFUL,
            f"{cores} usable, {settings.training_threads} for training, {settings.engine_threads} for serving",
            ""
            if enough_cores
            else "set training_threads and engine_threads to the cores there are",
        ),
        Finding(
            "memory",
            State.GOOD if enough_memory else State.DOUBTFUL,
            size(memory_bytes),
            "" if enough_memory else "training wants 2 GiB; close what else runs",
        ),
    ]


def check_disk(settings: Settings) -> list[Finding]:
    """Report the room left where the home is or will be."""
    place = _nearest_existing(settings.home)
    free_bytes = shutil.disk_usage(place).free
    enough = free_bytes >= _LEAST_DISK_BYTES
    return [
        Finding(
            "disk",
            State.GOOD if enough else State.DOUBTFUL,
            f"{size(free_bytes)} free at {place}",
            "" if enough else "jobs fail on a full disk; free some, or move the home",
        )
    ]


def check_home(settings: Settings) -> list[Finding]:
    """Report whether the home can be written, whether its secrets are private, and who runs on it."""
    home = Home(settings.home)
    place = _nearest_existing(settings.home)
    if not os.access(place, os.W_OK | os.X_OK):
        return [
            Finding("home", State.BAD, f"{place} cannot be written", "choose another with --home")
        ]
    if not home.path.exists():
        return [Finding("home", State.GOOD, f"{home.path} will be made by `outcrop up`")]
    findings = [Finding("home", State.GOOD, str(home.path))]
    open_files = [
        path
        for path in (home.root_key, *home.certificates.glob("*.key"))
        if path.exists() and path.stat().st_mode & 0o077
    ]
    findings += [
        Finding("secrets", State.BAD, f"{path} can be read by others", f"chmod 600 {path}")
        for path in open_files
    ]
    return findings


def check_server(settings: Settings) -> list[Finding]:
    """Report the running server, or whether one could listen."""
    server = running_server(settings)
    if server is not None:
        return [Finding("server", State.GOOD, f"running at {server.http_url}, pid {server.pid}")]
    findings = [Finding("server", State.GOOD, "not running")]
    for name in ("port", "tls_port"):
        number: int = getattr(settings, name)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, number))
            except OSError as error:
                reason = error.strerror or str(error)
                findings.append(
                    Finding(
                        name,
                        State.BAD,
                        f"{settings.host}:{number}: {reason}",
                        f"choose another with --{name.replace('_', '-')}",
                    )
                )
    return findings


_TORCH_PROBE = """
import json, sys, time
import torch
from transformers import AutoModelForCausalLM
threads = int(sys.argv[2])
torch.set_num_threads(threads)
left = torch.randn(512, 512)
started = time.perf_counter()
for _ in range(20):
    left @ left
speed = 20 * 2 * 512**3 / (time.perf_counter() - started) / 1e9
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], use_safetensors=True)
with torch.inference_mode():
    logits = model(torch.tensor([[1, 5, 6, 7]])).logits
print(json.dumps({
    "gigaflops": speed,
    "bf16": torch.cpu.is_avx512_bf16_supported() if hasattr(torch.cpu, "is_avx512_bf16_supported")
    else bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False,
    "cuda": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    "finite": bool(torch.isfinite(logits).all()),
    "parameters": sum(item.numel() for item in model.parameters()),
}))
"""


def check_compute(settings: Settings) -> list[Finding]:
    """Load torch and the bundled model in a process of their own, and run both."""
    folder = BUNDLED_MODEL_FOLDER
    if not (folder / "config.json").exists():
        return [Finding("base model", State.BAD, f"{folder} is missing", "install Outcrop again")]
    try:
        probe = subprocess.run(  # noqa: S603  # our own interpreter and script
            [sys.executable, "-c", _TORCH_PROBE, str(folder), str(settings.training_threads)],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [
            Finding(
                "torch",
                State.BAD,
                f"no answer within {_PROBE_SECONDS} s",
                "is the machine overloaded?",
            )
        ]
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"])[-1]
        return [Finding("torch", State.BAD, reason, "install Outcrop again with `make setup`")]
    values = json.loads(probe.stdout.strip().splitlines()[-1])
    bf16 = "bf16 in hardware" if values["bf16"] else "no bf16 in hardware"
    good_model = values["finite"]
    return [
        Finding("torch", State.GOOD, f"{values['gigaflops']:.0f} GFLOP/s in float32, {bf16}"),
        Finding("GPU", State.GOOD, ", ".join(values["cuda"]) or "none; everything runs on the CPU"),
        Finding(
            "base model",
            State.GOOD if good_model else State.BAD,
            f"outcrop.nano-v1:0 loads and runs, {values['parameters'] / 1e6:.1f} M parameters"
            if good_model
            else "outcrop.nano-v1:0 gives numbers that are not finite",
            "" if good_model else "install Outcrop again",
        ),
    ]


def check_clock(_: Settings) -> list[Finding]:
    """Report whether the clock can be right; signatures carry the time."""
    import time

    now = time.time()
    if now < _FAR_PAST:
        hint = "set the clock: requests are signed with the time"
        return [
            Finding("clock", State.BAD, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now)), hint)
        ]
    return [Finding("clock", State.GOOD, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now)))]


def check_functions(settings: Settings) -> list[Finding]:
    """Try the walls around functions, and report which stand and what that means for functions here."""
    from outcrop.functions import walls

    found = walls.probe()
    findings = [
        Finding(f"wall: {wall.name}", State.GOOD if wall.stands else State.DOUBTFUL, wall.detail)
        for wall in found
    ]
    try:
        put_up = walls.walls_to_put_up(settings, found)
    except OutcropError as error:
        hint = "let the server make namespaces, or set OUTCROP_FUNCTION_ISOLATION"
        return [*findings, Finding("functions", State.DOUBTFUL, str(error), hint)]
    if put_up and all(wall.stands for wall in found):
        return [*findings, Finding("functions", State.GOOD, "run behind every wall")]
    detail = f"run behind {', '.join(put_up)}" if put_up else "run without walls, as any program"
    return [*findings, Finding("functions", State.DOUBTFUL, detail, "trust who may create them")]


CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (
    check_python,
    check_machine,
    check_disk,
    check_home,
    check_server,
    check_clock,
    check_functions,
    check_compute,
)


def _nearest_existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
