"""Server-side encryption through boto3: what lies on disk, whose key opens it, what answers say."""

import base64
import hashlib
import json
import os
from typing import Any

import pytest

PART = 5 << 20
CUSTOMER: dict[str, Any] = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
OTHER: dict[str, Any] = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}


def lies_in_clear(server: Any, canary: bytes) -> bool:
    contents = server.contents()
    assert contents
    return any(canary in content for content in contents)


def md5(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


@pytest.fixture
def kms(s3_server: Any) -> Any:
    return s3_server.client(service="kms")


def test_every_object_is_encrypted_by_default(s3_server: Any, s3: Any, bucket: str) -> None:
    canary = os.urandom(16).hex().encode()
    content = canary * 10_000
    put = s3.put_object(Bucket=bucket, Key="k", Body=content)
    assert (put["ServerSideEncryption"], put["ETag"]) == ("AES256", md5(content))
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=70000-200000")
    assert got["Body"].read() == content[70_000:200_001]
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert copied["ServerSideEncryption"] == "AES256"
    assert not lies_in_clear(s3_server, canary)


@pytest.mark.parametrize("size_bytes", [0, 1, 13, 65_536, 3_000_000])
def test_a_customers_key_has_to_come_with_every_request(
    s3_server: Any, s3: Any, bucket: str, refused: Any, size_bytes: int
) -> None:
    content = os.urandom(size_bytes)
    key = {"Bucket": bucket, "Key": "k"}
    put = s3.put_object(**key, Body=content, **CUSTOMER)
    digest = base64.b64encode(hashlib.md5(CUSTOMER["SSECustomerKey"]).digest()).decode()
    assert (put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]) == ("AES256", digest)
    assert put["ETag"] != md5(content)
    assert "ServerSideEncryption" not in put
    got = s3.get_object(**key, **CUSTOMER)
    assert got["Body"].read() == content
    assert (got["SSECustomerAlgorithm"], got["ETag"]) == ("AES256", put["ETag"])
    assert s3.head_object(**key, **CUSTOMER)["ContentLength"] == size_bytes
    assert refused(s3.get_object, **key) == ("InvalidRequest", 400)
    assert refused(s3.head_object, **key) == ("400", 400)
    assert refused(s3.get_object, **key, **OTHER) == ("AccessDenied", 403)
    s3.put_object(**key, Body=content)
    assert refused(s3.get_object, **key, **CUSTOMER) == ("InvalidRequest", 400)
    assert s3_server.litter() == []


def test_a_customers_key_is_checked(s3: Any, bucket: str, refused: Any) -> None:
    secret = base64.b64encode(os.urandom(32)).decode()
    digest = base64.b64encode(hashlib.md5(base64.b64decode(secret)).digest()).decode()
    right = {"algorithm": "AES256", "key": secret, "key-MD5": digest}
    cases: list[tuple[dict[str, str | None], str]] = [
        ({"algorithm": None}, "InvalidArgument"),
        ({"algorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
        ({"key": None}, "InvalidArgument"),
        ({"key": "AAAA"}, "InvalidArgument"),
        ({"key-MD5": None}, "InvalidArgument"),
        ({"key-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument"),
    ]
    for change, code in cases:
        headers = {name: value for name, value in {**right, **change}.items() if value is not None}

        def send(request: Any, headers: dict[str, str] = headers, **_: Any) -> None:
            for name, value in headers.items():
                request.headers[f"x-amz-server-side-encryption-customer-{name}"] = value

        s3.meta.events.register("before-sign.s3.PutObject", send)
        try:
            answer = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x")
        finally:
            s3.meta.events.unregister("before-sign.s3.PutObject", send)
        assert answer == (code, 400), change
    both = {"Bucket": bucket, "Key": "k", "Body": b"x", "ServerSideEncryption": "AES256"}
    assert refused(s3.put_object, **both, **CUSTOMER) == ("InvalidArgument", 400)
    wrong = {**both, "ServerSideEncryption": "AES256", "SSEKMSKeyId": "k"}
    assert refused(s3.put_object, **wrong) == ("InvalidArgument", 400)


def test_parts_under_a_customers_key(s3: Any, bucket: str, refused: Any) -> None:
    key = {"Bucket": bucket, "Key": "k"}
    begun = s3.create_multipart_upload(**key, **CUSTOMER)
    assert begun["SSECustomerAlgorithm"] == "AES256"
    upload = {**key, "UploadId": begun["UploadId"]}
    contents = [os.urandom(PART), os.urandom(100)]
    part = {**upload, "PartNumber": 1, "Body": contents[0]}
    assert refused(s3.upload_part, **part) == ("InvalidRequest", 400)
    assert refused(s3.upload_part, **part, **OTHER) == ("InvalidRequest", 400)
    named = []
    for number, content in enumerate(contents, start=1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=content, **CUSTOMER)
        assert sent["ETag"] != md5(content)
        named.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})
    assert s3.get_object(**key, **CUSTOMER)["Body"].read() == b"".join(contents)
    ranged = s3.get_object(**key, **CUSTOMER, Range=f"bytes={PART - 10}-{PART + 9}")
    assert ranged["Body"].read() == contents[0][-10:] + contents[1][:10]
    assert refused(s3.get_object, **key, **OTHER) == ("AccessDenied", 403)


def test_copies_change_keys(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", **CUSTOMER)
    call = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k"}
    assert refused(s3.copy_object, **call) == ("InvalidRequest", 400)
    source = {f"CopySource{name}": value for name, value in CUSTOMER.items()}
    s3.copy_object(**call, **source, **OTHER)
    assert s3.get_object(Bucket=bucket, Key="copy", **OTHER)["Body"].read() == b"content"
    s3.copy_object(**call, **source)
    plain = s3.get_object(Bucket=bucket, Key="copy")
    assert (plain["Body"].read(), plain["ETag"]) == (b"content", md5(b"content"))


def test_kms_makes_and_opens_the_keys_of_objects(
    s3_server: Any, s3: Any, kms: Any, bucket: str, refused: Any
) -> None:
    named = kms.create_key()["KeyMetadata"]
    wish = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": named["KeyId"]}
    canary = os.urandom(16).hex().encode()
    content = canary * 10_000
    key = {"Bucket": bucket, "Key": "k"}
    pairs = base64.b64encode(json.dumps({"team": "a"}).encode()).decode()
    put = s3.put_object(**key, Body=content, **wish, SSEKMSEncryptionContext=pairs)
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", named["Arn"])
    assert put["ETag"] != md5(content)
    got = s3.get_object(**key)
    assert (got["Body"].read(), got["SSEKMSKeyId"]) == (content, named["Arn"])
    assert s3.get_object(**key, Range="bytes=-7")["Body"].read() == content[-7:]
    assert not lies_in_clear(s3_server, canary)
    kms.disable_key(KeyId=named["KeyId"])
    assert refused(s3.get_object, **key) == ("KMS.DisabledException", 400)
    assert s3.head_object(**key)["SSEKMSKeyId"] == named["Arn"]
    assert refused(s3.put_object, **key, Body=b"x", **wish) == ("KMS.DisabledException", 400)
    kms.enable_key(KeyId=named["KeyId"])
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert copied["ServerSideEncryption"] == "AES256"
    missing = {**wish, "SSEKMSKeyId": "00000000-0000-0000-0000-000000000000"}
    assert refused(s3.put_object, **key, Body=b"x", **missing) == ("KMS.NotFoundException", 400)


def test_parts_under_a_kms_key(s3: Any, kms: Any, bucket: str, refused: Any) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    key = {"Bucket": bucket, "Key": "k"}
    wish = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id, "BucketKeyEnabled": True}
    begun = s3.create_multipart_upload(**key, **wish)
    assert (begun["ServerSideEncryption"], begun["BucketKeyEnabled"]) == ("aws:kms", True)
    upload = {**key, "UploadId": begun["UploadId"]}
    sent = s3.upload_part(**upload, PartNumber=1, Body=b"part")
    assert sent["ServerSideEncryption"] == "aws:kms"
    named = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    kms.disable_key(KeyId=key_id)
    part = {**upload, "PartNumber": 2, "Body": b"x"}
    assert refused(s3.upload_part, **part) == ("KMS.DisabledException", 400)
    kms.enable_key(KeyId=key_id)
    s3.complete_multipart_upload(**upload, MultipartUpload=named)
    assert s3.get_object(**key)["Body"].read() == b"part"


def test_a_bucket_says_how_its_objects_are_encrypted(s3: Any, kms: Any, bucket: str) -> None:
    def rule() -> Any:
        configuration = s3.get_bucket_encryption(Bucket=bucket)
        return configuration["ServerSideEncryptionConfiguration"]["Rules"][0]

    assert rule()["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    wanted = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wanted)
    assert rule() == wanted["Rules"][0]
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    assert (put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (arn, True)
    own = s3.put_object(Bucket=bucket, Key="own", Body=b"x", ServerSideEncryption="AES256")
    assert own["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert rule()["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"


def test_without_a_named_key_kms_uses_the_accounts_own_for_s3(s3: Any, bucket: str) -> None:
    key = {"Bucket": bucket, "Key": "k"}
    put = s3.put_object(**key, Body=b"content", ServerSideEncryption="aws:kms")
    assert ":key/" in put["SSEKMSKeyId"]
    assert s3.get_object(**key)["Body"].read() == b"content"


def test_reads_do_not_ask_for_encryption(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")

    def send(request: Any, **_: Any) -> None:
        request.headers["x-amz-server-side-encryption"] = "AES256"

    for name, method in (("GetObject", s3.get_object), ("HeadObject", s3.head_object)):
        s3.meta.events.register(f"before-sign.s3.{name}", send)
        try:
            assert refused(method, Bucket=bucket, Key="k")[1] == 400
        finally:
            s3.meta.events.unregister(f"before-sign.s3.{name}", send)
