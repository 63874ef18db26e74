"""Putting the workflow up, looking at it, and taking it down; all through the API, all repeatable."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from outcrop.cli.customization_workflow import package
from outcrop.cli.customization_workflow.layout import Layout, Role
from outcrop.cli.terminal import CommandFailed, refusal

_POLICY = "workflow"
_RUNTIME = "python3.12"
_FUNCTION_SECONDS = 900
_FUNCTION_MB = 1024
_LOG_DAYS = 90
_WAIT = {"Delay": 1, "MaxAttempts": 120}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a deployment does unless the input of a run says otherwise.

    Attributes:
        recipients: of the report.
        delete_losing_model: delete a model that did not win, besides its throughput.
    """

    recipients: Sequence[str] = ()
    delete_losing_model: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a deployment, as it is now."""

    kind: str
    name: str
    state: str

    @property
    def is_there(self) -> bool:
        """Whether it exists."""
        return self.state != "missing"


def deploy(layout: Layout, wishes: Wishes, tell: Tell) -> None:
    """Make every part that is missing, and change every part that differs.

    Args:
        tell: is told of each part that was made or changed.

    Raises:
        CommandFailed: the function does not run there.
    """
    for bucket in (layout.data_bucket, layout.results_bucket):
        _put_bucket(layout, bucket, tell)
    for role in layout.roles:
        _put_role(layout, role, tell)
    for group in (layout.function_logs, layout.machine_logs):
        _put_log_group(layout, group, tell)
    if layout.sender:
        _put_sender(layout, tell)
    _put_function(layout, tell)
    _check_function(layout)
    values = {
        "FunctionArn": layout.function_arn,
        "ResultsBucket": layout.results_bucket,
        "JobRoleArn": layout.caller.role_arn(layout.job_role.name),
        "EvaluationMachineArn": layout.machine_arn(layout.evaluation),
        "Sender": layout.sender,
        "Recipients": json.dumps(list(wishes.recipients)),
        "DeleteLosingModel": json.dumps(wishes.delete_losing_model),
    }
    _put_machine(layout, layout.evaluation, "evaluation", layout.evaluation_role, values, tell)
    _put_machine(layout, layout.name, "customization", layout.run_role, values, tell)


def _put_bucket(layout: Layout, bucket: str, tell: Tell) -> None:
    s3 = layout.caller.client("s3")
    if _is_missing(lambda: s3.head_bucket(Bucket=bucket)):
        request: dict[str, Any] = {"Bucket": bucket}
        if layout.caller.region != "us-east-1":  # S3 wants no constraint there, and one elsewhere
            request["CreateBucketConfiguration"] = {"LocationConstraint": layout.caller.region}
        s3.create_bucket(**request)
        tell(f"bucket {bucket}")


def _put_role(layout: Layout, role: Role, tell: Tell) -> None:
    iam = layout.caller.client("iam")
    trust, policy = _policy(role.trust), _policy(*role.statements)
    try:
        found = iam.get_role(RoleName=role.name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust)
        tell(f"role {role.name}")
    else:
        if found["AssumeRolePolicyDocument"] != json.loads(trust):
            iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
            tell(f"role {role.name}: who may assume it")
    with suppress(iam.exceptions.NoSuchEntityException):
        had = iam.get_role_policy(RoleName=role.name, PolicyName=_POLICY)["PolicyDocument"]
        if had == json.loads(policy):
            return
    iam.put_role_policy(RoleName=role.name, PolicyName=_POLICY, PolicyDocument=policy)
    tell(f"role {role.name}: what it may do")


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _put_log_group(layout: Layout, group: str, tell: Tell) -> None:
    logs = layout.caller.client("logs")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=_LOG_DAYS)
        tell(f"log group {group}")


def _put_sender(layout: Layout, tell: Tell) -> None:
    ses = layout.caller.client("sesv2")
    domain = layout.sender.partition("@")[2]
    for name in (layout.sender, domain):
        with suppress(ses.exceptions.NotFoundException):
            if ses.get_email_identity(EmailIdentity=name)["VerifiedForSendingStatus"]:
                return
    with suppress(ses.exceptions.AlreadyExistsException):
        ses.create_email_identity(EmailIdentity=layout.sender)
    tell(
        f"mail identity {layout.sender}: not confirmed yet; follow the link in the mail sent there"
        " (`outcrop outbox` shows it), until then no report is mailed"
    )


def _put_function(layout: Layout, tell: Tell) -> None:
    functions = layout.caller.client("lambda")
    content = package.archive()
    configuration = {
        "Role": layout.caller.role_arn(layout.function_role.name),
        "Handler": package.HANDLER,
        "Runtime": _RUNTIME,
        "Timeout": _FUNCTION_SECONDS,
        "MemorySize": _FUNCTION_MB,
    }
    name = layout.function
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        functions.create_function(FunctionName=name, Code={"ZipFile": content}, **configuration)
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=_WAIT)
        tell(f"function {name}")
        return
    waiter = functions.get_waiter("function_updated_v2")
    if found["CodeSha256"] != base64.b64encode(hashlib.sha256(content).digest()).decode():
        functions.update_function_code(FunctionName=name, ZipFile=content)
        waiter.wait(FunctionName=name, WaiterConfig=_WAIT)
        tell(f"function {name}: its code")
    if any(found[member] != value for member, value in configuration.items()):
        functions.update_function_configuration(FunctionName=name, **configuration)
        waiter.wait(FunctionName=name, WaiterConfig=_WAIT)
        tell(f"function {name}: its configuration")


def _check_function(layout: Layout) -> None:
    """Call the function once: better refused now than after hours of training."""
    functions = layout.caller.client("lambda")
    try:
        answer = functions.invoke(
            FunctionName=layout.function, Payload=json.dumps({"Step": "Check"})
        )
    except functions.exceptions.ServiceException as error:
        raise CommandFailed(refusal(error), "`outcrop doctor` says what is missing") from error
    if "FunctionError" in answer:
        reason = answer["Payload"].read().decode(errors="replace")
        raise CommandFailed(f"the function {layout.function} fails: {reason}")


def _put_machine(  # noqa: PLR0913, PLR0917  # what a machine consists of
    layout: Layout, name: str, file: str, role: Role, values: Mapping[str, str], tell: Tell
) -> None:
    states = layout.caller.client("stepfunctions")
    group = layout.caller.arn("logs", f"log-group:{layout.machine_logs}:*")
    wanted: dict[str, Any] = {
        "definition": package.definition(file, values),
        "roleArn": layout.caller.role_arn(role.name),
        "loggingConfiguration": {
            "level": "ALL",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
    }
    arn = layout.machine_arn(name)
    try:
        found = states.describe_state_machine(stateMachineArn=arn)
    except states.exceptions.StateMachineDoesNotExist:
        states.create_state_machine(name=name, type="STANDARD", **wanted)
        tell(f"state machine {name}")
        return
    if any(found.get(member) != value for member, value in wanted.items()):
        states.update_state_machine(stateMachineArn=arn, **wanted)
        tell(f"state machine {name}: changed")


def parts(layout: Layout) -> list[Part]:
    """Return every part of a deployment and what state it is in."""
    caller = layout.caller
    s3, iam, logs = caller.client("s3"), caller.client("iam"), caller.client("logs")
    functions, states = caller.client("lambda"), caller.client("stepfunctions")

    def state(ask: Callable[[], str]) -> str:
        found: list[str] = []
        return "missing" if _is_missing(lambda: found.append(ask())) else found[0]

    def bucket(name: str) -> str:
        s3.head_bucket(Bucket=name)
        return "there"

    def group(name: str) -> str:
        listed = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return "there" if any(item["logGroupName"] == name for item in listed) else "missing"

    def role(name: str) -> str:
        iam.get_role(RoleName=name)
        return "there"

    def function(name: str) -> str:
        return str(functions.get_function_configuration(FunctionName=name)["State"])

    def machine(name: str) -> str:
        arn = layout.machine_arn(name)
        return str(states.describe_state_machine(stateMachineArn=arn)["status"])

    looks: list[tuple[str, str, Callable[[str], str]]] = [
        ("state machine", layout.name, machine),
        ("state machine", layout.evaluation, machine),
        ("function", layout.function, function),
        *(("role", item.name, role) for item in layout.roles),
        ("bucket", layout.data_bucket, bucket),
        ("bucket", layout.results_bucket, bucket),
        ("log group", layout.function_logs, group),
        ("log group", layout.machine_logs, group),
    ]
    return [
        Part(kind, name, state(lambda look=look, name=name: look(name)))  # type: ignore[misc]  # bound now
        for kind, name, look in looks
    ]


def remove(layout: Layout, tell: Tell, *, with_data: bool) -> None:
    """Delete every part that is there.

    Args:
        tell: is told of each part that was deleted or kept.
        with_data: delete the buckets too, with all they hold.
    """
    caller = layout.caller
    iam, logs, states = caller.client("iam"), caller.client("logs"), caller.client("stepfunctions")
    for part in parts(layout):
        if not part.is_there:
            continue
        match part.kind:
            case "state machine":
                states.delete_state_machine(stateMachineArn=layout.machine_arn(part.name))
            case "function":
                caller.client("lambda").delete_function(FunctionName=part.name)
            case "role":
                if not _is_missing(
                    lambda name=part.name: iam.get_role_policy(RoleName=name, PolicyName=_POLICY)  # type: ignore[misc]
                ):
                    iam.delete_role_policy(RoleName=part.name, PolicyName=_POLICY)
                iam.delete_role(RoleName=part.name)
            case "log group":
                logs.delete_log_group(logGroupName=part.name)
            case "bucket" if not with_data:
                tell(f"{part.kind} {part.name} is kept")
                continue
            case "bucket":
                _delete_bucket(caller.client("s3"), part.name)
        tell(f"{part.kind} {part.name}")


def _delete_bucket(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in listed]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)


_MISSING = frozenset({
    "404", "NoSuchBucket", "NoSuchEntity", "ResourceNotFoundException", "StateMachineDoesNotExist",
})  # fmt: skip


def _is_missing(ask: Callable[[], Any]) -> bool:
    """Return whether a question about a resource is answered by that it is not there."""
    from botocore.exceptions import ClientError

    try:
        ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return True
        raise
    return False
