"""Keys of users and sessions against the whole server: objects, Bedrock API keys over TLS, and nobody at all."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from support.identity_server import allow, policy, refusal, trust
from support.running_server import RunningServer

BEARER = allow("bedrock:CallWithBearerToken", "bedrock:ListCustomModels")


@dataclass
class Person:
    """A user with a key.

    Attributes:
        iam: of the account's root.
    """

    server: RunningServer
    iam: Any  # boto3 clients
    name: str
    arn: str
    key: Mapping[str, str]

    def client(self, service: str, key: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Return a client with the user's key, or with temporary credentials."""
        key = key or self.key
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, **more),
        )


@pytest.fixture
def anna(server: RunningServer) -> Person:
    iam, name = server.client("iam"), f"anna-{uuid4().hex[:8]}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    return Person(server, iam, name, arn, iam.create_access_key(UserName=name)["AccessKey"])


@pytest.fixture
def bucket(server: RunningServer) -> str:
    name = f"bucket-{uuid4()}"
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a", Body=b"content")
    return name


def grant(anna: Person, *statements: Any) -> None:
    anna.iam.put_user_policy(
        UserName=anna.name, PolicyName="own", PolicyDocument=policy(*statements)
    )


def bedrock_with(server: RunningServer, api_key: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", api_key)
    return boto3.client(
        "bedrock",
        endpoint_url=server.tls_endpoint,
        region_name="us-east-1",
        verify=str(server.home / "ca" / "ca.pem"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_a_user_reads_what_the_policy_allows(anna: Person, bucket: str) -> None:
    s3 = anna.client("s3")
    assert refusal(s3.get_object, Bucket=bucket, Key="a").code == "AccessDenied"
    grant(anna, allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"))
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"content"
    assert refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"").code == "AccessDenied"


def test_a_role_session_reads_in_the_place_of_its_user(anna: Person, bucket: str) -> None:
    role = anna.iam.create_role(
        RoleName=anna.name, AssumeRolePolicyDocument=trust({"AWS": anna.arn})
    )["Role"]
    document = policy(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"))
    anna.iam.put_role_policy(RoleName=anna.name, PolicyName="p", PolicyDocument=document)
    key = anna.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="s1")["Credentials"]
    for signature in ("s3v4", "s3"):
        session = anna.client("s3", key, signature_version=signature)
        if signature == "s3v4":
            found = session.get_object(Bucket=bucket, Key="a")["Body"].read()
            assert found == b"content"
        url = session.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
        assert _fetch(url) == (200, b"content")
        wrong = re.sub(r"(?i)(security-token=)", r"\1x", url)
        assert wrong != url
        assert _fetch(wrong)[0] in {400, 403}


def _fetch(url: str) -> tuple[int, bytes]:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_nobody_reads_what_is_not_public(anna: Person, bucket: str) -> None:
    nobody = anna.client("s3", signature_version=UNSIGNED)
    answer = refusal(nobody.get_object, Bucket=bucket, Key="a")
    assert (answer.code, answer.status, answer.message) == ("AccessDenied", 403, "Access Denied")
    root = anna.server.client("s3")
    root.delete_public_access_block(Bucket=bucket)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement = public | {"Resource": f"arn:aws:s3:::{bucket}/*"}
    root.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    assert nobody.get_object(Bucket=bucket, Key="a")["Body"].read() == b"content"
    refused = refusal(nobody.put_object, Bucket=bucket, Key="b", Body=b"x")
    assert (refused.code, refused.status) == ("AccessDenied", 403)


def test_a_long_term_api_key_is_its_user(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    made = anna.iam.create_service_specific_credential(
        UserName=anna.name, ServiceName="bedrock.amazonaws.com"
    )["ServiceSpecificCredential"]
    bedrock = bedrock_with(anna.server, made["ServiceCredentialSecret"], monkeypatch)
    assert "bedrock:CallWithBearerToken" in refusal(bedrock.list_custom_models).message
    grant(anna, BEARER)
    assert bedrock.list_custom_models()["modelSummaries"] is not None
    short = {"StringEquals": {"bedrock:bearerTokenType": "SHORT_TERM"}}
    grant(anna, allow("bedrock:CallWithBearerToken", "bedrock:*", Condition=short))
    assert refusal(bedrock.list_custom_models).code == "AccessDeniedException"
    grant(anna, BEARER)
    anna.iam.update_service_specific_credential(
        UserName=anna.name,
        ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"],
        Status="Inactive",
    )
    assert "API Key is valid" in refusal(bedrock.list_custom_models).message


def test_a_short_term_api_key_is_the_session_that_made_it(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(anna, BEARER)
    key = anna.client("sts").get_session_token()["Credentials"]
    request = AWSRequest(
        "POST",
        "https://bedrock.amazonaws.com/",
        headers={"host": "bedrock.amazonaws.com"},
        params={"Action": "CallWithBearerToken"},
    )
    signer = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    SigV4QueryAuth(signer, "bedrock", "us-east-1", expires=600).add_auth(request)
    address = str(request.url).removeprefix("https://") + "&Version=1"
    token = "bedrock-api-key-" + base64.b64encode(address.encode()).decode()
    bedrock = bedrock_with(anna.server, token, monkeypatch)
    assert bedrock.list_custom_models()["modelSummaries"] is not None
    assert refusal(bedrock.list_foundation_models).code == "AccessDeniedException"
    anna.iam.delete_user_policy(UserName=anna.name, PolicyName="own")
    assert "bedrock:CallWithBearerToken" in refusal(bedrock.list_custom_models).message


def test_keys_are_good_after_a_crash(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = RunningServer(tmp_path_factory.mktemp("crash") / "home").start()
    try:
        iam = server.client("iam")
        arn = iam.create_user(UserName="anna")["User"]["Arn"]
        key = iam.create_access_key(UserName="anna")["AccessKey"]
        anna = Person(server, iam, "anna", arn, key)
        session = anna.client("sts").get_session_token()["Credentials"]
        server.kill()
        server.start()
        for kept in (key, session):
            who = anna.client("sts", kept).get_caller_identity()
            assert who["Arn"] == arn
    finally:
        server.stop()
