"""What must hold of every decision, whatever the policies: drawn at random, shrunk by hypothesis."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from identity.policy.asking import ask
from identity.policy.case_tables import HOME
from identity.policy.drawn_policies import draw_policy, draw_question
from identity.policy.naive import Document, Question

VERSION = "2012-10-17"
EVERYTHING = {"Action": "*", "Resource": "*"}

seeds = st.integers(0, 2**32)
questions = st.randoms(use_true_random=False).map(draw_question)
whole_questions = questions.filter(lambda question: question.mode != "trust")


def policy(statement: dict[str, Any]) -> Document:
    return {"Version": VERSION, "Statement": statement}


def extended(document: Document, statement: dict[str, Any]) -> Document:
    return {**document, "Statement": [*document["Statement"], statement]}


def permuted(document: Document, random: Random) -> Document:
    statements = list(document["Statement"])
    random.shuffle(statements)
    return {**document, "Statement": statements}


@settings(max_examples=120, deadline=None)
@given(whole_questions, seeds)
def test_adding_an_allow_never_removes_access(question: Question, seed: int) -> None:
    before = ask(question)
    allow = {"Effect": "Allow", **EVERYTHING}
    drawn = draw_policy(Random(seed))["Statement"][0] | {"Effect": "Allow"}
    for statement in (allow, drawn):
        wider = [replace(question, identity=[*question.identity, policy(statement)])]
        if question.boundary is not None:
            wider.append(replace(question, boundary=extended(question.boundary, statement)))
        if question.sessions:
            first, *others = question.sessions
            wider.append(replace(question, sessions=[extended(first, statement), *others]))
        if question.resource_policy is not None:
            open_to_all = statement | {"Principal": "*"}
            resource = extended(question.resource_policy, open_to_all)
            wider.append(replace(question, resource_policy=resource))
        for case in wider:
            after = ask(case)
            assert after.allowed or not before.allowed
            assert (after.kind.value == "explicitDeny") == (before.kind.value == "explicitDeny")


@settings(max_examples=120, deadline=None)
@given(whole_questions)
def test_an_explicit_deny_always_wins(question: Question) -> None:
    deny = {"Effect": "Deny", **EVERYTHING}
    resource = question.resource_policy or {"Version": VERSION, "Statement": []}
    cases = [
        replace(question, identity=[policy(deny), *question.identity]),
        replace(question, boundary=policy(deny)),
        replace(question, sessions=[*question.sessions, policy(deny)]),
        replace(question, resource_policy=extended(resource, deny | {"Principal": "*"})),
    ]
    assert {ask(case).kind.value for case in cases} == {"explicitDeny"}


@settings(max_examples=120, deadline=None)
@given(questions, seeds)
def test_the_order_of_statements_and_policies_changes_nothing(
    question: Question, seed: int
) -> None:
    random = Random(seed)
    identity = [permuted(document, random) for document in question.identity]
    sessions = [permuted(document, random) for document in question.sessions]
    random.shuffle(identity)
    random.shuffle(sessions)
    resource, boundary = question.resource_policy, question.boundary
    mixed = replace(
        question,
        identity=identity,
        sessions=sessions,
        boundary=permuted(boundary, random) if boundary is not None else None,
        resource_policy=permuted(resource, random) if resource is not None else None,
    )
    first, second = ask(question), ask(mixed)
    assert (second.kind, second.decided_by) == (first.kind, first.decided_by)
    assert len(second.statements) == len(first.statements)


@settings(max_examples=120, deadline=None)
@given(whole_questions)
def test_the_case_of_actions_and_keys_changes_nothing(question: Question) -> None:
    shouted = {key.swapcase(): value for key, value in question.context.items()}
    other = replace(question, action=question.action.swapcase(), context=shouted)
    assert ask(other).kind is ask(question).kind


@settings(max_examples=120, deadline=None)
@given(whole_questions)
def test_taking_every_policy_away_leaves_only_the_root_access(question: Question) -> None:
    bare = replace(question, identity=[], boundary=None, sessions=[], resource_policy=None)
    is_own_root = question.caller["type"] == "Account" and (
        question.owner in {"", question.caller["account"]}
    )
    assert ask(bare).allowed is (is_own_root and question.mode == "standard")


@settings(max_examples=120, deadline=None)
@given(whole_questions)
def test_what_decided_is_told_for_every_denial(question: Question) -> None:
    decision = ask(question)
    if decision.allowed:
        assert decision.reason_phrase == ""
        return
    assert decision.decided_by is not None
    assert decision.decided_by.value in decision.reason_phrase
    if decision.kind.value == "explicitDeny":
        assert decision.statements
        assert decision.statements[0].policy_kind is decision.decided_by
        assert decision.reason_phrase.startswith("with an explicit deny in ")
    else:
        assert decision.reason_phrase == (
            f"because no {decision.decided_by.value} allows the {question.action} action"
        )


def test_the_home_account_is_one_of_the_drawn_owners() -> None:
    owners = {draw_question(Random(seed)).owner for seed in range(50)}
    assert owners == {"", HOME}
