"""What a decision says besides its outcome, and what hostile documents and patterns come to."""

import json
from dataclasses import replace
from typing import Any

import pytest

from identity.policy.asking import ask
from identity.policy.case_tables import question_of
from outcrop.identity.policy import (
    Caller,
    MatchedStatement,
    Policies,
    PolicyError,
    PolicyKind,
    Request,
    cached_policy,
    decide,
    parse_policy,
)

USER = Caller("User", "arn:aws:iam::123456789012:user/alice", "123456789012")
NONE = [{"allow": "ec2:*"}]
PHRASES: dict[str, dict[str, Any]] = {
    "because no identity-based policy allows the s3:GetObject action": {},
    "because no permissions boundary allows the s3:GetObject action": {
        "identity": ["allow"],
        "boundary": NONE,
    },
    "because no session policy allows the s3:GetObject action": {
        "caller": "session",
        "identity": ["allow"],
        "sessions": [NONE],
    },
    "because no resource-based policy allows the s3:GetObject action": {"caller": "anonymous"},
    "because no resource-based policy allows the kms:Decrypt action": {
        "mode": "key",
        "action": "kms:Decrypt",
        "identity": ["allow"],
    },
    "because no role trust policy allows the sts:AssumeRole action": {
        "mode": "trust",
        "action": "sts:AssumeRole",
        "identity": ["allow"],
    },
    "with an explicit deny in an identity-based policy": {"identity": ["deny"]},
    "with an explicit deny in a permissions boundary": {"boundary": ["deny"]},
    "with an explicit deny in a session policy": {"caller": "session", "sessions": [["deny"]]},
    "with an explicit deny in a resource-based policy": {
        "resource": [{"deny": "*", "for": "everybody"}]
    },
    "with an explicit deny in the role trust policy": {
        "mode": "trust",
        "action": "sts:AssumeRole",
        "resource": [{"deny": "sts:AssumeRole", "for": "everybody"}],
    },
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_denial_ends_in_the_words_of_aws(phrase: str) -> None:
    case = {"caller": "user", **PHRASES[phrase]}
    assert ask(question_of(case)).reason_phrase == phrase


def test_the_denying_statement_is_named() -> None:
    policy = parse_policy(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Sid": "NoReading", "Effect": "Deny", "Action": "s3:Get*", "Resource": "*"},
            ],
        }
    )
    request = Request("s3:GetObject", "arn:aws:s3:::b/k", USER)
    decision = decide(request, Policies(identity=[("mine", policy)]))
    assert decision.statements == (MatchedStatement(PolicyKind.IDENTITY, "mine", "NoReading", 1),)


def test_the_action_is_quoted_as_it_was_asked() -> None:
    decision = decide(Request("S3:getObject", "*", USER), Policies())
    assert decision.reason_phrase.endswith("allows the S3:getObject action")


def test_missing_keys_are_told_of_statements_about_the_action_and_resource_alone() -> None:
    case = {
        "caller": "user",
        "identity": [
            {"allow": "s3:*", "if": {"StringEquals": {"aws:One": "${aws:Two}", "aws:Given": "x"}}},
            {"allow": "s3:*", "at": "arn:aws:s3:::bucket/${aws:Three}"},
            {"allow": "s3:*", "at": "arn:aws:s3:::other", "if": {"Bool": {"aws:Four": "true"}}},
            {"allow": "kms:*", "if": {"Bool": {"aws:Five": "true"}}},
        ],
        "resource": [
            {"allow": "*", "for": "user", "if": {"Bool": {"aws:Six": "true", "AWS:ONE": "true"}}},
            {"allow": "*", "for": "other-user", "if": {"Bool": {"aws:Seven": "true"}}},
        ],
        "context": {"aws:given": "x"},
    }
    decision = ask(question_of(case))
    assert decision.missing_context_keys == ("aws:One", "aws:Two", "aws:Three", "aws:Six")


def test_a_policy_is_parsed_once_per_text_and_kind() -> None:
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    )
    assert cached_policy(text) is cached_policy(text)
    assert cached_policy(text) is not cached_policy(text, PolicyKind.BOUNDARY)


def test_a_policy_keeps_its_text_version_and_id() -> None:
    text = '{"Id": "mine", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    policy = parse_policy(text.encode())
    assert (policy.text, policy.version, policy.id) == (text, "2008-10-17", "mine")


@pytest.mark.parametrize(
    "document",
    [
        "[" * 100_000,
        '{"Statement":' * 50_000,
        "\x00",
        "",
        "null",
        '{"Version":"2012-10-17"}' * 2,
        '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},}',
        "{'Statement': []}",
    ],
    ids=["deep list", "deep object", "nul", "nothing", "null", "two", "comma", "quotes"],
)
@pytest.mark.parametrize("kind", PolicyKind)
def test_what_is_no_json_object_is_refused(document: str, kind: PolicyKind) -> None:
    with pytest.raises(PolicyError) as refusal:
        parse_policy(document, kind)
    assert refusal.value.element == "Document"


@pytest.mark.parametrize("pattern", ["*a" * 700, "a*" * 700 + "b", "?*" * 700 + "b", "*?a" * 400])
def test_a_pattern_of_many_wildcards_is_no_trap(pattern: str) -> None:
    # A matcher that backtracks would not come back; the time is not asserted, the answer is.
    statement = {"allow": "*", "if": {"StringLike": {"aws:x": pattern}}}
    case = {"caller": "user", "identity": [statement], "context": {"aws:x": "a" * 2_000 + "c"}}
    assert ask(question_of(case)).kind.value == "implicitDeny"


def test_an_arn_pattern_of_many_reaching_stars_is_no_trap() -> None:
    case = {"caller": "user", "identity": [{"allow": "*", "at": "arn:aws:s3:*:u*:*a*b*c"}]}
    question = replace(question_of(case), resource="arn:aws:s3" + ":u" * 1_000)
    assert ask(question).kind.value == "implicitDeny"
