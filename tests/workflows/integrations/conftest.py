"""Integrations over an Invoke that writes down what it is asked, and answers what a test lays out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from outcrop.aws.operation import Principal
from outcrop.identity.directory import RoleNotAssumable
from outcrop.storage.database.engine import Database
from outcrop.workflows.integrations import make_integrations
from outcrop.workflows.integrations.registry import ServiceIntegrations
from outcrop.workflows.tasks import TaskCall

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:parent"
EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:parent:run"


def session(role_arn: str, name: str = "session") -> Principal:
    role = role_arn.rpartition("/")[2]
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"
    return Principal("AssumedRole", arn, ACCOUNT, role_arn=role_arn)


@dataclass
class Roles:
    """A directory in which every role trusts Step Functions, but for those named."""

    untrusting: set[str] = field(default_factory=set)
    credentials: dict[str, Principal] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def assume_for_service(self, role_arn: str, service: str, **more: Any) -> Principal:
        self.asked.append({"role": role_arn, "service": service, **more})
        if role_arn in self.untrusting:
            raise RoleNotAssumable(role_arn)
        return session(role_arn, more["session_name"])

    def credential(self, access_key_id: str, _session_token: str) -> Any:
        found = type("Found", (), {})()
        found.principal = self.credentials[access_key_id]
        return found


@dataclass
class Recorded:
    """An Invoke that keeps every call."""

    calls: list[tuple[str, str, Mapping[str, Any], Principal, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def answer(self, service: str, operation: str, *results: Any) -> None:
        """Lay out results or exceptions; the last one stands for all further calls."""
        self.answers[service, operation] = list(results)

    async def __call__(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        principal: Principal,
        region: str,
    ) -> dict[str, Any]:
        self.calls.append((service, operation, request, principal, region))
        results = self.answers[service, operation]
        result = results.pop(0) if len(results) > 1 else results[0]
        if isinstance(result, Exception):
            raise result
        return dict(result)

    def request(self, index: int = -1) -> Mapping[str, Any]:
        return self.calls[index][2]


@pytest.fixture
def invoke() -> Recorded:
    return Recorded()


@pytest.fixture
def roles() -> Roles:
    return Roles()


@pytest.fixture
def integrations(invoke: Recorded, roles: Roles, tmp_path: Path) -> ServiceIntegrations:
    directory: Any = roles
    database = Database.at(tmp_path / "empty.db")
    return make_integrations(invoke, directory, database, account_id=ACCOUNT)


@pytest.fixture
def task() -> Callable[..., TaskCall]:
    """Return a call of a resource (without its "arn:aws:states:::") with arguments."""
    common = TaskCall(
        resource="",
        arguments={},
        region="us-east-1",
        account_id=ACCOUNT,
        role_arn=ROLE,
        execution_arn=EXECUTION,
        state_machine_arn=MACHINE,
        state_name="State",
        event_id=3,
    )

    def make(resource: str, arguments: Any = None, **changes: Any) -> TaskCall:
        arn = resource if resource.startswith("arn:") else f"arn:aws:states:::{resource}"
        return replace(common, resource=arn, arguments=arguments, **changes)

    return make
