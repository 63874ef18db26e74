"""Functions and layers as decisions see them: which ARN a request means; policies and tags behind an ARN."""

import json

from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.lambda_.identifiers import parse
from outcrop.services.platform import Platform
from outcrop.storage import tags as tag_rows
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.rows import LATEST

_FUNCTION = ":function:"


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "function" for a function by any form of its name, with its qualifier if it has one; "layer" for a
            layer by its name or ARN, with ":" and a version if it has one.
        identifier: as the request has it.
    """
    if kind == "layer":
        if identifier.startswith("arn:"):
            return identifier
        return f"arn:aws:lambda:{region}:{platform.account_id}:layer:{identifier}"
    reference = parse(identifier, region, platform.account_id)
    return identifier if reference is None else reference.qualified_arn


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return a function's policy and tags; a version's and an alias's policies are their own."""
    if _FUNCTION not in arn:
        return NO_FACTS
    reference = parse(arn, "", platform.account_id)
    if reference is None:
        return NO_FACTS
    connection = platform.database.reader
    function = rows.get(connection, reference.arn)
    if function is None:
        return NO_FACTS
    qualifier = "" if reference.qualifier == LATEST else reference.qualifier
    statements = attachments.statements(connection, function.arn, qualifier)
    return ResourceFacts(
        policy=policy_document(statements) if statements else "",
        tags=tag_rows.of(connection, function.arn),
    )


def policy_document(statements: list[dict[str, object]]) -> str:
    """Return the policy that statements make up, as AWS writes it."""
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(document, separators=(",", ":"))
