"""The Condition element: operators, their prefixes and suffix, and what they say of a request.

Several operators, and several keys of one, must all hold; of the values of a key, one must match, and for negated
operators none may.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.identity.policy import values
from outcrop.identity.policy.arn_patterns import arn_matcher
from outcrop.identity.policy.patterns import (
    Context,
    PatternSet,
    Token,
    Variable,
    compile_glob,
    is_unfilled,
    tokenize,
    variables_of,
)

# What one value of a request is asked: does it match one of the policy's values?
Test = Callable[[str, Context], bool]


@dataclass(frozen=True, slots=True)
class Existence:
    """The Null operator: is the key there?

    Attributes:
        key: in lower case.
        written: the key as the policy spells it.
        absent: the outcomes that hold: True where the key must be absent, False where it must be there.
    """

    key: str
    written: str
    absent: frozenset[bool]
    variables: tuple[Variable, ...] = ()

    def holds(self, context: Context) -> bool:
        """Whether the key is there or absent, as asked."""
        return (context.values(self.key) is None) in self.absent


@dataclass(frozen=True, slots=True)
class Comparison:
    """Any other operator.

    Attributes:
        key: in lower case.
        written: the key as the policy spells it.
        test: whether a value of the request matches one of the policy's.
        is_negated: whether none may match instead.
        quantifier: "ForAllValues", "ForAnyValue" or "".
        when_missing: what holds for a request that does not have the key.
        variables: what its values refer to.
    """

    key: str
    written: str
    test: Test
    is_negated: bool
    quantifier: str
    when_missing: bool
    variables: tuple[Variable, ...] = ()

    def holds(self, context: Context) -> bool:
        """Whether a request meets it.

        A negated operator does not hold where a variable among its values has no value: "not equal to nothing" would
        be true of everything, and AWS voids the statement instead.
        """
        given = context.values(self.key)
        if given is None:
            return self.when_missing
        test, is_negated = self.test, self.is_negated
        if is_negated and self.variables and any(is_unfilled(v, context) for v in self.variables):
            return False
        if not self.quantifier:
            return any(test(value, context) for value in given) is not is_negated
        if len(given) == 1 and not given[0]:  # AWS: an empty string is an empty set
            return self.quantifier == "ForAllValues"
        if self.quantifier == "ForAllValues":
            return all(test(value, context) is not is_negated for value in given)
        return any(test(value, context) is not is_negated for value in given)


Condition = Existence | Comparison


def _string(
    wanted: Sequence[str], has_variables: bool, *, wildcards: bool, folded: bool
) -> tuple[Test, list[Variable]]:
    patterns = [tokenize(text, wildcards=wildcards, variables=has_variables) for text in wanted]
    found = [variable for tokens in patterns for variable in variables_of(tokens)]
    if folded:
        return _folded_test(patterns, found)
    return PatternSet.of(patterns, compile_glob).matches, found


def _folded_test(
    patterns: Sequence[tuple[Token, ...]], found: list[Variable]
) -> tuple[Test, list[Variable]]:
    lowered = [
        tuple(token.lower() if isinstance(token, str) else token for token in tokens)
        for tokens in patterns
    ]
    if not found:
        plain = PatternSet.of(lowered, compile_glob).matches
        return lambda value, context: plain(value.lower(), context), found
    # What variables bring is lowered, too: only the values are needed in full, so fill in and compare.
    filled = PatternSet.of(lowered, lambda tokens: compile_glob([str(t).lower() for t in tokens]))
    return lambda value, context: filled.matches(value.lower(), context), found


def _arn(wanted: Sequence[str], has_variables: bool) -> tuple[Test, list[Variable]]:
    patterns = [tokenize(text, wildcards=True, variables=has_variables) for text in wanted]
    found = [variable for tokens in patterns for variable in variables_of(tokens)]
    return PatternSet.of(patterns, arn_matcher).matches, found


def _ordered(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool]
) -> Callable[[Sequence[str]], Test]:
    def build(wanted: Sequence[str]) -> Test:
        limits = [limit for limit in map(read, wanted) if limit is not None]

        def test(value: str, _: Context) -> bool:
            given = read(value)
            return given is not None and any(compare(given, limit) for limit in limits)

        return test

    return build


def _bool(wanted: Sequence[str]) -> Test:
    truths = frozenset(text.lower() for text in wanted) & {"true", "false"}
    return lambda value, _: value.lower() in truths


def _ip(wanted: Sequence[str]) -> Test:
    blocks = [block for block in map(values.network, wanted) if block is not None]

    def test(value: str, _: Context) -> bool:
        given = values.address(value)
        if given is None:
            return False
        version, place = given
        return any(version == block[0] and block[1] <= place <= block[2] for block in blocks)

    return test


# Operators whose values may hold variables: (values, whether this version knows variables) → test, variables.
_TEXTUAL: Mapping[str, Callable[[Sequence[str], bool], tuple[Test, list[Variable]]]] = {
    "StringEquals": lambda wanted, v: _string(wanted, v, wildcards=False, folded=False),
    "StringEqualsIgnoreCase": lambda wanted, v: _string(wanted, v, wildcards=False, folded=True),
    "StringLike": lambda wanted, v: _string(wanted, v, wildcards=True, folded=False),
    "ArnEquals": _arn,
    "ArnLike": _arn,
}
_PLAIN: Mapping[str, Callable[[Sequence[str]], Test]] = {
    **{
        f"{kind}{comparison}": _ordered(read, compare)
        for kind, read in (("Numeric", values.number), ("Date", values.moment))
        for comparison, compare in (
            ("Equals", operator.eq),
            ("LessThan", operator.lt),
            ("LessThanEquals", operator.le),
            ("GreaterThan", operator.gt),
            ("GreaterThanEquals", operator.ge),
        )
    },
    "Bool": _bool,
    "BinaryEquals": _ordered(values.blob, operator.eq),
    "IpAddress": _ip,
}
# Negated operator → the one it negates.
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
_NAME = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")


@dataclass(frozen=True, slots=True)
class OperatorName:
    """An operator taken apart.

    Attributes:
        quantifier: "ForAllValues", "ForAnyValue" or "".
        bare: the operator itself, such as "StringNotEquals".
    """

    quantifier: str
    bare: str
    if_exists: bool

    @classmethod
    def parse(cls, name: str) -> OperatorName | None:
        """Return the parts of an operator's name, or None where there is no such operator."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        quantifier, bare, suffix = match.groups()
        known = bare in _TEXTUAL or bare in _PLAIN or bare in _NEGATED
        if not known and (bare != "Null" or suffix):
            return None
        return cls(quantifier or "", bare, suffix is not None)


def compile_condition(
    name: OperatorName, key: str, wanted: Sequence[str], *, has_variables: bool
) -> Condition:
    """Return one operator on one key, ready to be asked.

    Args:
        wanted: the policy's values, as texts.
        has_variables: whether the policy's version knows variables.
    """
    if name.bare == "Null":
        truths = {text.lower() for text in wanted}
        absent = frozenset(
            is_absent for is_absent in (True, False) if str(is_absent).lower() in truths
        )
        return Existence(key.lower(), key, absent)
    bare = _NEGATED.get(name.bare, name.bare)
    is_negated = name.bare in _NEGATED
    found: list[Variable] = []
    if bare in _TEXTUAL:
        test, found = _TEXTUAL[bare](wanted, has_variables)
    else:
        test = _PLAIN[bare](wanted)
    if name.if_exists or name.quantifier == "ForAllValues":
        when_missing = True
    else:
        when_missing = is_negated and not name.quantifier
    return Comparison(
        key.lower(), key, test, is_negated, name.quantifier, when_missing, tuple(found)
    )
