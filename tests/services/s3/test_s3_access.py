"""Who may do what with buckets and objects: users' policies, bucket policies, lists, and the public."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from support.composed_server import ComposedServer

ACCOUNT = "123456789012"
Statement = Mapping[str, Any]


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Code and message of what must be refused."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class User:
    """An IAM user with one inline policy."""

    def __init__(self, server: ComposedServer) -> None:
        self.name = f"user-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/{self.name}"
        self._iam = server.client("iam", region="us-east-1")
        self._iam.create_user(UserName=self.name)
        key = self._iam.create_access_key(UserName=self.name)["AccessKey"]
        self.s3 = server.client(
            "s3",
            region="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    def may(self, *statements: Statement) -> None:
        self._iam.put_user_policy(
            UserName=self.name, PolicyName="own", PolicyDocument=document(*statements)
        )


@pytest.fixture
def user(composed: ComposedServer) -> User:
    return User(composed)


@pytest.fixture
def stranger(composed: ComposedServer) -> Any:
    """S3 for a caller without credentials."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{composed.port}",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


def test_a_refusal_names_the_action_and_the_object(user: User, root: Any, place: str) -> None:
    root.put_object(Bucket=place, Key="a/b", Body=b"x")
    code, message = refusal(user.s3.get_object, Bucket=place, Key="a/b")
    assert code == "AccessDenied"
    assert message == (
        f"User: {user.arn} is not authorized to perform: s3:GetObject on resource: "
        f'"arn:aws:s3:::{place}/a/b" because no identity-based policy allows the s3:GetObject action'
    )
    user.may(allow("s3:GetObject", f"arn:aws:s3:::{place}/a/*"))
    assert user.s3.get_object(Bucket=place, Key="a/b")["Body"].read() == b"x"
    assert refusal(user.s3.put_object, Bucket=place, Key="a/b")[0] == "AccessDenied"


def test_a_bucket_policy_lets_a_user_in_without_one_of_their_own(
    user: User, root: Any, place: str
) -> None:
    root.put_object(Bucket=place, Key="k", Body=b"x")
    statement = allow("s3:GetObject", f"arn:aws:s3:::{place}/*", Principal={"AWS": user.arn})
    root.put_bucket_policy(Bucket=place, Policy=document(statement))
    assert user.s3.get_object(Bucket=place, Key="k")["Body"].read() == b"x"
    root.delete_bucket_policy(Bucket=place)
    assert refusal(user.s3.get_object, Bucket=place, Key="k")[0] == "AccessDenied"


def test_a_bucket_policy_denies_also_what_the_user_may(user: User, root: Any, place: str) -> None:
    user.may(allow("s3:*", "*"))
    user.s3.put_object(Bucket=place, Key="k", Body=b"x")
    denial = {**allow("s3:PutObject", f"arn:aws:s3:::{place}/*", Principal="*"), "Effect": "Deny"}
    root.put_bucket_policy(Bucket=place, Policy=document(denial))
    code, message = refusal(user.s3.put_object, Bucket=place, Key="k")
    assert (code, message.rpartition(" with ")[2]) == (
        "AccessDenied",
        "an explicit deny in a resource-based policy",
    )
    assert refusal(root.put_object, Bucket=place, Key="k")[0] == "AccessDenied"


def test_the_root_can_take_back_a_policy_that_locks_everybody_out(root: Any, place: str) -> None:
    everything = [f"arn:aws:s3:::{place}", f"arn:aws:s3:::{place}/*"]
    denial = {**allow("s3:*", everything, Principal="*"), "Effect": "Deny"}
    root.put_bucket_policy(Bucket=place, Policy=document(denial))
    assert refusal(root.list_objects_v2, Bucket=place)[0] == "AccessDenied"
    root.delete_bucket_policy(Bucket=place)
    root.list_objects_v2(Bucket=place)


def test_a_missing_key_is_told_only_to_who_may_list(user: User, place: str) -> None:
    user.may(allow("s3:GetObject", f"arn:aws:s3:::{place}/*"))
    code, message = refusal(user.s3.get_object, Bucket=place, Key="missing")
    assert code == "AccessDenied"
    assert "s3:ListBucket" in message
    assert refusal(user.s3.head_object, Bucket=place, Key="missing")[0] == "403"
    user.may(
        allow("s3:GetObject", f"arn:aws:s3:::{place}/*"),
        allow("s3:ListBucket", f"arn:aws:s3:::{place}"),
    )
    assert refusal(user.s3.get_object, Bucket=place, Key="missing")[0] == "NoSuchKey"
    assert refusal(user.s3.head_object, Bucket=place, Key="missing")[0] == "404"


def test_listing_can_be_bound_to_a_prefix(user: User, place: str) -> None:
    condition = {"StringLike": {"s3:prefix": "home/ann/*"}}
    user.may(allow("s3:ListBucket", f"arn:aws:s3:::{place}", Condition=condition))
    user.s3.list_objects_v2(Bucket=place, Prefix="home/ann/")
    assert refusal(user.s3.list_objects_v2, Bucket=place, Prefix="home/")[0] == "AccessDenied"
    assert refusal(user.s3.list_objects_v2, Bucket=place)[0] == "AccessDenied"


def test_tags_of_an_object_decide(user: User, root: Any, place: str) -> None:
    root.put_object(Bucket=place, Key="open", Body=b"x", Tagging="class=public")
    root.put_object(Bucket=place, Key="shut", Body=b"x", Tagging="class=secret")
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "public"}}
    user.may(allow("s3:GetObject", f"arn:aws:s3:::{place}/*", Condition=condition))
    user.s3.get_object(Bucket=place, Key="open")
    assert refusal(user.s3.get_object, Bucket=place, Key="shut")[0] == "AccessDenied"
    tags = {"TagSet": [{"Key": "class", "Value": "public"}]}
    root.put_object_tagging(Bucket=place, Key="shut", Tagging=tags)
    user.s3.get_object(Bucket=place, Key="shut")


def test_a_version_is_decided_by_its_own_tags(user: User, root: Any, place: str) -> None:
    root.put_bucket_versioning(Bucket=place, VersioningConfiguration={"Status": "Enabled"})
    call = {"Bucket": place, "Key": "k"}
    secret = root.put_object(**call, Body=b"1", Tagging="class=secret")["VersionId"]
    untagged = root.put_object(**call, Body=b"2")["VersionId"]
    shown = root.put_object(**call, Body=b"3", Tagging="class=public")["VersionId"]
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "public"}}
    user.may(
        allow(
            ["s3:GetObject", "s3:GetObjectVersion"], f"arn:aws:s3:::{place}/*", Condition=condition
        )
    )
    user.s3.get_object(**call)
    assert user.s3.get_object(**call, VersionId=shown)["Body"].read() == b"3"
    for version in (secret, untagged):
        code, message = refusal(user.s3.get_object, **call, VersionId=version)
        assert (code, "s3:GetObjectVersion" in message) == ("AccessDenied", True)


def test_tags_of_a_bucket_decide_once_that_is_enabled(user: User, root: Any, place: str) -> None:
    root.put_bucket_tagging(Bucket=place, Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})
    condition = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    user.may(allow("s3:ListBucket", "*", Condition=condition))
    assert refusal(user.s3.list_objects_v2, Bucket=place)[0] == "AccessDenied"
    root.put_bucket_abac(Bucket=place, AbacStatus={"Status": "Enabled"})
    user.s3.list_objects_v2(Bucket=place)


def test_how_a_request_is_signed_decides(user: User, root: Any, place: str) -> None:
    root.put_object(Bucket=place, Key="k", Body=b"x")
    user.may(
        allow(
            "s3:GetObject",
            f"arn:aws:s3:::{place}/*",
            Condition={"StringEquals": {"s3:authType": "REST-QUERY-STRING"}},
        )
    )
    assert refusal(user.s3.get_object, Bucket=place, Key="k")[0] == "AccessDenied"
    asked = {"Bucket": place, "Key": "k"}
    with urlopen(user.s3.generate_presigned_url("get_object", asked)) as answer:
        assert answer.read() == b"x"


def test_of_many_deletions_only_those_allowed_are_done(user: User, root: Any, place: str) -> None:
    for key in ("mine/a", "theirs/b"):
        root.put_object(Bucket=place, Key=key)
    user.may(allow("s3:DeleteObject", f"arn:aws:s3:::{place}/mine/*"))
    wanted = {"Objects": [{"Key": "mine/a"}, {"Key": "theirs/b"}]}
    answer = user.s3.delete_objects(Bucket=place, Delete=wanted)
    assert [item["Key"] for item in answer["Deleted"]] == ["mine/a"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [
        ("theirs/b", "AccessDenied")
    ]
    left = root.list_objects_v2(Bucket=place)["Contents"]
    assert [item["Key"] for item in left] == ["theirs/b"]


def test_copying_tags_needs_the_rights_over_them(user: User, root: Any, place: str) -> None:
    root.put_object(Bucket=place, Key="plain")
    root.put_object(Bucket=place, Key="tagged", Tagging="a=b")
    objects = f"arn:aws:s3:::{place}/*"
    user.may(allow(["s3:GetObject", "s3:PutObject"], objects))
    user.s3.copy_object(Bucket=place, Key="copy", CopySource=f"{place}/plain")
    call = {"Bucket": place, "Key": "copy", "CopySource": f"{place}/tagged"}
    code, message = refusal(user.s3.copy_object, **call)
    assert (code, "s3:GetObjectTagging" in message) == ("AccessDenied", True)
    user.may(
        allow(
            ["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging", "s3:PutObjectTagging"], objects
        )
    )
    user.s3.copy_object(**call)
    assert root.get_object_tagging(Bucket=place, Key="copy")["TagSet"] == [
        {"Key": "a", "Value": "b"}
    ]


def test_encryption_can_be_demanded(user: User, root: Any, place: str) -> None:
    user.may(allow("s3:PutObject", f"arn:aws:s3:::{place}/*"))
    without = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
    denial = {
        **allow("s3:PutObject", f"arn:aws:s3:::{place}/*", Principal="*", Condition=without),
        "Effect": "Deny",
    }
    root.put_bucket_policy(Bucket=place, Policy=document(denial))
    assert refusal(user.s3.put_object, Bucket=place, Key="k")[0] == "AccessDenied"
    user.s3.put_object(Bucket=place, Key="k", ServerSideEncryption="AES256")


# The public


def test_nobody_unknown_gets_anything_by_default(stranger: Any, root: Any, place: str) -> None:
    root.put_object(Bucket=place, Key="k", Body=b"x")
    assert refusal(stranger.get_object, Bucket=place, Key="k") == ("AccessDenied", "Access Denied")
    assert refusal(stranger.list_objects_v2, Bucket=place)[0] == "AccessDenied"
    assert refusal(stranger.put_object, Bucket=place, Key="k")[0] == "AccessDenied"


def test_a_public_policy_serves_the_public_until_buckets_are_restricted(
    stranger: Any, root: Any, place: str
) -> None:
    root.put_object(Bucket=place, Key="k", Body=b"x")
    root.delete_public_access_block(Bucket=place)
    statement = allow("s3:GetObject", f"arn:aws:s3:::{place}/*", Principal="*")
    root.put_bucket_policy(Bucket=place, Policy=document(statement))
    assert stranger.get_object(Bucket=place, Key="k")["Body"].read() == b"x"
    restricted = {"RestrictPublicBuckets": True}
    root.put_public_access_block(Bucket=place, PublicAccessBlockConfiguration=restricted)
    assert refusal(stranger.get_object, Bucket=place, Key="k")[0] == "AccessDenied"
    root.get_object(Bucket=place, Key="k")


@pytest.fixture
def listed(root: Any, place: str) -> str:
    """A bucket whose lists count and may be public."""
    rule = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    root.put_bucket_ownership_controls(Bucket=place, OwnershipControls=rule)
    root.delete_public_access_block(Bucket=place)
    return place


def test_lists_serve_the_public(stranger: Any, root: Any, listed: str) -> None:
    root.put_object(Bucket=listed, Key="open", Body=b"x", ACL="public-read")
    root.put_object(Bucket=listed, Key="shut", Body=b"x")
    assert stranger.get_object(Bucket=listed, Key="open")["Body"].read() == b"x"
    assert refusal(stranger.get_object, Bucket=listed, Key="shut")[0] == "AccessDenied"
    assert refusal(stranger.list_objects_v2, Bucket=listed)[0] == "AccessDenied"
    assert refusal(stranger.put_object, Bucket=listed, Key="new")[0] == "AccessDenied"
    root.put_bucket_acl(Bucket=listed, ACL="public-read-write")
    found = stranger.list_objects_v2(Bucket=listed)["Contents"]
    assert [item["Key"] for item in found] == ["open", "shut"]
    stranger.put_object(Bucket=listed, Key="new", Body=b"y")
    assert refusal(stranger.get_object, Bucket=listed, Key="new")[0] == "AccessDenied"
    ignored = {"IgnorePublicAcls": True}
    root.put_public_access_block(Bucket=listed, PublicAccessBlockConfiguration=ignored)
    assert refusal(stranger.get_object, Bucket=listed, Key="open")[0] == "AccessDenied"
    assert refusal(stranger.list_objects_v2, Bucket=listed)[0] == "AccessDenied"


def test_a_list_for_signed_callers_serves_nobody_else(
    stranger: Any, user: User, root: Any, listed: str
) -> None:
    root.put_object(Bucket=listed, Key="k", Body=b"x", ACL="authenticated-read")
    assert refusal(stranger.get_object, Bucket=listed, Key="k")[0] == "AccessDenied"
    assert user.s3.get_object(Bucket=listed, Key="k")["Body"].read() == b"x"


def test_where_the_requester_pays_the_public_is_not_served(
    stranger: Any, root: Any, listed: str
) -> None:
    root.put_object(Bucket=listed, Key="k", Body=b"x", ACL="public-read")
    stranger.get_object(Bucket=listed, Key="k")
    payer = {"Payer": "Requester"}
    root.put_bucket_request_payment(Bucket=listed, RequestPaymentConfiguration=payer)
    assert refusal(stranger.get_object, Bucket=listed, Key="k")[0] == "AccessDenied"
    root.get_object(Bucket=listed, Key="k")


# Browsers


def ask(
    composed: ComposedServer, path: str, method: str = "OPTIONS", **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    """Send an unsigned request; return status, headers in lower case, body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(f"http://127.0.0.1:{composed.port}/{path}", headers=named, method=method)
    try:
        with urlopen(request) as answer:
            return answer.status, _lower(answer.headers), answer.read()
    except HTTPError as error:
        with error:
            return error.code, _lower(error.headers), error.read()


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def shared(root: Any, place: str) -> str:
    """A bucket with rules for browsers."""
    rules = [
        {
            "AllowedOrigins": ["https://*.example.com"],
            "AllowedMethods": ["PUT", "GET"],
            "AllowedHeaders": ["x-amz-*", "Content-Type"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 600,
        },
        {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
    ]
    root.put_bucket_cors(Bucket=place, CORSConfiguration={"CORSRules": rules})
    assert root.get_bucket_cors(Bucket=place)["CORSRules"] == rules
    return place


def test_a_browser_that_asks_is_told_what_it_may_send(
    composed: ComposedServer, shared: str
) -> None:
    status, headers, _ = ask(
        composed,
        f"{shared}/some/key?partNumber=1",
        Origin="https://app.example.com",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="X-Amz-Date, content-type",
    )
    assert status == 200
    assert headers["access-control-allow-origin"] == "https://app.example.com"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-methods"] == "PUT, GET"
    assert headers["access-control-allow-headers"] == "x-amz-date, content-type"
    assert headers["access-control-expose-headers"] == "ETag"
    assert headers["access-control-max-age"] == "600"
    assert "Origin" in headers["vary"]


def test_an_origin_for_everybody_is_a_star(composed: ComposedServer, shared: str) -> None:
    status, headers, _ = ask(
        composed, shared, Origin="http://a", Access_Control_Request_Method="HEAD"
    )
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (
            {"Origin": "https://example.org", "Access_Control_Request_Method": "PUT"},
            403,
            b"AccessForbidden",
        ),
        (
            {"Origin": "https://a.example.com", "Access_Control_Request_Method": "DELETE"},
            403,
            b"AccessForbidden",
        ),
        (
            {
                "Origin": "https://a.example.com",
                "Access_Control_Request_Method": "PUT",
                "Access_Control_Request_Headers": "authorization",
            },
            403,
            b"AccessForbidden",
        ),
        ({"Origin": "https://a.example.com"}, 400, b"BadRequest"),
        ({"Access_Control_Request_Method": "PUT"}, 400, b"BadRequest"),
        ({"Origin": "x", "Access_Control_Request_Method": "PATCH"}, 400, b"BadRequest"),
    ],
)
def test_a_browser_that_asks_for_more_is_refused(
    composed: ComposedServer, shared: str, headers: Any, status: int, code: bytes
) -> None:
    found, _, body = ask(composed, f"{shared}/k", **headers)
    assert found == status
    assert b"<Code>" + code + b"</Code>" in body


def test_without_rules_browsers_are_refused(composed: ComposedServer, place: str) -> None:
    status, _, body = ask(
        composed, f"{place}/k", Origin="http://a", Access_Control_Request_Method="GET"
    )
    assert status == 403
    assert b"CORS is not enabled for this bucket" in body


def test_answers_to_pages_carry_the_headers_also_when_they_refuse(
    composed: ComposedServer, root: Any, shared: str
) -> None:
    root.put_object(Bucket=shared, Key="k", Body=b"x")
    url = root.generate_presigned_url("get_object", {"Bucket": shared, "Key": "k"})
    path = url.partition(f":{composed.port}/")[2]
    status, headers, body = ask(composed, path, "GET", Origin="https://app.example.com")
    assert (status, body) == (200, b"x")
    assert headers["access-control-allow-origin"] == "https://app.example.com"
    status, headers, _ = ask(composed, f"{shared}/k", "GET", Origin="https://app.example.com")
    assert (status, headers["access-control-allow-origin"]) == (403, "https://app.example.com")
    status, headers, _ = ask(composed, path, "GET", Origin="https://other.org")
    assert (status, "access-control-allow-origin" in headers) == (200, False)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}, "InvalidRequest"),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["*.*"]}, "InvalidRequest"),
        (
            {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["x-*"]},
            "InvalidRequest",
        ),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": []}, "MalformedXML"),
    ],
)
def test_rules_that_s3_does_not_take_are_refused(
    root: Any, place: str, rule: Any, code: str
) -> None:
    call = {"Bucket": place, "CORSConfiguration": {"CORSRules": [rule]}}
    assert refusal(root.put_bucket_cors, **call)[0] == code
