"""Staging labels: which version is current, which was before, which is being tried.

Labels are a mapping from label to version id, so that each is on one version at most.
"""

from collections.abc import Iterable, Mapping

from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    LimitExceededException,
)

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
PENDING = "AWSPENDING"
_MOST_LABELS = 20  # on one version (Secrets Manager quotas)

Labels = Mapping[str, str]


def by_version(labels: Labels) -> dict[str, list[str]]:
    """Return version id → its labels in alphabetical order."""
    found: dict[str, list[str]] = {}
    for label in sorted(labels):
        found.setdefault(labels[label], []).append(label)
    return found


def with_version(labels: Labels, version_id: str, given: Iterable[str]) -> dict[str, str]:
    """Return the labels after a new version came under some of them.

    Raises:
        LimitExceededException: more than 20 labels on the version.
    """
    was_current = labels.get(CURRENT)
    changed = {**labels, **dict.fromkeys(given, version_id)}
    if changed.get(CURRENT) != was_current and was_current is not None:
        changed[PREVIOUS] = was_current
        # What is current now replaces what was being tried.
        if changed.get(PENDING) == was_current:
            del changed[PENDING]
    _check_count(changed, version_id)
    return changed


def moved(labels: Labels, label: str, *, source: str | None, target: str | None) -> dict[str, str]:
    """Return the labels after one was moved, attached or taken off.

    Args:
        source: version that the label is taken off.
        target: version that gets it.

    Raises:
        InvalidParameterException: the label is elsewhere, or is AWSCURRENT and would be nowhere.
        LimitExceededException: more than 20 labels on the target.
    """
    holder = labels.get(label)
    if source is None and target is None:
        raise InvalidParameterException(
            "You must specify RemoveFromVersionId, MoveToVersionId, or both."
        )
    if source is None and holder not in (None, target):
        raise InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to "
            f"version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    if source is not None and holder != source:
        raise InvalidParameterException(
            f"Staging label {label} is not attached to version {source}, which RemoveFromVersionId names."
        )
    changed = dict(labels)
    if target is None:
        if label == CURRENT:
            raise InvalidParameterException(
                "You can only move staging label AWSCURRENT to a different secret version. It can't be completely "
                "removed."
            )
        del changed[label]
        return changed
    changed[label] = target
    if label == CURRENT and holder is not None and holder != target:
        changed[PREVIOUS] = holder
    _check_count(changed, target)
    return changed


def _check_count(labels: Labels, version_id: str) -> None:
    count = sum(holder == version_id for holder in labels.values())
    if count > _MOST_LABELS:
        raise LimitExceededException(
            f"Version {version_id} would have {count} staging labels: a version can have {_MOST_LABELS}."
        )
