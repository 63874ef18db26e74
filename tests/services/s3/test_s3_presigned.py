"""Presigned URLs, used by a client that knows nothing of AWS."""

import os
import urllib.error
import urllib.request
from typing import Any

import pytest


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, response.headers, response.read()


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_an_object_is_put_and_got_by_url(s3_server: Any, bucket: str, signature: str) -> None:
    s3 = s3_server.client(signature_version=signature)
    content = os.urandom(200_000)
    target = {"Bucket": bucket, "Key": "a b/é"}
    # Without the type that urllib adds by itself, which the older signature covers.
    untyped = {"Content-Type": ""}
    url = s3.generate_presigned_url("put_object", target)
    status, _, _ = fetch(url, "PUT", content, **untyped)
    assert status == 200
    status, headers, body = fetch(s3.generate_presigned_url("get_object", target))
    assert (status, body) == (200, content)
    assert headers["Content-Length"] == "200000"
    named = {**target, "ResponseContentDisposition": "attachment; filename=x"}
    _, headers, _ = fetch(s3.generate_presigned_url("get_object", named))
    assert headers["Content-Disposition"] == "attachment; filename=x"


def test_a_range_of_a_url_is_answered_with_its_bytes(s3_server: Any, bucket: str) -> None:
    s3 = s3_server.client(signature_version="s3v4")
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    _, headers, body = fetch(url, Range="bytes=2-4")
    assert (body, headers["Content-Range"]) == (b"234", "bytes 2-4/10")


def test_a_url_for_another_key_is_refused(s3_server: Any, bucket: str) -> None:
    s3 = s3_server.client(signature_version="s3v4")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(url.replace("/k?", "/other?"))
    assert caught.value.code == 403
    assert b"SignatureDoesNotMatch" in caught.value.read()
    caught.value.close()
