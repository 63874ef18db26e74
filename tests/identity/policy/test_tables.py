"""The rules of policy evaluation, one case each: see cases/. The naive evaluator must pass the same tables."""

from typing import Any

import pytest

from identity.policy.asking import ask
from identity.policy.case_tables import CALLERS, HOME, VERSION, question_of, read_table
from identity.policy.naive import Question, judge
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy

DECIDERS = {
    "identity": PolicyKind.IDENTITY,
    "boundary": PolicyKind.BOUNDARY,
    "session": PolicyKind.SESSION,
    "resource": PolicyKind.RESOURCE,
    "trust": PolicyKind.TRUST,
}
LEAST_CASES = 250


def by_rule(case: dict[str, Any]) -> str:
    return str(case["rule"])


def question_about(
    statement: dict[str, Any],
    *,
    version: str = VERSION,
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::bucket/key",
    context: dict[str, Any] | None = None,
) -> Question:
    """Return a question to a user with one statement, which allows."""
    document: dict[str, Any] = {"Version": version} if version else {}
    document["Statement"] = {"Effect": "Allow", **statement}
    return Question(
        action, resource, CALLERS["user"], context or {}, owner=HOME, identity=[document]
    )


def pattern_cases() -> list[Any]:
    found = []
    for case in read_table("patterns"):
        element = next(name for name in case if name.endswith(("Action", "Resource")))
        statement = {"Action": "*", "Resource": "*"}
        del statement[element.removeprefix("Not")]
        statement[element] = case[element]
        for outcome in ("matches", "misses"):
            for asked in case.get(outcome, []):
                given = {"action" if element.endswith("Action") else "resource": asked}
                question = question_about(
                    statement,
                    version=case.get("version", VERSION),
                    context=case.get("context"),
                    **given,
                )
                name = f"{case['rule']}: {outcome} {asked}"
                found.append(pytest.param(question, outcome == "matches", id=name))
    return found


@pytest.mark.parametrize(("question", "matches"), pattern_cases())
def test_actions_and_resources_are_matched_as_their_patterns_say(
    question: Question, matches: bool
) -> None:
    expected = "allowed" if matches else "implicitDeny"
    assert (ask(question).kind.value, judge(question)) == (expected, expected)


@pytest.mark.parametrize("case", read_table("conditions"), ids=by_rule)
def test_a_condition_holds_as_its_operator_says(case: dict[str, Any]) -> None:
    question = question_about(
        {"Action": "*", "Resource": "*", "Condition": case["condition"]},
        version=case.get("version", VERSION),
        context=case["context"],
    )
    expected = "allowed" if case["holds"] else "implicitDeny"
    assert (ask(question).kind.value, judge(question)) == (expected, expected)


@pytest.mark.parametrize("case", read_table("decisions"), ids=by_rule)
def test_policies_of_all_kinds_come_to_one_decision(case: dict[str, Any]) -> None:
    question = question_of(case)
    decision = ask(question)
    assert (decision.kind.value, judge(question)) == (case["says"], case["says"])
    if "by" in case:
        assert decision.decided_by is DECIDERS[case["by"]]
    if "missing" in case:
        assert decision.missing_context_keys == tuple(case["missing"])


@pytest.mark.parametrize("case", read_table("documents"), ids=by_rule)
def test_a_document_is_taken_or_refused_in_the_words_of_aws(case: dict[str, Any]) -> None:
    kind = PolicyKind[case.get("kind", "identity").upper()]
    document = case.get("document")
    if document is None:
        statement = {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::bucket",
            **({"Principal": {"AWS": HOME}} if kind.names_principals else {}),
            **case["statement"],
        }
        given = {name: value for name, value in statement.items() if value is not None}
        document = {"Version": VERSION, "Statement": given}
    if "error" not in case:
        assert parse_policy(document, kind).statements
        return
    with pytest.raises(PolicyError) as refusal:
        parse_policy(document, kind)
    assert str(refusal.value) == case["error"]


def test_the_tables_hold_the_promised_number_of_cases() -> None:
    tables = [read_table(name) for name in ("conditions", "decisions", "documents")]
    assert len(pattern_cases()) + sum(map(len, tables)) >= LEAST_CASES
