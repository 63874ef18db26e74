"""Upload, role, job, throughput: the calls a program makes to get a custom model that answers."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.cli.connection import Server
from outcrop.cli.demonstration.examples import Examples, as_jsonl
from outcrop.cli.terminal import CommandFailed

_POLL_SECONDS = 0.2
_THROUGHPUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Upload:
    """Where the data of a run lies.

    Attributes:
        name: of the run; bucket, job, model and throughput carry it.
        validation_uri: None where there was too little data to validate on.
    """

    name: str
    bucket: str
    training_uri: str
    validation_uri: str | None
    output_uri: str
    size_bytes: int


def upload(server: Server, examples: Examples) -> Upload:
    """Put training and validation data into a new bucket; held-out examples stay here."""
    name = f"demo-{secrets.token_hex(4)}"
    bucket = f"outcrop-{name}"
    if server.region == "us-east-1":
        server.s3.create_bucket(Bucket=bucket)
    else:  # S3 wants no constraint in its first region, and one everywhere else
        constraint: Any = server.region  # the stubs list AWS's own regions; ours may be any
        server.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": constraint}
        )
    files = {"train.jsonl": as_jsonl(examples.training)}
    if examples.validation:
        files["validation.jsonl"] = as_jsonl(examples.validation)
    for key, content in files.items():
        server.s3.put_object(Bucket=bucket, Key=key, Body=content)
    uris = {key: f"s3://{bucket}/{key}" for key in files}
    return Upload(
        name=name,
        bucket=bucket,
        training_uri=uris["train.jsonl"],
        validation_uri=uris.get("validation.jsonl"),
        output_uri=f"s3://{bucket}/output/",
        size_bytes=sum(map(len, files.values())),
    )


def create_role(server: Server, data: Upload) -> str:
    """Make the service role that the job acts as, with no more than the job needs, and return its ARN.

    Only Amazon Bedrock may assume it, only for customization jobs, and only for those of this account and region:
    the conditions keep it from being used through somebody else's job.
    """
    account_id = server.root_key.account_id
    jobs = f"arn:aws:bedrock:{server.region}:{account_id}:model-customization-job/*"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnEquals": {"aws:SourceArn": jobs},
        },
    }
    bucket = f"arn:aws:s3:::{data.bucket}"
    permissions: list[Mapping[str, Any]] = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/*"},
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:DeleteObject"],
            "Resource": f"{bucket}/output/*",
        },
    ]
    name = f"outcrop-{data.name}"
    role = server.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
    server.iam.put_role_policy(
        RoleName=name, PolicyName="customization", PolicyDocument=_policy(*permissions)
    )
    arn: str = role["Role"]["Arn"]
    return arn


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def create_job(
    server: Server,
    data: Upload,
    role_arn: str,
    base_model: str,
    hyperparameters: Mapping[str, str],
) -> str:
    """Start the customization job and return its ARN."""
    validation = (
        {"validationDataConfig": {"validators": [{"s3Uri": data.validation_uri}]}}
        if data.validation_uri
        else {}
    )
    answer = server.bedrock.create_model_customization_job(
        jobName=data.name,
        customModelName=data.name,
        roleArn=role_arn,
        baseModelIdentifier=base_model,
        trainingDataConfig={"s3Uri": data.training_uri},
        outputDataConfig={"s3Uri": data.output_uri},
        hyperParameters=dict(hyperparameters),
        **validation,  # type: ignore[arg-type]  # one optional member
    )
    return answer["jobArn"]


def create_throughput(server: Server, name: str, model_arn: str, log_hint: str) -> str:
    """Give the custom model throughput, wait until it answers, and return the throughput's ARN.

    Args:
        server: that made the model.
        name: of the throughput.
        model_arn: the custom model.
        log_hint: where to look when it fails.

    Raises:
        CommandFailed: it fails, or takes longer than two minutes.
    """
    bedrock = server.bedrock
    arn = bedrock.create_provisioned_model_throughput(
        provisionedModelName=name, modelId=model_arn, modelUnits=1
    )["provisionedModelArn"]
    deadline = time.monotonic() + _THROUGHPUT_SECONDS
    while time.monotonic() < deadline:
        throughput = bedrock.get_provisioned_model_throughput(provisionedModelId=arn)
        if throughput["status"] == "InService":
            return arn
        if throughput["status"] == "Failed":
            reason = throughput.get("failureMessage") or "it says no more"
            raise CommandFailed(f"the throughput failed: {reason}", log_hint)
        time.sleep(_POLL_SECONDS)
    raise CommandFailed(
        f"the throughput was not in service after {_THROUGHPUT_SECONDS} s", log_hint
    )
