"""A call that the trail cannot record is not acknowledged."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.cloudtrail.conftest import Lookup
from support.composed_server import ComposedServer


@pytest.mark.parametrize(("service", "read"), [("s3", "list_buckets"), ("iam", "list_users")])
def test_calls_are_refused_while_the_trail_cannot_be_written(
    server: ComposedServer, monkeypatch: pytest.MonkeyPatch, service: str, read: str
) -> None:
    client = server.client(service)

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(type(server.platform.audit), "append", full)
        with pytest.raises(ClientError, match="audit trail cannot be written") as caught:
            getattr(client, read)()
        response: Any = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert getattr(client, read)()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_calls_over_https_tell_how_they_were_encrypted(
    server: ComposedServer, lookup: Lookup
) -> None:
    import json

    import boto3

    port = json.loads((server.settings.home / "server.json").read_text())["tls_port"]
    client = boto3.client(
        "kms",
        endpoint_url=f"https://127.0.0.1:{port}",
        region_name="eu-west-1",
        aws_access_key_id=server.root_key.access_key_id,
        aws_secret_access_key=server.root_key.secret_access_key,
        verify=str(server.certificate.authority),
    )
    client.list_keys()
    record = json.loads(lookup("EventName", "ListKeys")[0]["CloudTrailEvent"])
    assert record["tlsDetails"]["tlsVersion"].startswith("TLSv1.")
    assert record["tlsDetails"]["cipherSuite"]
    assert record["tlsDetails"]["clientProvidedHostHeader"] == f"127.0.0.1:{port}"
