"""Quotas: values, refusals, changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.aws.errors import ServiceQuotaExceededException
from outcrop.core.hyperparameters import FAMILIES
from outcrop.governance import quota_catalogue as catalogue
from outcrop.governance import quotas
from outcrop.governance.quotas import Quotas
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.service_quotas import RequestRow, insert_request

MODELS = catalogue.CUSTOM_MODELS
ROLES = catalogue.ROLES


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "outcrop.db")
    upgrade(database)
    yield database
    database.close()


def ask(database: Database, quota: catalogue.Quota, desired: float, region: str = "r") -> None:
    with database.write() as connection:
        row = RequestRow("1", region, quota.service, quota.code, desired, "PENDING", "arn", 1, 1)
        insert_request(connection, row)


def test_the_codes_of_a_service_differ() -> None:
    named = [value for value in vars(catalogue).values() if isinstance(value, catalogue.Quota)]
    assert {(quota.service, quota.code) for quota in named} <= set(catalogue.QUOTAS)
    assert len({quota.name for quota in catalogue.QUOTAS.values()}) == len(catalogue.QUOTAS)
    assert all(len(quota.description) <= 350 for quota in catalogue.QUOTAS.values())


def test_derived_codes_never_change() -> None:
    assert catalogue.CREATING_DEPLOYMENTS.code == catalogue.derived_code(
        "In-progress custom model deployments"
    )
    assert catalogue.derived_code("Tags per resource") == catalogue.TAGS.code
    assert catalogue.derived_code("x") == "L-2D711642"


def test_every_family_of_models_has_a_quota_of_records() -> None:
    for family in FAMILIES:
        assert catalogue.records_quota(family).default >= 10_000


def test_as_much_as_the_quota_passes_and_more_is_refused(database: Database) -> None:
    asked = Quotas(database)
    asked.check(MODELS.service, MODELS.code, 100, region="r")
    with pytest.raises(ServiceQuotaExceededException) as caught:
        asked.check(MODELS.service, MODELS.code, 101, region="r")
    message = caught.value.message
    for part in ("Custom models per account", "101", "100", "L-CB5B847D", "outcrop quotas grant"):
        assert part in message


def test_a_fixed_quota_says_that_an_administrator_sets_it(database: Database) -> None:
    quota = catalogue.SCHEDULED_JOBS
    excess = Quotas(database).excess(quota.service, quota.code, 11, region="r")
    assert "outcrop quotas set bedrock L-0406044C N" in excess
    assert Quotas(database).excess(quota.service, quota.code, 10, region="r") == ""


def test_a_change_holds_at_once_and_in_its_region(database: Database) -> None:
    asked = Quotas(database)
    quotas.set_value(database, MODELS, 5, region="r", now_us=1)
    assert asked.value(MODELS.service, MODELS.code, region="r") == 5
    assert asked.value(MODELS.service, MODELS.code, region="other") == 100
    quotas.set_value(database, ROLES, 7, region="r", now_us=1)
    assert asked.value(ROLES.service, ROLES.code) == 7
    with pytest.raises(quotas.QuotaError, match="cannot be -1"):
        quotas.set_value(database, MODELS, -1, region="r", now_us=1)


def test_a_granted_request_raises_the_quota_it_named(database: Database) -> None:
    ask(database, ROLES, 3000, region="")
    assert quotas.grant(database, "1", now_us=2).desired_value == 3000
    assert Quotas(database).value(ROLES.service, ROLES.code) == 3000
    with pytest.raises(quotas.QuotaError, match="APPROVED already"):
        quotas.deny(database, "1", now_us=3)


def test_a_denied_request_changes_nothing(database: Database) -> None:
    ask(database, MODELS, 3000)
    quotas.deny(database, "1", now_us=2)
    assert Quotas(database).value(MODELS.service, MODELS.code, region="r") == 100
    with pytest.raises(quotas.QuotaError, match="no request 2"):
        quotas.grant(database, "2", now_us=2)


def test_what_is_no_quota_has_no_value(database: Database) -> None:
    with pytest.raises(quotas.QuotaError, match="no quota L-0"):
        Quotas(database).value("bedrock", "L-0")
