"""Lists of secrets: filters, order, pages."""

from typing import Any

import pytest

from support.composed_server import ComposedServer, Refused

SECRETS = {
    "prod/Database/main": ("The main database", {"team": "blue", "tier": "gold"}),
    "prod/database-copy": ("a copy of the first", {"team": "green"}),
    "dev/apiToken": (None, {"Team": "blueish"}),
    "dev/plain": ("Database of developers", {}),
}


@pytest.fixture(scope="module")
def listing(server: ComposedServer) -> Any:
    """A client of a region of its own, with SECRETS in it."""
    client = server.client("secretsmanager", region="ap-southeast-2")
    for name, (description, tags) in SECRETS.items():
        more = {} if description is None else {"Description": description}
        client.create_secret(
            Name=name,
            SecretString="x",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **more,
        )
    return client


def names(client: Any, **request: Any) -> list[str]:
    return [item["Name"] for item in client.list_secrets(**request)["SecretList"]]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("name", ["prod/"], {"prod/Database/main", "prod/database-copy"}),
        ("name", ["PROD"], set()),
        ("name", ["prod/D", "dev/p"], {"prod/Database/main", "dev/plain"}),
        ("name", ["!prod/"], {"dev/apiToken", "dev/plain"}),
        ("tag-key", ["t"], {"prod/Database/main", "prod/database-copy"}),
        ("tag-key", ["!team"], {"dev/apiToken", "dev/plain"}),
        ("tag-value", ["blue"], {"prod/Database/main", "dev/apiToken"}),
        ("tag-value", ["BLUE"], set()),
        ("description", ["the main"], {"prod/Database/main"}),
        ("description", ["DATABASE"], {"prod/Database/main", "dev/plain"}),
        ("primary-region", ["ap-"], set(SECRETS)),
        ("primary-region", ["eu-"], set()),
        ("owning-service", ["rds"], set()),
        ("all", ["database"], {"prod/Database/main", "prod/database-copy", "dev/plain"}),
        ("all", ["token"], {"dev/apiToken"}),
        ("all", ["blue gold"], {"prod/Database/main"}),
        ("all", ["!database"], {"dev/apiToken"}),
    ],
)
def test_a_filter_selects(listing: Any, key: str, values: list[str], expected: set[str]) -> None:
    assert set(names(listing, Filters=[{"Key": key, "Values": values}])) == expected


def test_all_filters_must_match(listing: Any) -> None:
    filters = [{"Key": "name", "Values": ["prod"]}, {"Key": "tag-value", "Values": ["gold"]}]
    assert names(listing, Filters=filters) == ["prod/Database/main"]


def test_lists_are_ordered_as_asked(listing: Any) -> None:
    assert names(listing) == list(SECRETS)
    assert names(listing, SortOrder="desc") == list(SECRETS)[::-1]
    assert names(listing, SortBy="name") == sorted(SECRETS)
    assert names(listing, SortBy="name", SortOrder="desc") == sorted(SECRETS, reverse=True)


def test_the_last_changed_stands_last(listing: Any) -> None:
    listing.update_secret(SecretId="prod/database-copy", Description="a copy of the first")
    assert names(listing, SortBy="last-changed-date")[-1] == "prod/database-copy"


def test_pages_follow_each_other(listing: Any, refused: Refused) -> None:
    pages = listing.get_paginator("list_secrets").paginate(
        SortBy="name", PaginationConfig={"PageSize": 3}
    )
    found = [[item["Name"] for item in page["SecretList"]] for page in pages]
    assert [len(page) for page in found] == [3, 1]
    assert [name for page in found for name in page] == sorted(SECRETS)
    assert refused(listing.list_secrets, NextToken="made-up") == (
        "InvalidNextTokenException",
        "The NextToken value is invalid.",
    )


def test_what_is_scheduled_for_deletion_is_listed_on_request(listing: Any) -> None:
    listing.create_secret(Name="going")
    listing.delete_secret(SecretId="going", RecoveryWindowInDays=7)
    assert "going" not in names(listing)
    listed = listing.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert [item["Name"] for item in listed if "DeletedDate" in item] == ["going"]
    listing.delete_secret(SecretId="going", ForceDeleteWithoutRecovery=True)


def test_a_listed_secret_shows_its_stages(listing: Any) -> None:
    listed = listing.list_secrets(Filters=[{"Key": "name", "Values": ["dev/plain"]}])
    (item,) = listed["SecretList"]
    assert list(item["SecretVersionsToStages"].values()) == [["AWSCURRENT"]]
    assert "VersionIdsToStages" not in item
    assert item["Description"] == "Database of developers"
