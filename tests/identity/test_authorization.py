"""What the Authorizer gathers for a decision, and how it says no."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal
from outcrop.identity.authorization import Authorizer
from outcrop.identity.directory import PrincipalPolicies
from outcrop.identity.permissions import NO_FACTS, Grant, Need, ResourceFacts, Rule, Scope
from outcrop.identity.policy import PolicyKind, parse_policy
from outcrop.identity.request_context import Circumstances
from outcrop.identity.rules import load_rules

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234"
ROOT = Principal("Account", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, principal_id=ACCOUNT)
USER = Principal("User", f"arn:aws:iam::{ACCOUNT}:user/ada", ACCOUNT, principal_id="AIDA1")
SESSION = Principal(
    "AssumedRole",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/tuner/run",
    ACCOUNT,
    principal_id="AROA1:run",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/team/tuner",
    session_issued_at=datetime(2026, 11, 21, 8, tzinfo=UTC),
    tags={"team": "blue"},
)
NOBODY = Principal("Anonymous", "", "")
OBJECT = "arn:aws:s3:::data/train.jsonl"
Statement = Mapping[str, Any]


def allow(action: object, resource: object = "*", **elements: object) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: object, resource: object = "*", **elements: object) -> Statement:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **elements}


def text(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass
class World:
    """An authorizer and what it is told.

    Attributes:
        statements: the identity policy of everybody.
        facts: of resources by ARN.
        needs: of the one operation.
    """

    statements: Sequence[Statement] = ()
    boundary: Sequence[Statement] | None = None
    facts_by_arn: dict[str, ResourceFacts] = field(default_factory=dict)
    needs: Sequence[Need] = (Need("s3:GetObject", OBJECT),)

    def policies_of(self, principal: Principal) -> PrincipalPolicies:
        if principal.type in {"Account", "Anonymous", "AWSService"}:
            return PrincipalPolicies()
        boundary = (
            None
            if self.boundary is None
            else parse_policy(text(*self.boundary), PolicyKind.BOUNDARY)
        )
        own = (("own", parse_policy(text(*self.statements))),) if self.statements else ()
        return PrincipalPolicies(own, boundary)

    def find(self, _service: str, kind: str, identifier: str, region: str) -> str:
        return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{identifier}"

    def facts(self, arn: str) -> ResourceFacts:
        return self.facts_by_arn.get(arn, NO_FACTS)

    def ask(self, principal: Principal, service: str = "s3", **circumstances: Any) -> None:
        """Call the one operation; raises what the caller would be told."""

        def rule(_parameters: Mapping[str, Any], _scope: Scope) -> Sequence[Need]:
            return self.needs

        rules: dict[tuple[str, str], Rule] = {(service, "Call"): rule}
        call = Circumstances(
            service,
            "us-east-1",
            datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
            **{"client_ip": "192.0.2.7", **circumstances},
        )
        Authorizer(ACCOUNT, rules, self, self).check("Call", {}, principal, call)

    def refusal(self, principal: Principal, service: str = "s3", **circumstances: Any) -> str:
        with pytest.raises(ServiceError) as caught:
            self.ask(principal, service, **circumstances)
        assert caught.value.status == 403
        return f"{caught.value.code}: {caught.value.message}"


def bucket_policy(*statements: Statement, **facts: Any) -> dict[str, ResourceFacts]:
    known = ResourceFacts(policy=text(*statements), **facts)
    return {OBJECT: known, OBJECT.partition("/")[0]: known}


def test_a_user_is_allowed_what_a_policy_allows_and_told_what_none_allows() -> None:
    World([allow("s3:GetObject", "arn:aws:s3:::data/*")]).ask(USER)
    assert World([allow("s3:PutObject")]).refusal(USER) == (
        f"AccessDenied: User: {USER.arn} is not authorized to perform: s3:GetObject on resource: "
        f'"{OBJECT}" because no identity-based policy allows the s3:GetObject action'
    )


def test_every_need_must_be_allowed() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/tuner"
    passing = Need("iam:PassRole", role, {"iam:PassedToService": "bedrock.amazonaws.com"})
    world = World([allow("bedrock:*")], needs=[Need("bedrock:CreateEvaluationJob"), passing])
    assert world.refusal(USER, "bedrock") == (
        f"AccessDeniedException: User: {USER.arn} is not authorized to perform: iam:PassRole on resource: {role} "
        "because no identity-based policy allows the iam:PassRole action"
    )
    condition = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    world.statements = [
        allow("bedrock:*"),
        allow("iam:PassRole", role, Condition=condition),
    ]
    world.ask(USER, "bedrock")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"boundary": [allow("s3:PutObject")]},
            "because no permissions boundary allows the s3:GetObject action",
        ),
        (
            {"statements": [allow("*"), deny("s3:Get*")]},
            "with an explicit deny in an identity-based policy",
        ),
        (
            {"facts_by_arn": bucket_policy(deny("s3:GetObject", Principal="*"))},
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_the_reason_names_the_kind_of_policy(changes: dict[str, Any], reason: str) -> None:
    world = World(**{"statements": [allow("s3:*")], **changes})
    assert world.refusal(USER).endswith(reason)


def test_session_policies_limit_a_session() -> None:
    world = World([allow("s3:*")])
    world.ask(SESSION)
    limited = replace(SESSION, session_policies=(text(allow("s3:PutObject")),))
    assert world.refusal(limited).endswith(
        "because no session policy allows the s3:GetObject action"
    )


def test_the_root_is_stopped_by_resource_policies_alone() -> None:
    World().ask(ROOT)
    locked = bucket_policy(deny("s3:*", Principal="*"))
    assert "explicit deny in a resource-based policy" in World(facts_by_arn=locked).refusal(ROOT)
    for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"):
        World(facts_by_arn=locked, needs=[Need(action, OBJECT)]).ask(ROOT)


def test_an_operation_without_a_rule_is_the_roots_alone() -> None:
    authorizer = Authorizer(ACCOUNT, {}, World([allow("*")]), World())
    call = Circumstances("lambda", "us-east-1", datetime(2026, 11, 21, tzinfo=UTC))
    authorizer.check("Invoke", {}, ROOT, call)
    with pytest.raises(ServiceError, match="not authorized to perform: lambda:Invoke"):
        authorizer.check("Invoke", {}, USER, call)


def test_nobody_reads_what_a_bucket_lets_everybody_read_unless_public_access_is_blocked() -> None:
    public = allow("s3:GetObject", Principal="*")
    World(facts_by_arn=bucket_policy(public)).ask(NOBODY)
    blocked = World(facts_by_arn=bucket_policy(public, blocks_public_access=True))
    assert blocked.refusal(NOBODY) == "AccessDenied: Access Denied"
    blocked.ask(USER)


def test_a_keys_policy_decides_even_for_the_root() -> None:
    decrypt = [Need("kms:Decrypt", KEY)]
    to_account = allow("kms:*", Principal={"AWS": ROOT.arn})
    to_user = allow("kms:*", Principal={"AWS": USER.arn})

    def world(statement: Statement, *identity: Statement) -> World:
        return World(identity, facts_by_arn={KEY: ResourceFacts(text(statement))}, needs=decrypt)

    world(to_account).ask(ROOT, "kms")
    assert "no resource-based policy allows" in world(to_user).refusal(ROOT, "kms")
    world(to_user).ask(USER, "kms")
    world(to_account, allow("kms:Decrypt")).ask(USER, "kms")
    assert "no identity-based policy allows" in world(to_account).refusal(USER, "kms")
    assert "kms:Decrypt" in world(to_user, allow("kms:*")).refusal(SESSION, "kms")


@pytest.mark.parametrize(
    ("grantee", "action", "context", "is_allowed"),
    [
        (SESSION.role_arn, "kms:Decrypt", {"a": "1"}, True),
        (SESSION.arn, "kms:Decrypt", {"a": "1"}, True),
        (USER.arn, "kms:Decrypt", {"a": "1"}, False),
        (SESSION.role_arn, "kms:Encrypt", {"a": "1"}, False),
        (SESSION.role_arn, "kms:Decrypt", {"a": "2"}, False),
        (SESSION.role_arn, "kms:Decrypt", {"a": "1", "b": "2"}, False),
    ],
)
def test_a_grant_allows_its_grantee_its_actions_in_its_context(
    grantee: str, action: str, context: dict[str, str], *, is_allowed: bool
) -> None:
    grant = Grant(grantee, frozenset({"kms:Decrypt"}), encryption_context_equals={"a": "1"})
    keys = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    policy = text(allow("kms:*", Principal={"AWS": ROOT.arn}))
    world = World(
        facts_by_arn={KEY: ResourceFacts(policy, grants=(grant,))},
        needs=[Need(action, KEY, keys)],
    )
    if is_allowed:
        world.ask(SESSION, "kms")
        world.statements = [deny("kms:Decrypt")]
    assert action in world.refusal(SESSION, "kms")


def test_a_trust_policy_decides_who_assumes_a_role() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/tuner"
    condition = {"StringEquals": {"sts:ExternalId": "42"}}
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": USER.arn},
        "Condition": condition,
    }
    facts = {role: ResourceFacts(text(trust))}
    right = Need("sts:AssumeRole", role, {"sts:ExternalId": "42"})
    World(facts_by_arn=facts, needs=[right]).ask(USER, "sts")
    world = World([allow("*")], facts_by_arn=facts, needs=[Need("sts:AssumeRole", role)])
    assert "sts:AssumeRole on resource: " + role in world.refusal(USER, "sts")
    # The trust policy says nothing about who may change the role.
    reading = World(facts_by_arn=facts, needs=[Need("iam:GetRole", role)])
    assert "no identity-based policy allows the iam:GetRole" in reading.refusal(USER, "iam")


@pytest.mark.parametrize(
    ("key", "value", "circumstances"),
    [
        ("aws:SourceIp", "192.0.2.7", {}),
        ("aws:SecureTransport", "false", {"is_secure": False}),
        ("aws:CurrentTime", "2026-11-21T09:30:00Z", {}),
        ("aws:EpochTime", "1795253400", {}),
        ("aws:RequestedRegion", "us-east-1", {}),
        ("aws:UserAgent", "Boto3/1", {"headers": {"user-agent": "Boto3/1"}}),
        ("aws:Referer", "https://a.example", {"headers": {"referer": "https://a.example"}}),
        ("aws:PrincipalArn", SESSION.role_arn, {}),
        ("aws:PrincipalAccount", ACCOUNT, {}),
        ("aws:PrincipalType", "AssumedRole", {}),
        ("aws:userid", "AROA1:run", {}),
        ("aws:PrincipalTag/team", "blue", {}),
        ("aws:TokenIssueTime", "2026-11-21T08:00:00Z", {}),
        ("aws:MultiFactorAuthPresent", "false", {}),
        ("aws:ViaAWSService", "false", {}),
        ("aws:PrincipalIsAWSService", "false", {}),
        ("aws:ResourceAccount", ACCOUNT, {}),
        ("aws:ResourceTag/stage", "prod", {}),
        ("s3:ExistingObjectTag/class", "open", {}),
    ],
)
def test_conditions_find_their_keys(key: str, value: str, circumstances: dict[str, Any]) -> None:
    facts = ResourceFacts(tags={"stage": "prod"}, context={"s3:ExistingObjectTag/class": "open"})

    def world(wanted: str) -> World:
        statement = allow("s3:GetObject", Condition={"StringEquals": {key: wanted}})
        return World([statement], facts_by_arn={OBJECT: facts})

    world(value).ask(SESSION, **circumstances)
    assert "s3:GetObject" in world(f"not {value}").refusal(SESSION, **circumstances)


@pytest.mark.parametrize(
    ("key", "principal"),
    [
        ("aws:username", SESSION),
        ("aws:MultiFactorAuthPresent", USER),
        ("aws:TokenIssueTime", USER),
        ("aws:SourceIdentity", USER),
        ("aws:CalledVia", USER),
        ("aws:SourceIp", replace(USER, via="s3")),
        ("bedrock:bearerTokenType", USER),
    ],
)
def test_keys_that_a_request_does_not_have_are_left_out(key: str, principal: Principal) -> None:
    World([allow("s3:*", Condition={"Null": {key: "true"}})]).ask(principal)
    assert "s3:GetObject" in World([allow("s3:*", Condition={"Null": {key: "false"}})]).refusal(
        principal
    )


def test_a_service_that_acts_for_its_caller_is_named() -> None:
    condition = {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        "Bool": {"aws:ViaAWSService": "true"},
        "ForAnyValue:StringEquals": {"aws:CalledVia": "s3.amazonaws.com"},
    }
    policy = text(allow("kms:Decrypt", Principal={"AWS": "*"}, Condition=condition))
    world = World(facts_by_arn={KEY: ResourceFacts(policy)}, needs=[Need("kms:Decrypt", KEY)])
    world.ask(replace(USER, via="s3"), "kms")
    assert "kms:Decrypt" in world.refusal(replace(USER, via="bedrock"), "kms")
    assert "kms:Decrypt" in world.refusal(USER, "kms")


@pytest.mark.parametrize("kind", ["SHORT_TERM", "LONG_TERM"])
def test_an_api_key_needs_leave_of_its_own(kind: str) -> None:
    bearer = replace(USER, bearer_token_type=kind)
    world = World([allow("bedrock:InvokeModel")], needs=[Need("bedrock:InvokeModel", OBJECT)])
    world.ask(USER, "bedrock-runtime")
    assert "bedrock:CallWithBearerToken because no" in world.refusal(bearer, "bedrock-runtime")
    other = {"SHORT_TERM": "LONG_TERM", "LONG_TERM": "SHORT_TERM"}[kind]
    only = {"StringEquals": {"bedrock:bearerTokenType": other}}
    world.statements = [allow("bedrock:*"), deny("bedrock:CallWithBearerToken", Condition=only)]
    world.ask(bearer, "bedrock-runtime")
    only["StringEquals"]["bedrock:bearerTokenType"] = kind
    assert "with an explicit deny in an identity-based policy" in world.refusal(
        bearer, "bedrock-runtime"
    )


class Steady:
    """The same policies of everybody at every question, as the directory has them between two changes."""

    def __init__(self, *statements: Statement) -> None:
        self.policies = PrincipalPolicies((("own", parse_policy(text(*statements))),))
        self.facts_by_arn: dict[str, ResourceFacts] = {}

    def policies_of(self, _principal: Principal) -> PrincipalPolicies:
        return self.policies

    def find(self, _service: str, _kind: str, identifier: str, _region: str) -> str:
        return identifier

    def facts(self, arn: str) -> ResourceFacts:
        return self.facts_by_arn.get(arn, NO_FACTS)


def test_what_was_allowed_is_allowed_only_while_nothing_it_depends_on_differs() -> None:
    steady = Steady(
        allow(
            "s3:GetObject",
            "arn:aws:s3:::data/${aws:PrincipalTag/team}/*",
            Condition={
                "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                "StringEquals": {"s3:ExistingObjectTag/class": "open"},
            },
        )
    )
    mine = "arn:aws:s3:::data/blue/a"
    steady.facts_by_arn[mine] = ResourceFacts(context={"s3:ExistingObjectTag/class": "open"})
    authorizer = Authorizer(ACCOUNT, {}, steady, steady)
    here = Circumstances("s3", "us-east-1", datetime(2026, 11, 21, tzinfo=UTC), "192.0.2.7")

    def ask(
        principal: Principal = SESSION, resource: str = mine, call: Circumstances = here
    ) -> bool:
        return authorizer.decide(Need("s3:GetObject", resource), principal, call).allowed

    for _ in range(2):
        assert ask()
        assert not ask(call=replace(here, client_ip="198.51.100.7"))
        assert not ask(replace(SESSION, tags={"team": "red"}))
        assert not ask(replace(SESSION, tags={}))
        assert not ask(resource="arn:aws:s3:::data/blue/b")
        assert not ask(replace(SESSION, session_policies=(text(allow("s3:PutObject")),)))
    known = steady.facts_by_arn[mine]
    denying = text(deny("s3:*", Principal={"AWS": SESSION.arn}))
    steady.facts_by_arn[mine] = replace(known, policy=denying)
    assert not ask()
    assert ask(replace(SESSION, arn=f"{SESSION.arn}2")), "the deny names one session alone"
    steady.facts_by_arn[mine] = replace(known, context={"s3:ExistingObjectTag/class": "closed"})
    assert not ask()
    steady.facts_by_arn[mine] = known
    assert ask()
    steady.policies = PrincipalPolicies()
    assert not ask()


# The reinforcement fine-tuning security guide: what a service role needs beside its S3 permissions, and what the role
# of a grader function that asks a judge model needs.
GRADER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:grader"
LOGS = "arn:aws:s3:::invocation-logs"
PROFILE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.amazon.judge-v1:0"
JUDGES = [
    f"arn:aws:bedrock:{region}::foundation-model/amazon.judge-v1:0"
    for region in ("us-east-1", "us-east-2", "us-west-2")
]
GUIDE = {
    "grader": allow("lambda:InvokeFunction", GRADER),
    "logs": allow("s3:GetObject", f"{LOGS}/*"),
    "log bucket": allow("s3:ListBucket", LOGS),
    "profile": allow("bedrock:InvokeModel", PROFILE),
    "judge behind profile": allow(
        "bedrock:InvokeModel",
        JUDGES,
        Condition={"StringLike": {"bedrock:InferenceProfileArn": PROFILE}},
    ),
}
CALLS: dict[str, tuple[list[Need], set[str]]] = {
    "grade": ([Need("lambda:InvokeFunction", GRADER)], {"grader"}),
    "read logs": ([Need("s3:GetObject", f"{LOGS}/2026/a.json.gz")], {"logs"}),
    "list logs": ([Need("s3:ListBucket", LOGS)], {"log bucket"}),
    "judge": (
        [
            Need("bedrock:InvokeModel", PROFILE),
            *(
                Need("bedrock:InvokeModel", arn, {"bedrock:InferenceProfileArn": PROFILE})
                for arn in JUDGES
            ),
        ],
        {"profile", "judge behind profile"},
    ),
}


@pytest.mark.parametrize("removed", [None, *GUIDE])
def test_each_statement_of_the_reinforcement_guide_carries_its_call(removed: str | None) -> None:
    statements = [statement for name, statement in GUIDE.items() if name != removed]
    for needs, statements_needed in CALLS.values():
        world = World(statements, needs=needs)
        if removed in statements_needed:
            refusal = world.refusal(SESSION)
            assert f"not authorized to perform: {needs[0].action} on resource" in refusal
        else:
            world.ask(SESSION)


def test_nothing_beyond_the_reinforcement_guide_is_allowed() -> None:
    beyond = [
        Need("lambda:InvokeFunction", f"{GRADER}-2"),
        Need("s3:PutObject", f"{LOGS}/a"),
        Need("bedrock:InvokeModel", JUDGES[0]),
        Need("bedrock:InvokeModelWithResponseStream", PROFILE),
    ]
    for need in beyond:
        assert need.action in World(list(GUIDE.values()), needs=[need]).refusal(SESSION)


def test_rules_are_found_by_the_names_of_services() -> None:
    rules = load_rules()
    assert ("bedrock-runtime", "Converse") in rules
    assert ("bedrock", "CreateModelCustomizationJob") in rules
