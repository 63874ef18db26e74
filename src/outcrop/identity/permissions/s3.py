"""What S3's operations ask of their callers.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Required permissions for Amazon S3 API operations". Three things are asked for by the operations themselves: whether a key
that no object has may be told apart from one that may not be seen, tags that are copied, and each of many deletions.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]

_SECONDS_A_DAY = 86_400
# Request members that are condition keys by the name of their header.
_GRANTS = {
    "ACL": "s3:x-amz-acl",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWrite": "s3:x-amz-grant-write",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
}
_LOCKS = {
    "ObjectLockMode": "s3:object-lock-mode",
    "ObjectLockLegalHoldStatus": "s3:object-lock-legal-hold",
}
_WRITES = {
    **_GRANTS,
    **_LOCKS,
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "StorageClass": "s3:x-amz-storage-class",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
}
_LISTS = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}


def copy_source(given: object) -> tuple[str, str, str | None]:
    """Return bucket, key and version of what a copy is made of; "" where the source is malformed."""
    if isinstance(given, Mapping):  # boto3's other form, in calls of this process
        return given.get("Bucket", ""), given.get("Key", ""), given.get("VersionId")
    path, mark, query = str(given).partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    return bucket, key, unquote(query) if mark else None


def bucket_arn(bucket: str) -> str:
    """Return a bucket's ARN."""
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    """Return the ARN of the object at a key, in all of its versions."""
    return f"arn:aws:s3:::{bucket}/{key}"


def _arn(parameters: Parameters) -> str:
    arn = bucket_arn(parameters["Bucket"])
    return f"{arn}/{parameters['Key']}" if "Key" in parameters else arn


def _given(parameters: Parameters, keys: Mapping[str, str]) -> Context:
    return {key: str(parameters[name]) for name, key in keys.items() if name in parameters}


def _fixed(*actions: str) -> Rule:
    """Return the rule of operations that need actions on the bucket or object that they name."""
    named = tuple(f"s3:{action}" for action in actions)

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        arn = _arn(parameters)
        return [Need(action, arn) for action in named]

    return rule


def _listing(action: str) -> Rule:
    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        return [Need(action, bucket_arn(parameters["Bucket"]), _given(parameters, _LISTS))]

    return rule


def _of_version(action: str, versioned: str, *, more: Callable[[Parameters], Context]) -> Rule:
    """Return the rule of operations whose action depends on whether they name a version."""
    plain, named = f"s3:{action}", f"s3:{versioned}"

    def rule(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
        context = more(parameters)
        version = parameters.get("VersionId")
        if version is None:
            return [Need(plain, _arn(parameters), context)]
        return [Need(named, _arn(parameters), {**context, "s3:VersionId": version})]

    return rule


def _nothing_more(_parameters: Parameters) -> Context:
    return {}


def _list_buckets(_parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return [Need("s3:ListAllMyBuckets")]


def _create_bucket(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    arn = bucket_arn(parameters["Bucket"])
    configuration = parameters.get("CreateBucketConfiguration") or {}
    context = _given(parameters, _GRANTS)
    if "LocationConstraint" in configuration:
        context["s3:LocationConstraint"] = configuration["LocationConstraint"]
    if "ObjectOwnership" in parameters:
        context["s3:x-amz-object-ownership"] = parameters["ObjectOwnership"]
    tags = {tag["Key"]: tag["Value"] for tag in configuration.get("Tags", [])}
    if tags:
        context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        context["aws:TagKeys"] = list(tags)
    needs = [Need("s3:CreateBucket", arn, context)]
    if tags:
        needs.append(Need("s3:TagResource", arn, context))
    if any(name in parameters for name in _GRANTS):
        needs.append(Need("s3:PutBucketAcl", arn, _given(parameters, _GRANTS)))
    if "ObjectOwnership" in parameters:
        needs.append(Need("s3:PutBucketOwnershipControls", arn))
    if parameters.get("ObjectLockEnabledForBucket"):
        needs.append(Need("s3:PutBucketObjectLockConfiguration", arn))
        needs.append(Need("s3:PutBucketVersioning", arn))
    return needs


def _tags(pairs: Mapping[str, str]) -> Context:
    """Return the condition keys of tags that a request gives an object."""
    if not pairs:
        return {}
    context: Context = {f"s3:RequestObjectTag/{key}": value for key, value in pairs.items()}
    context["s3:RequestObjectTagKeys"] = list(pairs)
    return context


def _tag_set(parameters: Parameters) -> Context:
    tags = (parameters.get("Tagging") or {}).get("TagSet", [])
    return _tags({tag.get("Key", ""): tag.get("Value", "") for tag in tags})


def _write_context(parameters: Parameters, scope: Scope) -> Context:
    context = _given(parameters, _WRITES)
    key_id = parameters.get("SSEKMSKeyId")
    if key_id:
        if not key_id.startswith("arn:"):
            kind = "" if key_id.startswith("alias/") else "key/"
            key_id = f"arn:aws:kms:{scope.region}:{scope.account_id}:{kind}{key_id}"
        context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = key_id
    until = parameters.get("ObjectLockRetainUntilDate")
    if isinstance(until, datetime):
        context |= _retention(until)
    tagging = parameters.get("Tagging")
    if isinstance(tagging, str):
        context |= _tags(dict(parse_qsl(tagging, keep_blank_values=True)))
    return context


def _retention(until: datetime) -> Context:
    days = int((until - datetime.now(UTC)).total_seconds() // _SECONDS_A_DAY)
    return {
        "s3:object-lock-retain-until-date": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "s3:object-lock-remaining-retention-days": str(days),
    }


def _companions(parameters: Parameters, arn: str, context: Context) -> list[Need]:
    """Return the needs of what a new object brings along: tags, grants, locks."""
    needs = []
    if parameters.get("Tagging"):
        needs.append(Need("s3:PutObjectTagging", arn, context))
    if any(name in parameters for name in _GRANTS):
        needs.append(Need("s3:PutObjectAcl", arn, context))
    if "ObjectLockMode" in parameters or "ObjectLockRetainUntilDate" in parameters:
        needs.append(Need("s3:PutObjectRetention", arn, context))
    if "ObjectLockLegalHoldStatus" in parameters:
        needs.append(Need("s3:PutObjectLegalHold", arn, context))
    return needs


def _writing(*, creates: bool) -> Rule:
    """Return the rule of uploads.

    Args:
        creates: whether the object is there afterwards; parts of uploads make none.
    """

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        arn = _arn(parameters)
        context = _write_context(parameters, scope)
        context["s3:ObjectCreationOperation"] = "true" if creates else "false"
        needs = [Need("s3:PutObject", arn, context), *_companions(parameters, arn, context)]
        if "IfMatch" in parameters:
            # Whether an entity tag fits tells what the object is.
            needs.append(Need("s3:GetObject", arn))
        return needs

    return rule


def _read_of_source(parameters: Parameters) -> tuple[Need, str]:
    """Return the need of reading what is copied, and how the source is called in conditions."""
    bucket, key, version = copy_source(parameters["CopySource"])
    arn = object_arn(bucket, key)
    if version is None:
        return Need("s3:GetObject", arn), f"/{bucket}/{key}"
    return Need("s3:GetObjectVersion", arn, {"s3:VersionId": version}), f"/{bucket}/{key}"


def _copying(*, creates: bool) -> Rule:
    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        reading, source = _read_of_source(parameters)
        arn = _arn(parameters)
        context = _write_context(parameters, scope)
        context["s3:x-amz-copy-source"] = source.removeprefix("/")
        context["s3:ObjectCreationOperation"] = "true" if creates else "false"
        needs = [reading, Need("s3:PutObject", arn, context)]
        needs += _companions(parameters, arn, context)
        # What copying tags needs is asked for by the operation, once it knows that there are any.
        return needs

    return rule


def _attributes(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    arn, version = _arn(parameters), parameters.get("VersionId")
    if version is None:
        return [Need("s3:GetObject", arn), Need("s3:GetObjectAttributes", arn)]
    context = {"s3:VersionId": version}
    return [
        Need("s3:GetObjectVersion", arn, context),
        Need("s3:GetObjectVersionAttributes", arn, context),
    ]


def _delete_object(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return deletion_needs(
        parameters["Bucket"],
        parameters["Key"],
        parameters.get("VersionId"),
        bypasses_governance=bool(parameters.get("BypassGovernanceRetention")),
        if_match=parameters.get("IfMatch"),
    )


def deletion_needs(
    bucket: str,
    key: str,
    version: str | None,
    *,
    bypasses_governance: bool = False,
    if_match: str | None = None,
) -> list[Need]:
    """Return what deleting one object needs; DeleteObjects asks for each of its objects."""
    arn = object_arn(bucket, key)
    context: Context = {} if if_match is None else {"s3:if-match": if_match}
    if version is None:
        needs = [Need("s3:DeleteObject", arn, context)]
    else:
        needs = [Need("s3:DeleteObjectVersion", arn, {**context, "s3:VersionId": version})]
    if bypasses_governance:
        needs.append(Need("s3:BypassGovernanceRetention", arn))
    return needs


def _delete_objects(_parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    # Asked for each object by the operation: those that may not be deleted are named in its answer.
    return ()


def _put_retention(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    arn = _arn(parameters)
    retention = parameters.get("Retention") or {}
    context: Context = {}
    if "Mode" in retention:
        context["s3:object-lock-mode"] = retention["Mode"]
    if isinstance(retention.get("RetainUntilDate"), datetime):
        context |= _retention(retention["RetainUntilDate"])
    needs = [Need("s3:PutObjectRetention", arn, context)]
    if parameters.get("BypassGovernanceRetention"):
        needs.append(Need("s3:BypassGovernanceRetention", arn, context))
    return needs


def _put_legal_hold(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    status = (parameters.get("LegalHold") or {}).get("Status", "")
    return [Need("s3:PutObjectLegalHold", _arn(parameters), {"s3:object-lock-legal-hold": status})]


def _put_bucket_acl(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    return [Need("s3:PutBucketAcl", _arn(parameters), _given(parameters, _GRANTS))]


def _put_ownership(parameters: Parameters, _scope: Scope) -> Sequence[Need]:
    rules = (parameters.get("OwnershipControls") or {}).get("Rules", [])
    context: Context = {}
    if rules:
        context["s3:x-amz-object-ownership"] = rules[0].get("ObjectOwnership", "")
    return [Need("s3:PutBucketOwnershipControls", _arn(parameters), context)]


def _grants(parameters: Parameters) -> Context:
    return _given(parameters, _GRANTS)


NEEDS: Mapping[str, Rule] = {
    # Buckets
    "ListBuckets": _list_buckets,
    "CreateBucket": _create_bucket,
    "DeleteBucket": _fixed("DeleteBucket"),
    "HeadBucket": _fixed("ListBucket"),
    "GetBucketLocation": _fixed("GetBucketLocation"),
    # Listings
    "ListObjects": _listing("s3:ListBucket"),
    "ListObjectsV2": _listing("s3:ListBucket"),
    "ListObjectVersions": _listing("s3:ListBucketVersions"),
    "ListMultipartUploads": _fixed("ListBucketMultipartUploads"),
    "ListParts": _fixed("ListMultipartUploadParts"),
    # Objects
    "GetObject": _of_version("GetObject", "GetObjectVersion", more=_nothing_more),
    "HeadObject": _of_version("GetObject", "GetObjectVersion", more=_nothing_more),
    "GetObjectAttributes": _attributes,
    "PutObject": _writing(creates=True),
    "CreateMultipartUpload": _writing(creates=False),
    "UploadPart": _writing(creates=False),
    "CompleteMultipartUpload": _writing(creates=True),
    "AbortMultipartUpload": _fixed("AbortMultipartUpload"),
    "CopyObject": _copying(creates=True),
    "UploadPartCopy": _copying(creates=False),
    "DeleteObject": _delete_object,
    "DeleteObjects": _delete_objects,
    "GetObjectTagging": _of_version(
        "GetObjectTagging", "GetObjectVersionTagging", more=_nothing_more
    ),
    "PutObjectTagging": _of_version("PutObjectTagging", "PutObjectVersionTagging", more=_tag_set),
    "DeleteObjectTagging": _of_version(
        "DeleteObjectTagging", "DeleteObjectVersionTagging", more=_nothing_more
    ),
    "GetObjectAcl": _of_version("GetObjectAcl", "GetObjectVersionAcl", more=_nothing_more),
    "PutObjectAcl": _of_version("PutObjectAcl", "PutObjectVersionAcl", more=_grants),
    "GetObjectRetention": _fixed("GetObjectRetention"),
    "PutObjectRetention": _put_retention,
    "GetObjectLegalHold": _fixed("GetObjectLegalHold"),
    "PutObjectLegalHold": _put_legal_hold,
    "GetObjectTorrent": _fixed("GetObjectTorrent"),
    "RestoreObject": _fixed("RestoreObject"),
    "SelectObjectContent": _fixed("GetObject"),
    # Access
    "GetBucketPolicy": _fixed("GetBucketPolicy"),
    "PutBucketPolicy": _fixed("PutBucketPolicy"),
    "DeleteBucketPolicy": _fixed("DeleteBucketPolicy"),
    "GetBucketPolicyStatus": _fixed("GetBucketPolicyStatus"),
    "GetPublicAccessBlock": _fixed("GetBucketPublicAccessBlock"),
    "PutPublicAccessBlock": _fixed("PutBucketPublicAccessBlock"),
    "DeletePublicAccessBlock": _fixed("PutBucketPublicAccessBlock"),
    "GetBucketAcl": _fixed("GetBucketAcl"),
    "PutBucketAcl": _put_bucket_acl,
    "GetBucketOwnershipControls": _fixed("GetBucketOwnershipControls"),
    "PutBucketOwnershipControls": _put_ownership,
    "DeleteBucketOwnershipControls": _fixed("PutBucketOwnershipControls"),
    "GetBucketAbac": _fixed("GetBucketAbac"),
    "PutBucketAbac": _fixed("PutBucketAbac"),
    # Configuration
    "GetBucketVersioning": _fixed("GetBucketVersioning"),
    "PutBucketVersioning": _fixed("PutBucketVersioning"),
    "GetBucketEncryption": _fixed("GetEncryptionConfiguration"),
    "PutBucketEncryption": _fixed("PutEncryptionConfiguration"),
    "DeleteBucketEncryption": _fixed("PutEncryptionConfiguration"),
    "GetBucketTagging": _fixed("GetBucketTagging"),
    "PutBucketTagging": _fixed("PutBucketTagging"),
    "DeleteBucketTagging": _fixed("PutBucketTagging"),
    "GetBucketCors": _fixed("GetBucketCORS"),
    "PutBucketCors": _fixed("PutBucketCORS"),
    "DeleteBucketCors": _fixed("PutBucketCORS"),
    "GetBucketLifecycleConfiguration": _fixed("GetLifecycleConfiguration"),
    "PutBucketLifecycleConfiguration": _fixed("PutLifecycleConfiguration"),
    "DeleteBucketLifecycle": _fixed("PutLifecycleConfiguration"),
    "GetObjectLockConfiguration": _fixed("GetBucketObjectLockConfiguration"),
    "PutObjectLockConfiguration": _fixed("PutBucketObjectLockConfiguration"),
    "GetBucketLogging": _fixed("GetBucketLogging"),
    "PutBucketLogging": _fixed("PutBucketLogging"),
    "GetBucketWebsite": _fixed("GetBucketWebsite"),
    "PutBucketWebsite": _fixed("PutBucketWebsite"),
    "DeleteBucketWebsite": _fixed("DeleteBucketWebsite"),
    "GetBucketNotificationConfiguration": _fixed("GetBucketNotification"),
    "PutBucketNotificationConfiguration": _fixed("PutBucketNotification"),
    "GetBucketReplication": _fixed("GetReplicationConfiguration"),
    "PutBucketReplication": _fixed("PutReplicationConfiguration"),
    "DeleteBucketReplication": _fixed("PutReplicationConfiguration"),
    "GetBucketAccelerateConfiguration": _fixed("GetAccelerateConfiguration"),
    "PutBucketAccelerateConfiguration": _fixed("PutAccelerateConfiguration"),
    "GetBucketRequestPayment": _fixed("GetBucketRequestPayment"),
    "PutBucketRequestPayment": _fixed("PutBucketRequestPayment"),
    **{
        f"{verb}Bucket{kind}Configuration{ending}": _fixed(f"{action}{kind}Configuration")
        for kind in ("Analytics", "Metrics", "Inventory", "IntelligentTiering")
        for verb, action, ending in (
            ("Get", "Get", ""),
            ("List", "Get", "s"),
            ("Put", "Put", ""),
            ("Delete", "Put", ""),
        )
    },
}
