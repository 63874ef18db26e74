"""Run the examples of Terraform for real: apply, look for drift, change, import, destroy. `make terraform` runs this.

    python tools/run_terraform.py [NAME …]      # folders of examples/; all without any

It needs terraform on the PATH and the AWS provider: from the public registry, or from a mirror named in the file that
TF_CLI_CONFIG_FILE points at. The server is one of its own, in a folder that is removed afterwards.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0
COMMAND_SECONDS = 900.0
DRIFT = 2  # what `plan -detailed-exitcode` ends with where it would change something


@dataclass(frozen=True, slots=True)
class Example:
    """A configuration in a folder of examples/.

    Attributes:
        name: of the folder.
        changed: what a second apply is run with.
        imported: address → id of what is forgotten and imported; "" for the id that it has in the state.
        packages: zip file that the configuration names → the files of the folder that it holds.
    """

    name: str
    changed: tuple[str, ...]
    imported: Mapping[str, str]
    packages: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / "examples" / self.name

    def copy_to(self, folder: Path) -> None:
        """Copy it, and make what its reader is asked to make by hand."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.folder / "main.tf", folder / "main.tf")
        for package, files in self.packages.items():
            with zipfile.ZipFile(folder / package, "w") as archive:
                for file in files:
                    # Without the time of the file: so that the same code has the same hash everywhere.
                    entry = zipfile.ZipInfo(file)
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, (self.folder / file).read_bytes())


TEAM = Example(
    "terraform",
    changed=(
        '-var=training_prefixes=["train/","validation/"]',
        "-var=keep_old_versions_days=14",
        "-var=judge_token=another",
    ),
    imported={
        "aws_s3_bucket.results": "tickets-results",
        "aws_iam_role.jobs": "tickets-jobs",
        "aws_kms_key.releases": "",  # its id is drawn anew in every run
    },
)
WORKFLOW = Example(
    "terraform-workflow",
    changed=(
        "-var=keep_logs_days=30",
        "-var=loss_limit=1.5",
        "-var=data_prefix=arrived/",
        "-var=wait_seconds=30",
    ),
    imported={
        "aws_sfn_state_machine.quick": "",
        "aws_sns_topic.models": "",
        "aws_cloudwatch_event_target.mail": "retraining-job-ended/mail",
        "aws_cloudwatch_log_metric_filter.poor": "/aws/lambda/retraining-judge:poor-models",
        "aws_lambda_alias.live": "retraining-judge/live",
        "aws_s3_bucket_notification.data": "retraining-data",
        "aws_sesv2_email_identity.reports": "reports@example.com",
    },
    packages={"function.zip": ["index.py"]},
)
EXAMPLES = {example.name: example for example in (TEAM, WORKFLOW)}


class TerraformFailed(Exception):
    """A command did not end as it must; its text is the command's output."""


class Terraform:
    """An example in a work folder, pointed at a server.

    Args:
        example: what is run.
        folder: where its state lies; made if it is missing.
        endpoint: URL of the server, or of what stands before it.
        variables: AWS_* variables with the root key.
    """

    def __init__(
        self, example: Example, folder: Path, endpoint: str, variables: Mapping[str, str]
    ) -> None:
        self.example = example
        self.folder = folder
        example.copy_to(folder)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = clean | {
            **variables,
            "TF_VAR_endpoint": endpoint,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }

    def __call__(self, *arguments: str) -> str:
        """Run one command and return what it printed.

        Raises:
            TerraformFailed: it did not end with 0.
        """
        ran = subprocess.run(  # a program found on the PATH, as its users start it
            ["terraform", *arguments],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if ran.returncode:
            what = "would change something" if ran.returncode == DRIFT else "failed"
            # Before the end stands the whole plan.
            raise TerraformFailed(
                f"terraform {' '.join(arguments)} {what}:\n{ran.stdout[-3000:]}\n{ran.stderr}"
            )
        return ran.stdout

    def initialize(self) -> None:
        """Fetch the provider.

        Raises:
            TerraformFailed: neither registry nor mirror has it.
        """
        self("init", "-no-color", "-input=false")

    def id_of(self, address: str) -> str:
        """Return the id of a resource in the state."""
        state = json.loads(self("show", "-json"))
        for resource in state["values"]["root_module"]["resources"]:
            if resource["address"] == address:
                identifier: str = resource["values"]["id"]
                return identifier
        raise LookupError(address)

    def steps(self, *options: str) -> Iterable[tuple[str, Sequence[str]]]:
        """Yield what to run one after the other: a name, and the arguments.

        Lazily: later arguments hold ids that earlier steps draw.

        Args:
            options: flags for every command that talks to the server.
        """
        plain = ("-no-color", "-input=false", *options)
        changed = self.example.changed
        yield "apply", ("apply", "-auto-approve", *plain)
        yield "plan", ("plan", "-detailed-exitcode", *plain)
        yield "change", ("apply", "-auto-approve", *plain, *changed)
        yield "plan after the change", ("plan", "-detailed-exitcode", *plain, *changed)
        for address, named in self.example.imported.items():
            identifier = named or self.id_of(address)
            self("state", "rm", address)
            flags = ("-no-color", "-input=false", *changed)
            yield f"import of {address}", ("import", *flags, address, identifier)
        yield "plan after the imports", ("plan", "-detailed-exitcode", *plain, *changed)
        yield "destroy", ("destroy", "-auto-approve", *plain, *changed)


class OwnServer:
    """`outcrop up` on a new home and free ports, for the length of a block."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.variables: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        settings = {"OUTCROP_HOME": str(self.home), "OUTCROP_PORT": "0", "OUTCROP_TLS_PORT": "0"}
        outcrop = [sys.executable, "-m", "outcrop.cli.main"]
        with (self.home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*outcrop, "up"], env=os.environ | settings, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.home / "server.json").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((self.home / "server.log").read_text())
            time.sleep(0.05)
        command = [*outcrop, "env", "--format", "json", "--home", str(self.home)]
        self.variables = json.loads(subprocess.check_output(command))
        return self

    @property
    def endpoint(self) -> str:
        """HTTP endpoint URL."""
        return self.variables["AWS_ENDPOINT_URL"]

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=60)


def run(example: Example) -> None:
    """Run every step of an example and say how it went."""
    with (
        tempfile.TemporaryDirectory(prefix="outcrop-terraform-") as folder,
        OwnServer(Path(folder) / "home") as server,
    ):
        print(f"examples/{example.name}", flush=True)
        terraform = Terraform(example, Path(folder) / "work", server.endpoint, server.variables)
        try:
            terraform.initialize()
            for name, arguments in terraform.steps():
                started = time.monotonic()
                terraform(*arguments)
                print(f"{name:<48} {time.monotonic() - started:6.1f} s", flush=True)
        except TerraformFailed as failure:
            raise SystemExit(str(failure)) from None


def chosen() -> list[Example]:
    """Return the examples that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", nargs="*", help=f"of {', '.join(EXAMPLES)}; all without any")
    names = parser.parse_args().name or list(EXAMPLES)
    unknown = [name for name in names if name not in EXAMPLES]
    if unknown:
        parser.error(f"no such example: {', '.join(unknown)}")
    return [EXAMPLES[name] for name in names]


def main() -> None:
    """Run the examples that are named, or all."""
    examples = chosen()
    if shutil.which("terraform") is None:
        raise SystemExit(
            "terraform is not installed: see https://developer.hashicorp.com/terraform/install"
        )
    for example in examples:
        run(example)


if __name__ == "__main__":
    main()
