"""What of a function is configured: read from requests, checked, and merged when it changes.

Kept by the wire's names. Environment variables are secret and kept apart (environment.py); code is apart, too.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.services.lambda_.errors import (
    CodeSigningConfigNotFoundException,
    InvalidParameterValueException,
)
from outcrop.services.lambda_.identifiers import Reference

ZIP, IMAGE = "Zip", "Image"
# Lambda quotas; the service model's are those of managed instances, which are not offered here.
_MOST_SECONDS = 900
_MOST_MEMORY_MB = 10_240
_MOST_ENVIRONMENT_BYTES = 4096
_MOST_LAYERS = 5
_MOST_NAME = 64
_ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+", re.ASCII)
# Lambda Developer Guide, "Defined runtime environment variables": those that may not be set.
_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "TZ",
    }
)
_RETIRED_RUNTIMES = frozenset(
    {
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "dotnet6",
        "go1.x",
        "java8",
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "nodejs16.x",
        "provided",
        "python2.7",
        "python3.6",
        "python3.7",
        "ruby2.5",
        "ruby2.7",
    }
)
# Taken as they are where a request has them.
_PLAIN = ("Role", "Description", "Timeout", "MemorySize", "Runtime", "Handler")
_SHAPED = ("TracingConfig", "EphemeralStorage")
_NOT_OFFERED = (
    ("FileSystemConfigs", "File systems cannot be mounted here: leave FileSystemConfigs out."),
    ("TenancyConfig", "Tenants are not told apart here: leave TenancyConfig out."),
    ("CapacityProviderConfig", "There are no capacity providers here: leave them out."),
    ("DurableConfig", "Durable functions are not built here: leave DurableConfig out."),
    ("AcceleratorConfig", "Functions get no accelerator here: leave AcceleratorConfig out."),
    ("RuntimeConfig", "Runtimes of one's own are not built here: leave RuntimeConfig out."),
)


def of_new(request: Mapping[str, Any], reference: Reference) -> dict[str, Any]:
    """Return the settings that CreateFunction asks for, with defaults.

    Raises:
        InvalidParameterValueException, ValidationException, CodeSigningConfigNotFoundException: one is wrong.
    """
    if len(reference.name) > _MOST_NAME:
        raise _too_great(request["FunctionName"], "functionName", _MOST_NAME, "length less than")
    if arn := request.get("CodeSigningConfigArn"):
        raise CodeSigningConfigNotFoundException(
            "The code signing configuration cannot be found. Check that the provided configuration is not "
            f"deleted: {arn}."
        )
    kind = request.get("PackageType", ZIP)
    defaults = {
        "PackageType": kind,
        "Architectures": request.get("Architectures", ["x86_64"]),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "SnapStart": "None",
        "LoggingConfig": _logging({}, {}, reference),
    }
    settings = defaults | _given(request, defaults, reference)
    _check_kind(settings, request)
    return settings


def changed(
    settings: Mapping[str, Any], request: Mapping[str, Any], reference: Reference
) -> dict[str, Any]:
    """Return settings with those laid over that UpdateFunctionConfiguration has.

    Raises:
        InvalidParameterValueException, ValidationException: one is wrong.
    """
    after = dict(settings) | _given(request, settings, reference)
    if not after.get("ImageConfig"):
        after.pop("ImageConfig", None)
    if settings["PackageType"] == IMAGE and any(
        request.get(member) for member in ("Runtime", "Handler", "Layers")
    ):
        raise _image_takes_no_handler()
    return after


def _given(
    request: Mapping[str, Any], before: Mapping[str, Any], reference: Reference
) -> dict[str, Any]:
    _check_limits(request)
    given = {member: request[member] for member in (*_PLAIN, *_SHAPED) if member in request}
    if snap_start := request.get("SnapStart"):
        given["SnapStart"] = _snap_start(snap_start)
    if "LoggingConfig" in request:
        given["LoggingConfig"] = _logging(
            before["LoggingConfig"], request["LoggingConfig"], reference
        )
    if "DeadLetterConfig" in request:
        target = request["DeadLetterConfig"].get("TargetArn", "")
        given["DeadLetterConfig"] = _dead_letters(target)
    if "ImageConfig" in request:
        given["ImageConfig"] = request["ImageConfig"]
    if "VpcConfig" in request:
        given["VpcConfig"] = _network(request["VpcConfig"])
    return given


def _check_limits(request: Mapping[str, Any]) -> None:
    for member, message in _NOT_OFFERED:
        if request.get(member):
            raise InvalidParameterValueException(message)
    if request.get("Timeout", 0) > _MOST_SECONDS:
        raise _too_great(request["Timeout"], "timeout", _MOST_SECONDS)
    if request.get("MemorySize", 0) > _MOST_MEMORY_MB:
        raise _too_great(request["MemorySize"], "memorySize", _MOST_MEMORY_MB)
    if "Role" in request and not _ROLE.fullmatch(request["Role"]):
        raise InvalidParameterValueException(
            f"{request['Role']} is not the ARN of a role; an execution role is named by its full ARN."
        )
    if len(request.get("Layers", ())) > _MOST_LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {_MOST_LAYERS} layers.")
    runtime = request.get("Runtime", "")
    if runtime in _RETIRED_RUNTIMES:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime and not runtime.startswith("python3."):
        raise InvalidParameterValueException(
            f"Functions run in Python 3 here, not in {runtime}: name a python3 runtime, or bring a container "
            "image."
        )


def _check_kind(settings: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    code = request["Code"]
    if settings["PackageType"] == IMAGE:
        if any(request.get(member) for member in ("Runtime", "Handler", "Layers")):
            raise _image_takes_no_handler()
        if not code.get("ImageUri"):
            raise InvalidParameterValueException(
                "Please provide ImageUri when creating a function with packageType Image."
            )
        return
    if "Runtime" not in settings or "Handler" not in settings:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if code.get("ImageUri") or request.get("ImageConfig"):
        raise InvalidParameterValueException(
            "Please don't provide ImageUri or ImageConfig when creating a function with packageType Zip."
        )


def _image_takes_no_handler() -> InvalidParameterValueException:
    return InvalidParameterValueException(
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
    )


def _snap_start(given: Mapping[str, Any]) -> str:
    applied = str(given.get("ApplyOn", "None"))
    if applied != "None":
        raise InvalidParameterValueException(
            "Snapshots of started functions are not built here: leave SnapStart out, or apply it on None."
        )
    return applied


def _network(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("SubnetIds") or given.get("SecurityGroupIds"):
        raise InvalidParameterValueException(
            "There are no subnets and security groups here: leave VpcConfig out, or empty."
        )
    return {
        "SubnetIds": [],
        "SecurityGroupIds": [],
        "VpcId": "",
        "Ipv6AllowedForDualStack": bool(given.get("Ipv6AllowedForDualStack", False)),
    }


def _dead_letters(target: str) -> dict[str, str] | None:
    if not target:
        return None
    service = (target.split(":") + [""] * 3)[2]
    if service != "sns":
        raise InvalidParameterValueException(
            f"The target {target} cannot take dead letters here: name an SNS topic."
        )
    return {"TargetArn": target}


def _logging(
    before: Mapping[str, Any], given: Mapping[str, Any], reference: Reference
) -> dict[str, Any]:
    form = given.get("LogFormat", before.get("LogFormat", "Text"))
    logging: dict[str, Any] = {"LogFormat": form}
    for level in ("ApplicationLogLevel", "SystemLogLevel"):
        if form == "JSON":
            logging[level] = given.get(level) or before.get(level, "INFO")
        elif level in given:
            raise InvalidParameterValueException(
                "To use ApplicationLogLevel or SystemLogLevel, LogFormat must be JSON."
            )
    group = given.get("LogGroup") or before.get("LogGroup")
    return {**logging, "LogGroup": group or f"/aws/lambda/{reference.name}"}


def checked_variables(request: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the environment variables of a request, None where it does not speak of them.

    Raises:
        InvalidParameterValueException: there are too many, or reserved ones.
    """
    if "Environment" not in request:
        return None
    variables: dict[str, str] = dict(request["Environment"].get("Variables", {}))
    reserved = sorted(_RESERVED & variables.keys())
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. Reserved "
            f"keys used in this request: {', '.join(reserved)}"
        )
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > _MOST_ENVIRONMENT_BYTES:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you "
            f"have provided exceeded the 4KB limit. String measured: {text}"
        )
    return variables


def _too_great(value: object, member: str, most: int, what: str = "value less than") -> Exception:
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have {what} or equal to {most}"
    )
