"""What decisions need to know of log groups: their ARNs, tags, and the policies that let services write."""

import json
from functools import lru_cache
from typing import Any

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.logs.naming import group_arn, name_of
from outcrop.services.platform import Platform
from outcrop.storage import tags as tag_rows
from outcrop.storage.logs import policies, rows


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a group given by name or ARN; kind is "log-group"."""
    assert kind == "log-group", kind
    if identifier.startswith("arn:"):
        return identifier
    return group_arn(region, platform.account_id, identifier)


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return the tags of a group (or of the one a stream belongs to), and the policies that hold for it."""
    region, name = arn.split(":")[3], name_of(arn)
    reader = platform.database.reader
    group = rows.find_group(reader, region, name) if name else None
    documents = [document for document, _ in policies.of_region(reader, region).values()]
    if group is not None and group.policy:
        documents.append(group.policy)
    if group is None and not documents:
        return NO_FACTS
    tags = (
        {} if group is None else tag_rows.of(reader, group_arn(region, platform.account_id, name))
    )
    return ResourceFacts(policy=_joined(tuple(documents)), tags=tags)


@lru_cache(maxsize=64)
def _joined(documents: tuple[str, ...]) -> str:
    """Return one policy with the statements of all."""
    if len(documents) < 2:
        return documents[0] if documents else ""
    statements: list[Any] = []
    for document in documents:
        own = json.loads(document)["Statement"]
        # Sids are unique within one document only.
        statements.extend(
            {name: value for name, value in statement.items() if name != "Sid"}
            for statement in (own if isinstance(own, list) else [own])
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
