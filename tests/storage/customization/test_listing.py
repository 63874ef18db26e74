"""Pages by keyset."""

import itertools
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from outcrop.storage import customization_jobs
from outcrop.storage.customization_jobs import JobRow
from outcrop.storage.database.engine import Database
from outcrop.storage.listing import Filters

CREATED_US = 1_700_000_000_000_000


def add(connection: Connection, name: str, *, created_us: int, region: str = "us-east-1") -> None:
    job_id = f"{name}-{region}"
    row = JobRow(
        id=job_id,
        region=region,
        name=name,
        arn=f"arn:{job_id}",
        status="Failed" if name.endswith("7") else "InProgress",
        base_model_arn="arn:base",
        model_name=f"model-{name}",
        model_arn=f"arn:model-{name}",
        customization_type="FINE_TUNING",
        created_us=created_us,
        modified_us=created_us,
        ended_us=None,
        failure_message=None,
        request_json="{}",
        phases_json="{}",
        metrics_json=None,
        plan_json='{"parent_model_id": null}',
    )
    customization_jobs.insert(connection, row)


@pytest.fixture
def filled(database: Database) -> Database:
    """Ten jobs, two of them created in each microsecond, and one elsewhere."""
    with database.write() as connection:
        for i in range(10):
            add(connection, f"job-{i}", created_us=CREATED_US + i // 2)
        add(connection, "elsewhere", created_us=CREATED_US, region="eu-west-1")
    return database


def names(database: Database, filters: Filters) -> list[list[str]]:
    """Return every page's names, following the positions."""
    pages = []
    while True:
        with database.read() as connection:
            rows, following = customization_jobs.page(connection, filters)
        pages.append([row[4] for row in rows])
        if following is None:
            return pages
        filters = replace(filters, after=following)


@pytest.mark.parametrize(("ascending", "limit"), [*itertools.product([False, True], [1, 3, 5, 20])])
def test_pages_hold_every_row_once_in_order(filled: Database, ascending: bool, limit: int) -> None:
    pages = names(filled, Filters("us-east-1", {}, ascending=ascending, limit=limit))

    expected = [f"job-{i}" for i in range(10)]
    assert [name for page in pages for name in page] == (expected if ascending else expected[::-1])
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert pages[-1], "a page that follows another is never empty"


def test_bounds_of_the_creation_time_are_exclusive(filled: Database) -> None:
    filters = Filters(
        "us-east-1", {}, created_after_us=CREATED_US, created_before_us=CREATED_US + 2
    )

    assert names(filled, filters) == [["job-3", "job-2"]]


def test_wildcards_of_sql_are_no_wildcards_of_names(filled: Database) -> None:
    assert names(filled, Filters("us-east-1", {}, name_contains="job%")) == [[]]
    assert names(filled, Filters("us-east-1", {}, name_contains="job_7")) == [[]]
    assert names(filled, Filters("us-east-1", {}, name_contains="b-7")) == [["job-7"]]


def test_filters_combine(filled: Database) -> None:
    filters = Filters("us-east-1", {"status": "Failed"}, name_contains="job")

    assert names(filled, filters) == [["job-7"]]


def test_a_model_name_is_claimed_while_its_job_runs(filled: Database) -> None:
    with filled.read() as connection:
        claims = customization_jobs.claims_model_name
        assert claims(connection, "us-east-1", "model-job-1")
        assert not claims(connection, "us-east-1", "model-job-7"), "its job has failed"
        assert not claims(connection, "eu-west-1", "model-job-1"), "regions are apart"
