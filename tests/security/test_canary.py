"""A string that must never be seen: in no file of the home, in no log, in no error, in no audit record."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import torch
from botocore.exceptions import ClientError
from safetensors.torch import load_file, save_file

from support.customer import BASE_MODEL, Customer, make_customer, wait_for
from support.running_server import RunningServer, running_server
from support.tiny_llama import make_tiny_llama

CANARY = f"canary-{uuid.uuid4().hex}"
OUTCROP = (sys.executable, "-m", "outcrop.cli.main")
# As it is, and in the Base64 of each of the three places it can start at.
FORMS = [CANARY.encode()] + [
    base64.b64encode(b"x" * shift + CANARY.encode())[4:-8] for shift in range(3)
]


def sightings(home: Path) -> list[str]:
    """Return the files under a home that hold the canary in clear."""
    found = []
    # Unlike rglob, walk goes on where a folder is gone meanwhile.
    paths = [Path(folder, name) for folder, _, names in os.walk(home) for name in names]
    for path in paths:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError:
            continue  # gone meanwhile, or a socket
        if any(form in content for form in FORMS):
            found.append(str(path.relative_to(home)))
    return found


class Watch:
    """Looks through a home again and again while other things happen."""

    def __init__(self, home: Path) -> None:
        self.seen: set[str] = set()
        self.rounds = 0
        self._home = home
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.is_set():
            self.seen.update(sightings(self._home))
            self.rounds += 1
            self._ended.wait(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of its own, that logs all it can."""
    variables = {"OUTCROP_LOG_LEVEL": "debug"}
    with running_server(tmp_path_factory.mktemp("canary") / "home", variables) as started:
        yield started


@pytest.fixture
def customer(server: RunningServer) -> Customer:
    return make_customer(server)


def records(text: str) -> bytes:
    lines = [
        json.dumps({"prompt": f"{text} asks {i}.", "completion": f"{text} is told {i % 3}."})
        for i in range(40)
    ]
    return "\n".join(lines).encode()


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"before {CANARY} after")
    (tmp_path / "b").write_bytes(base64.b64encode(f"be {CANARY} after it".encode()))
    (tmp_path / "c").write_text("nothing")
    assert sorted(sightings(tmp_path)) == ["a", "b"]


def test_training_data_prompts_and_answers_lie_nowhere_in_clear(customer: Customer) -> None:
    server = customer.server
    kms, runtime = server.client("kms"), server.client("bedrock-runtime")
    key = kms.create_key(Description="models")["KeyMetadata"]["Arn"]
    with Watch(server.home) as watch:
        customer.put("train.jsonl", records(CANARY))
        request = customer.create(customModelKmsKeyId=key)
        job = customer.ended(request["jobName"])
        assert job["status"] == "Completed", job.get("failureMessage")
        assert job["outputModelKmsKeyArn"] == key
        customer.bedrock.create_provisioned_model_throughput(
            provisionedModelName=f"p-{uuid.uuid4().hex[:8]}",
            modelId=job["outputModelArn"],
            modelUnits=1,
        )
        arn = customer.bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"][0][
            "provisionedModelArn"
        ]
        wait_for(
            lambda: customer.bedrock.get_provisioned_model_throughput(provisionedModelId=arn),
            lambda found: found["status"] == "InService",
        )
        message = {"role": "user", "content": [{"text": f"Repeat {CANARY}"}]}
        for model in (BASE_MODEL, arn):
            answer = runtime.converse(modelId=model, messages=[message])
            assert answer["usage"]["outputTokens"] > 0
    assert watch.rounds > 3
    assert watch.seen == set()
    assert sightings(server.home) == []


def test_errors_about_data_do_not_quote_it(customer: Customer) -> None:
    bad = records("fine") + f'\n{{"prompt": "{CANARY}", "completion": 5}}'.encode()
    customer.put("train.jsonl", bad)
    job = customer.ended(customer.create()["jobName"])
    assert job["status"] == "Failed"
    assert "line 41" in job["failureMessage"]
    assert CANARY not in job["failureMessage"]
    assert sightings(customer.server.home) == []


def test_secrets_lie_nowhere_in_clear(customer: Customer) -> None:
    server = customer.server
    secrets = server.client("secretsmanager", parameter_validation=False)
    name = f"secret-{uuid.uuid4().hex[:8]}"
    with Watch(server.home) as watch:
        secrets.create_secret(Name=name, SecretString=CANARY)
        secrets.put_secret_value(SecretId=name, SecretBinary=CANARY.encode())
        assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == CANARY.encode()
        with pytest.raises(ClientError) as refused:
            secrets.put_secret_value(
                SecretId=name, SecretString=CANARY, ClientRequestToken="too short"
            )
    assert CANARY not in str(refused.value)
    assert watch.seen == set()
    assert sightings(server.home) == []


def test_object_content_lies_nowhere_in_clear(customer: Customer) -> None:
    with Watch(customer.server.home) as watch:
        customer.put("notes.txt", CANARY.encode() * 3)
        upload = customer.s3.create_multipart_upload(Bucket=customer.bucket, Key="parts")
        part = {"Bucket": customer.bucket, "Key": "parts", "UploadId": upload["UploadId"]}
        etag = customer.s3.upload_part(**part, PartNumber=1, Body=CANARY.encode() * 9)["ETag"]
        customer.s3.complete_multipart_upload(
            **part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
        )
        found = customer.s3.get_object(Bucket=customer.bucket, Key="parts")["Body"].read()
    assert found == CANARY.encode() * 9
    assert watch.seen == set()


def test_notes_in_the_weights_of_an_added_model_are_not_kept(
    server: RunningServer, tmp_path: Path
) -> None:
    source = make_tiny_llama(tmp_path / "source")
    weights, home = source / "model.safetensors", ("--home", str(server.home))
    tensors: dict[str, torch.Tensor] = load_file(weights)
    save_file(tensors, weights, metadata={"format": "pt", "note": CANARY})
    subprocess.run(
        [*OUTCROP, "models", "add", str(source), "--id", "acme.tiny-v1:0", *home],
        check=True,
        capture_output=True,
    )
    listed = server.client("bedrock").list_foundation_models()["modelSummaries"]
    assert "acme.tiny-v1:0" in {model["modelId"] for model in listed}
    assert sightings(server.home) == []


def test_the_audit_trail_tells_of_all_this_without_quoting_it(
    server: RunningServer, tmp_path: Path
) -> None:
    server.client("bedrock").list_foundation_models()
    export = tmp_path / "export.jsonl"
    subprocess.run(
        [*OUTCROP, "audit", "export", "--home", str(server.home), "--to", str(export)],
        check=True,
        capture_output=True,
    )
    text = export.read_text()
    assert "ListFoundationModels" in text
    assert CANARY not in text
    assert CANARY not in server.log
