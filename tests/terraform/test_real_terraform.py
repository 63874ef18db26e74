"""The examples under the real terraform, where it is installed and can get its provider."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from run_terraform import EXAMPLES, OwnServer, Terraform, TerraformFailed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    with OwnServer(tmp_path / "home") as started:
        yield started


@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_an_example_applies_changes_imports_and_is_destroyed_without_drift(
    example: str, server: OwnServer, tmp_path: Path
) -> None:
    terraform = Terraform(EXAMPLES[example], tmp_path / "work", server.endpoint, server.variables)
    try:
        terraform.initialize()
    except TerraformFailed as failure:
        pytest.skip(f"terraform cannot get the AWS provider: {str(failure)[-300:]}")
    ran = []
    for name, arguments in terraform.steps():
        terraform(*arguments)  # raises where it fails, and where a plan finds drift
        ran.append(name)
    assert ran[0] == "apply"
    assert ran[-1] == "destroy"
    assert terraform("state", "list") == ""
