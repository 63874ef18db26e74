"""Real requests of boto3 to every built service, recorded as they were sent."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from security.raw_requests import REGION, Request
from support.running_server import RunningServer

_ANYTHING = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [_ANYTHING]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
TAGS = [{"Key": "team", "Value": "blue"}]


@dataclass(frozen=True)
class Recorded:
    """A signed request.

    Attributes:
        service: signing name.
    """

    service: str
    operation: str
    request: Request


class Recorder:
    """Makes clients whose requests are kept.

    Args:
        server: receives them too.
    """

    def __init__(self, server: RunningServer) -> None:
        self.kept: list[Recorded] = []
        self._server = server

    def client(self, service: str) -> Any:
        """Return a boto3 client that records."""
        client = boto3.client(
            service,
            endpoint_url=self._server.endpoint,
            region_name=REGION,
            aws_access_key_id=self._server.root_key["access_key_id"],
            aws_secret_access_key=self._server.root_key["secret_access_key"],
            config=Config(
                retries={"total_max_attempts": 1},
                parameter_validation=False,
                s3={"addressing_style": "path"},
            ),
        )
        name = client.meta.service_model.signing_name
        client.meta.events.register(
            "before-send",
            lambda request, event_name, **_: self._keep(name, event_name, request),
        )
        return client

    def _keep(self, service: str, event_name: str, sent: AWSPreparedRequest) -> None:
        parts = urlsplit(sent.url)
        body: Any = sent.body or b""  # bytes, text or a file
        if hasattr(body, "read"):
            content = body.read()
            body.seek(0)
            body = content
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in sent.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding", "expect"}
        }
        headers.setdefault("host", parts.netloc)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        request = Request(
            sent.method, target, headers, body.encode() if isinstance(body, str) else bytes(body)
        )
        self.kept.append(Recorded(service, event_name.rpartition(".")[2], request))


def record_everything(server: RunningServer) -> list[Recorded]:
    """Use every built service and return the requests; what was refused is kept like what was done."""
    recorder = Recorder(server)
    for record in (_s3, _iam, _sts, _kms, _secrets, _quotas, _trail, _bedrock, _runtime):
        record(recorder)
    return recorder.kept


class _Calls:
    """A client whose refused calls do not matter."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        with contextlib.suppress(ClientError):
            answered: dict[str, Any] = getattr(self._client, operation)(**request)
            return answered
        return {}


def _s3(recorder: Recorder) -> None:
    call = _Calls(recorder.client("s3"))
    place = {"Bucket": "recorded", "Key": "folder/key one"}
    call("create_bucket", Bucket="recorded")
    call("put_bucket_versioning", Bucket="recorded", VersioningConfiguration={"Status": "Enabled"})
    call("put_object", **place, Body=b"content", Metadata={"colour": "blue"}, Tagging="a=b&c=d")
    call("put_object", **place, Body=b"other", ChecksumAlgorithm="SHA256", ContentType="text/plain")
    call("put_object", **place, Body=b"sealed", ServerSideEncryption="aws:kms")
    call("get_object", **place, Range="bytes=1-3")
    call("get_object", **place, ResponseContentType="text/html", IfNoneMatch='"x"')
    call("head_object", **place)
    call("get_object_attributes", **place, ObjectAttributes=["ETag", "ObjectSize"])
    call("copy_object", Bucket="recorded", Key="copy", CopySource=place)
    call("put_object_tagging", **place, Tagging={"TagSet": TAGS})
    call("get_object_tagging", **place)
    call("get_object_acl", **place)
    call("list_objects_v2", Bucket="recorded", Prefix="fol", Delimiter="/", MaxKeys=2)
    call("list_objects", Bucket="recorded", Marker="a")
    call("list_object_versions", Bucket="recorded", KeyMarker="a")
    call("list_buckets", MaxBuckets=3)
    upload = call("create_multipart_upload", Bucket="recorded", Key="big").get("UploadId", "none")
    part = call(
        "upload_part", Bucket="recorded", Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 200
    )
    call("list_parts", Bucket="recorded", Key="big", UploadId=upload)
    call("list_multipart_uploads", Bucket="recorded")
    call(
        "upload_part_copy",
        Bucket="recorded",
        Key="big",
        UploadId=upload,
        PartNumber=2,
        CopySource=place,
        CopySourceRange="bytes=0-3",
    )
    call(
        "complete_multipart_upload",
        Bucket="recorded",
        Key="big",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": part.get("ETag", "x"), "PartNumber": 1}]},
    )
    call("abort_multipart_upload", Bucket="recorded", Key="big", UploadId="none")
    call("delete_objects", Bucket="recorded", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    call("delete_object", Bucket="recorded", Key="gone", VersionId="null")
    call("put_bucket_tagging", Bucket="recorded", Tagging={"TagSet": TAGS})
    call("get_bucket_tagging", Bucket="recorded")
    statement = {**_ANYTHING, "Principal": {"AWS": "000000000000"}}
    statement["Resource"] = "arn:aws:s3:::recorded/*"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    call("put_bucket_policy", Bucket="recorded", Policy=policy)
    call("get_bucket_policy", Bucket="recorded")
    call(
        "put_bucket_encryption",
        Bucket="recorded",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    call(
        "put_bucket_cors",
        Bucket="recorded",
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    )
    call(
        "put_public_access_block",
        Bucket="recorded",
        PublicAccessBlockConfiguration={"BlockPublicAcls": True},
    )
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    call(
        "put_bucket_lifecycle_configuration",
        Bucket="recorded",
        LifecycleConfiguration={"Rules": [rule]},
    )
    call(
        "put_bucket_ownership_controls",
        Bucket="recorded",
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    )
    call("put_bucket_acl", Bucket="recorded", ACL="private")
    call("get_bucket_location", Bucket="recorded")
    call("get_bucket_lifecycle_configuration", Bucket="recorded")
    call("put_object_lock_configuration", Bucket="recorded", ObjectLockConfiguration={})
    call("put_object_retention", **place, Retention={"Mode": "GOVERNANCE"})


def _iam(recorder: Recorder) -> None:
    call = _Calls(recorder.client("iam"))
    call("create_user", UserName="recorded", Path="/team/", Tags=TAGS)
    call("get_user", UserName="recorded")
    call("list_users", MaxItems=2)
    call("put_user_policy", UserName="recorded", PolicyName="p", PolicyDocument=POLICY)
    call("get_user_policy", UserName="recorded", PolicyName="p")
    call("list_user_policies", UserName="recorded")
    call("create_group", GroupName="recorded")
    call("add_user_to_group", GroupName="recorded", UserName="recorded")
    call(
        "create_role", RoleName="recorded", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=3600
    )
    call("update_assume_role_policy", RoleName="recorded", PolicyDocument=TRUST)
    call("put_role_policy", RoleName="recorded", PolicyName="p", PolicyDocument=POLICY)
    made = call("create_policy", PolicyName="recorded", PolicyDocument=POLICY, Tags=TAGS)
    arn = made.get("Policy", {}).get("Arn", "arn:aws:iam::000000000000:policy/recorded")
    call("create_policy_version", PolicyArn=arn, PolicyDocument=POLICY, SetAsDefault=True)
    call("list_policy_versions", PolicyArn=arn)
    call("attach_role_policy", RoleName="recorded", PolicyArn=arn)
    call("list_attached_role_policies", RoleName="recorded")
    call("list_policies", Scope="Local")
    call("create_access_key", UserName="recorded")
    call("list_access_keys", UserName="recorded")
    call(
        "update_access_key",
        UserName="recorded",
        AccessKeyId="AKIA1234567890ABCDEF",
        Status="Inactive",
    )
    call(
        "create_service_specific_credential",
        UserName="recorded",
        ServiceName="bedrock.amazonaws.com",
    )
    call("tag_user", UserName="recorded", Tags=TAGS)
    call("untag_user", UserName="recorded", TagKeys=["team"])
    call("get_account_summary")
    call("get_account_authorization_details", Filter=["User"])
    call(
        "simulate_custom_policy",
        PolicyInputList=[POLICY],
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::b/k"],
        ContextEntries=[
            {
                "ContextKeyName": "aws:SourceIp",
                "ContextKeyValues": ["10.0.0.1"],
                "ContextKeyType": "ip",
            }
        ],
    )
    call(
        "simulate_principal_policy",
        PolicySourceArn="arn:aws:iam::000000000000:user/team/recorded",
        ActionNames=["s3:*"],
    )
    call("delete_user", UserName="gone")
    call("delete_role", RoleName="gone")


def _sts(recorder: Recorder) -> None:
    call = _Calls(recorder.client("sts"))
    call("get_caller_identity")
    call("get_session_token", DurationSeconds=900)
    call("get_federation_token", Name="fed", Policy=POLICY)
    role = "arn:aws:iam::000000000000:role/recorded"
    call("assume_role", RoleArn=role, RoleSessionName="s", Policy=POLICY, Tags=TAGS)
    call("get_access_key_info", AccessKeyId="AKIA1234567890ABCDEF")
    call("decode_authorization_message", EncodedMessage="abc")


def _key_id(made: dict[str, Any]) -> str:
    return str(made.get("KeyMetadata", {}).get("KeyId", "alias/recorded"))


def _kms(recorder: Recorder) -> None:
    call = _Calls(recorder.client("kms"))
    key = call("create_key", Description="d", Tags=[{"TagKey": "a", "TagValue": "b"}])
    key_id = _key_id(key)
    call("create_alias", AliasName="alias/recorded", TargetKeyId=key_id)
    sealed = call("encrypt", KeyId=key_id, Plaintext=b"text", EncryptionContext={"a": "b"})
    call("decrypt", CiphertextBlob=sealed.get("CiphertextBlob", b"x"), EncryptionContext={"a": "b"})
    call(
        "re_encrypt",
        CiphertextBlob=sealed.get("CiphertextBlob", b"x"),
        SourceEncryptionContext={"a": "b"},
        DestinationKeyId="alias/recorded",
    )
    call("generate_data_key", KeyId=key_id, KeySpec="AES_256")
    call("generate_random", NumberOfBytes=32)
    call("describe_key", KeyId=key_id)
    call("get_key_policy", KeyId=key_id, PolicyName="default")
    policy = call("get_key_policy", KeyId=key_id)
    call("put_key_policy", KeyId=key_id, Policy=policy.get("Policy", "{}"))
    call(
        "create_grant",
        KeyId=key_id,
        GranteePrincipal="arn:aws:iam::000000000000:root",
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"a": "b"}},
    )
    call("list_grants", KeyId=key_id, Limit=2)
    call("list_keys", Limit=3)
    call("list_aliases", KeyId=key_id)
    call("enable_key_rotation", KeyId=key_id, RotationPeriodInDays=100)
    call("tag_resource", KeyId=key_id, Tags=[{"TagKey": "c", "TagValue": "d"}])
    mac = call("create_key", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    mac_id = _key_id(mac)
    call("generate_mac", KeyId=mac_id, MacAlgorithm="HMAC_SHA_256", Message=b"m")
    curve = call("create_key", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    curve_id = _key_id(curve)
    signed = call("sign", KeyId=curve_id, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    call(
        "verify",
        KeyId=curve_id,
        Message=b"m",
        SigningAlgorithm="ECDSA_SHA_256",
        Signature=signed.get("Signature", b"x"),
    )
    call("get_public_key", KeyId=curve_id)
    call("schedule_key_deletion", KeyId=mac_id, PendingWindowInDays=7)


def _secrets(recorder: Recorder) -> None:
    call = _Calls(recorder.client("secretsmanager"))
    call("create_secret", Name="recorded", SecretString="text", Tags=TAGS)
    call("put_secret_value", SecretId="recorded", SecretBinary=b"bytes", VersionStages=["a"])
    call("get_secret_value", SecretId="recorded", VersionStage="AWSCURRENT")
    call("batch_get_secret_value", SecretIdList=["recorded"])
    call("describe_secret", SecretId="recorded")
    call("list_secrets", Filters=[{"Key": "name", "Values": ["rec"]}], MaxResults=3)
    call("list_secret_version_ids", SecretId="recorded", IncludeDeprecated=True)
    call("update_secret", SecretId="recorded", Description="d", SecretString="other")
    statement = {**_ANYTHING, "Action": "secretsmanager:*", "Principal": {"AWS": "000000000000"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    call("put_resource_policy", SecretId="recorded", ResourcePolicy=policy)
    call("validate_resource_policy", ResourcePolicy=policy)
    call("get_random_password", PasswordLength=20, ExcludeCharacters="abc")
    call("tag_resource", SecretId="recorded", Tags=TAGS)
    call("delete_secret", SecretId="gone", RecoveryWindowInDays=7)


def _quotas(recorder: Recorder) -> None:
    call = _Calls(recorder.client("service-quotas"))
    call("list_services", MaxResults=2)
    listed = call("list_service_quotas", ServiceCode="bedrock")
    quotas: list[dict[str, str]] = listed.get("Quotas", [])
    code = quotas[0]["QuotaCode"] if quotas else "L-12345678"
    call("get_service_quota", ServiceCode="bedrock", QuotaCode=code)
    call("request_service_quota_increase", ServiceCode="bedrock", QuotaCode=code, DesiredValue=99.0)
    call("list_requested_service_quota_change_history", Status="PENDING")


def _trail(recorder: Recorder) -> None:
    call = _Calls(recorder.client("cloudtrail"))
    call(
        "lookup_events",
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateKey"}],
        MaxResults=2,
        StartTime=1700000000,
        EndTime=1900000000,
    )
    call("lookup_events", MaxResults=1, NextToken="abc")
    call("list_trails")


def _bedrock(recorder: Recorder) -> None:
    call = _Calls(recorder.client("bedrock"))
    call("list_foundation_models", byProvider="Outcrop")
    call("get_foundation_model", modelIdentifier="outcrop.nano-v1:0")
    call("list_custom_models", maxResults=2, sortBy="CreationTime", nameContains="a")
    call(
        "get_custom_model", modelIdentifier="arn:aws:bedrock:us-east-1:000000000000:custom-model/x"
    )
    call(
        "create_model_customization_job",
        jobName="recorded",
        customModelName="recorded",
        # Nobody trusts it, so that no mutation starts a training.
        roleArn="arn:aws:iam::000000000000:role/no-such-role",
        baseModelIdentifier="outcrop.nano-v1:0",
        trainingDataConfig={"s3Uri": "s3://recorded/train.jsonl"},
        outputDataConfig={"s3Uri": "s3://recorded/out/"},
        hyperParameters={"epochCount": "1", "learningRate": "0.001"},
        customModelTags=[{"key": "a", "value": "b"}],
    )
    call("list_model_customization_jobs", creationTimeAfter="2024-01-01T00:00:00Z", maxResults=5)
    call("get_model_customization_job", jobIdentifier="recorded")
    call("stop_model_customization_job", jobIdentifier="recorded")
    call("delete_custom_model", modelIdentifier="recorded")
    call("list_provisioned_model_throughputs", maxResults=5)
    call(
        "create_provisioned_model_throughput",
        provisionedModelName="recorded",
        modelId="arn:aws:bedrock:us-east-1:000000000000:custom-model/outcrop.nano-v1:0/abcdefghijkl",
        modelUnits=1,
    )
    source = "arn:aws:bedrock:us-east-1::foundation-model/outcrop.nano-v1:0"
    made = call(
        "create_inference_profile",
        inferenceProfileName="recorded",
        modelSource={"copyFrom": source},
        tags=[{"key": "a", "value": "b"}],
    )
    arn = made.get("inferenceProfileArn", source)
    call("get_inference_profile", inferenceProfileIdentifier=arn)
    call("list_inference_profiles", typeEquals="APPLICATION")
    call("tag_resource", resourceARN=arn, tags=[{"key": "c", "value": "d"}])
    call("list_tags_for_resource", resourceARN=arn)
    call("list_imported_models")


def _runtime(recorder: Recorder) -> None:
    call = _Calls(recorder.client("bedrock-runtime"))
    # No such model, so that no mutation waits for one to load.
    model = "outcrop.none-v1:0"
    message = {"role": "user", "content": [{"text": "Hello"}]}
    call("converse", modelId=model, messages=[message], inferenceConfig={"maxTokens": 1})
    call("converse_stream", modelId=model, messages=[message], system=[{"text": "Be short."}])
    call("invoke_model", modelId=model, body=json.dumps({"prompt": "Hello", "max_tokens": 1}))
    call("invoke_model_with_response_stream", modelId=model, body=b"{}")
    call("count_tokens", modelId=model, input={"converse": {"messages": [message]}})
