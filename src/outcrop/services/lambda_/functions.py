"""Functions: make, describe, list, delete."""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.lambda_ import environment, pages, preparation, role_session
from outcrop.services.lambda_.code_location import package_url
from outcrop.services.lambda_.code_uploads import Upload, read_archive, read_image
from outcrop.services.lambda_.describing import Asked, describe, describe_all
from outcrop.services.lambda_.descriptions import configuration, environment_member, listed
from outcrop.services.lambda_.environment import Sealed
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
)
from outcrop.services.lambda_.function_tags import checked_tags
from outcrop.services.lambda_.identifiers import (
    Reference,
    find,
    find_function,
    is_alias,
    read,
    read_name,
)
from outcrop.services.lambda_.layers import layers_of
from outcrop.services.lambda_.settings import IMAGE, checked_variables, of_new
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.packages import Package
from outcrop.storage.functions.rows import LATEST, PENDING, FunctionRow, VersionRow

FIRST_VERSION = "1"
_ALL = 1 << 30


@operation("lambda:CreateFunction")
async def create_function(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a function; it is Pending until its code is unpacked, and then Active.

    Raises:
        ResourceConflictException: there is a function of this name.
        InvalidParameterValueException: a setting or the code is wrong, or Lambda may not assume the role.
        AccessDeniedException: the caller may not read the code in S3.
        CodeSigningConfigNotFoundException: there are no code signing configurations.
    """
    reference = read_name(request["FunctionName"], "", context)
    settings = of_new(request, reference)
    variables = checked_variables(request)
    tags = checked_tags(request.get("Tags", {}))
    if "Layers" in request:
        settings["Layers"] = layers_of(request["Layers"], context)
    require_role(settings["Role"], reference, context)
    upload = await read_code(settings, request["Code"], context)
    sealed = await environment.seal(
        variables, request.get("KMSKeyArn") or None, reference.arn, context
    )
    made = _NewFunction(reference, settings, upload, sealed, tags, bool(request.get("Publish")))
    try:
        version = await asyncio.to_thread(_insert, made, context)
    except ResourceConflictException:
        await environment.retire(
            context.platform, sealed.kms_key_arn, sealed.grant_id, context.region
        )
        raise
    preparation.begin(context.platform, reference.arn)
    described = configuration(version, reference.arn, environment_member(variables))
    if made.is_published:
        described["Version"] = FIRST_VERSION
    return described


@dataclass(frozen=True, slots=True)
class _NewFunction:
    """What a function is made from, after everything that can be refused early was looked at."""

    reference: Reference
    settings: dict[str, Any]
    upload: Upload
    sealed: Sealed
    tags: Mapping[str, str]
    is_published: bool


def _insert(made: _NewFunction, context: Context) -> VersionRow:
    platform, reference = context.platform, made.reference
    packages = platform.function_store.packages
    _refuse_taken(reference, context)
    package = packages.keep(made.upload.archive) if made.upload.archive else None
    now = now_us(platform.clock)
    published_as = FIRST_VERSION if made.is_published else None
    version = new_version(made.settings, made.upload, package, made.sealed, reference.arn, now)
    try:
        with platform.database.write(durable=True) as connection:
            if rows.get(connection, reference.arn) is not None:
                raise _taken(reference)
            if package is not None:
                packages.add(connection, package)
            last = 1 if made.is_published else 0
            rows.insert(
                connection,
                FunctionRow(reference.arn, context.region, reference.name, now, last, None),
            )
            latest = replace(version, published_as=published_as)
            rows.insert_version(connection, latest)
            if made.is_published:
                first = replace(version, version=FIRST_VERSION, number=1, revision_id=str(uuid4()))
                rows.insert_version(connection, first)
            tag_rows.put(connection, reference.arn, made.tags)
    except BaseException:
        if package is not None:
            packages.discard(package)
        raise
    return latest


def _refuse_taken(reference: Reference, context: Context) -> None:
    if rows.get(context.platform.database.reader, reference.arn) is not None:
        raise _taken(reference)


def _taken(reference: Reference) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {reference.name}")


def new_version(  # noqa: PLR0913, PLR0917  # the parts of a version
    settings: Mapping[str, Any],
    upload: Upload,
    package: Package | None,
    sealed: Sealed,
    function_arn: str,
    now: int,
) -> VersionRow:
    """Return the first $LATEST of a function."""
    settings = dict(settings)
    if upload.image_uri:
        settings["ImageUri"] = upload.image_uri
    return VersionRow(
        function_arn=function_arn,
        version=LATEST,
        number=0,
        revision_id=str(uuid4()),
        settings_json=json.dumps(settings),
        environment=sealed.environment,
        environment_key=sealed.environment_key,
        kms_key_arn=sealed.kms_key_arn,
        grant_id=sealed.grant_id,
        package_id=None if package is None else package.id,
        code_sha256=upload.image_digest if package is None else package.sha256,
        code_bytes=0 if package is None else package.size_bytes,
        modified_us=now,
        state=PENDING,
        state_reason_code=None,
        state_reason=None,
        update_status=None,
        published_as=None,
    )


def require_role(role_arn: str, reference: Reference, context: Context) -> None:
    """Refuse an execution role that Lambda may not assume.

    Raises:
        InvalidParameterValueException: it is not there, or does not trust Lambda.
    """
    try:
        role_session.assume(context.platform.directory, role_arn, reference.arn, reference.name)
    except RoleNotAssumable as error:
        raise InvalidParameterValueException(
            "The role defined for the function cannot be assumed by Lambda."
        ) from error


async def read_code(
    settings: Mapping[str, Any], code: Mapping[str, Any], context: Context
) -> Upload:
    """Return the code that a request brings, checked.

    Raises:
        InvalidParameterValueException: there is none, or it cannot be used.
        AccessDeniedException: the caller may not read it in S3.
    """
    if settings["PackageType"] == IMAGE:
        return read_image(code["ImageUri"], context)
    return await read_archive(code, context)


@operation("lambda:GetFunction")
def get_function(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return a function's configuration, tags and a URL of its code.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
    """
    reference = read(request, context)
    connection = context.platform.database.reader
    found = find(connection, reference)
    answer: dict[str, Any] = {"Code": _code(found.version, reference, context)}
    if tags := tag_rows.of(connection, found.function.arn):
        answer["Tags"] = tags
    if (reserved := found.function.reserved_concurrency) is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
    described = describe(found.version, reference.qualified_arn, context)
    if isinstance(described, dict):
        return {**answer, "Configuration": described}
    return _with_configuration(answer, described)


async def _with_configuration(
    answer: dict[str, Any], described: Awaitable[dict[str, Any]]
) -> dict[str, Any]:
    return {**answer, "Configuration": await described}


def _code(version: VersionRow, reference: Reference, context: Context) -> dict[str, Any]:
    settings = version.settings
    if settings["PackageType"] == IMAGE:
        uri: str = settings["ImageUri"]
        name = uri.partition("@")[0].rpartition("/")
        repository = f"{name[0]}{name[1]}{name[2].partition(':')[0]}"
        return {
            "RepositoryType": "ECR",
            "ImageUri": uri,
            "ResolvedImageUri": f"{repository}@sha256:{version.code_sha256}",
        }
    assert version.package_id is not None, "a zip function has a package"
    url = package_url(reference.region, "snapshots", reference.name, version.package_id, context)
    return {"RepositoryType": "S3", "Location": url}


@operation("lambda:GetFunctionConfiguration")
def get_function_configuration(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return the configuration of a function, a version or what an alias stands for.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
    """
    reference = read(request, context)
    found = find(context.platform.database.reader, reference)
    return describe(found.version, reference.qualified_arn, context)


@operation("lambda:ListFunctions")
def list_functions(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """List the functions of the region by name, with all of their versions where that is asked for.

    Raises:
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    at, limit = pages.position(request, context), pages.limit(request)
    after, after_number = str(at.get("name", "")), int(at.get("number", -1))
    connection = context.platform.database.reader
    if request.get("FunctionVersion") == "ALL":
        found = rows.all_of_region(
            connection, context.region, after=after, after_number=after_number, limit=limit + 1
        )
        asked = [(row, f"{row.function_arn}:{row.version}") for row in found[:limit]]
    else:
        found = rows.latest_of_region(connection, context.region, after=after, limit=limit + 1)
        asked = [(row, row.function_arn) for row in found[:limit]]
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = {"name": last.function_arn.rsplit(":", 1)[1], "number": last.number}
    return _listing("Functions", asked, pages.marker(following, context), context)


def _listing(
    member: str, asked: list[Asked], following: str | None, context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    described = describe_all(asked, context)

    def page(items: list[dict[str, Any]]) -> dict[str, Any]:
        return {member: [listed(item) for item in items], "NextMarker": following}

    if isinstance(described, list):
        return page(described)

    async def later() -> dict[str, Any]:
        return page(await described)

    return later()


def list_of_versions(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return a page of a function's versions, $LATEST first.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    reference = read(request, context)
    connection = context.platform.database.reader
    function = find_function(connection, reference)
    limit = pages.limit(request)
    after = int(pages.position(request, context).get("number", -1))
    found = rows.versions(connection, function.arn, after=after, limit=limit + 1)
    following = {"number": found[limit - 1].number} if len(found) > limit else None
    asked = [(row, f"{row.function_arn}:{row.version}") for row in found[:limit]]
    return _listing("Versions", asked, pages.marker(following, context), context)


@operation("lambda:DeleteFunction")
async def delete_function(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a function with its versions and aliases, or one of its versions.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: $LATEST or an alias is named.
        ResourceConflictException: an alias stands for the version.
    """
    reference = read(request, context)
    if reference.qualifier == LATEST:
        raise InvalidParameterValueException(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if is_alias(reference.qualifier):
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    platform = context.platform
    gone, grants = await asyncio.to_thread(_delete, reference, context)
    await platform.functions.retire(reference.arn, reference.qualifier or None)
    for key_arn, grant_id in grants:
        await environment.retire(platform, key_arn, grant_id, context.region)
    preparation.clear_up_later(platform, gone)
    return {"StatusCode": 204}


def _delete(reference: Reference, context: Context) -> tuple[list[str], set[tuple[str, str]]]:
    """Delete rows and code; return the packages that are gone, and (key, grant) of needless grants."""
    packages = context.platform.function_store.packages
    with context.platform.database.write(durable=True) as connection:
        function = find_function(connection, reference)
        all_versions = rows.versions(connection, function.arn, limit=_ALL)
        if reference.qualifier:
            doomed = [row for row in all_versions if row.version == reference.qualifier]
            _refuse_aliased(reference, attachments.aliases(connection, function.arn))
            for row in doomed:
                rows.remove_version(connection, function.arn, row.version)
                attachments.remove_from(connection, function.arn, row.version)
            if doomed and _is_published_as(all_versions, reference.qualifier):
                rows.change_version(connection, function.arn, LATEST, published_as=None)
        else:
            doomed = all_versions
            rows.remove(connection, function.arn)
        gone = packages.drop_unnamed(connection, [row.package_id for row in doomed])
    packages.remove(gone)
    names = {row.version for row in doomed}
    kept = {row.grant_id for row in all_versions if row.version not in names}
    return gone, {
        (row.kms_key_arn, row.grant_id)
        for row in doomed
        if row.kms_key_arn and row.grant_id and row.grant_id not in kept
    }


def _is_published_as(versions: list[VersionRow], name: str) -> bool:
    return any(row.version == LATEST and row.published_as == name for row in versions)


def _refuse_aliased(reference: Reference, aliases: list[attachments.AliasRow]) -> None:
    version = reference.qualifier
    names = [row.name for row in aliases if row.version == version or version in row.weights]
    if names:
        raise ResourceConflictException(
            f"Version {version} is currently referenced by the following alias(es): {', '.join(names)}. "
            "Please delete the alias(es) or point them at another version first."
        )
