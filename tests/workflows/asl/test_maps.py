"""What Map states run on: their items, limits, readers, batches and writers."""

from typing import Any

import pytest

from outcrop.workflows.asl.data_flow import (
    StatesError,
    batching_of,
    finish,
    item_input,
    map_items,
    map_limits,
    reader_of,
    writer_of,
)
from outcrop.workflows.asl.machine import Scope
from outcrop.workflows.asl.outcomes import Batching, Finished, MapLimits, Reading, Writing
from support.asl_states import CONTEXT, scope_with, state_of, told

INNER = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {
    **INNER,
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
}
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "Parameters": {"Bucket": "b", "Key.$": "$.key"},
}


def map_of(**fields: Any) -> Any:
    return state_of({"Type": "Map", "ItemProcessor": INNER, **fields})


def distributed(**fields: Any) -> Any:
    return map_of(ItemProcessor=DISTRIBUTED, **fields)


def refused(function: Any, *values: Any) -> tuple[str, str]:
    with pytest.raises(StatesError) as raised:
        function(*values)
    return told(raised.value)


def test_items_are_the_input_or_what_a_path_names() -> None:
    assert map_items(map_of(), [1, 2], scope_with()) == [1, 2]
    assert map_items(map_of(ItemsPath="$.l"), {"l": []}, scope_with()) == []
    assert map_items(map_of(ItemsPath="$l"), {}, scope_with(l=[3])) == [3]


def test_an_object_gives_items_to_a_distributed_map_alone() -> None:
    assert map_items(distributed(ItemsPath="$.o"), {"o": {"a": 1}}, scope_with()) == [
        {"Key": "a", "Value": 1}
    ]
    assert refused(map_items, map_of(ItemsPath="$.o"), {"o": {"a": 1}}, scope_with()) == (
        "States.Runtime",
        'Reference path "$.o" must point to array.',
    )


def test_an_item_selector_sees_input_item_and_index() -> None:
    state = map_of(
        ItemSelector={
            "index.$": "$$.Map.Item.Index",
            "value.$": "$$.Map.Item.Value.v",
            "shared.$": "$.s",
        }
    )
    expected = {"index": 4, "value": "x", "shared": 1}
    assert item_input(state, {"s": 1}, scope_with(), {"v": "x"}, 4) == expected
    told_by_caller = {**CONTEXT, "Map": {"Item": {"Index": 7, "Value": {"v": "y"}}}}
    outcome = item_input(state, {"s": 1}, Scope(told_by_caller, {}, 2), {"v": "x"}, 4)
    assert outcome == {"index": 7, "value": "y", "shared": 1}


def test_without_a_selector_an_iteration_gets_the_item() -> None:
    assert item_input(map_of(), {"s": 1}, scope_with(), {"v": 1}, 0) == {"v": 1}


def test_parameters_are_the_selector_of_older_definitions() -> None:
    state = state_of({"Type": "Map", "Iterator": INNER, "Parameters": {"i.$": "$$.Map.Item.Index"}})
    assert item_input(state, {}, scope_with(), "x", 2) == {"i": 2}
    assert list(state.processor.states) == ["I"]


def test_limits_are_fixed_or_read() -> None:
    assert map_limits(map_of(), {}, scope_with()) == MapLimits(0, 0.0, 0)
    assert map_limits(map_of(MaxConcurrency=3), {}, scope_with()) == MapLimits(3)
    state = distributed(
        MaxConcurrencyPath="$.m",
        ToleratedFailurePercentagePath="$.p",
        ToleratedFailureCountPath="$.c",
    )
    raw = {"m": "2", "p": 12.5, "c": 4}
    assert map_limits(state, raw, scope_with()) == MapLimits(2, 12.5, 4)


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        (
            "MaxConcurrencyPath",
            "x",
            'The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.v',
        ),
        (
            "MaxConcurrencyPath",
            -1,
            "Expected non-negative integer for MaxConcurrency, got '-1' instead.",
        ),
        (
            "ToleratedFailurePercentagePath",
            101,
            "ToleratedFailurePercentage must be between 0 and 100.",
        ),
    ],
)
def test_a_limit_that_is_none_is_a_runtime_error(field: str, value: Any, cause: str) -> None:
    state = distributed(**{field: "$.v"})
    assert refused(map_limits, state, {"v": value}, scope_with()) == ("States.Runtime", cause)


def test_a_reader_is_told_as_data() -> None:
    state = distributed(
        ItemReader={
            **READER,
            "ReaderConfig": {
                "InputType": "CSV",
                "CSVHeaderLocation": "GIVEN",
                "CSVHeaders": ["a", "b"],
                "MaxItemsPath": "$.most",
            },
        }
    )
    assert reader_of(state, {"key": "k.csv", "most": 5}, scope_with()) == Reading(
        "arn:aws:states:::s3:getObject",
        {"Bucket": "b", "Key": "k.csv"},
        {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"]},
        5,
    )
    assert reader_of(distributed(), {}, scope_with()) is None


def test_batches_are_bounded_by_number_and_size() -> None:
    state = distributed(
        ItemBatcher={
            "MaxItemsPerBatch": 3,
            "MaxInputBytesPerBatchPath": "$.size",
            "BatchInput": {"fixed.$": "$.f"},
        }
    )
    outcome = batching_of(state, {"size": 1000, "f": 1}, scope_with())
    assert outcome == Batching(3, 1000, {"fixed": 1}, has_batch_input=True)
    assert batching_of(distributed(), {}, scope_with()) is None


def test_a_writer_is_told_as_data() -> None:
    state = distributed(
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "b", "Prefix.$": "$.p"},
            "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
        }
    )
    assert writer_of(state, {"p": "out"}, scope_with()) == Writing(
        "arn:aws:states:::s3:putObject",
        {"Bucket": "b", "Prefix": "out"},
        {"Transformation": "COMPACT", "OutputType": "JSONL"},
    )
    assert writer_of(distributed(), {}, scope_with()) is None


def test_mode_label_and_execution_type_are_kept() -> None:
    state = distributed(Label="mine")
    assert (state.is_distributed, state.execution_type, state.label) == (True, "EXPRESS", "mine")
    assert not map_of().is_distributed


def test_a_map_is_finished_with_the_list_of_its_outputs() -> None:
    state = map_of(ResultPath="$.all", ResultSelector={"first.$": "$[0]"})
    assert finish(state, {"k": 1}, {"k": 1}, [5, 6], scope_with()) == Finished(
        {"k": 1, "all": {"first": 5}}
    )


def test_a_jsonata_map_computes_items_selector_and_limits() -> None:
    state = state_of(
        {
            "Type": "Map",
            "QueryLanguage": "JSONata",
            "ItemProcessor": INNER,
            "Items": "{% [1..$states.input.n] %}",
            "ItemSelector": {"double": "{% $states.context.Map.Item.Value * 2 %}"},
            "MaxConcurrency": "{% $states.input.n %}",
        }
    )
    assert map_items(state, {"n": 3}, scope_with()) == [1, 2, 3]
    assert item_input(state, {"n": 3}, scope_with(), 5, 0) == {"double": 10}
    assert map_limits(state, {"n": 3}, scope_with()).max_concurrency == 3


def test_jsonata_items_must_be_an_array() -> None:
    state = state_of(
        {
            "Type": "Map",
            "QueryLanguage": "JSONata",
            "ItemProcessor": INNER,
            "Items": "{% $states.input.n %}",
        }
    )
    assert refused(map_items, state, {"n": 1}, scope_with()) == (
        "States.QueryEvaluationError",
        (
            "The JSONata expression '$states.input.n' specified for the field 'Items' returned an "
            "unexpected result type. Expected 'array', but was 'number' for value: 1"
        ),
    )


def test_a_jsonata_map_without_items_needs_an_array_as_its_input() -> None:
    state = state_of({"Type": "Map", "QueryLanguage": "JSONata", "ItemProcessor": INNER})
    with pytest.raises(StatesError) as raised:
        map_items(state, {"a": 1}, scope_with())
    assert told(raised.value) == (
        "States.QueryEvaluationError",
        'Map state input must be an array but was: {"a":1}',
    )
    assert not raised.value.location


def test_a_number_of_items_that_is_none_is_a_runtime_error() -> None:
    state = distributed(ItemReader={**READER, "ReaderConfig": {"MaxItemsPath": "$.most"}})
    assert refused(reader_of, state, {"key": "k", "most": 1.5}, scope_with()) == (
        "States.Runtime",
        'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.most',
    )
