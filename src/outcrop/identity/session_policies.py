"""The policies that were handed over when a session was opened, as one document."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Grants nothing; for a session whose managed policies have all been deleted since.
_NOTHING = {"Effect": "Allow", "Action": "none:none", "Resource": "*"}


def merged_session_policies(texts: Sequence[str]) -> str:
    """Return one policy that allows what any of these policies allows and denies what any denies.

    A session's policies count together as one limit, though its inline policy and its managed policies arrive apart.

    Args:
        texts: checked policy documents.
    """
    if len(texts) == 1:
        return texts[0]
    statements: list[Any] = []
    for text in texts:
        document = json.loads(text)
        found = document["Statement"]
        found = [found] if isinstance(found, Mapping) else found
        if document.get("Version") != "2012-10-17":
            found = [_without_variables(statement) for statement in found]
        # Two policies may use one Sid; nothing reads them here.
        statements += [
            {key: value for key, value in statement.items() if key != "Sid"} for statement in found
        ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements or [_NOTHING]})


def _without_variables(value: Any) -> Any:  # any JSON value
    """Return a value of a 2008 policy, in which "${" stands for itself, as a 2012 policy writes it."""
    if isinstance(value, str):
        return value.replace("${", "${$}{")
    if isinstance(value, Mapping):
        return {key: _without_variables(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_variables(item) for item in value]
    return value
