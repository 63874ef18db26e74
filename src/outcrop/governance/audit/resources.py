"""Which resources a call names, as records list them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape

# service → member → (AWS's type, form of the ARN where the member is a name or an id)
_NAMED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "s3": {"Bucket": ("AWS::S3::Bucket", "arn:aws:s3:::{name}")},
    "iam": {
        "UserName": ("AWS::IAM::User", "arn:aws:iam::{account}:user/{name}"),
        "RoleName": ("AWS::IAM::Role", "arn:aws:iam::{account}:role/{name}"),
        "GroupName": ("AWS::IAM::Group", "arn:aws:iam::{account}:group/{name}"),
        "PolicyName": ("AWS::IAM::Policy", "arn:aws:iam::{account}:policy/{name}"),
        "InstanceProfileName": (
            "AWS::IAM::InstanceProfile",
            "arn:aws:iam::{account}:instance-profile/{name}",
        ),
    },
    "kms": {
        "KeyId": ("AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/{name}"),
        "TargetKeyId": ("AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/{name}"),
        "SourceKeyId": ("AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/{name}"),
        "DestinationKeyId": ("AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/{name}"),
        "AliasName": ("AWS::KMS::Alias", "arn:aws:kms:{region}:{account}:{name}"),
    },
    "secretsmanager": {
        "SecretId": (
            "AWS::SecretsManager::Secret",
            "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
        ),
        "Name": (
            "AWS::SecretsManager::Secret",
            "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
        ),
    },
    "bedrock": {
        "jobName": (
            "AWS::Bedrock::ModelCustomizationJob",
            "arn:aws:bedrock:{region}:{account}:model-customization-job/{name}",
        ),
        "jobIdentifier": (
            "AWS::Bedrock::ModelCustomizationJob",
            "arn:aws:bedrock:{region}:{account}:model-customization-job/{name}",
        ),
        "modelIdentifier": (
            "AWS::Bedrock::CustomModel",
            "arn:aws:bedrock:{region}:{account}:custom-model/{name}",
        ),
        "customModelName": (
            "AWS::Bedrock::CustomModel",
            "arn:aws:bedrock:{region}:{account}:custom-model/{name}",
        ),
        "provisionedModelId": (
            "AWS::Bedrock::ProvisionedModel",
            "arn:aws:bedrock:{region}:{account}:provisioned-model/{name}",
        ),
        "provisionedModelName": (
            "AWS::Bedrock::ProvisionedModel",
            "arn:aws:bedrock:{region}:{account}:provisioned-model/{name}",
        ),
        "customModelDeploymentIdentifier": (
            "AWS::Bedrock::CustomModelDeployment",
            "arn:aws:bedrock:{region}:{account}:custom-model-deployment/{name}",
        ),
        "inferenceProfileIdentifier": (
            "AWS::Bedrock::InferenceProfile",
            "arn:aws:bedrock:{region}:{account}:inference-profile/{name}",
        ),
    },
    "bedrock-runtime": {
        "modelId": ("AWS::Bedrock::Model", "arn:aws:bedrock:{region}::foundation-model/{name}"),
    },
    "lambda": {
        "FunctionName": (
            "AWS::Lambda::Function",
            "arn:aws:lambda:{region}:{account}:function:{name}",
        ),
    },
    "logs": {
        "logGroupName": (
            "AWS::Logs::LogGroup",
            "arn:aws:logs:{region}:{account}:log-group:{name}",
        ),
    },
}
_OBJECT = "AWS::S3::Object"
_ARN_NAME = re.compile(r"(?:Arn|ARN)\Z")
_TYPE_WORDS = {
    "iam": "IAM",
    "kms": "KMS",
    "s3": "S3",
    "sns": "SNS",
    "sts": "STS",
    "secretsmanager": "SecretsManager",
    "states": "StepFunctions",
    "cloudtrail": "CloudTrail",
}
_IN_RESULTS = ("KeyMetadata",)  # where new resources are named one level down

Resource = dict[str, str]
Finder = Callable[[Mapping[str, Any], Mapping[str, Any], str], list[Resource]]


def compile_finder(
    service: str, request: Shape | None, result: Shape | None, account_id: str
) -> Finder:
    """Return the function from a call's parameters, result and region to the resources it names."""
    named = _NAMED.get(service, {})
    members = request.members if request is not None else {}
    by_name = [
        (member, kind, _parts(form, account_id))
        for member, (kind, form) in named.items()
        if member in members
    ]
    by_arn = [member for member in members if _ARN_NAME.search(member) and member not in named]
    given = result.members if result is not None else {}
    made = [member for member in given if _ARN_NAME.search(member)]
    nested = [member for member in _IN_RESULTS if member in given]
    has_key = service == "s3" and "Key" in members

    def find(
        parameters: Mapping[str, Any], answer: Mapping[str, Any], region: str
    ) -> list[Resource]:
        found: dict[str, Resource] = {}
        for member, kind, parts in by_name:
            value = parameters.get(member)
            if value and isinstance(value, str):
                arn = value if value.startswith("arn:") else _arn(parts, value, region)
                kind_of = _type_of(value) if arn is value else kind
                found[arn] = {"ARN": arn, "type": kind_of, "accountId": account_id}
        for member in by_arn:
            _note_arn(found, parameters.get(member), account_id)
        if has_key:
            arn = f"arn:aws:s3:::{parameters.get('Bucket')}/{parameters.get('Key')}"
            found[arn] = {"ARN": arn, "type": _OBJECT, "accountId": account_id}
        if answer:
            for member in made:
                _note_arn(found, answer.get(member), account_id)
            for member in nested:
                _note_arn(found, (answer.get(member) or {}).get("Arn"), account_id)
        return list(found.values())

    return find


def _parts(form: str, account_id: str) -> tuple[str, bool, str]:
    """Return what stands before the region, whether there is one, and what stands before the name."""
    head, region, tail = form.replace("{account}", account_id).partition("{region}")
    if not region:
        return head.removesuffix("{name}"), False, ""
    return head, True, tail.removesuffix("{name}")


def _arn(parts: tuple[str, bool, str], name: str, region: str) -> str:
    head, is_regional, tail = parts
    if not is_regional:
        return head + name
    if name.startswith("alias/"):
        tail = tail.removesuffix("key/")  # KMS takes an alias in the place of a key's id
    return f"{head}{region}{tail}{name}"


def _note_arn(found: dict[str, Resource], value: Any, account_id: str) -> None:
    if isinstance(value, str) and value.startswith("arn:"):
        found[value] = {"ARN": value, "type": _type_of(value), "accountId": account_id}


def _type_of(arn: str) -> str:
    """Return AWS's type for an ARN, such as AWS::Bedrock::CustomModel."""
    _, _, service, _, _, resource, *_ = [*arn.split(":", 5), "", "", "", "", "", ""]
    if service == "s3":
        return _OBJECT if "/" in resource else "AWS::S3::Bucket"
    kind = re.split(r"[/:]", resource, maxsplit=1)[0]
    words = "".join(word.capitalize() for word in re.split(r"[-_]", kind))
    return f"AWS::{_TYPE_WORDS.get(service, service.capitalize())}::{words}"


def names_of(resource: Mapping[str, str]) -> Iterator[str]:
    """Yield the names under which LookupEvents finds a resource: its ARN and its own short name."""
    arn = resource.get("ARN", "")
    yield arn
    yield short_name(resource)


def short_name(resource: Mapping[str, str]) -> str:
    """Return what LookupEvents shows as ResourceName."""
    arn, kind = resource.get("ARN", ""), resource.get("type", "")
    if kind in {"AWS::S3::Bucket", _OBJECT}:
        return arn.removeprefix("arn:aws:s3:::")
    if kind.startswith(("AWS::IAM::", "AWS::KMS::Alias")):
        return arn.partition("/")[2] if "IAM" in kind else arn.split(":", 5)[-1]
    return arn
