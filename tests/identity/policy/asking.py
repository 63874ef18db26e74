"""Puts a question of the naive evaluator's form to the evaluator under test."""

from typing import cast

from identity.policy.naive import Question
from outcrop.identity.policy import (
    Caller,
    Decision,
    Policies,
    PolicyKind,
    Request,
    ResourcePolicyMode,
    decide,
    parse_policy,
)
from outcrop.identity.policy.principals import CallerType


def ask(question: Question) -> Decision:
    """Return what the evaluator under test decides."""
    caller = question.caller
    mode = ResourcePolicyMode(question.mode)
    kind = PolicyKind.TRUST if mode is ResourcePolicyMode.TRUST else PolicyKind.RESOURCE
    request = Request(
        question.action,
        question.resource,
        Caller(
            cast("CallerType", caller["type"]),
            caller["arn"],
            caller["account"],
            caller.get("issuer", ""),
            caller.get("canonical", ""),
        ),
        question.context,
        question.owner,
    )
    policies = Policies(
        identity=[
            (f"policy-{place}", parse_policy(document))
            for place, document in enumerate(question.identity)
        ],
        boundary=(
            parse_policy(question.boundary, PolicyKind.BOUNDARY)
            if question.boundary is not None
            else None
        ),
        sessions=[parse_policy(document, PolicyKind.SESSION) for document in question.sessions],
        resource=(
            parse_policy(question.resource_policy, kind)
            if question.resource_policy is not None
            else None
        ),
        mode=mode,
    )
    return decide(request, policies)
