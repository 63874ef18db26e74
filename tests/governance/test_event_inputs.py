"""What targets are given of events, after the examples of the User Guide's page on transformation."""

import json
from typing import Any

import pytest

from outcrop.governance.event_inputs import InvalidInput, check_input, make_input

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": 'RUN"NING', "n": 5, "list": [{"a": 1}]},
}
RULE = "arn:aws:events:us-east-1:123456789012:rule/example"


def transformed(template: str, **paths: str) -> str:
    target = {"Id": "t", "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    check_input(target)
    return make_input(target, EVENT, RULE)


def test_without_an_input_the_whole_event_goes_out() -> None:
    assert json.loads(make_input({"Id": "t"}, EVENT, RULE)) == EVENT


def test_a_constant_goes_out_as_it_is() -> None:
    assert make_input({"Id": "t", "Input": '{"k" : 1}'}, EVENT, RULE) == '{"k" : 1}'


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("$.detail.n", 5),
        ("$.detail-type", "EC2 Instance State-change Notification"),
        ("$.resources[0]", EVENT["resources"][0]),
        ("$.detail.list[0].a", 1),
        ("$.detail['instance-id']", "i-0123456789"),
        ("$", EVENT),
        ("$.nothing", None),
    ],
)
def test_a_part_goes_out_as_json(path: str, result: Any) -> None:
    assert json.loads(make_input({"Id": "t", "InputPath": path}, EVENT, RULE)) == result


def test_a_template_makes_a_text() -> None:
    text = transformed(
        '"<instance> is in state <state>"', instance="$.detail.instance-id", state="$.detail.state"
    )
    assert json.loads(text) == 'i-0123456789 is in state RUN"NING'


def test_a_template_makes_an_object() -> None:
    text = transformed(
        '{"instance": <instance>, "n": <n>, "list": <list>, "all": "n is <n>"}',
        instance="$.detail.instance-id",
        n="$.detail.n",
        list="$.detail.list",
    )
    assert json.loads(text) == {
        "instance": "i-0123456789",
        "n": 5,
        "list": [{"a": 1}],
        "all": "n is 5",
    }


def test_what_is_missing_leaves_nothing_in_a_text() -> None:
    assert transformed('"gone: <x>"', x="$.detail.x") == '"gone: "'


def test_some_placeholders_need_no_path() -> None:
    text = transformed(
        '{"rule": <aws.events.rule-name>, "arn": <aws.events.rule-arn>, "event": <aws.events.event.json>}'
    )
    assert json.loads(text) == {"rule": "example", "arn": RULE, "event": EVENT}


@pytest.mark.parametrize(
    "target",
    [
        {"Input": "{}", "InputPath": "$.detail"},
        {"Input": "{"},
        {"InputPath": "detail"},
        {"InputTransformer": {"InputTemplate": '"<missing>"'}},
        {"InputTransformer": {"InputPathsMap": {"aws.x": "$.id"}, "InputTemplate": '"<aws.x>"'}},
        {"InputTransformer": {"InputPathsMap": {"x": "id"}, "InputTemplate": '"<x>"'}},
    ],
)
def test_inputs_that_could_never_be_made_are_refused(target: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="target t"):
        check_input({"Id": "t", **target})
