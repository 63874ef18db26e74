"""Names as Step Functions spells them: those of the AWS SDK for Java, which carries its calls out.

Members are the SDK's accessors with a capital (`KMSKeyId` is `KmsKeyId`, but `ContentMD5` stays), services go by their
service id without spaces, and errors are the SDK's classes: words of every name capitalised, `Exception` at the end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from outcrop.aws import service_models
from outcrop.workflows.asl.errors import StatesError

RUNTIME = "States.Runtime"
_LOWER_THEN_UPPER = re.compile(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])")
_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_NUMBER_THEN_WORD = re.compile(r"([0-9])([a-zA-Z])")
_VERSION = re.compile(r"([^a-z]{2,})(v[0-9]+)")
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")
_LAMBDA_ARN = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:.+")
_ACTIVITY_ARN = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:activity:.+")
_INTEGRATION_ARN = re.compile(
    r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(?:(aws-sdk):)?([a-z0-9-]+):([A-Za-z0-9]+)"
    r"(\.sync(?::2)?|\.waitForTaskToken)?"
)
# Service ids without spaces whose botocore name is another word altogether.
_RENAMED = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "applicationautoscaling": "application-autoscaling",
    "elasticloadbalancingv2": "elbv2",
    "configservice": "config",
    "cognitoidentityprovider": "cognito-idp",
}


@lru_cache(maxsize=8192)
def member(name: str) -> str:
    """Return a member's name as states spell it: an acronym in front loses its capitals but the first."""
    end = 1
    while end < len(name) and name[end].isupper() and not name[end + 1 : end + 2].islower():
        end += 1
    return name[:1].upper() + name[1:end].lower() + name[end:]


@lru_cache(maxsize=1024)
def pascal(name: str) -> str:
    """Return the name of a class of the SDK for a service or a shape, such as "KmsInvalidState" or "SesV2"."""
    spaced = _NO_NAME.sub(" ", name)
    spaced = _VERSION.sub(r"\1 \2 ", spaced)
    spaced = _LOWER_THEN_UPPER.sub(" ", spaced)
    spaced = _ACRONYM_THEN_WORD.sub(r"\1 \2", spaced)
    spaced = _NUMBER_THEN_WORD.sub(r"\1 \2", spaced)
    return "".join(word[:1].upper() + word[1:].lower() for word in spaced.split())


def exception(name: str) -> str:
    """Return the name that the SDK gives a modelled error: "NoSuchBucket" is "NoSuchBucketException"."""
    spelled = pascal(name)
    if spelled.endswith("Fault"):
        return spelled.removesuffix("Fault") + "Exception"
    return spelled if spelled.endswith("Exception") else spelled + "Exception"


@dataclass(frozen=True, slots=True)
class Resource:
    """A Task's Resource, taken apart.

    Attributes:
        kind: "lambda" and "activity" for their ARNs; "sdk" for aws-sdk; "optimized" for all else.
        type: as histories show it, such as "aws-sdk:s3" or "lambda".
        service: such as "s3" or "sfn", spelled as in the ARN; "" for ARNs of functions and activities.
        action: such as "getObject".
        pattern: "", ".sync", ".sync:2" or ".waitForTaskToken".
    """

    arn: str
    kind: str
    type: str
    service: str = ""
    action: str = ""
    pattern: str = ""

    @property
    def is_sync(self) -> bool:
        """Whether the task ends with what it started."""
        return self.pattern.startswith(".sync")

    @property
    def name(self) -> str:
        """The resource as histories show it."""
        return f"{self.action}{self.pattern}" if self.action else self.arn


@lru_cache(maxsize=4096)
def parse_resource(arn: str) -> Resource:
    """Return what a Resource means.

    Raises:
        StatesError: it is no resource that a Task can have.
    """
    if _LAMBDA_ARN.fullmatch(arn):
        return Resource(arn, "lambda", "lambda")
    if _ACTIVITY_ARN.fullmatch(arn):
        return Resource(arn, "activity", "activity")
    match = _INTEGRATION_ARN.fullmatch(arn)
    if match is None:
        raise not_recognized(arn)
    sdk, service, action, pattern = match.groups(default="")
    if sdk:
        return Resource(arn, "sdk", f"aws-sdk:{service}", service, action, pattern)
    return Resource(arn, "optimized", service, service, action, pattern)


def not_recognized(arn: str) -> StatesError:
    """Return the error for a resource that AWS does not know either."""
    return StatesError(
        RUNTIME,
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region.",
    )


@cache
def _services() -> Mapping[str, str]:
    from botocore.loaders import Loader

    names = Loader().list_available_services("service-2")
    return {name.replace("-", ""): name for name in names} | _RENAMED


def botocore_service(name: str) -> str | None:
    """Return botocore's name of a service that an aws-sdk resource names, or None where there is none."""
    return _services().get(name)


@dataclass(frozen=True, slots=True)
class Service:
    """A service as an aws-sdk resource reaches it.

    Attributes:
        name: botocore's.
        label: what its errors begin with, and what causes call it: "S3", "SecretsManager", "Sfn".
        operations: action → AWS's operation name.
    """

    name: str
    label: str
    operations: Mapping[str, str]


@cache
def sdk_service(name: str) -> Service | None:
    """Return a service by its name in aws-sdk resources."""
    found = botocore_service(name)
    if found is None:
        return None
    model = service_models.load(found)
    service_id = str(model.model.metadata.get("serviceId", found))
    operations = {
        operation[:1].lower() + operation[1:]: operation for operation in model.operation_names
    }
    return Service(found, pascal(service_id), operations)
