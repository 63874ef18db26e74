"""Quotas of S3, IAM and KMS: what they hold back, in each service's own words."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from outcrop.core.times import now_us
from outcrop.governance import quota_catalogue as catalogue
from outcrop.governance import quotas
from outcrop.governance.quota_catalogue import Quota
from support.composed_server import ComposedServer


@pytest.fixture
def limit(server: ComposedServer) -> Iterator[Any]:
    """Set quotas for the length of a test."""
    changed: set[Quota] = set()

    def change(quota: Quota, value: float) -> None:
        changed.add(quota)
        moment = now_us(server.clock)
        quotas.set_value(server.database, quota, value, region="eu-west-1", now_us=moment)

    yield change
    for quota in tuple(changed):
        change(quota, quota.default)


def code_of(function: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        function(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_buckets_stop_at_their_quota(server: ComposedServer, limit: Any) -> None:
    s3 = server.client("s3", region="us-east-1")
    have = len(s3.list_buckets()["Buckets"])
    limit(catalogue.BUCKETS, have + 1)
    s3.create_bucket(Bucket=f"b-{uuid4()}")
    code, message = code_of(s3.create_bucket, Bucket=f"b-{uuid4()}")
    assert (code, message) == (
        "TooManyBuckets",
        "You have attempted to create more buckets than allowed",
    )


def test_users_and_roles_stop_at_their_quotas(server: ComposedServer, limit: Any) -> None:
    iam = server.client("iam")
    limit(catalogue.USERS, 0)
    code, message = code_of(iam.create_user, UserName="u")
    assert (code, message) == ("LimitExceeded", "Cannot exceed quota for UsersPerAccount: 0")
    limit(catalogue.USERS, 10)
    assert iam.create_user(UserName="u")["User"]["UserName"] == "u"
    limit(catalogue.POLICIES_PER_USER, 1)
    first, second = (
        f"arn:aws:iam::aws:policy/{name}" for name in ("AmazonBedrockFullAccess", "IAMFullAccess")
    )
    iam.attach_user_policy(UserName="u", PolicyArn=first)
    iam.attach_user_policy(UserName="u", PolicyArn=first)
    code, message = code_of(iam.attach_user_policy, UserName="u", PolicyArn=second)
    assert (code, message) == ("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 1")


def test_keys_stop_at_their_quota(server: ComposedServer, limit: Any) -> None:
    kms = server.client("kms")
    limit(catalogue.KEYS, 1)
    kms.create_key()
    code, message = code_of(kms.create_key)
    assert (code, catalogue.KEYS.code in message) == ("LimitExceededException", True)
