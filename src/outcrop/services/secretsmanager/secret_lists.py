"""ListSecrets: filters, order and pages.

Filters as the API reference words them: several filters must all match, of several values of one filter one must; a
value that begins with "!" matches what the rest of it does not.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.secretsmanager.descriptions import describe
from outcrop.services.secretsmanager.pages import read_position, write_position
from outcrop.storage import tags as tag_rows
from outcrop.storage.secrets import SecretRow, rows

_DEFAULT_PAGE = 100
_WORD_ENDS = re.compile(r"[\s/_+=.@!:-]+|(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Entry:
    """A secret in a list."""

    secret: SecretRow
    tags: Mapping[str, str]


@operation("secretsmanager:ListSecrets")
async def list_secrets(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List secrets by filters; those that are scheduled for deletion only on request.

    Raises:
        InvalidNextTokenException: the token was not given out by this operation.
    """
    # Filters look at every secret, of which there may be thousands: not on the event loop.
    return await asyncio.to_thread(_list, request, context)


def _list(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    found, following = read_list(request, request.get("MaxResults", _DEFAULT_PAGE), context)
    with context.platform.database.read() as connection:
        summaries = [
            describe(
                entry.secret,
                entry.tags,
                SecretVersionsToStages=rows.stages(connection, entry.secret.arn),
            )
            for entry in found
        ]
    return {"SecretList": summaries, "NextToken": following}


def read_list(
    request: Mapping[str, Any], limit: int, context: Context
) -> tuple[list[Entry], str | None]:
    """Return a page of what filters select, and the token of the next.

    Args:
        request: of ListSecrets or BatchGetSecretValue.

    Raises:
        InvalidNextTokenException: the token was not given out by this operation.
    """
    position = read_position(request, context)
    now = now_us(context.platform.clock)
    with context.platform.database.read() as connection:
        entries = [
            Entry(row, tag_rows.of(connection, row.arn))
            for row in rows.all_of(connection, context.region, now)
            if row.deleted_us is None or request.get("IncludePlannedDeletion")
        ]
    for item in request.get("Filters") or ():
        entries = [entry for entry in entries if _matches(entry, item)]
    sort_key = _SORT_KEYS[request.get("SortBy", "created-date")]
    is_descending = request.get("SortOrder") == "desc"

    def place(entry: Entry) -> tuple[Any, str]:
        return sort_key(entry.secret), entry.secret.arn

    entries.sort(key=place, reverse=is_descending)
    if position is not None:
        after = (position["by"], position["arn"])
        entries = [
            entry
            for entry in entries
            if (place(entry) < after if is_descending else place(entry) > after)
        ]
    page, rest = entries[:limit], entries[limit:]
    following = {"by": place(page[-1])[0], "arn": page[-1].secret.arn} if rest else None
    return page, write_position(following, context)


_SORT_KEYS: Mapping[str, Callable[[SecretRow], int | str]] = {
    "created-date": lambda row: row.created_us,
    "last-accessed-date": lambda row: row.accessed_us or 0,
    "last-changed-date": lambda row: row.changed_us,
    "name": lambda row: row.name,
}


def _matches(entry: Entry, item: Mapping[str, Any]) -> bool:
    test = _TESTS[item["Key"]]
    return any(
        not test(entry, value[1:]) if value.startswith("!") else test(entry, value)
        for value in item["Values"]
    )


def _begins(*texts: str | None) -> Callable[[str], bool]:
    return lambda value: any(text is not None and text.startswith(value) for text in texts)


def _holds_words(value: str, *texts: str | None) -> bool:
    """Whether each word of a value begins a word of some text, whatever its case."""
    wanted = [word.lower() for word in _WORD_ENDS.split(value) if word]
    words = [word.lower() for text in texts if text for word in _WORD_ENDS.split(text) if word]
    return bool(wanted) and all(any(word.startswith(part) for word in words) for part in wanted)


def _describes(entry: Entry, value: str) -> bool:
    description = entry.secret.description or ""
    # Documented as a match of the beginning; AWS finds words within, too.
    return bool(description) and (
        description.lower().startswith(value.lower()) or _holds_words(value, description)
    )


def _anywhere(entry: Entry, value: str) -> bool:
    secret = entry.secret
    return _holds_words(value, secret.name, secret.description, *entry.tags, *entry.tags.values())


_TESTS: Mapping[str, Callable[[Entry, str], bool]] = {
    "name": lambda entry, value: entry.secret.name.startswith(value),
    "description": _describes,
    "tag-key": lambda entry, value: _begins(*entry.tags)(value),
    "tag-value": lambda entry, value: _begins(*entry.tags.values())(value),
    "primary-region": lambda entry, value: entry.secret.region.startswith(value),
    # No other service keeps secrets of its own here.
    "owning-service": lambda _entry, _value: False,
    "all": _anywhere,
}
