"""From a definition's JSON to a machine: every path, template and expression is compiled here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from outcrop.workflows.asl.choice_rules import compile_condition, timestamp_of
from outcrop.workflows.asl.errors import QUERY_EVALUATION, RUNTIME, Problem
from outcrop.workflows.asl.fields import (
    constant,
    counted,
    long_value,
    number_field,
    optional_template,
    path_field,
    percentage,
    required_path,
    result_path,
    seconds_path,
    template_field,
    timestamp_path,
)
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.jsonata import compile_typed, is_expression
from outcrop.workflows.asl.machine import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    Evaluator,
    FailState,
    ItemBatcher,
    ItemReader,
    Machine,
    MapState,
    ParallelState,
    PassState,
    QueryLanguage,
    ResultWriter,
    Retrier,
    Scope,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from outcrop.workflows.asl.references import WHOLE

Fields = Mapping[str, Any]
MAX_ITEMS: Final = 100_000_000


def compile_machine(definition: Fields, inherited: QueryLanguage | None = None) -> Machine:
    """Return the machine of a definition that was found valid.

    Args:
        inherited: the whole machine's query language, for the inner machine of a Map or a
            Parallel; what the Map or Parallel itself declares does not reach inside.
    """
    language: QueryLanguage = inherited or definition.get("QueryLanguage", "JSONPath")
    return Machine(
        start_at=definition["StartAt"],
        states={
            name: compile_state(name, fields, language)
            for name, fields in definition["States"].items()
        },
        query_language=language,
        timeout_seconds=definition.get("TimeoutSeconds"),
        version=definition.get("Version", "1.0"),
        comment=definition.get("Comment", ""),
    )


def compile_state(name: str, fields: Fields, machine_language: QueryLanguage) -> State:
    """Return one state compiled."""
    language: QueryLanguage = fields.get("QueryLanguage", machine_language)
    kind: str = fields["Type"]
    shared = _shared_fields(name, fields, language)
    return _KINDS[kind](fields, shared, language, machine_language)


def _shared_fields(name: str, fields: Fields, language: QueryLanguage) -> dict[str, Any]:
    kind = fields["Type"]
    shared: dict[str, Any] = {
        "name": name,
        "type": kind,
        "query_language": language,
        "comment": fields.get("Comment", ""),
        "next": fields.get("Next"),
        "is_end": bool(fields.get("End")) or kind in {"Succeed", "Fail"},
        "retriers": tuple(
            _retrier(position, entry) for position, entry in enumerate(fields.get("Retry") or ())
        ),
        "catchers": tuple(
            _catcher(position, entry, language)
            for position, entry in enumerate(fields.get("Catch") or ())
        ),
        "assign": optional_template(fields, "Assign", language),
        "source": fields,
    }
    if language == "JSONata":
        shared["parameters"] = optional_template(fields, "Arguments", language)
        shared["output"] = optional_template(fields, "Output", language)
        return shared
    place, keeps_input = result_path(fields)
    return shared | {
        "input_path": path_field(fields, "InputPath"),
        "output_path": path_field(fields, "OutputPath"),
        # In the old form of Map, Parameters is what ItemSelector is now.
        "parameters": None if kind == "Map" else optional_template(fields, "Parameters", language),
        "result_selector": optional_template(fields, "ResultSelector", language),
        "place": place,
        "keeps_input": keeps_input,
    }


def _retrier(index: int, entry: Fields) -> Retrier:
    return Retrier(
        index=index,
        error_equals=tuple(entry["ErrorEquals"]),
        interval_seconds=entry.get("IntervalSeconds", 1),
        max_attempts=entry.get("MaxAttempts", 3),
        backoff_rate=float(entry.get("BackoffRate", 2.0)),
        max_delay_seconds=entry.get("MaxDelaySeconds"),
        has_jitter=entry.get("JitterStrategy") == "FULL",
    )


def _catcher(index: int, entry: Fields, language: QueryLanguage) -> Catcher:
    place, keeps_input = result_path(entry) if language == "JSONPath" else (None, False)
    where = f"Catch[{index}]/"
    return Catcher(
        index=index,
        error_equals=tuple(entry["ErrorEquals"]),
        next=entry["Next"],
        place=place,
        keeps_input=keeps_input,
        assign=optional_template(entry, "Assign", language, where),
        output=optional_template(entry, "Output", language, where)
        if language == "JSONata"
        else None,
        comment=entry.get("Comment", ""),
    )


def _pass(
    fields: Fields, shared: dict[str, Any], _language: QueryLanguage, _machine: QueryLanguage
) -> State:
    return PassState(**shared, result=fields.get("Result"), has_result="Result" in fields)


def _task(
    fields: Fields, shared: dict[str, Any], language: QueryLanguage, _machine: QueryLanguage
) -> State:
    return TaskState(
        **shared,
        resource=fields["Resource"],
        timeout=number_field(fields, "TimeoutSeconds", language, long_value("TimeoutSecondsPath")),
        heartbeat=number_field(
            fields, "HeartbeatSeconds", language, long_value("HeartbeatSecondsPath")
        ),
        credentials=optional_template(fields, "Credentials", language),
    )


def _choice(
    fields: Fields, shared: dict[str, Any], language: QueryLanguage, _machine: QueryLanguage
) -> State:
    rules = tuple(
        _choice_rule(position, rule, language) for position, rule in enumerate(fields["Choices"])
    )
    return ChoiceState(**shared, rules=rules, default=fields.get("Default"))


def _choice_rule(index: int, rule: Fields, language: QueryLanguage) -> ChoiceRule:
    where = f"Choices[{index}]/"
    return ChoiceRule(
        index=index,
        next=rule["Next"],
        matches=compile_condition(rule)
        if language == "JSONPath"
        else compile_typed(rule["Condition"], where + "Condition", "boolean"),
        assign=optional_template(rule, "Assign", language, where),
        output=optional_template(rule, "Output", language, where)
        if language == "JSONata"
        else None,
        comment=rule.get("Comment", ""),
    )


def _wait(
    fields: Fields, shared: dict[str, Any], language: QueryLanguage, _machine: QueryLanguage
) -> State:
    seconds: Evaluator | None = None
    timestamp: Evaluator | None = None
    if "SecondsPath" in fields:
        seconds = seconds_path(fields["SecondsPath"])
    elif "Seconds" in fields:
        seconds = number_field(fields, "Seconds", language, long_value("Seconds"))
    elif "TimestampPath" in fields:
        timestamp = timestamp_path(fields["TimestampPath"])
    elif is_expression(fields["Timestamp"]):
        timestamp = _timestamp_expression(fields["Timestamp"])
    else:
        timestamp = constant(fields["Timestamp"])
    return WaitState(**shared, seconds=seconds, timestamp=timestamp)


def _timestamp_expression(text: str) -> Evaluator:
    read = compile_typed(text, "Timestamp", "string")

    def evaluate(states: Any, scope: Scope) -> Any:
        value = read(states, scope)
        if timestamp_of(value) is None:
            raise Problem(
                QUERY_EVALUATION,
                "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time "
                f"format string: {value}",
                "Timestamp",
            )
        return value

    return evaluate


def _succeed(
    _fields: Fields, shared: dict[str, Any], _language: QueryLanguage, _machine: QueryLanguage
) -> State:
    return SucceedState(**shared)


def _fail(
    fields: Fields, shared: dict[str, Any], language: QueryLanguage, _machine: QueryLanguage
) -> State:
    return FailState(
        **shared,
        error=_fail_text(fields, "Error", language),
        cause=_fail_text(fields, "Cause", language),
    )


def _fail_text(fields: Fields, name: str, language: QueryLanguage) -> Evaluator | None:
    if f"{name}Path" in fields:
        read = required_path(fields[f"{name}Path"])

        def as_text(data: Any, scope: Any) -> str:
            value = read(data, scope)
            return value if isinstance(value, str) else compact(value)

        return as_text
    if name not in fields:
        return None
    if language == "JSONata" and is_expression(fields[name]):
        return compile_typed(fields[name], name, "string")
    return constant(fields[name])


def _parallel(
    fields: Fields, shared: dict[str, Any], _language: QueryLanguage, machine: QueryLanguage
) -> State:
    branches = tuple(compile_machine(branch, machine) for branch in fields["Branches"])
    return ParallelState(**shared, branches=branches)


def _map(
    fields: Fields, shared: dict[str, Any], language: QueryLanguage, machine: QueryLanguage
) -> State:
    processor: Fields = fields.get("ItemProcessor") or fields["Iterator"]
    config: Fields = processor.get("ProcessorConfig") or {}
    selector = "ItemSelector" if "ItemSelector" in fields else "Parameters"
    return MapState(
        **shared,
        processor=compile_machine(processor, machine),
        is_distributed=config.get("Mode") == "DISTRIBUTED",
        execution_type=config.get("ExecutionType", "STANDARD"),
        items=_items(fields, language),
        item_selector=optional_template(fields, selector, language),
        item_reader=_item_reader(fields["ItemReader"], language)
        if "ItemReader" in fields
        else None,
        item_batcher=_item_batcher(fields["ItemBatcher"], language)
        if "ItemBatcher" in fields
        else None,
        result_writer=_result_writer(fields["ResultWriter"], language)
        if "ResultWriter" in fields
        else None,
        max_concurrency=number_field(
            fields,
            "MaxConcurrency",
            language,
            counted(
                "MaxConcurrency",
                "Expected non-negative integer for MaxConcurrency, got '{value}' instead.",
            ),
        ),
        tolerated_failure_percentage=number_field(
            fields, "ToleratedFailurePercentage", language, percentage
        ),
        tolerated_failure_count=number_field(
            fields,
            "ToleratedFailureCount",
            language,
            counted("ToleratedFailureCount", "ToleratedFailureCount cannot be negative."),
        ),
        label=fields.get("Label"),
    )


def _items(fields: Fields, language: QueryLanguage) -> Evaluator | None:
    if language == "JSONPath":
        text = fields.get("ItemsPath", WHOLE)
        return None if text == WHOLE else required_path(text)
    if "Items" not in fields:
        return None
    items = fields["Items"]
    if is_expression(items):
        return compile_typed(items, "Items", "array")
    return template_field(items, "Items", language)


def _item_reader(fields: Fields, language: QueryLanguage) -> ItemReader:
    config: Fields = fields.get("ReaderConfig") or {}
    arguments = "Parameters" if language == "JSONPath" else "Arguments"
    where = "ItemReader/ReaderConfig/"
    written = {
        key: value for key, value in config.items() if key not in {"MaxItems", "MaxItemsPath"}
    }
    return ItemReader(
        resource=fields["Resource"],
        parameters=optional_template(fields, arguments, language, "ItemReader/"),
        config=constant(written)
        if language == "JSONPath"
        else template_field(written, where[:-1], language),
        max_items=number_field(config, "MaxItems", language, _max_items, where),
    )


def _max_items(value: Any, text: str) -> int:
    """Return a whole number; that it is not negative is looked at by whoever reads the items."""
    if not isinstance(value, int) or isinstance(value, bool):
        shown = value if isinstance(value, str) else compact(value)
        raise Problem(
            RUNTIME,
            f'The MaxItemsPath field refers to value "{shown}" which is not a valid integer: {text}',
        )
    return value


def _item_batcher(fields: Fields, language: QueryLanguage) -> ItemBatcher:
    where = "ItemBatcher/"
    return ItemBatcher(
        max_items_per_batch=number_field(
            fields,
            "MaxItemsPerBatch",
            language,
            counted("MaxItemsPerBatch", "MaxItemsPerBatch cannot be negative."),
            where,
        ),
        max_input_bytes_per_batch=number_field(
            fields,
            "MaxInputBytesPerBatch",
            language,
            counted("MaxInputBytesPerBatch", "MaxInputBytesPerBatch cannot be negative."),
            where,
        ),
        batch_input=optional_template(fields, "BatchInput", language, where),
    )


def _result_writer(fields: Fields, language: QueryLanguage) -> ResultWriter:
    arguments = "Parameters" if language == "JSONPath" else "Arguments"
    where = "ResultWriter/"
    return ResultWriter(
        resource=fields.get("Resource"),
        parameters=optional_template(fields, arguments, language, where),
        config=template_field(fields.get("WriterConfig") or {}, where + "WriterConfig", language),
    )


_Kind = Callable[[Fields, dict[str, Any], QueryLanguage, QueryLanguage], State]
_KINDS: Final[Mapping[str, _Kind]] = cast(
    "Mapping[str, _Kind]",
    {
        "Pass": _pass,
        "Task": _task,
        "Choice": _choice,
        "Wait": _wait,
        "Succeed": _succeed,
        "Fail": _fail,
        "Parallel": _parallel,
        "Map": _map,
    },
)
