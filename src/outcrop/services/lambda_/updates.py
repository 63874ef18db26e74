"""Changing $LATEST: its code and its configuration. Published versions never change."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.lambda_ import environment, preparation
from outcrop.services.lambda_.code_uploads import Upload, read_archive, read_image
from outcrop.services.lambda_.describing import described
from outcrop.services.lambda_.environment import Sealed
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    LambdaError,
    PreconditionFailedException,
    ResourceConflictException,
)
from outcrop.services.lambda_.functions import require_role
from outcrop.services.lambda_.identifiers import Reference, find, read
from outcrop.services.lambda_.layers import layers_of
from outcrop.services.lambda_.settings import IMAGE, changed, checked_variables
from outcrop.services.lambda_.versions import publish_latest
from outcrop.services.platform import Context
from outcrop.storage.functions import rows
from outcrop.storage.functions.packages import Package
from outcrop.storage.functions.rows import FAILED, IN_PROGRESS, LATEST, PENDING, VersionRow


@operation("lambda:UpdateFunctionCode")
async def update_function_code(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Give a function other code; calls go on with the old until the new is ready.

    Raises:
        ResourceNotFoundException: no such function.
        ResourceConflictException: it is being made or changed.
        PreconditionFailedException: RevisionId is not the latest.
        InvalidParameterValueException: the code cannot be used.
        AccessDeniedException: the caller may not read the code in S3.
    """
    reference = _latest(request, context)
    await preparation.finish(context.platform, reference.arn)
    before = find(context.platform.database.reader, reference).version
    _check_revision(before, request)
    upload = await _read_code(before.settings, request, context)

    def change(version: VersionRow, package: Package | None) -> VersionRow:
        settings = version.settings
        if "Architectures" in request:
            settings["Architectures"] = request["Architectures"]
        if upload.image_uri:
            settings["ImageUri"] = upload.image_uri
        is_same = _digest(upload, package) == version.code_sha256 and settings == version.settings
        return replace(
            version,
            settings_json=json.dumps(settings),
            package_id=None if package is None else package.id,
            code_sha256=_digest(upload, package),
            code_bytes=0 if package is None else package.size_bytes,
            published_as=version.published_as if is_same else None,
        )

    if request.get("DryRun"):
        dry = await asyncio.to_thread(_tried, change, before, upload, context)
        return await described(dry, reference.arn, context)
    update = _Update(reference, request, change, upload.archive)
    after, gone = await asyncio.to_thread(_apply, update, context)
    preparation.clear_up_later(context.platform, gone)
    if request.get("Publish"):
        after = await asyncio.to_thread(publish_latest, reference, None, context)
    preparation.begin(context.platform, reference.arn)
    return await described(after, _arn(after), context)


@operation("lambda:UpdateFunctionConfiguration")
async def update_function_configuration(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Change settings of a function; those that the request leaves out stay as they are.

    Raises:
        ResourceNotFoundException: no such function.
        ResourceConflictException: it is being made or changed.
        PreconditionFailedException: RevisionId is not the latest.
        InvalidParameterValueException: a setting is wrong, or Lambda may not assume the role.
    """
    reference = _latest(request, context)
    await preparation.finish(context.platform, reference.arn)
    before = find(context.platform.database.reader, reference).version
    _check_revision(before, request)
    settings = changed(before.settings, request, reference)
    if "Layers" in request:
        settings["Layers"] = layers_of(request["Layers"], context)
    if "Role" in request:
        require_role(settings["Role"], reference, context)
    sealed = await _sealed(before, request, reference, context)
    is_same = settings == before.settings and sealed is None

    def change(version: VersionRow, _package: Package | None) -> VersionRow:
        own = {} if sealed is None else _columns(sealed)
        return replace(
            version,
            settings_json=json.dumps(settings),
            published_as=version.published_as if is_same else None,
            **own,
        )

    update = _Update(reference, request, change)
    after, _ = await asyncio.to_thread(_apply, update, context)
    if sealed is not None:
        await _retire_unused(before, context)
    preparation.begin(context.platform, reference.arn)
    return await described(after, reference.arn, context)


@dataclass(frozen=True, slots=True)
class _Update:
    """A change of $LATEST.

    Attributes:
        change: makes the new row of the present one and of the package that was kept.
        archive: code to keep first; b"" for none.
    """

    reference: Reference
    request: Mapping[str, Any]
    change: Callable[[VersionRow, Package | None], VersionRow]
    archive: bytes = b""


def _latest(request: Mapping[str, Any], context: Context) -> Reference:
    reference = read(request, context)
    if reference.qualifier and reference.qualifier != LATEST:
        raise InvalidParameterValueException(
            "Published versions and aliases cannot be changed so: name the function without a qualifier."
        )
    return replace(reference, qualifier="")


def _check_revision(version: VersionRow, request: Mapping[str, Any]) -> None:
    if request.get("RevisionId") not in {None, "", version.revision_id}:
        raise PreconditionFailedException


async def _read_code(
    settings: Mapping[str, Any], request: Mapping[str, Any], context: Context
) -> Upload:
    if settings["PackageType"] == IMAGE:
        if not request.get("ImageUri"):
            raise InvalidParameterValueException(
                "Please provide ImageUri when updating a function with packageType Image."
            )
        return read_image(request["ImageUri"], context)
    if request.get("ImageUri"):
        raise InvalidParameterValueException(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    return await read_archive(request, context)


def _digest(upload: Upload, package: Package | None) -> str:
    return upload.image_digest if package is None else package.sha256


def _tried(
    change: Callable[[VersionRow, Package | None], VersionRow],
    before: VersionRow,
    upload: Upload,
    context: Context,
) -> VersionRow:
    packages = context.platform.function_store.packages
    package = packages.keep(upload.archive) if upload.archive else None
    try:
        return change(before, package)
    finally:
        if package is not None:
            packages.discard(package)


def _apply(update: _Update, context: Context) -> tuple[VersionRow, list[str]]:
    platform = context.platform
    packages = platform.function_store.packages
    package = packages.keep(update.archive) if update.archive else None
    try:
        with platform.database.write(durable=True) as connection:
            before = find(connection, update.reference).version
            _check_revision(before, update.request)
            _refuse_unready(before)
            if package is not None:
                packages.add(connection, package)
            after = replace(
                update.change(before, package),
                revision_id=str(uuid4()),
                modified_us=max(now_us(platform.clock), before.modified_us + 1),
                update_status=IN_PROGRESS,
                state_reason_code=None,
                state_reason=None,
            )
            if before.state == FAILED:
                after = replace(after, state=PENDING, update_status=None)
            rows.replace_version(connection, after)
            gone = packages.drop_unnamed(connection, [before.package_id])
    except BaseException:
        if package is not None:
            packages.discard(package)
        raise
    packages.remove(gone)
    return after, gone


def _refuse_unready(version: VersionRow) -> None:
    if version.update_status == IN_PROGRESS:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for resource: "
            f"{version.function_arn}"
        )
    if version.state == PENDING:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following "
            "state: Pending"
        )


def _arn(version: VersionRow) -> str:
    if version.version == LATEST:
        return version.function_arn
    return f"{version.function_arn}:{version.version}"


async def _sealed(
    before: VersionRow, request: Mapping[str, Any], reference: Reference, context: Context
) -> Sealed | None:
    """Return the variables sealed anew, None where neither they nor their key change."""
    variables = checked_variables(request)
    if variables is None and "KMSKeyArn" not in request:
        return None
    key_arn = request.get("KMSKeyArn", before.kms_key_arn) or None
    if variables is None or key_arn == before.kms_key_arn:
        try:
            present = (
                environment.open_own(before, context.platform)
                if before.environment_key is None
                else await environment.open_for_caller(before, context)
            )
        except LambdaError as error:
            if variables is None:
                raise InvalidParameterValueException(error.message) from error
            present = None
        if key_arn == before.kms_key_arn and variables in (None, present):
            return None
        variables = present if variables is None else variables
    return await environment.seal(variables, key_arn, reference.arn, context)


def _columns(sealed: Sealed) -> dict[str, Any]:
    return {
        "environment": sealed.environment,
        "environment_key": sealed.environment_key,
        "kms_key_arn": sealed.kms_key_arn,
        "grant_id": sealed.grant_id,
    }


async def _retire_unused(before: VersionRow, context: Context) -> None:
    """Give back the grant that $LATEST had, unless a published version still needs it."""
    if before.grant_id is None:
        return
    with context.platform.database.read() as connection:
        versions = rows.versions(connection, before.function_arn, limit=1 << 30)
    if all(row.grant_id != before.grant_id for row in versions):
        await environment.retire(
            context.platform, before.kms_key_arn, before.grant_id, context.region
        )
