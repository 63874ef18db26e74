"""What filter patterns mean, along the examples of CloudWatch Logs' user guide, with events of our own."""

import pytest

from outcrop.services.logs.patterns import InvalidPattern, parse_pattern

LINE = '10.0.7.3 - alice [21/Nov/2026:10:11:12 +0000] "GET /models/7 HTTP/1.1" 404 1832'
EVENT = """{
  "eventType": "UpdateTrail",
  "sourceIPAddress": "111.111.111.111",
  "arrayKey": ["value", "another value"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
  "SomeObject": null,
  "isFlagged": true,
  "isArchived": false,
  "bandwidth": 75,
  "latency": 1.5e2,
  "cluster.name": "c",
  "code": "42",
  "errorCode": "4017",
  "user": {"id": 1, "email": "John.Stiles@example.com"},
  "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3}]
}"""


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", "anything", None),
        ("  ", "anything", None),
        ("ERROR", "[ERROR 400] bad request", "[error 400] bad request"),
        ("ERROR ARGUMENTS", "ERROR: invalid ARGUMENTS", "ERROR 500"),
        ("?ERROR ?ARGUMENTS", "[WARN] ARGUMENTS missing", "[WARN] all is well"),
        ("ERROR -ARGUMENTS", "ERROR 401", "ERROR in ARGUMENTS"),
        ("-ARGUMENTS", "all is well", "ARGUMENTS"),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR", "INTERNAL ERROR of a SERVER"),
        ('-"NOT FOUND"', "FOUND", "404 NOT FOUND"),
        ('ERROR -"exit 1"', "ERROR, exit 2", "ERROR, exit 1"),
        (r'"say \"hi\""', 'they say "hi"', "they say hi"),
        ('"[INFO]"', "[INFO] ready", "INFO ready"),
        # Terms with a question mark count for nothing beside others.
        ("ERROR ?WARN", "ERROR alone", "WARN alone"),
        ("%AUTHORIZED%", "UNAUTHORIZED", "ERROR"),
        ("%4[0-9]{2}%", "status 404", "status 504"),
        ("%^GET|POST$%", "GET /", "PUT / POST /x"),
        (r"%10\.10\.0\.[0-9]+%", "from 10.10.0.1", "from 10x10x0x1"),
        (r"%\d\s\w%", "7 a", "7-a"),
        ("?%ab+c% ?plain", "xabbbc", "xac"),
    ],
)
def test_terms(pattern: str, matching: str, other: str | None) -> None:
    parsed = parse_pattern(pattern)

    assert parsed.matches(matching)
    assert other is None or not parsed.matches(other)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.eventType = UpdateTrail }",
        "{$.eventType=UpdateTrail}",
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        '{ $.eventType = "*Trail" }',
        '{ $.eventType = "*date*" }',
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[*] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        '{ $.objectList[*].name = "b" }',
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.SomeObject EXISTS }",
        "{ $.isFlagged IS TRUE }",
        "{ $.isArchived IS FALSE }",
        "{ $.bandwidth > 74 }",
        "{ $.bandwidth >= 75 }",
        "{ $.bandwidth <= 7.5e1 }",
        "{ $.latency = 150 }",
        "{ $.latency < 150.5 }",
        "{ $.bandwidth != 76 }",
        '{ $.code = "42" }',
        "{ $.code = 42 }",
        "{ $.errorCode = 4* }",
        "{ $.errorCode = %^40[0-9]{2}$% }",
        "{ $.errorCode != %^5% }",
        "{ $.['cluster.name'] = \"c\" }",
        '{ $["cluster.name"] = "c" }',
        '{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }',
        '{ $.user.id = 2 && $.users[0].email = "nobody" || $.bandwidth = 75 }',
        '{ $.bandwidth = 75 || $.user.id = 2 && $.users[0].email = "nobody" }',
        '{ ($.user.id = 2 || $.bandwidth = 75) && ($.eventType = "Update*") }',
        '{ ($.errorCode NOT EXISTS) || ($.errorCode = "4*") }',
    ],
)
def test_properties_that_match(pattern: str) -> None:
    assert parse_pattern(pattern).matches(EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "CreateTrail" }',
        '{ $.eventType = "updatetrail" }',
        "{ $.sourceIPAddress = 123.123.* }",
        '{ $.arrayKey[2] = "value" }',
        # A whole array or object passes no comparison.
        '{ $.arrayKey = "value" }',
        '{ $.user != "x" }',
        # Nor does a property that is not there.
        '{ $.missing != "x" }',
        "{ $.missing IS NULL }",
        "{ $.eventType IS NULL }",
        "{ $.eventType NOT EXISTS }",
        "{ $.bandwidth IS TRUE }",
        "{ $.isFlagged IS FALSE }",
        "{ $.bandwidth > 75 }",
        "{ $.eventType > 1 }",
        '{ ($.user.id = 2 || $.bandwidth = 75) && ($.eventType = "Create*") }',
    ],
)
def test_properties_that_do_not_match(pattern: str) -> None:
    assert not parse_pattern(pattern).matches(EVENT)


def test_properties_of_what_is_no_json_object_never_match() -> None:
    pattern = parse_pattern("{ $.a NOT EXISTS }")

    assert pattern.matches('{"b": 1}')
    assert not pattern.matches("plain text")
    assert not pattern.matches('["b"]')
    assert not pattern.matches('{"b": 1')


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = 404, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request = *models*, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = %4[0-9]{2}%, bytes]", True),
        ('[ip != "127.0.0.1", ..., status_code = 404 || status_code = 410, bytes]', True),
        ("[..., bytes]", True),
        ("[ip = 10.*, ...]", True),
        ("[..., size = 1832]", True),
        ("[ip, ..., bytes > 1000 && bytes < 2000]", True),
        ("[,,username = alice,,,,]", True),
        ("[ip, user, username = bob, ...]", False),
        ("[..., bytes > 2000]", False),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[a, b, c, d, e, f, g, h, ...]", False),
        ("[ip, ..., status_code = 5*, bytes]", False),
    ],
)
def test_columns(pattern: str, is_meant: bool) -> None:
    assert parse_pattern(pattern).matches(LINE) is is_meant


def test_a_column_may_be_one_of_several_words() -> None:
    pattern = parse_pattern("[w1 = ERROR || w1 = %WARN%, w2]")

    assert pattern.matches("ERROR x")
    assert pattern.matches("[WARNING] x")
    assert not pattern.matches("INFO x")


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = }",
        "{ $.a }",
        "{ a = 1 }",
        '{ $.a = "x }',
        "{ $.a = 1",
        "{ ($.a = 1 }",
        "{ $.a = 1 ) }",
        "{ $.a > word }",
        "{ $.a IS ODD }",
        "{ $.a NOT 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ $.a = %x% || $.b = %y% || $.c = %z% }",
        "[a, b",
        "[a, ..., b, ...]",
        "[a = 1 && b = 2]",
        "[a =, b]",
        "%(group)%",
        "%open",
        "%a!%",
        "%[a%",
        '"open',
        "dash-ed",
        "?",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=r"Invalid"):
        parse_pattern(pattern)


def test_columns_are_read_out_by_name_and_number() -> None:
    found = parse_pattern("[ip, , user, ..., bytes]").extract(LINE)

    assert found["$ip"] == "10.0.7.3"
    assert found["$2"] == "-"
    assert found["$user"] == "alice"
    assert found["$4"] == "21/Nov/2026:10:11:12 +0000"
    assert found["$bytes"] == "1832"


def test_properties_are_read_out_by_selector() -> None:
    pattern = parse_pattern('{ $.user.id = 1 && $.eventType = "*" && $.missing NOT EXISTS }')

    assert pattern.extract(EVENT) == {"$.user.id": "1", "$.eventType": "UpdateTrail"}
    assert pattern.value(EVENT, "$.bandwidth") == "75"
    assert pattern.value(EVENT, "$.users") is None


def test_a_hostile_expression_finds_nothing_in_bounded_time() -> None:
    pattern = parse_pattern("%a*a*a*a*a*a*a*a*a*a*b%")

    assert not pattern.matches("a" * 3000)
