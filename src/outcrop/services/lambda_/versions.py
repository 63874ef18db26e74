"""Published versions: $LATEST as it was at a moment, under a number that is never used again."""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from outcrop.aws.operation import operation
from outcrop.services.lambda_ import preparation
from outcrop.services.lambda_.describing import described
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
)
from outcrop.services.lambda_.functions import list_of_versions
from outcrop.services.lambda_.identifiers import Reference, find, read
from outcrop.services.platform import Context
from outcrop.storage.functions import rows
from outcrop.storage.functions.rows import LATEST, VersionRow


@operation("lambda:PublishVersion")
async def publish_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Publish $LATEST; where nothing changed since it was published last, return that version.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: CodeSha256 is not that of $LATEST.
        PreconditionFailedException: RevisionId is not the latest.
    """
    reference = replace(read(request, context), qualifier="")
    await preparation.finish(context.platform, reference.arn)
    version = await asyncio.to_thread(publish_latest, reference, request, context)
    arn = f"{version.function_arn}:{version.version}"
    return await described(version, arn, context)


def publish_latest(
    reference: Reference, request: Mapping[str, Any] | None, context: Context
) -> VersionRow:
    """Publish $LATEST and return the version, the present one where nothing changed; blocks.

    Args:
        reference: of the function.
        request: of PublishVersion; None where an update publishes.
        context: of the operation.
    """
    asked = request or {}
    with context.platform.database.write(durable=True) as connection:
        found = find(connection, reference)
        latest, function = found.version, found.function
        if asked.get("RevisionId") not in {None, "", latest.revision_id}:
            raise PreconditionFailedException
        digest = asked.get("CodeSha256")
        if digest and digest != latest.code_sha256:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({digest}) is different from current CodeSHA256 in $LATEST "
                f"({latest.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        if latest.published_as is not None:
            present = rows.version(connection, function.arn, latest.published_as)
            if present is not None:
                return present
        number = function.last_version + 1
        settings = latest.settings
        if asked.get("Description"):
            settings["Description"] = asked["Description"]
        version = replace(
            latest,
            version=str(number),
            number=number,
            revision_id=str(uuid4()),
            settings_json=json.dumps(settings),
            published_as=None,
        )
        rows.insert_version(connection, version)
        rows.change(connection, function.arn, last_version=number)
        rows.change_version(
            connection,
            function.arn,
            LATEST,
            published_as=version.version,
            revision_id=str(uuid4()),
        )
    return version


@operation("lambda:ListVersionsByFunction")
def list_versions_by_function(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """List $LATEST and the published versions of a function, the oldest first.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    return list_of_versions(request, context)
