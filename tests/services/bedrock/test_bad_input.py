"""Bad input: refused at creation when it can be known then, else the job's failureMessage says where."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.customer import Customer, make_customer, records
from support.running_server import RunningServer

GOOD = json.dumps({"prompt": "What is it?", "completion": "A test."})
TOO_LONG_TEXT = "word " * 5000  # more tokens than the bundled model's 2,048


def lines(count: int, **broken: str | bytes) -> bytes:
    """Good records, with others in their place: line7=… is line 7."""
    content = [GOOD.encode()] * count
    for place, line in broken.items():
        content[int(place.removeprefix("line")) - 1] = (
            line if isinstance(line, bytes) else line.encode()
        )
    return b"\n".join(content)


KNOWN_AT_CREATION: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown hyperparameter": (
        {"hyperParameters": {"epochs": "3"}},
        "ValidationException",
        "'epochs' is unknown.*epochCount",
    ),
    "hyperparameter out of range": (
        {"hyperParameters": {"epochCount": "101"}},
        "ValidationException",
        "'epochCount' cannot be '101'.*1 to 100",
    ),
    "hyperparameter that is no number": (
        {"hyperParameters": {"learningRate": "fast"}},
        "ValidationException",
        "'learningRate' cannot be 'fast'",
    ),
    "unknown base model": (
        {"baseModelIdentifier": "acme.model-v1"},
        "ValidationException",
        "acme.model-v1.*outcrop.nano-v1:0",
    ),
    "missing bucket": (
        {"trainingDataConfig": {"s3Uri": "s3://there-is-no-such-bucket/train.jsonl"}},
        "ValidationException",
        "trainingDataConfig.s3Uri s3://there-is-no-such-bucket/train.jsonl: there is no such object",
    ),
    "missing validation object": (
        {"validationDataConfig": {"validators": [{"s3Uri": "s3://{bucket}/none.jsonl"}]}},
        "ValidationException",
        r"validators\[0\].s3Uri .*none.jsonl: there is no such object",
    ),
    "missing output bucket": (
        {"outputDataConfig": {"s3Uri": "s3://there-is-no-such-bucket/out"}},
        "ValidationException",
        "outputDataConfig.s3Uri .*no such bucket there-is-no-such-bucket",
    ),
    "folder instead of a file": (
        {"trainingDataConfig": {"s3Uri": "s3://{bucket}/data/"}},
        "ValidationException",
        "is a folder: name one JSON Lines file",
    ),
    "empty file": (
        {"trainingDataConfig": {"s3Uri": "s3://{bucket}/empty.jsonl"}},
        "ValidationException",
        "empty.jsonl is empty",
    ),
    "two validation files": (
        {"validationDataConfig": {"validators": [{"s3Uri": "s3://{bucket}/train.jsonl"}] * 2}},
        "ValidationException",
        "at most one file",
    ),
    "evalPercentage beside a validation file": (
        {
            "hyperParameters": {"evalPercentage": "20"},
            "validationDataConfig": {"validators": [{"s3Uri": "s3://{bucket}/train.jsonl"}]},
        },
        "ValidationException",
        "'evalPercentage' cannot be set together with validation data",
    ),
    "customization that is not offered": (
        {"customizationType": "CONTINUED_PRE_TRAINING"},
        "ValidationException",
        "CONTINUED_PRE_TRAINING is not available here yet: use FINE_TUNING",
    ),
    "encryption under a key that is not there": (
        {"customModelKmsKeyId": "alias/key"},
        "ValidationException",
        "cannot use customModelKmsKeyId alias/key: NotFoundException",
    ),
    "name that AWS would not take": (
        {"jobName": "a job"},
        "ValidationException",
        "'a job' at 'jobName' failed to satisfy constraint",
    ),
    "too many tags": (
        {"jobTags": [{"key": f"key{i}", "value": "v"} for i in range(51)]},
        "TooManyTagsException",
        "51 tags: a resource can have 50",
    ),
    "tag given twice": (
        {"customModelTags": [{"key": "team", "value": "a"}, {"key": "team", "value": "b"}]},
        "ValidationException",
        "'team' is given twice",
    ),
}

# Case → (training file, what failureMessage must match).
KNOWN_FROM_THE_DATA: dict[str, tuple[bytes, str]] = {
    "broken JSON": (lines(40, line7='{"prompt": "a", '), r"train.jsonl, line 7: .*JSON"),
    "wrong keys": (
        lines(40, line3='{"input": "a", "output": "b"}'),
        r"train.jsonl, line 3: .*'prompt'",
    ),
    "empty completion": (
        lines(40, line9='{"prompt": "a", "completion": " "}'),
        r"train.jsonl, line 9: .*'completion' is empty",
    ),
    "not UTF-8": (
        lines(40, line5=b'{"prompt": "caf\xe9", "completion": "x"}'),
        r"train.jsonl, line 5: .*UTF-8",
    ),
    "blank line": (lines(40, line20=""), r"train.jsonl, line 20: "),
    "not an object": (lines(40, line2='["a", "b"]'), r"train.jsonl, line 2: .*object"),
    "two formats in one file": (
        lines(
            40,
            line4='{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        ),
        r"train.jsonl, line 4: .*use one format",
    ),
    "assistant first": (
        b'{"messages": [{"role": "assistant", "content": "a"}]}\n' * 40,
        r"train.jsonl, line 1: .*role 'assistant', expected 'user'",
    ),
    "too few records": (lines(3), r"train.jsonl: the file has 3 records, at least 8"),
    "record longer than a line may be": (
        lines(40, line6=json.dumps({"prompt": "a" * 2_000_000, "completion": "b"})),
        r"train.jsonl, line 6: ",
    ),
    "record longer than the model's context": (
        lines(40, line11=json.dumps({"prompt": TOO_LONG_TEXT, "completion": "b"})),
        r"train.jsonl, line 11: .*tokens",
    ),
}


@pytest.mark.parametrize("case", KNOWN_AT_CREATION)
def test_what_can_be_known_is_refused_at_creation_and_leaves_nothing(
    customer: Customer, case: str
) -> None:
    changes, code, message = KNOWN_AT_CREATION[case]
    customer.put("train.jsonl", records(40))
    customer.put("empty.jsonl", b"")
    filled = json.loads(json.dumps(changes).replace("{bucket}", customer.bucket))
    request = customer.request(**filled)

    with pytest.raises(ClientError, match=f"(?s){message}") as raised:
        customer.bedrock.create_model_customization_job(**request)

    assert raised.value.response["Error"]["Code"] == code
    listed = customer.bedrock.list_model_customization_jobs(
        nameContains=customer.request()["jobName"][:4], maxResults=1000
    )["modelCustomizationJobSummaries"]
    assert request["jobName"] not in {job["jobName"] for job in listed}
    assert set(customer.keys()) == {"train.jsonl", "empty.jsonl"}


@pytest.mark.parametrize("case", KNOWN_FROM_THE_DATA)
def test_bad_data_fails_the_job_with_file_and_line_and_leaves_nothing(
    customer: Customer, case: str
) -> None:
    content, message = KNOWN_FROM_THE_DATA[case]
    uri = customer.put("train.jsonl", content)
    name = customer.create()["jobName"]

    job = customer.ended(name)

    assert job["status"] == "Failed"
    assert job["endTime"] >= job["creationTime"]
    assert job["failureMessage"].startswith(uri.removesuffix("train.jsonl"))
    assert re.search(message, job["failureMessage"]), job["failureMessage"]
    assert "outputModelArn" not in job
    assert customer.leftovers(job) == []
    assert customer.keys() == ["train.jsonl"]


def test_too_many_records_for_the_vendor_fail_the_job(vendor_server: RunningServer) -> None:
    customer = make_customer(vendor_server)
    customer.put("train.jsonl", lines(10_001))
    request = customer.create(
        baseModelIdentifier="cohere.command-light-text-v14:7:4k", hyperParameters={}
    )

    job = customer.ended(request["jobName"])

    assert job["status"] == "Failed"
    assert "more than 10,000 records" in job["failureMessage"]
    assert customer.leftovers(job) == []


def test_a_bad_line_of_the_validation_file_is_named_too(customer: Customer) -> None:
    customer.put("train.jsonl", records(40))
    uri = customer.put("validation.jsonl", lines(10, line10="{}"))
    request = customer.create(validationDataConfig={"validators": [{"s3Uri": uri}]})

    job = customer.ended(request["jobName"])

    assert job["failureMessage"].startswith(f"{uri}, line 10: ")
    assert job["statusDetails"]["validationDetails"]["status"] == "Failed"
    assert job["statusDetails"]["trainingDetails"]["status"] == "NotStarted"


def test_names_in_use_are_refused_in_the_words_that_clients_compare(customer: Customer) -> None:
    customer.put("train.jsonl", lines(3))
    first = customer.create()
    customer.ended(first["jobName"])

    with pytest.raises(customer.bedrock.exceptions.ValidationException) as raised:
        customer.create(jobName=first["jobName"])

    assert raised.value.response["Error"]["Message"] == "The provided job name is currently in use."


def test_the_model_name_of_a_failed_job_is_free_again(customer: Customer) -> None:
    customer.put("train.jsonl", lines(3))
    first = customer.create()
    customer.ended(first["jobName"])

    second = customer.create(customModelName=first["customModelName"])

    assert customer.ended(second["jobName"])["status"] == "Failed"
