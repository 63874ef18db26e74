"""Reads the tables in cases/ and makes questions of their shorthand."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from identity.policy.naive import Document, Question

HOME = "123456789012"
ABROAD = "210987654321"
VERSION = "2012-10-17"
PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/token.example.org"

CALLERS: dict[str, dict[str, str]] = {
    "root": {"type": "Account", "arn": f"arn:aws:iam::{HOME}:root", "account": HOME},
    "user": {
        "type": "User",
        "arn": f"arn:aws:iam::{HOME}:user/team/alice",
        "account": HOME,
        "canonical": "a" * 64,
    },
    "session": {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{HOME}:assumed-role/dev/alice",
        "account": HOME,
        "issuer": f"arn:aws:iam::{HOME}:role/team/dev",
    },
    "federated": {
        "type": "FederatedUser",
        "arn": f"arn:aws:sts::{HOME}:federated-user/carol",
        "account": HOME,
        "issuer": f"arn:aws:iam::{HOME}:user/team/alice",
    },
    "service": {"type": "AWSService", "arn": "bedrock.amazonaws.com", "account": ""},
    "other-service": {"type": "AWSService", "arn": "lambda.amazonaws.com", "account": ""},
    "provider": {"type": "Federated", "arn": PROVIDER, "account": ""},
    "anonymous": {"type": "Anonymous", "arn": "", "account": ""},
    "foreign-root": {"type": "Account", "arn": f"arn:aws:iam::{ABROAD}:root", "account": ABROAD},
    "foreign-user": {
        "type": "User",
        "arn": f"arn:aws:iam::{ABROAD}:user/bob",
        "account": ABROAD,
        "canonical": "b" * 64,
    },
    "foreign-session": {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ABROAD}:assumed-role/ops/bob",
        "account": ABROAD,
        "issuer": f"arn:aws:iam::{ABROAD}:role/ops",
    },
}
PRINCIPALS: dict[str, Any] = {
    "everybody": "*",
    "aws-everybody": {"AWS": "*"},
    "account": {"AWS": f"arn:aws:iam::{HOME}:root"},
    "account-id": {"AWS": HOME},
    "user": {"AWS": CALLERS["user"]["arn"]},
    "other-user": {"AWS": f"arn:aws:iam::{HOME}:user/mallory"},
    "role": {"AWS": CALLERS["session"]["issuer"]},
    "role-without-path": {"AWS": f"arn:aws:iam::{HOME}:role/dev"},
    "other-role": {"AWS": f"arn:aws:iam::{HOME}:role/team/prod"},
    "session": {"AWS": CALLERS["session"]["arn"]},
    "other-session": {"AWS": f"arn:aws:sts::{HOME}:assumed-role/dev/mallory"},
    "federated": {"AWS": CALLERS["federated"]["arn"]},
    "service": {"Service": "bedrock.amazonaws.com"},
    "other-service": {"Service": "lambda.amazonaws.com"},
    "provider": {"Federated": PROVIDER},
    "other-provider": {"Federated": "cognito-identity.amazonaws.com"},
    "canonical": {"CanonicalUser": "a" * 64},
    "foreign-canonical": {"CanonicalUser": "b" * 64},
    "foreign-account": {"AWS": ABROAD},
    "foreign-user": {"AWS": CALLERS["foreign-user"]["arn"]},
    "foreign-role": {"AWS": CALLERS["foreign-session"]["issuer"]},
    "foreign-session": {"AWS": CALLERS["foreign-session"]["arn"]},
}


def read_table(name: str) -> list[dict[str, Any]]:
    """Return the cases of a table; each says its rule."""
    path = Path(__file__).parent / "cases" / f"{name}.yaml"
    cases: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return cases


def principal_of(names: str | list[str]) -> Any:
    """Return the Principal element for names of the table."""
    if isinstance(names, str):
        return PRINCIPALS[names]
    joined: dict[str, list[str]] = {}
    for name in names:
        for kind, value in PRINCIPALS[name].items():
            joined.setdefault(kind, []).append(value)
    return joined


def statement_of(short: str | dict[str, Any], *, has_resource: bool = True) -> dict[str, Any]:
    """Return the statement that a shorthand of decisions.yaml stands for."""
    if isinstance(short, str):
        short = {short: "*"}
    effect = "allow" if "allow" in short else "deny"
    statement: dict[str, Any] = {"Effect": effect.capitalize(), "Action": short[effect]}
    if has_resource:
        statement["Resource"] = short.get("at", "*")
    if "if" in short:
        statement["Condition"] = short["if"]
    if "sid" in short:
        statement["Sid"] = short["sid"]
    if "for" in short:
        statement["Principal"] = principal_of(short["for"])
    if "except" in short:
        statement["NotPrincipal"] = principal_of(short["except"])
    return statement


def policy_of(shorts: list[Any] | None, *, has_resource: bool = True) -> Document | None:
    """Return the document that a list of shorthands stands for."""
    if shorts is None:
        return None
    statements = [statement_of(short, has_resource=has_resource) for short in shorts]
    return {"Version": VERSION, "Statement": statements}


def question_of(case: dict[str, Any]) -> Question:
    """Return the question of a case of decisions.yaml."""
    identity = policy_of(case.get("identity"))
    mode = case.get("mode", "standard")
    return Question(
        action=case.get("action", "s3:GetObject"),
        resource=case.get("at", "arn:aws:s3:::bucket/key"),
        caller=CALLERS[case["caller"]],
        context=case.get("context", {}),
        owner=HOME,
        identity=[identity] if identity is not None else [],
        boundary=policy_of(case.get("boundary")),
        sessions=[policy for shorts in case.get("sessions", []) if (policy := policy_of(shorts))],
        resource_policy=policy_of(case.get("resource"), has_resource=mode != "trust"),
        mode=mode,
    )
