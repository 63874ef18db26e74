"""Event patterns, after the examples of the User Guide's page on comparison operators."""

import json
from typing import Any

import pytest

from outcrop.governance.event_patterns import InvalidEventPattern, compile_pattern

EC2 = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {
        "instance-id": "i-1234567890abcdef0",
        "state": "terminated",
        "eventVersion": "",
        "responseElements": None,
        "file-name": "photo.PNG",
        "FileName": "dogs/wolf.JPG",
        "c-count": 5,
        "d-count": 10,
        "x-limit": 3.018e2,
        "sourceIPAddress": "10.0.0.123",
        "v6": "2001:db8::17",
        "is-new": True,
        "employees": [
            {"firstName": "John", "lastName": "Doe"},
            {"firstName": "Anna", "lastName": "Smith"},
        ],
        "tags": ["blue", "green"],
        "empty": [],
        "a.b": {"c": 1},
    },
}


def matches(pattern: Any, event: Any = EC2) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(event)


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": {name.replace("_", "-"): value for name, value in fields.items()}}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.ec2"]},
        {"source": ["aws.s3", "aws.ec2"], "detail-type": [{"prefix": "EC2 "}]},
        {"resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"]},
        detail(state=["terminated", "running"]),
        {"detail": {"eventVersion": [""]}},
        {"detail": {"responseElements": [None]}},
        {"time": [{"prefix": "2017-12-22"}]},
        {"source": [{"prefix": {"equals-ignore-case": "AWS."}}]},
        detail(file_name=[{"suffix": ".PNG"}]),
        {"detail": {"FileName": [{"suffix": {"equals-ignore-case": ".jpg"}}]}},
        detail(state=[{"anything-but": "initializing"}]),
        detail(state=[{"anything-but": ["stopped", "overloaded"]}]),
        detail(x_limit=[{"anything-but": 123}]),
        detail(x_limit=[{"anything-but": [100, 200, 300]}]),
        detail(state=[{"anything-but": {"equals-ignore-case": ["INITIALIZING", "stopped"]}}]),
        detail(state=[{"anything-but": {"prefix": "init"}}]),
        detail(state=[{"anything-but": {"prefix": ["init", "run"]}}]),
        {"detail": {"FileName": [{"anything-but": {"suffix": ".txt"}}]}},
        {"detail": {"FileName": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}},
        {"detail": {"FileName": [{"anything-but": {"wildcard": "*/lib/*"}}]}},
        {"detail": {"FileName": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}},
        {"detail": {"responseElements": [{"anything-but": "null"}]}},
        detail(c_count=[{"numeric": [">", 0, "<=", 5]}]),
        detail(d_count=[{"numeric": ["<", 11]}]),
        detail(x_limit=[{"numeric": ["=", 301.8]}]),
        detail(d_count=[10.0]),
        {"detail": {"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]}},
        {"detail": {"v6": [{"cidr": "2001:db8::/32"}]}},
        detail(state=[{"exists": True}]),
        {"detail": {"responseElements": [{"exists": True}]}},
        {"detail": {"nothing": [{"exists": False}]}},
        {"detail": {"empty": [{"exists": False}]}},
        {"detail": {"nothing": [{"exists": False}, "or this"]}},
        {"detail-type": [{"equals-ignore-case": "ec2 instance state-change notification"}]},
        {"detail": {"FileName": [{"wildcard": "dogs/*.JPG"}]}},
        {"detail": {"FileName": [{"wildcard": "*w*lf*"}]}},
        {"detail": {"is-new": [True]}},
        {"detail": {"tags": ["green"]}},
        {"detail": {"tags": [{"anything-but": "green"}]}},
        {"detail": {"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}},
        {"detail.state": ["terminated"]},
        {"detail": {"a": {"b.c": [1]}}},
        {"detail": {"$or": [{"c-count": [{"numeric": [">", 9]}]}, {"d-count": [{"numeric": ["<", 11]}]}]}},
        {"source": ["aws.ec2"], "$or": [{"region": ["nowhere"]}, {"detail": {"state": ["terminated"]}}]},
        {"$or": [{"detail": {"nothing": [{"exists": False}]}}, {"source": ["x"]}]},
    ],
)  # fmt: skip
def test_an_event_matches(pattern: Any) -> None:
    assert matches(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.s3"]},
        {"Source": ["aws.ec2"]},
        {"source": ["AWS.EC2"]},
        {"source": ["aws.ec2"], "region": ["eu-west-1"]},
        {"detail": {"eventVersion": [None]}},
        {"detail": {"responseElements": [""]}},
        {"detail": {"responseElements": ["null"]}},
        {"time": [{"prefix": "2018"}]},
        detail(file_name=[{"suffix": ".png"}]),
        detail(state=[{"anything-but": "terminated"}]),
        detail(state=[{"anything-but": ["terminated", "x"]}]),
        detail(state=[{"anything-but": {"equals-ignore-case": "TERMINATED"}}]),
        detail(state=[{"anything-but": {"prefix": "term"}}]),
        {"detail": {"FileName": [{"anything-but": {"wildcard": "dogs/*"}}]}},
        {"detail": {"nothing": [{"anything-but": "x"}]}},
        detail(c_count=[{"numeric": [">", 5]}]),
        detail(c_count=["5"]),
        detail(state=[{"numeric": ["=", 5]}]),
        {"detail": {"sourceIPAddress": [{"cidr": "10.0.1.0/24"}]}},
        {"detail": {"sourceIPAddress": [{"cidr": "2001:db8::/32"}]}},
        detail(state=[{"cidr": "10.0.0.0/8"}]),
        detail(state=[{"exists": False}]),
        {"detail": [{"exists": True}]},
        {"detail": {"nothing": [{"exists": True}]}},
        {"detail": {"is-new": [1]}},
        {"detail": {"is-new": ["true"]}},
        {"detail": {"FileName": [{"wildcard": "dogs/*.png"}]}},
        {"detail": {"FileName": [{"wildcard": "dogs/wolf.JPG*x"}]}},
        {"detail": {"employees": {"firstName": ["Anna"], "lastName": ["Doe"]}}},
        {"detail": {"tags": ["red"]}},
        {"detail": {"$or": [{"c-count": [9]}, {"d-count": [9]}]}},
    ],
)
def test_an_event_does_not_match(pattern: Any) -> None:
    assert not matches(pattern)


def test_wildcards_may_be_escaped() -> None:
    event = {"path": "a*b\\c"}
    assert matches({"path": [{"wildcard": "a\\*b\\\\*"}]}, event)
    assert not matches({"path": [{"wildcard": "a\\*b\\\\*"}]}, {"path": "axb\\c"})


def test_pieces_between_wildcards_do_not_overlap() -> None:
    assert not matches({"path": [{"wildcard": "ab*ba"}]}, {"path": "aba"})
    assert matches({"path": [{"wildcard": "ab*ba"}]}, {"path": "abba"})


def test_elements_of_nested_arrays_belong_together() -> None:
    event = {"a": [{"b": [{"c": 1, "d": 2}]}, {"b": [{"c": 3, "d": 4}]}], "e": "x"}
    assert matches({"a": {"b": {"c": [3], "d": [4]}}, "e": ["x"]}, event)
    assert not matches({"a": {"b": {"c": [1], "d": [4]}}}, event)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The pattern is not valid JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"detail": {}}', "Empty objects are not allowed"),
        ('{"int": 42}', '"int" must be an object or an array'),
        ('{"string": "my-value"}', '"string" must be an object or an array'),
        ('{"resources": []}', "Empty arrays are not allowed"),
        ('{"a": [[1]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false."),
        ('{"a": [{"NUMERIC": ["=", 5]}]}', "Unrecognized match type NUMERIC"),
        ('{"a": [{"numeric": [">", 0, ">", 0]}]}', "Bad numeric range operator: >"),
        ('{"a": [{"numeric": [">", 0, "<"]}]}', "Value of < must be numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 3]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["!", 5]}]}', "Unrecognized numeric range operator: !"),
        ('{"a": [{"prefix": 5}]}', "prefix match pattern must be a string"),
        ('{"a": [{"prefix": "a", "suffix": "b"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"cidr": "10.0.0.1"}]}', "Malformed CIDR, one '/' required"),
        ('{"a": [{"cidr": "10.0.0.300/8"}]}', "Nonstandard IP address: 10.0.0.300"),
        ('{"a": [{"cidr": "10.0.0.0/40"}]}', "IPv4 mask bits must be < 32"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
        ('{"a": [{"equals-ignore-case": ["a"]}]}', "equals-ignore-case match pattern must be a string"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
        ('{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "Unsupported anything-but pattern: cidr"),
        ('{"a": [{"anything-but": {"prefix": 5}}]}', "prefix match pattern must be a string"),
        (
            '{"a": [{"anything-but": ["a", 5]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship."),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_in_awss_words(text: str, reason: str) -> None:
    with pytest.raises(InvalidEventPattern) as caught:
        compile_pattern(text)
    assert str(caught.value) == reason


def test_too_many_alternatives_are_refused() -> None:
    choice = {"$or": [{f"f{index}": [index]} for index in range(11)]}
    pattern = {f"p{index}": choice for index in range(3)}
    with pytest.raises(InvalidEventPattern, match="Rule is too complex"):
        compile_pattern(json.dumps(pattern))
