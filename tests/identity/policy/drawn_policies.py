"""Random questions, drawn so that statements often nearly match: few actions, resources, keys and principals."""

from random import Random
from typing import Any

from identity.policy.case_tables import CALLERS, HOME, PRINCIPALS
from identity.policy.naive import Document, Question

ACTIONS = ("s3:GetObject", "s3:PutObject", "S3:getobjectacl", "kms:Decrypt")
ACTION_PATTERNS = (
    "*",
    "s3:*",
    "s3:Get*",
    "S3:GETOBJECT",
    "s3:?etObject",
    "kms:*",
    "*:*Object",
    "s3:*Object*",
)
KEY = f"arn:aws:kms:us-east-1:{HOME}:key/1"
RESOURCES = (
    "*",
    KEY,
    "arn:aws:s3:::b/alice/x",
    "arn:aws:s3:::b/a*/x",
    "arn:aws:s3:::b/a:b:c",
    "arn:aws:s3:::b/",
)
RESOURCE_PATTERNS = (
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/*/",
    "arn:aws:s3:::${aws:absent}",
    "arn:aws:s3:::*/x",
    "arn:aws:s3:::b/a?*",
    "arn:aws:s3:*",
    "arn:aws:s3:::*c",
    "arn:aws:s3:::b/a:?:c",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:userid, 'alice'}/x",
    "arn:aws:s3:::b/${*}",
    "arn:aws:s3:::b/a${*}/*",
    "arn:aws:kms:*:*:key/*",
    "arn:aws:kms:us-*-1:*:key/?",
    "arn:aws:kms:us-east-?:1*2:key/1",
    "arn:aws:kms:u*1:key/1",
    "arn:aws:kms:u*2:key/1",
    "arn:aws:kms:u?-*",
    f"arn:aws:kms:*:{HOME}:*",
)
TEXTS = (
    "red",
    "Red",
    "r*",
    "red*d",
    "reed",
    "",
    "${aws:username}",
    "${aws:absent}",
    "${aws:userid, 'red'}",
    "?ed",
    "${*}",
)
TAGS = ("a", "b", "team-1", "", "Team-1")
ARNS = (
    "arn:aws:sns:us-east-1:123456789012:t",
    "arn:aws:sns:*:123456789012:*",
    "arn:aws:sns:*:t",
    "arn:aws:iam::123456789012:role/${aws:username}",
    "arn:aws:iam::123456789012:role/alice",
    "alice",
    "arn:aws:lambda:us-east-1:123456789012:function:f:1",
    "arn:aws:lambda:*:*:function:?*",
)
NUMBERS = ("0", "1", "1.0", "-2", "10", "9", "few")
DATES = (
    "2026-01-01T00:00:00Z",
    "2026-01-01T01:00:00+01:00",
    "1767225600",
    "2026-01-01",
    "2026-01",
    "2025-12-31T23:59:59.5Z",
    "1767225601",
)
ADDRESSES = ("10.0.0.1", "10.1.0.1", "192.0.2.7", "2001:db8::1", "here")
RANGES = ("10.0.0.0/16", "10.0.0.1", "0.0.0.0/0", "192.0.2.9/24", "2001:db8::/32", "nowhere")
BLOBS = ("YQ==", "Yg==", "YR==", "?")
TRUTHS = ("true", "false", "True", "yes")
# Operators, the key they are drawn with, values in policies, values in requests.
FAMILIES: tuple[tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ),
        "aws:text",
        TEXTS,
        ("red", "Red", "r*", "reed", "", "alice"),
    ),
    (("StringEquals", "StringNotLike", "StringLike"), "aws:TagKeys", ("a", "t*", "b"), TAGS),
    (("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), "aws:SourceArn", ARNS, ARNS),
    (
        (
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ),
        "aws:number",
        NUMBERS,
        NUMBERS,
    ),
    (
        (
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ),
        "aws:CurrentTime",
        DATES,
        (*DATES, "then"),
    ),
    (("IpAddress", "NotIpAddress"), "aws:SourceIp", RANGES, ADDRESSES),
    (("Bool",), "aws:truth", TRUTHS, TRUTHS),
    (("BinaryEquals",), "aws:blob", BLOBS, BLOBS),
)
MULTIVALUED = "aws:TagKeys"
# What NotPrincipal must list together.
NEAR = ("account", "user", "role", "session")


def some(random: Random, items: tuple[Any, ...], most: int) -> list[Any]:
    return [random.choice(items) for _ in range(random.randint(1, most))]


def one_or_list(random: Random, items: tuple[Any, ...], most: int = 3) -> Any:
    found = some(random, items, most)
    return found[0] if len(found) == 1 and random.random() < 0.5 else found


def draw_condition(random: Random) -> dict[str, dict[str, Any]]:
    condition: dict[str, dict[str, Any]] = {}
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        operators, key, wanted, _ = random.choice(FAMILIES)
        name = random.choice(operators)
        if random.random() < 0.1:
            name, wanted = "Null", ("true", "false", "True")
        else:
            if random.random() < 0.25:
                name = random.choice(("ForAllValues:", "ForAnyValue:")) + name
            if random.random() < 0.25:
                name += "IfExists"
        spelled = key.upper() if random.random() < 0.2 else key
        condition.setdefault(name, {})[spelled] = one_or_list(random, wanted)
    return condition


def draw_principal(random: Random) -> Any:
    if random.random() < 0.2:
        return random.choice(("*", {"AWS": "*"}))
    joined: dict[str, list[str]] = {}
    pool = NEAR if random.random() < 0.5 else tuple(PRINCIPALS)
    for name in some(random, pool, 5):
        principal = PRINCIPALS[name]
        if isinstance(principal, dict):
            for kind, value in principal.items():
                joined.setdefault(kind, []).append(value)
    return joined or "*"


def draw_statement(random: Random, *, has_principal: bool, has_resource: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow" if random.random() < 0.75 else "Deny"}
    negation = "Not" if random.random() < 0.15 else ""
    patterns = ACTION_PATTERNS if has_resource else ("sts:*", "sts:AssumeRole", "sts:Tag*")
    statement[f"{negation}Action"] = one_or_list(random, patterns)
    if has_resource:
        negation = "Not" if random.random() < 0.15 else ""
        statement[f"{negation}Resource"] = one_or_list(random, RESOURCE_PATTERNS)
    if random.random() < 0.6:
        statement["Condition"] = draw_condition(random)
    if has_principal:
        negation = "Not" if has_resource and random.random() < 0.2 else ""
        statement[f"{negation}Principal"] = draw_principal(random)
    return statement


def draw_policy(
    random: Random, *, has_principal: bool = False, has_resource: bool = True
) -> Document:
    statements = [
        draw_statement(random, has_principal=has_principal, has_resource=has_resource)
        for _ in range(random.randint(1, 3))
    ]
    version = random.choice(("2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"))
    return {"Version": version, "Statement": statements}


def draw_context(random: Random) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    if random.random() < 0.8:
        names = ("alice", "alice", "a*", "a?ice", "b:c", ["alice", "red"])
        context["aws:UserName"] = random.choice(names)
    if random.random() < 0.3:
        context["aws:userid"] = random.choice(("alice", "red", "*"))
    for _, key, _, given in FAMILIES:
        if random.random() < 0.7:
            is_many = key == MULTIVALUED or random.random() < 0.1
            context[key] = some(random, given, 3) if is_many else random.choice(given)
    if random.random() < 0.1:
        context[MULTIVALUED] = []
    return context


def draw_question(random: Random) -> Question:
    """Return a question with up to two identity policies and, often, policies of the other kinds."""
    mode = random.choice(("standard", "standard", "standard", "key", "trust"))
    is_trust = mode == "trust"
    return Question(
        action="sts:AssumeRole" if is_trust else random.choice(ACTIONS),
        resource="*" if is_trust else random.choice(RESOURCES),
        caller=CALLERS[random.choice(tuple(CALLERS))],
        context=draw_context(random),
        owner=random.choice(("", HOME, HOME)),
        identity=[draw_policy(random) for _ in range(random.randint(0, 2))],
        boundary=draw_policy(random) if random.random() < 0.3 else None,
        sessions=[draw_policy(random) for _ in range(random.choice((0, 0, 0, 1, 2)))],
        resource_policy=(
            draw_policy(random, has_principal=True, has_resource=not is_trust)
            if random.random() < 0.6
            else None
        ),
        mode=mode,
    )
