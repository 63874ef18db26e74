"""Custom models under a KMS key: who may use them, and how that ends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.customer import Customer, make_customer, records, wait_for
from support.running_server import RunningServer

MESSAGES = [{"role": "user", "content": [{"text": "Say the colour number 3."}]}]


@dataclass
class SealedModel:
    """A model under a key of its own, and its throughput."""

    customer: Customer
    kms: Any  # boto3 clients
    runtime: Any
    key: str
    model: str
    throughput: str

    def converse(self, runtime: Any = None) -> str:
        """Ask the model once; returns what it says."""
        answer = (runtime or self.runtime).converse(modelId=self.throughput, messages=MESSAGES)
        return str(answer["output"]["message"]["content"][0]["text"])


@pytest.fixture(scope="module")
def sealed(server: RunningServer) -> SealedModel:
    customer = make_customer(server)
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    customer.put("train.jsonl", records(16))
    job = customer.ended(customer.create(customModelKmsKeyId=key)["jobName"])
    assert job["status"] == "Completed", job.get("failureMessage")
    throughput = customer.bedrock.create_provisioned_model_throughput(
        provisionedModelName=f"sealed-{uuid.uuid4().hex[:8]}",
        modelId=job["outputModelArn"],
        modelUnits=1,
    )["provisionedModelArn"]
    wait_for(
        lambda: customer.bedrock.get_provisioned_model_throughput(provisionedModelId=throughput),
        lambda found: found["status"] == "InService",
    )
    runtime = server.client("bedrock-runtime")
    return SealedModel(customer, kms, runtime, key, job["outputModelArn"], throughput)


def test_the_key_is_named_and_the_weights_are_sealed(sealed: SealedModel) -> None:
    described = sealed.customer.bedrock.get_custom_model(modelIdentifier=sealed.model)
    assert described["modelKmsKeyArn"] == sealed.key
    folder = sealed.customer.server.home / "models" / "custom" / sealed.model.rsplit("/", 1)[-1]
    names = {path.name for path in folder.iterdir()}
    assert "adapter_model.safetensors.sealed" in names
    assert "adapter_model.safetensors" not in names


def test_a_disabled_key_stops_the_model_at_once_and_an_enabled_one_brings_it_back(
    sealed: SealedModel,
) -> None:
    before = sealed.converse()
    sealed.kms.disable_key(KeyId=sealed.key)
    with pytest.raises(ClientError, match=r"ValidationException.*is disabled"):
        sealed.converse()
    sealed.kms.enable_key(KeyId=sealed.key)
    assert sealed.converse() == before


def test_deleting_a_model_gives_its_grant_back(server: RunningServer) -> None:
    customer, kms = make_customer(server), server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    customer.put("train.jsonl", records(16))
    job = customer.ended(customer.create(customModelKmsKeyId=key)["jobName"])
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1
    customer.bedrock.delete_custom_model(modelIdentifier=job["outputModelArn"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_a_job_that_makes_no_model_gives_its_grant_back(server: RunningServer) -> None:
    customer, kms = make_customer(server), server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    customer.put("train.jsonl", records(16) + b"\nnot JSON")
    job = customer.ended(customer.create(customModelKmsKeyId=key)["jobName"])
    assert job["status"] == "Failed"
    assert kms.list_grants(KeyId=key)["Grants"] == []


def user_with(server: RunningServer, *statements: dict[str, Any]) -> Any:
    """Return a runtime client of a new user with one inline policy."""
    iam, name = server.client("iam"), f"u-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_whoever_invokes_it_needs_the_key_too(sealed: SealedModel) -> None:
    server = sealed.customer.server
    invoke = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}
    decrypt = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": sealed.key,
        "Condition": {"StringEquals": {"kms:ViaService": "bedrock.us-east-1.amazonaws.com"}},
    }
    with pytest.raises(ClientError, match=r"AccessDeniedException.*kms:Decrypt"):
        sealed.converse(user_with(server, invoke))
    assert sealed.converse(user_with(server, invoke, decrypt)) == sealed.converse()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda kms, _: kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"),
            "symmetric",
        ),
        (lambda kms, key: kms.disable_key(KeyId=key) or {}, "is disabled"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_the_job(
    server: RunningServer, spoil: Callable[[Any, str], dict[str, Any]], message: str
) -> None:
    customer, kms = make_customer(server), server.client("kms")
    customer.put("train.jsonl", records(16))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    key = spoil(kms, key).get("KeyMetadata", {}).get("Arn", key)
    with pytest.raises(ClientError, match=rf"ValidationException.*{message}"):
        customer.create(customModelKmsKeyId=key)
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_a_revoked_grant_stops_the_model(sealed: SealedModel) -> None:
    (grant,) = sealed.kms.list_grants(KeyId=sealed.key)["Grants"]
    sealed.kms.revoke_grant(KeyId=sealed.key, GrantId=grant["GrantId"])
    try:
        with pytest.raises(ClientError, match="Amazon Bedrock cannot use the KMS key"):
            sealed.converse()
    finally:
        sealed.kms.create_grant(
            KeyId=sealed.key,
            **{
                name: grant[name]
                for name in ("GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints")
            },
        )
    assert sealed.converse()
