"""Run examples/terraform for real: apply, look for drift, change, import, destroy. `make terraform` runs this.

It needs terraform on the PATH and the AWS provider: from the public registry, or from a mirror named in the file that
TF_CLI_CONFIG_FILE points at. The server is one of its own, in a folder that is removed afterwards.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "terraform" / "main.tf"
START_SECONDS = 60.0
COMMAND_SECONDS = 900.0
DRIFT = 2  # what `plan -detailed-exitcode` ends with where it would change something

CHANGED = (
    '-var=training_prefixes=["train/","validation/"]',
    "-var=keep_old_versions_days=14",
    "-var=judge_token=another",
)
IMPORTED = {
    "aws_s3_bucket.results": "tickets-results",
    "aws_iam_role.jobs": "tickets-jobs",
    "aws_kms_key.releases": "",  # its id is drawn anew in every run
}


class TerraformFailed(Exception):
    """A command did not end as it must; its text is the command's output."""


class Terraform:
    """The example in a work folder, pointed at a server.

    Args:
        folder: where its state lies; made if it is missing.
        endpoint: URL of the server, or of what stands before it.
        variables: AWS_* variables with the root key.
    """

    def __init__(self, folder: Path, endpoint: str, variables: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        shutil.copy(EXAMPLE, folder / "main.tf")
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
        yield "apply", ("apply", "-auto-approve", *plain)
        yield "plan", ("plan", "-detailed-exitcode", *plain)
        yield "change", ("apply", "-auto-approve", *plain, *CHANGED)
        yield "plan after the change", ("plan", "-detailed-exitcode", *plain, *CHANGED)
        for address, named in IMPORTED.items():
            identifier = named or self.id_of(address)
            self("state", "rm", address)
            flags = ("-no-color", "-input=false", *CHANGED)
            yield f"import of {address}", ("import", *flags, address, identifier)
        yield "plan after the imports", ("plan", "-detailed-exitcode", *plain, *CHANGED)
        yield "destroy", ("destroy", "-auto-approve", *plain, *CHANGED)


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


def main() -> None:
    """Run every step and say how it went."""
    if shutil.which("terraform") is None:
        raise SystemExit(
            "terraform is not installed: see https://developer.hashicorp.com/terraform/install"
        )
    with (
        tempfile.TemporaryDirectory(prefix="outcrop-terraform-") as folder,
        OwnServer(Path(folder) / "home") as server,
    ):
        terraform = Terraform(Path(folder) / "work", server.endpoint, server.variables)
        try:
            terraform.initialize()
            for name, arguments in terraform.steps():
                started = time.monotonic()
                terraform(*arguments)
                print(f"{name:<32} {time.monotonic() - started:6.1f} s", flush=True)
        except TerraformFailed as failure:
            raise SystemExit(str(failure)) from None


if __name__ == "__main__":
    main()
