"""What lifecycle rules must be like, and what they say of an object.

Sources: S3 API reference, PutBucketLifecycleConfiguration; S3 User Guide, "Lifecycle configuration elements" and "Object
lifecycle management".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from outcrop.services.s3.errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    NotImplementedHere,
)

Rule = Mapping[str, Any]

_MOST_RULES = 1000
_MOST_ID_CHARACTERS = 255
_MOST_NEWER_VERSIONS = 100
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
_NEED_RESTORE = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_SMALL_BYTES = 128 * 1024  # what is smaller stays where it is, unless a rule speaks of sizes
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)
_FILTERS = ("Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And")
_COLDNESS = ("STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects a rule is about.

    Attributes:
        larger_than: in bytes; None where the rule does not say.
        smaller_than: likewise.
    """

    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None

    def fits(self, key: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        """Whether the rule is about an object."""
        return (
            key.startswith(self.prefix)
            and (self.larger_than is None or size_bytes > self.larger_than)
            and (self.smaller_than is None or size_bytes < self.smaller_than)
            and all(tags.get(name) == value for name, value in self.tags)
        )


def filter_of(rule: Rule) -> Filter:
    """Return which objects a rule, which has been found valid, is about."""
    given = rule.get("Filter")
    if given is None:
        return Filter(rule.get("Prefix", ""))
    given = {**given, **given.get("And", {})}
    tags = [given["Tag"]] if "Tag" in given else given.get("Tags", [])
    return Filter(
        given.get("Prefix", ""),
        tuple((tag["Key"], tag["Value"]) for tag in tags),
        given.get("ObjectSizeGreaterThan"),
        given.get("ObjectSizeLessThan"),
    )


def due(since: datetime, days: int) -> datetime:
    """Return when an action comes due: the midnight (UTC) after so many days."""
    moment = since + timedelta(days=days)
    midnight = datetime.combine(moment.date(), time(), UTC)
    return midnight if midnight == moment else midnight + timedelta(days=1)


def has_expired(rule: Rule, since: datetime, now: datetime) -> bool:
    """Whether what was put at a moment is to go."""
    expiration = rule.get("Expiration", {})
    if "Date" in expiration:
        return bool(expiration["Date"] <= now)
    return "Days" in expiration and due(since, expiration["Days"]) <= now


def storage_class_by_age(
    transitions: Sequence[Mapping[str, Any]], days_name: str, since: datetime, now: datetime
) -> str | None:
    """Return the last storage class that is due, or None where none is."""
    found = [
        transition
        for transition in transitions
        if (
            transition["Date"] <= now
            if "Date" in transition
            else due(since, transition.get(days_name, 0)) <= now
        )
    ]
    if not found:
        return None
    return max((str(item["StorageClass"]) for item in found), key=_COLDNESS.index)


def is_colder(storage_class: str, than: str) -> bool:
    """Whether objects move from one storage class to another: they never move back."""
    if than not in _COLDNESS:
        return False
    return _COLDNESS.index(storage_class) > _COLDNESS.index(than)


def may_move(rule: Rule, size_bytes: int) -> bool:
    """Whether an object is large enough to change its storage class."""
    wanted = filter_of(rule)
    speaks_of_sizes = wanted.larger_than is not None or wanted.smaller_than is not None
    return speaks_of_sizes or size_bytes >= _SMALL_BYTES


def check_rules(rules: Sequence[Rule]) -> None:
    """Make sure that rules are such as S3 takes.

    Raises:
        MalformedXML: an element is missing, or two exclude each other.
        InvalidArgument: a number is out of range, or an id is too long or there twice.
        InvalidRequest: a rule does nothing, or does what its filter does not allow.
        NotImplementedHere: objects would go where they cannot be read without a restore.
    """
    if not 1 <= len(rules) <= _MOST_RULES:
        raise MalformedXML
    ids = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(set(ids)) < len(ids):
        raise InvalidArgument(
            "Rule ID must be unique. Found same ID for more than one rule",
            ArgumentName="ID",
            ArgumentValue=next(item for item in ids if ids.count(item) > 1),
        )
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: Rule) -> None:
    if len(rule.get("ID", "")) > _MOST_ID_CHARACTERS:
        raise InvalidArgument(
            f"ID length should not exceed allowed limit of {_MOST_ID_CHARACTERS}",
            ArgumentName="ID",
            ArgumentValue=rule["ID"],
        )
    if rule.get("Status") not in {"Enabled", "Disabled"}:
        raise MalformedXML
    if ("Filter" in rule) == ("Prefix" in rule):
        raise MalformedXML
    _check_filter(rule.get("Filter") or {})
    if not any(rule.get(action) for action in _ACTIONS):
        raise InvalidRequest("At least one action needs to be specified in a rule")
    if "Expiration" in rule:
        _check_expiration(rule)
    if "NoncurrentVersionExpiration" in rule:
        _check_noncurrent(rule["NoncurrentVersionExpiration"], "NoncurrentVersionExpiration")
    if "AbortIncompleteMultipartUpload" in rule:
        _check_abort(rule)
    for transition in rule.get("Transitions", []):
        _check_transition(transition, "Days", "Transition", rule)
    for transition in rule.get("NoncurrentVersionTransitions", []):
        _check_noncurrent(transition, "NoncurrentVersionTransition")
        _check_transition(transition, "NoncurrentDays", "NoncurrentVersionTransition", rule)


def _check_filter(given: Mapping[str, Any]) -> None:
    if sum(name in given for name in _FILTERS) > 1:
        raise MalformedXML
    both = given.get("And")
    if both is not None:
        parts = len(both.get("Tags", [])) + sum(
            name in both for name in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
        )
        if parts < 2:
            raise MalformedXML
        names = [tag["Key"] for tag in both.get("Tags", [])]
        if len(set(names)) < len(names):
            raise InvalidRequest("Duplicate Tag Keys are not allowed.")
        larger, smaller = both.get("ObjectSizeGreaterThan"), both.get("ObjectSizeLessThan")
        if larger is not None and smaller is not None and larger >= smaller:
            raise InvalidRequest(
                "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
            )


def _has_tags(rule: Rule) -> bool:
    return bool(filter_of(rule).tags)


def _check_expiration(rule: Rule) -> None:
    expiration = rule["Expiration"]
    given = [name for name in ("Date", "Days", "ExpiredObjectDeleteMarker") if name in expiration]
    if len(given) != 1:
        raise MalformedXML
    if "Days" in expiration:
        _require_positive(expiration["Days"], "Days", "Expiration")
    if "Date" in expiration:
        _require_midnight(expiration["Date"])
    if "ExpiredObjectDeleteMarker" in expiration and _has_tags(rule):
        raise InvalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")


def _check_noncurrent(action: Mapping[str, Any], name: str) -> None:
    if "NoncurrentDays" not in action:
        raise MalformedXML
    _require_positive(action["NoncurrentDays"], "NoncurrentDays", name)
    newer = action.get("NewerNoncurrentVersions")
    if newer is not None and not 1 <= newer <= _MOST_NEWER_VERSIONS:
        raise InvalidArgument(
            f"'NewerNoncurrentVersions' for {name} action must be between 1 and "
            f"{_MOST_NEWER_VERSIONS}",
            ArgumentName="NewerNoncurrentVersions",
            ArgumentValue=newer,
        )


def _check_abort(rule: Rule) -> None:
    if _has_tags(rule):
        raise InvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
    days = rule["AbortIncompleteMultipartUpload"].get("DaysAfterInitiation")
    if days is None:
        raise MalformedXML
    _require_positive(days, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")


def _check_transition(
    transition: Mapping[str, Any], days_name: str, action: str, rule: Rule
) -> None:
    storage_class = transition.get("StorageClass")
    if storage_class is None or (days_name in transition) == ("Date" in transition):
        raise MalformedXML
    if storage_class in _NEED_RESTORE:
        raise NotImplementedHere(
            f"Objects of the storage class {storage_class} would have to be restored before they are "
            "read, which is not built here; use GLACIER_IR.",
            Header=action,
        )
    if "Date" in transition:
        _require_midnight(transition["Date"])
        return
    days = transition[days_name]
    least = _LEAST_DAYS.get(storage_class, 0)
    if days < least:
        raise InvalidArgument(
            f"'{days_name}' in {action} action must be greater than or equal to {least} for "
            f"storageClass '{storage_class}'",
            ArgumentName=days_name,
            ArgumentValue=days,
        )
    expires = rule.get("Expiration", {}).get("Days")
    if action == "Transition" and expires is not None and expires <= days:
        raise InvalidArgument(
            f"'Days' in the Expiration action for filter '(prefix={filter_of(rule).prefix})' must be "
            "greater than 'Days' in the Transition action",
            ArgumentName="Days",
            ArgumentValue=expires,
        )


def _require_positive(days: int, name: str, action: str) -> None:
    if days < 1:
        raise InvalidArgument(
            f"'{name}' for {action} action must be a positive integer",
            ArgumentName=name,
            ArgumentValue=days,
        )


def _require_midnight(date: datetime) -> None:
    if date.astimezone(UTC).time() != time():
        raise InvalidArgument(
            "'Date' must be at midnight GMT", ArgumentName="Date", ArgumentValue=date.isoformat()
        )


def enabled(rules: Sequence[Rule]) -> Iterator[Rule]:
    """Yield the rules that are carried out."""
    return (rule for rule in rules if rule["Status"] == "Enabled")
