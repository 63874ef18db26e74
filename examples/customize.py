"""Customize a model with boto3, from the training data to the last clean-up.

Nothing in here knows that the endpoint is a local one: `eval "$(outcrop env)"` has set the endpoint, the keys and
the region, and boto3 reads them.

    python examples/customize.py train.jsonl

A line of the file is {"prompt": "…", "completion": "…"}.
"""

import json
import sys
import time
import uuid
from pathlib import Path

import boto3

BASE_MODEL = "outcrop.nano-v1:0"


def main(training_file: Path) -> None:
    """Run every step and print what comes back."""
    name = f"example-{uuid.uuid4().hex[:8]}"
    upload(name, training_file)
    role = create_role(name)
    model = customize(name, role)
    throughput = serve(name, model)
    question = json.loads(training_file.read_text().splitlines()[0])["prompt"]
    ask(throughput, question)
    bedrock = boto3.client("bedrock")
    bedrock.delete_provisioned_model_throughput(provisionedModelId=throughput)
    bedrock.delete_custom_model(modelIdentifier=model)
    empty_and_delete(name)
    iam = boto3.client("iam")
    iam.delete_role_policy(RoleName=name, PolicyName="data")
    iam.delete_role(RoleName=name)
    print("deleted:   throughput, model, bucket, role")


def upload(bucket: str, training_file: Path) -> None:
    """Put the training data into a new bucket."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(training_file), bucket, "train.jsonl")
    print(f"uploaded:  s3://{bucket}/train.jsonl")


def create_role(name: str) -> str:
    """Make the role that the job acts as: this account's customization jobs may assume it, for this bucket."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    region = boto3.session.Session().region_name
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnEquals": {
                "aws:SourceArn": f"arn:aws:bedrock:{region}:{account}:model-customization-job/*"
            },
        },
    }
    data = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=policy(data))
    print(f"role:      {role}")
    return role


def policy(statement: dict) -> str:
    """Return a policy document of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def customize(name: str, role: str) -> str:
    """Train a custom model and return its ARN."""
    bedrock = boto3.client("bedrock")
    bedrock.create_model_customization_job(
        jobName=name,
        customModelName=name,
        roleArn=role,
        baseModelIdentifier=BASE_MODEL,
        trainingDataConfig={"s3Uri": f"s3://{name}/train.jsonl"},
        outputDataConfig={"s3Uri": f"s3://{name}/output/"},
        hyperParameters={"epochCount": "2", "batchSize": "8", "learningRate": "0.001"},
    )
    while (job := bedrock.get_model_customization_job(jobIdentifier=name))[
        "status"
    ] == "InProgress":
        time.sleep(1)
    if job["status"] != "Completed":
        sys.exit(f"the job ended {job['status']}: {job.get('failureMessage')}")
    print(f"trained:   {job['outputModelArn']}, loss {job['trainingMetrics']['trainingLoss']:.3f}")
    return job["outputModelArn"]


def serve(name: str, model: str) -> str:
    """Give the model throughput and return the ARN it is invoked by."""
    bedrock = boto3.client("bedrock")
    throughput = bedrock.create_provisioned_model_throughput(
        provisionedModelName=name, modelId=model, modelUnits=1
    )["provisionedModelArn"]
    while True:
        status = bedrock.get_provisioned_model_throughput(provisionedModelId=throughput)["status"]
        if status == "InService":
            print(f"serving:   {throughput}")
            return throughput
        if status == "Failed":
            sys.exit("the throughput failed")
        time.sleep(0.5)


def ask(model: str, question: str) -> None:
    """Ask the same in the four ways that Bedrock offers."""
    runtime = boto3.client("bedrock-runtime")
    body = json.dumps({"prompt": question, "max_tokens": 48, "temperature": 0})
    messages = [{"role": "user", "content": [{"text": question}]}]
    limits = {"maxTokens": 48, "temperature": 0}

    answer = json.loads(runtime.invoke_model(modelId=model, body=body)["body"].read())
    print(f"invoked:   {answer['completion']}")

    stream = runtime.invoke_model_with_response_stream(modelId=model, body=body)["body"]
    pieces = [json.loads(event["chunk"]["bytes"]) for event in stream]
    print(f"streamed:  {''.join(piece.get('completion', '') for piece in pieces)}")

    answer = runtime.converse(modelId=model, messages=messages, inferenceConfig=limits)
    print(f"conversed: {answer['output']['message']['content'][0]['text']} {answer['usage']}")

    stream = runtime.converse_stream(modelId=model, messages=messages, inferenceConfig=limits)
    deltas = [
        event["contentBlockDelta"]["delta"]["text"]
        for event in stream["stream"]
        if "contentBlockDelta" in event
    ]
    print(f"streamed:  {''.join(deltas)}")


def empty_and_delete(bucket: str) -> None:
    """Delete a bucket and all that is in it."""
    s3 = boto3.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
