"""What each type of state asks of its own fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from outcrop.workflows.asl.choice_rules import (
    OPERATORS,
    PATH_COMPARISONS,
    timestamp_of,
)
from outcrop.workflows.asl.diagnostics import Findings
from outcrop.workflows.asl.jsonata import is_expression
from outcrop.workflows.asl.jsonpath import PathSyntaxError
from outcrop.workflows.asl.machine import QueryLanguage
from outcrop.workflows.asl.payloads import SUFFIX
from outcrop.workflows.asl.references import Reference
from outcrop.workflows.asl.schema_values import (
    check_at_most_one,
    check_choice_of,
    check_integer,
    check_only_one,
    check_required,
    check_supported,
    is_array,
    is_object,
)

Fields = Mapping[str, Any]

_SELECTORS: Final = ("And", "Or", "Not", "Variable", "Condition")
_RULE_FIELDS: Final = OPERATORS | {*_SELECTORS, "Comment", "Next", "Assign", "Output"}
_WAIT_FIELDS: Final = ("SecondsPath", "Seconds", "TimestampPath", "Timestamp")
_RETRY_FIELDS: Final = frozenset(
    {
        "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds",
        "JitterStrategy", "Comment",
    }
)  # fmt: skip
_CATCH_FIELDS: Final = frozenset(
    {"ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"}
)
_INTEGRATION: Final = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:([\w-]+):(.+)")
_ACTIVITY: Final = re.compile(r"arn:[^:]+:states:[^:]+:[^:]+:activity:.+")
# Services whose integration never offers the pattern; from the table of integrations.
_NO_JOBS: Final = frozenset(
    {"lambda", "sns", "sqs", "dynamodb", "events", "apigateway", "aws-sdk", "http"}
)
_NO_TOKENS: Final = frozenset(
    {
        "athena", "batch", "codebuild", "elasticmapreduce", "emr-containers", "emr-serverless",
        "glue", "databrew", "mediaconvert", "sagemaker", "dynamodb",
    }
)  # fmt: skip
# Measured with ValidateStateMachineDefinition; a key with `.$` counts as there.
_NEEDED_ARGUMENTS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("lambda", "invoke"): ("FunctionName",),
    ("sqs", "sendMessage"): ("QueueUrl", "MessageBody"),
    ("sns", "publish"): ("Message",),
    ("dynamodb", "putItem"): ("TableName", "Item"),
    ("dynamodb", "getItem"): ("TableName", "Key"),
    ("states", "startExecution"): ("StateMachineArn",),
    ("events", "putEvents"): ("Entries",),
    ("ecs", "runTask"): ("TaskDefinition",),
    ("glue", "startJobRun"): ("JobName",),
}
_READERS: Final = re.compile(r"arn:[^:]+:states:::s3:(getObject|listObjectsV2)")
_WRITERS: Final = re.compile(r"arn:[^:]+:states:::s3:putObject")
_INPUT_TYPES: Final = ("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")


def check_by_type(
    state: Fields, language: QueryLanguage, at: str, findings: Findings, *, is_express: bool
) -> None:
    """Note what is wrong with the fields of a state that are its type's own."""
    _check_handlers(state, language, at, findings)
    kind = state["Type"]
    if kind == "Task":
        _check_task(state, language, at, findings, is_express=is_express)
    elif kind == "Map":
        _check_map(state, language, at, findings, is_express=is_express)
    elif kind in _BY_TYPE:
        _BY_TYPE[kind](state, language, at, findings)


def _check_handlers(state: Fields, language: QueryLanguage, at: str, findings: Findings) -> None:
    for field, known in (("Retry", _RETRY_FIELDS), ("Catch", _CATCH_FIELDS)):
        if field not in state or not is_array(state[field], f"{at}/{field}", findings):
            continue
        last = len(state[field]) - 1
        for position, entry in enumerate(state[field]):
            where = f"{at}/{field}[{position}]"
            if not is_object(entry, where, findings):
                continue
            wanted = ("ErrorEquals",) if field == "Retry" else ("ErrorEquals", "Next")
            check_required(entry, wanted, where, findings)
            check_supported(entry, known, where, findings)
            _check_errors(entry, where, findings, is_last=position == last)
            if field == "Retry":
                _check_retrier(entry, where, findings)
            else:
                _check_foreign(entry, language, ("ResultPath",), ("Output",), where, findings)


def _check_foreign(  # noqa: PLR0913, PLR0917 two lists, one per language
    entry: Fields,
    language: QueryLanguage,
    of_jsonpath: tuple[str, ...],
    of_jsonata: tuple[str, ...],
    at: str,
    findings: Findings,
) -> None:
    foreign, other = (
        (of_jsonata, "JSONata") if language == "JSONPath" else (of_jsonpath, "JSONPath")
    )
    for name in foreign:
        if name in entry:
            findings.schema(
                f"The QueryLanguage is set to '{language}', but field '{name}' is only supported "
                f"for the '{other}' QueryLanguage",
                at,
            )


def _check_errors(entry: Fields, at: str, findings: Findings, *, is_last: bool) -> None:
    if "ErrorEquals" not in entry:
        return
    where = f"{at}/ErrorEquals"
    names = entry["ErrorEquals"]
    if not is_array(names, where, findings):
        return
    if not names:
        findings.schema("Value cannot be empty", where)
    for position, name in enumerate(names):
        if not isinstance(name, str):
            findings.schema("Expected value of type [STRING]", f"{where}[{position}]")
    if "States.ALL" in names and (len(names) > 1 or not is_last):
        findings.schema("States.ALL must appear alone and at end of list", where)


def _check_retrier(entry: Fields, at: str, findings: Findings) -> None:
    check_integer(entry, "IntervalSeconds", at, findings, least=0, most=99_999_999)
    check_integer(entry, "MaxAttempts", at, findings, least=0, most=99_999_999)
    check_integer(entry, "BackoffRate", at, findings, least=1, wants_whole=False)
    check_integer(entry, "MaxDelaySeconds", at, findings, least=1, most=31_622_400)
    check_choice_of(entry, "JitterStrategy", ("NONE", "FULL"), at, findings)


def _check_task(
    state: Fields, language: QueryLanguage, at: str, findings: Findings, *, is_express: bool
) -> None:
    check_at_most_one(state, ("TimeoutSeconds", "TimeoutSecondsPath"), at, findings)
    check_at_most_one(state, ("HeartbeatSeconds", "HeartbeatSecondsPath"), at, findings)
    resource = state.get("Resource")
    if not isinstance(resource, str):
        return
    where = f"{at}/Resource"
    is_activity = _ACTIVITY.fullmatch(resource) is not None
    _check_credentials(state, at, findings, is_activity=is_activity)
    # What a deployment tool has yet to fill in cannot be judged.
    if "${" in resource:
        return
    if not resource.startswith("arn:"):
        findings.schema("Value is not a valid resource ARN", where)
    elif is_activity:
        if is_express:
            findings.schema("Express state machine does not support Activity ARN", where)
    elif found := _INTEGRATION.fullmatch(resource):
        _check_pattern(found[1], found[2], resource, where, findings)
        if is_express:
            _check_express(found[2], where, findings)
        _check_task_arguments(state, language, (found[1], found[2]), at, findings)


def _check_credentials(state: Fields, at: str, findings: Findings, *, is_activity: bool) -> None:
    if "Credentials" not in state:
        return
    where = f"{at}/Credentials"
    if is_activity:
        findings.schema("The field 'Credentials' is not supported for activities", where)
    credentials = state["Credentials"]
    if isinstance(credentials, dict) and not credentials.keys() & {"RoleArn", "RoleArn.$"}:
        findings.schema("The field 'RoleArn' is required but was missing", where)


def _check_pattern(service: str, api: str, resource: str, at: str, findings: Findings) -> None:
    has_job = re.search(r"\.sync(:2)?$", api) is not None
    is_known = not (
        (has_job and service in _NO_JOBS)
        or (api.endswith(".waitForTaskToken") and service in _NO_TOKENS)
        or (api.endswith(".sync:2") and service != "states")
    )
    if not is_known:
        findings.schema(
            f"The resource provided {resource} is not recognized. The value is not a valid "
            f"resource ARN, or the resource is not available in this region.",
            at,
        )


def _check_express(api: str, at: str, findings: Findings) -> None:
    found = re.search(r"(\.sync|\.waitForTaskToken)(:2)?$", api)
    if found is not None:
        # AWS ends the one sentence with a space, and the other not.
        end = " " if found[1] == ".waitForTaskToken" else ""
        findings.schema(
            f"Express state machine does not support '{found[1]}' service integration{end}", at
        )


def _check_task_arguments(
    state: Fields,
    language: QueryLanguage,
    resource: tuple[str, str],
    at: str,
    findings: Findings,
) -> None:
    service, api = resource
    if service == "aws-sdk":
        return
    field = "Parameters" if language == "JSONPath" else "Arguments"
    if field not in state:
        findings.schema(f"{field} field is required for resource ARN: {state['Resource']}", at)
        return
    arguments = state[field]
    if not isinstance(arguments, dict):
        return
    operation = re.sub(r"\.(sync|waitForTaskToken)(:2)?$", "", api)
    for name in _NEEDED_ARGUMENTS.get((service, operation), ()):
        if name not in arguments and name + SUFFIX not in arguments:
            findings.schema(f"The field '{name}' is required but was missing", f"{at}/{field}")


def _check_wait(state: Fields, _language: QueryLanguage, at: str, findings: Findings) -> None:
    check_only_one(state, _WAIT_FIELDS, at, findings)
    timestamp = state.get("Timestamp")
    if timestamp is None or is_expression(timestamp):
        return
    if timestamp_of(timestamp) is None:
        findings.schema("String does not match RFC3339 timestamp", f"{at}/Timestamp")


def _check_fail(state: Fields, _language: QueryLanguage, at: str, findings: Findings) -> None:
    check_at_most_one(state, ("Error", "ErrorPath"), at, findings)
    check_at_most_one(state, ("Cause", "CausePath"), at, findings)
    for name in ("Error", "Cause"):
        if name in state and not isinstance(state[name], str):
            findings.schema("Expected value of type [STRING]", f"{at}/{name}")


def _check_choice(state: Fields, language: QueryLanguage, at: str, findings: Findings) -> None:
    if "Choices" not in state or not is_array(state["Choices"], f"{at}/Choices", findings):
        return
    if not state["Choices"]:
        findings.schema("Value cannot be empty", f"{at}/Choices")
    for position, rule in enumerate(state["Choices"]):
        where = f"{at}/Choices[{position}]"
        if is_object(rule, where, findings):
            check_required(rule, ("Next",), where, findings)
            _check_rule(rule, language, where, findings, is_inner=False)


def _check_rule(
    rule: Fields, language: QueryLanguage, at: str, findings: Findings, *, is_inner: bool
) -> None:
    known = _RULE_FIELDS - {"Next", "Assign", "Output"} if is_inner else _RULE_FIELDS
    check_supported(rule, known, at, findings)
    before = len(findings.all)
    _check_foreign(
        rule, language, ("Variable", "And", "Or", "Not"), ("Condition", "Output"), at, findings
    )
    if len(findings.all) > before:
        return
    if sum(name in rule for name in _SELECTORS) != 1:
        findings.schema(
            "The object must have only one of the following fields, "
            "[And, Or, Not, Variable, Condition]",
            at,
        )
        return
    for name in ("And", "Or"):
        if name in rule and is_array(rule[name], f"{at}/{name}", findings):
            if not rule[name]:
                findings.schema("Value cannot be empty", f"{at}/{name}")
            for position, inner in enumerate(rule[name]):
                where = f"{at}/{name}[{position}]"
                if is_object(inner, where, findings):
                    _check_rule(inner, language, where, findings, is_inner=True)
    if "Not" in rule and is_object(rule["Not"], f"{at}/Not", findings):
        _check_rule(rule["Not"], language, f"{at}/Not", findings, is_inner=True)
    if "Variable" in rule:
        _check_comparison(rule, at, findings)


def _check_comparison(rule: Fields, at: str, findings: Findings) -> None:
    _check_reference(rule["Variable"], f"{at}/Variable", findings)
    operators = [name for name in rule if name in OPERATORS]
    if len(operators) != 1:
        check_only_one(rule, tuple(sorted(OPERATORS)), at, findings)
        return
    (operator,) = operators
    operand, where = rule[operator], f"{at}/{operator}"
    if operator in PATH_COMPARISONS:
        _check_reference(operand, where, findings)
    elif operator.startswith("Is") or operator == "BooleanEquals":
        if not isinstance(operand, bool):
            findings.schema("Expected value of type Boolean", where)
    elif operator.startswith("Numeric"):
        if isinstance(operand, bool) or not isinstance(operand, (int, float)):
            findings.schema("Expected value of type Number", where)
    elif not isinstance(operand, str):
        findings.schema("Expected value of type String", where)
    elif operator.startswith("Timestamp") and timestamp_of(operand) is None:
        findings.schema("String does not match RFC3339 timestamp", where)


def _check_reference(text: Any, at: str, findings: Findings) -> None:
    if not isinstance(text, str):
        findings.schema("Expected value of type [STRING]", at)
        return
    try:
        Reference(text)
    except PathSyntaxError as error:
        findings.schema(f"Value is not a Reference Path: {error}", at)


def _check_map(
    state: Fields, language: QueryLanguage, at: str, findings: Findings, *, is_express: bool
) -> None:
    check_only_one(state, ("ItemProcessor", "Iterator"), at, findings)
    for name in ("MaxConcurrency", "ToleratedFailurePercentage", "ToleratedFailureCount"):
        check_at_most_one(state, (name, f"{name}Path"), at, findings)
    check_at_most_one(state, ("ItemSelector", "Parameters"), at, findings)
    for field in ("ItemProcessor", "Iterator"):
        processor = state.get(field)
        if isinstance(processor, dict) and isinstance(processor.get("ProcessorConfig"), dict):
            _check_processor_config(
                processor["ProcessorConfig"],
                f"{at}/{field}/ProcessorConfig",
                findings,
                is_express=is_express,
            )
    if "ItemReader" in state and is_object(state["ItemReader"], f"{at}/ItemReader", findings):
        _check_reader(state["ItemReader"], language, f"{at}/ItemReader", findings)
    if "ResultWriter" in state and is_object(state["ResultWriter"], f"{at}/ResultWriter", findings):
        _check_writer(state["ResultWriter"], language, f"{at}/ResultWriter", findings)


def _check_processor_config(
    config: Fields, at: str, findings: Findings, *, is_express: bool
) -> None:
    check_choice_of(config, "Mode", ("INLINE", "DISTRIBUTED"), at, findings)
    check_choice_of(config, "ExecutionType", ("STANDARD", "EXPRESS"), at, findings)
    if config.get("Mode") == "DISTRIBUTED":
        check_required(config, ("ExecutionType",), at, findings)
        if is_express:
            findings.schema(
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' "
                "state machines",
                f"{at}/Mode",
            )
    elif "ExecutionType" in config:
        findings.schema("Field 'ExecutionType' is not supported", at)


def _check_reader(reader: Fields, language: QueryLanguage, at: str, findings: Findings) -> None:
    check_required(reader, ("Resource",), at, findings)
    _check_foreign(reader, language, ("Parameters",), ("Arguments",), at, findings)
    resource = reader.get("Resource")
    if isinstance(resource, str) and "${" not in resource and not _READERS.fullmatch(resource):
        findings.schema(
            "The field 'Resource' does not match any of the allowed values. Examples: "
            "[arn:<partition>:states:::s3:getObject, arn:<partition>:states:::s3:listObjectsV2]",
            f"{at}/Resource",
        )
    config = reader.get("ReaderConfig")
    if not isinstance(config, dict):
        return
    where = f"{at}/ReaderConfig"
    kind = config.get("InputType")
    if kind is not None and kind not in _INPUT_TYPES and not is_expression(kind):
        findings.schema(
            "The field 'InputType' should have one of these values: "
            "[MANIFEST, JSON, CSV, JSONL, PARQUET]",
            f"{where}/InputType",
        )
    check_at_most_one(config, ("MaxItems", "MaxItemsPath"), where, findings)
    check_integer(config, "MaxItems", where, findings, least=0, most=100_000_000)
    if kind == "CSV" and "CSVHeaderLocation" not in config:
        findings.schema("The field 'CSVHeaderLocation' is required", where)
    elif kind in {"JSON", "JSONL", "PARQUET"} and "CSVHeaderLocation" in config:
        findings.schema("Field 'CSVHeaderLocation' is not supported", where)
    if config.get("CSVHeaderLocation") == "GIVEN":
        check_required(config, ("CSVHeaders",), where, findings)


def _check_writer(writer: Fields, language: QueryLanguage, at: str, findings: Findings) -> None:
    _check_foreign(writer, language, ("Parameters",), ("Arguments",), at, findings)
    destination = "Parameters" if language == "JSONPath" else "Arguments"
    is_empty = not writer.keys() & {"Resource", "WriterConfig", destination}
    if is_empty or ("Resource" in writer) != (destination in writer):
        check_required(writer, ("Resource", destination), at, findings)
    resource = writer.get("Resource")
    if isinstance(resource, str) and "${" not in resource and not _WRITERS.fullmatch(resource):
        findings.schema(
            "The field 'Resource' does not match any of the allowed values. Examples: "
            "[arn:<partition>:states:::s3:putObject]",
            f"{at}/Resource",
        )
    config = writer.get("WriterConfig")
    if isinstance(config, dict):
        where = f"{at}/WriterConfig"
        check_choice_of(config, "Transformation", ("NONE", "COMPACT", "FLATTEN"), where, findings)
        check_choice_of(config, "OutputType", ("JSON", "JSONL"), where, findings)


_Check = Callable[[Fields, QueryLanguage, str, Findings], None]
_BY_TYPE: Final[Mapping[str, _Check]] = {
    "Wait": _check_wait,
    "Fail": _check_fail,
    "Choice": _check_choice,
}
