"""A second evaluator, written from the IAM User Guide alone: slow, direct, sharing nothing with the first.

It takes documents as JSON objects and follows the guide's sentences one by one, without compiling anything. Texts are
compared character by character, with the set of all places that a pattern could have reached.
"""

import base64
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

Document = Mapping[str, Any]
SPECIAL, LITERAL = True, False


@dataclass
class Question:
    """A request, and all policies that bear on it, as documents.

    Attributes:
        caller: type, arn, account, issuer, canonical.
        owner: the resource's account, "" for the caller's own.
        mode: "standard", "key" or "trust".
    """

    action: str
    resource: str
    caller: Mapping[str, str]
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    owner: str = ""
    identity: Sequence[Document] = ()
    boundary: Document | None = None
    sessions: Sequence[Document] = ()
    resource_policy: Document | None = None
    mode: str = "standard"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def judge(question: Question) -> str:
    """Return "allowed", "implicitDeny" or "explicitDeny"."""
    policies = [*question.identity, *question.sessions]
    policies += [question.boundary] if question.boundary else []
    for policy in policies:
        if effect_exists(question, policy, "Deny"):
            return "explicitDeny"
    if resource_policy_names(question, "Deny"):
        return "explicitDeny"
    return "allowed" if is_allowed(question) else "implicitDeny"


def is_allowed(question: Question) -> bool:
    """Follow the guide's flow after "no explicit deny was found"."""
    kind = question.caller["type"]
    named_as = resource_policy_names(question, "Allow")
    if kind in {"AWSService", "Federated", "Anonymous"}:
        return "self" in named_as
    identity = kind == "Account" or any(
        effect_exists(question, policy, "Allow") for policy in question.identity
    )
    boundary = not question.boundary or bool(effect_exists(question, question.boundary, "Allow"))
    sessions = all(effect_exists(question, policy, "Allow") for policy in question.sessions)
    own_side = identity and boundary and sessions
    if question.owner and question.owner != question.caller["account"]:
        return own_side and bool(named_as)
    if question.mode in {"key", "trust"} and not named_as:
        return False
    if "self" in named_as:
        return True
    if "issuer" in named_as and boundary and sessions:
        return True
    return own_side


def effect_exists(question: Question, policy: Document, effect: str) -> bool:
    return any(
        statement["Effect"] == effect and is_about(question, statement, policy)
        for statement in as_list(policy["Statement"])
    )


def is_about(question: Question, statement: Document, policy: Document) -> bool:
    """Whether action, resource and conditions of a statement are met."""
    knows_variables = policy.get("Version") == "2012-10-17"
    actions = as_list(statement.get("Action", statement.get("NotAction")))
    is_named = any(
        reaches(marked(action.lower(), None), question.action.lower()) for action in actions
    )
    if is_named == ("NotAction" in statement):
        return False
    if not resources_met(question, statement, knows_variables):
        return False
    return all(
        condition_met(question, operator, key, as_list(wanted), knows_variables)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def resources_met(question: Question, statement: Document, knows_variables: bool) -> bool:
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    context = question.context if knows_variables else None
    patterns = [
        marked(pattern, context)
        for pattern in as_list(statement.get("Resource", statement.get("NotResource")))
    ]
    is_named = any(
        pattern is not None and resource_reaches(pattern, question.resource) for pattern in patterns
    )
    if "Resource" in statement:
        return is_named
    return not is_named and None not in patterns


# --- texts with wildcards and variables

Marked = list[tuple[str, bool]]


def marked(text: str, context: Mapping[str, str | list[str]] | None) -> Marked | None:
    """Return a pattern as characters, each with whether it is a wildcard; None if a variable has no value.

    Args:
        context: where variables find their values; None where they are not known.
    """
    characters: Marked = []
    while text:
        end = text.find("}")
        if context is not None and text.startswith("${") and end > 0 and "{" not in text[2:end]:
            value = variable_value(text[2:end], context)
            if value is None:
                return None
            characters += [(character, LITERAL) for character in value]
            text = text[end + 1 :]
        else:
            characters.append((text[0], text[0] in "*?"))
            text = text[1:]
    return characters


def variable_value(name: str, context: Mapping[str, str | list[str]]) -> str | None:
    if name in {"*", "?", "$"}:
        return name
    key, comma, default = name.partition(",")
    found = lookup(context, key.strip())
    if len(found) == 1:
        return found[0]
    default = default.strip()
    if comma and len(default) >= 2 and default[0] == default[-1] == "'":
        return default[1:-1]
    return None


def lookup(context: Mapping[str, str | list[str]], key: str) -> list[str]:
    for name, value in context.items():
        if name.lower() == key.lower():
            return as_list(value)
    return []


MayTake = Callable[[int, str], bool]


def reaches(
    pattern: Marked | None, text: str, may_take: MayTake = lambda _place, _character: True
) -> bool:
    """Whether a pattern matches a text, by the set of pattern places reachable after each character.

    Args:
        may_take: whether the wildcard at a place of the pattern may stand for a character.
    """
    if pattern is None:
        return False
    places = skip_stars(pattern, {0})
    for character in text:
        steps = [step(pattern, place, character, may_take) for place in places]
        places = skip_stars(pattern, {place for place in steps if place is not None})
    return len(pattern) in places


def skip_stars(pattern: Marked, places: set[int]) -> set[int]:
    """Add the places behind stars, which may stand for nothing."""
    found = set(places)
    while more := {p + 1 for p in found if pattern[p : p + 1] == [("*", SPECIAL)]} - found:
        found |= more
    return found


def step(pattern: Marked, place: int, character: str, may_take: MayTake) -> int | None:
    """Return the place after a character, None where it does not fit."""
    if place == len(pattern):
        return None
    wanted, is_special = pattern[place]
    if not is_special:
        return place + 1 if wanted == character else None
    if not may_take(place, character):
        return None
    return place if wanted == "*" else place + 1


def resource_reaches(pattern: Marked, resource: str) -> bool:
    """Whether a Resource pattern matches.

    "If the * wildcard is the last character of a resource ARN segment, it can expand to match beyond the colon
    boundaries"; other wildcards of the first five segments stay within theirs.
    """
    colons = [place for place, mark in enumerate(pattern) if mark == (":", LITERAL)]
    last_segment = colons[4] if len(colons) >= 5 else len(pattern)

    def may_take(place: int, character: str) -> bool:
        behind = pattern[place + 1 : place + 2]
        ends_segment = pattern[place][0] == "*" and behind in ([], [(":", LITERAL)])
        return character != ":" or place > last_segment or ends_segment

    return reaches(pattern, resource, may_take)


# --- conditions


def condition_met(
    question: Question, operator: str, key: str, wanted: list[Any], knows_variables: bool
) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in wanted]
    given = lookup(question.context, key)
    if name == "Null":
        return any(text.lower() == ("false" if given else "true") for text in texts)
    is_negated = "Not" in name
    if not given:
        return if_exists or quantifier == "ForAllValues" or (is_negated and quantifier == "")
    context = question.context if knows_variables else None
    plain = name.replace("Not", "")
    takes_variables = plain.startswith(("String", "Arn"))
    if is_negated and takes_variables and any(marked(text, context) is None for text in texts):
        return False  # the statement is void
    if quantifier and given == [""]:
        return quantifier == "ForAllValues"
    outcomes = [any(same(plain, value, text, context) for text in texts) for value in given]
    if not quantifier:
        return any(outcomes) != is_negated
    outcomes = [outcome != is_negated for outcome in outcomes]
    return all(outcomes) if quantifier == "ForAllValues" else any(outcomes)


def same(
    operator: str, value: str, wanted: str, context: Mapping[str, str | list[str]] | None
) -> bool:
    """Whether one value of the request stands in the relation to one of the policy."""
    if operator.startswith("String"):
        return same_string(operator, value, marked(wanted, context))
    if operator.startswith("Arn"):
        pattern = marked(wanted, context)
        return pattern is not None and same_arn(value, pattern)
    try:
        return same_typed(operator, value, wanted)
    except ValueError:
        return False


def same_typed(operator: str, value: str, wanted: str) -> bool:
    """Compare what is no text; raises ValueError where one of the two is not of the operator's type."""
    if operator.startswith("Numeric"):
        return compare(operator.removeprefix("Numeric"), Fraction(value), Fraction(wanted))
    if operator.startswith("Date"):
        return compare(operator.removeprefix("Date"), instant(value), instant(wanted))
    if operator == "Bool":
        return value.lower() == wanted.lower() and value.lower() in {"true", "false"}
    if operator == "BinaryEquals":
        return base64.b64decode(value, validate=True) == base64.b64decode(wanted, validate=True)
    assert operator == "IpAddress", operator
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def same_string(operator: str, value: str, pattern: Marked | None) -> bool:
    if pattern is None:
        return False
    if operator == "StringLike":
        return reaches(pattern, value)
    text = "".join(character for character, _ in pattern)
    if operator == "StringEqualsIgnoreCase":
        return text.lower() == value.lower()
    assert operator == "StringEquals", operator
    return text == value


def same_arn(value: str, pattern: Marked) -> bool:
    """Compare the six components one by one."""
    components: list[Marked] = [[]]
    for mark in pattern:
        if mark == (":", LITERAL) and len(components) < 6:
            components.append([])
        else:
            components[-1].append(mark)
    parts = value.split(":", 5)
    return len(parts) == len(components) == 6 and all(
        reaches(component, part) for component, part in zip(components, parts, strict=True)
    )


def compare(relation: str, left: Fraction, right: Fraction) -> bool:
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[relation]


def instant(text: str) -> Fraction:
    if text.isdigit():
        return Fraction(text)
    moment = None
    for form in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d", "%Y-%m"):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007  # dates alone are UTC, set below
        except ValueError:
            continue
        break
    if moment is None:
        raise ValueError(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017  # plain words
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    return Fraction(since // timedelta(microseconds=1), 10**6)


# --- principals


def resource_policy_names(question: Question, effect: str) -> set[str]:
    """Return as what the statements of an effect that apply name the caller: "self", "issuer", "account"."""
    policy = question.resource_policy
    if policy is None:
        return set()
    found: set[str] = set()
    for statement in as_list(policy["Statement"]):
        if statement["Effect"] == effect and is_about(question, statement, policy):
            found |= (
                named_as(question, statement["Principal"])
                if "Principal" in statement
                else not_named(question, statement)
            )
    return found


def named_as(question: Question, principal: Any) -> set[str]:
    caller = question.caller
    if principal == "*" or "*" in as_list(principal.get("AWS", [])):
        return {"self"}
    element = {"AWSService": "Service", "Federated": "Federated"}.get(caller["type"])
    if element:
        return {"self"} if caller["arn"] in as_list(principal.get(element, [])) else set()
    if caller["type"] == "Anonymous":
        return set()
    found = set()
    for name in as_list(principal.get("AWS", [])):
        if is_account(name, caller["account"]):
            found.add("self" if caller["type"] == "Account" else "account")
        elif name == caller["arn"]:
            found.add("self")
        elif name == caller.get("issuer"):
            found.add("issuer")
    canonical = caller.get("canonical")
    if canonical and canonical in as_list(principal.get("CanonicalUser", [])):
        found.add("self" if caller["type"] == "Account" else "account")
    return found


def is_account(name: str, account: str) -> bool:
    return name == account or (name.endswith(f":iam::{account}:root") and name.startswith("arn:"))


def not_named(question: Question, statement: Document) -> set[str]:
    caller, principal = question.caller, statement["NotPrincipal"]
    if statement["Effect"] == "Allow":
        return set() if named_as(question, principal) else {"self"}
    if question.boundary and caller["type"] in {"User", "AssumedRole"}:
        return {"self"}  # "will always deny any IAM principal that has a permissions boundary"
    if principal == "*" or "*" in as_list(principal.get("AWS", [])):
        return set()
    if caller["type"] in {"AWSService", "Federated", "Anonymous"}:
        return set() if named_as(question, principal) else {"self"}
    names = as_list(principal.get("AWS", []))
    account_listed = any(is_account(name, caller["account"]) for name in names) or (
        bool(caller.get("canonical"))
        and caller["canonical"] in as_list(principal.get("CanonicalUser", []))
    )
    needed = {
        "Account": set[str](),
        "User": {caller["arn"]},
        "FederatedUser": {caller["arn"]},
        "AssumedRole": {caller["arn"], caller.get("issuer", "")},
    }[caller["type"]]
    return set() if account_listed and needed <= set(names) else {"self"}
