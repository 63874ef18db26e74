"""Unmodified boto3 through the gateway, over HTTP and HTTPS."""

import os
from hashlib import sha256
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from gateway.conftest import Served


@pytest.mark.parametrize("tls", [False, True])
def test_a_read_answers_with_the_root_as_caller(served: Served, *, tls: bool) -> None:
    answer = served.client("bedrock", tls=tls).get_custom_model(modelIdentifier="mine")
    assert answer["modelName"] == "mine"
    assert answer["modelArn"] == "arn:aws:iam::123456789012:root"
    context = served.platform.contexts[-1]
    assert (context.region, context.service, context.operation) == (
        "eu-west-1",
        "bedrock",
        "GetCustomModel",
    )
    assert context.scheme == ("https" if tls else "http")
    assert context.request_id == answer["ResponseMetadata"]["RequestId"]


def test_reads_run_on_the_loop_and_writes_in_the_writer(served: Served) -> None:
    client = served.client("bedrock")
    client.get_custom_model(modelIdentifier="m")
    client.delete_custom_model(modelIdentifier="m")
    reader, writer = served.platform.threads[-2:]
    assert not reader.startswith("writer")
    assert writer.startswith("writer")


def test_an_operation_calls_another_in_process(served: Served) -> None:
    job = served.client("bedrock").create_model_customization_job(
        jobName="nested",
        customModelName="m",
        roleArn="arn:aws:iam::123456789012:role/r",
        baseModelIdentifier="outcrop.nano-v1:0",
        trainingDataConfig={"s3Uri": "s3://bucket/k"},
        outputDataConfig={"s3Uri": "s3://bucket/o"},
    )
    assert job["jobArn"].endswith("/nested")
    assert served.platform.contexts[-1].operation == "GetCustomModel"
    assert not served.platform.contexts[-1].headers


@pytest.mark.parametrize(
    ("model", "code", "status", "text"),
    [
        ("missing", "ResourceNotFoundException", 404, "no such model: missing"),
        ("bad-data", "ValidationException", 400, "train.jsonl, line 3: not JSON"),
        ("no-engine", "InternalServerException", 500, "the engine died"),
        ("broken", "InternalServerException", 500, "An internal error occurred. Request id: "),
    ],
)
def test_failures_reach_the_client_as_aws_errors(
    served: Served, model: str, code: str, status: int, text: str
) -> None:
    with pytest.raises(ClientError) as failed:
        served.client("bedrock").get_custom_model(modelIdentifier=model)
    error = failed.value.response
    assert error["Error"]["Code"] == code
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert text in error["Error"]["Message"]
    assert "secret detail" not in str(error)


def test_an_operation_that_nobody_built_says_so(served: Served) -> None:
    for service, call in (("bedrock", "list_guardrails"), ("s3", "list_buckets")):
        with pytest.raises(ClientError) as failed:
            getattr(served.client(service), call)()
        assert failed.value.response["Error"]["Code"] == "NotImplemented"
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_broken_constraint_is_a_validation_exception(served: Served) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*modelIdentifier"):
        served.client("bedrock").get_custom_model(modelIdentifier="no spaces allowed")


def test_the_query_protocol_names_its_operation_in_the_body(served: Served) -> None:
    assert served.client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_uploads_arrive_whole(served: Served, size: int, *, tls: bool) -> None:
    content = os.urandom(size)
    client = served.client("s3", tls=tls, config={"s3": {"addressing_style": "path"}})
    answer = client.put_object(Bucket="bucket", Key="a key/é", Body=content)
    assert answer["ETag"] == f'"{size}"'
    # boto3 sends chunks with a trailing checksum over TLS, a signed body over plain HTTP.
    assert ("ChecksumCRC32" in answer) == tls
    assert served.platform.objects["a key/é"] == content
    assert client.get_object(Bucket="bucket", Key="a key/é")["Body"].read() == content
    assert client.head_object(Bucket="bucket", Key="a key/é")["ContentLength"] == size


@pytest.mark.parametrize("size", [10, 1_000, 64 * 1024 + 10, 1_000_000])
def test_a_part_of_a_file_is_sent_as_it_is(served: Served, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    served.platform.file = tmp_path / "content"
    served.platform.file.write_bytes(content)
    body = served.client("s3").get_object(Bucket="bucket", Key="file")["Body"].read()
    assert body == content[10:]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("tls", [False, True])
def test_presigned_urls_upload_and_download(served: Served, version: str, *, tls: bool) -> None:
    import ssl

    context = ssl.create_default_context(cafile=served.certificate.authority)
    client = served.client("s3", tls=tls, config={"signature_version": version})
    place = {"Bucket": "bucket", "Key": "pre signed/é"}
    put = client.generate_presigned_url("put_object", Params=place, ExpiresIn=60)
    get = client.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    request = Request(put, b"content", {"Content-Type": ""}, method="PUT")
    assert urlopen(request, context=context if tls else None).status == 200
    assert urlopen(get, context=context if tls else None).read() == b"content"


@pytest.mark.parametrize("tls", [False, True])
def test_bodies_of_other_operations_come_whole(served: Served, *, tls: bool) -> None:
    body = os.urandom(2_000_000)
    answer = served.client("bedrock-runtime", tls=tls).invoke_model(modelId="m", body=body)
    assert answer["body"].read().decode() == sha256(body).hexdigest()


def test_a_body_over_25_megabytes_is_refused_before_it_is_read(served: Served) -> None:
    with pytest.raises(ClientError) as failed:
        served.client("bedrock-runtime").invoke_model(modelId="m", body=b"x" * 25_000_001)
    assert failed.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_an_event_stream_arrives_piece_by_piece(served: Served) -> None:
    answer = served.client("bedrock-runtime").invoke_model_with_response_stream(
        modelId="short", body=b"{}"
    )
    assert [event["chunk"]["bytes"] for event in answer["body"]] == [b"0", b"1", b"2"]
