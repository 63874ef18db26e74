"""Collecting operations, and calls within the process."""

import importlib
import pkgutil
import types

import pytest

from gateway import small_operations
from gateway.conftest import Served
from outcrop import services
from outcrop.app import collect_services
from outcrop.aws.errors import AccessDeniedException, ServiceError, ValidationException
from outcrop.aws.operation import Principal, operation
from outcrop.core.errors import ConfigurationError
from outcrop.gateway.operations import OperationsOnDemand, collect_operations, services_of

ROLE = Principal("AssumedRole", "arn:aws:sts::123456789012:assumed-role/r/job", "123456789012")


def test_marked_functions_are_found_and_others_are_not() -> None:
    found = collect_operations([small_operations])
    assert found["bedrock", "GetCustomModel"].only_reads
    assert not found["bedrock", "DeleteCustomModel"].only_reads
    assert found["s3", "PutObject"].is_async
    assert len(found) == 9


def test_operations_on_demand_are_the_same_and_come_with_their_service_alone() -> None:
    eager = collect_operations([small_operations])
    lazy = OperationsOnDemand({"bedrock": "gateway.small_operations", "s3": "gateway.nowhere"})
    assert services_of(lazy) == {"bedrock", "s3"}
    assert lazy["bedrock", "GetCustomModel"] == eager["bedrock", "GetCustomModel"]
    assert lazy.get(("bedrock", "ListCustomModels")) == eager.get(("bedrock", "ListCustomModels"))
    assert lazy.get(("kms", "Encrypt")) is None
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        lazy.get(("s3", "GetBucketAcl"))


def test_every_operation_lies_in_the_package_of_its_service() -> None:
    names = [item.name for item in pkgutil.iter_modules(services.__path__) if item.ispkg]
    packages = [importlib.import_module(f"outcrop.services.{name}") for name in names]
    assert dict(collect_services()) == collect_operations(packages)


@pytest.mark.parametrize("marks", [("s3:GetObject", "s3:GetObject"), ("GetObject",)])
def test_two_functions_for_one_operation_or_a_bad_name_are_refused(marks: tuple[str, ...]) -> None:
    module = types.ModuleType("made_up")
    for index, mark in enumerate(marks):

        def function(_request: object, _context: object) -> None:
            return None

        function.__module__ = "made_up"
        setattr(module, f"function_{index}", operation(mark)(function))
    with pytest.raises(ConfigurationError):
        collect_operations([module])


async def test_a_job_acts_as_its_role_in_process(served: Served) -> None:
    answer = await served.gateway.invoke(
        "bedrock", "GetCustomModel", {"modelIdentifier": "m"}, principal=ROLE, region="us-east-1"
    )
    assert answer == {"modelName": "m", "modelArn": ROLE.arn}


async def test_other_accounts_and_users_are_refused_in_process(served: Served) -> None:
    for stranger in (
        Principal("Account", "arn:aws:iam::999999999999:root", "999999999999"),
        Principal("User", "arn:aws:iam::123456789012:user/u", "123456789012"),
    ):
        with pytest.raises(AccessDeniedException, match="not authorized to perform"):
            await served.gateway.invoke(
                "bedrock",
                "GetCustomModel",
                {"modelIdentifier": "m"},
                principal=stranger,
                region="r",
            )


async def test_calls_in_process_are_validated(served: Served) -> None:
    with pytest.raises(ValidationException):
        await served.gateway.invoke(
            "bedrock", "GetCustomModel", {"modelIdentifier": "a b"}, principal=ROLE, region="r"
        )
    with pytest.raises(ServiceError):
        await served.gateway.invoke("bedrock", "NoSuchThing", {}, principal=ROLE, region="r")
