"""Layers: archives that several functions share, unpacked under /opt. Each version stands for itself."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.lambda_ import pages
from outcrop.services.lambda_.code_location import package_url
from outcrop.services.lambda_.code_uploads import read_archive
from outcrop.services.lambda_.descriptions import last_modified
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from outcrop.services.platform import Context
from outcrop.storage.functions import layers as rows
from outcrop.storage.functions.layers import LayerRow
from outcrop.storage.functions.packages import Package

_SETTINGS = ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")


@operation("lambda:PublishLayerVersion")
async def publish_layer_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Publish a layer, or a further version of one.

    Raises:
        InvalidParameterValueException: the archive cannot be used.
        AccessDeniedException: the caller may not read the archive in S3.
    """
    name = _name(request["LayerName"])
    upload = await read_archive(request["Content"], context)
    settings = {
        "CompatibleArchitectures": [],
        "CompatibleRuntimes": [],
        "Description": "",
        **{member: request[member] for member in _SETTINGS if member in request},
    }
    row, package = await asyncio.to_thread(_insert, name, settings, upload.archive, context)
    return {**_described(row), "Content": _content(row, package, context)}


def _insert(
    name: str, settings: Mapping[str, Any], archive: bytes, context: Context
) -> tuple[LayerRow, Package]:
    platform = context.platform
    packages = platform.function_store.packages
    package = packages.keep(archive)
    try:
        with platform.database.write(durable=True) as connection:
            packages.add(connection, package)
            number = rows.next_version(connection, context.region, name)
            row = LayerRow(
                arn=f"{_layer_arn(context.region, context.account_id, name)}:{number}",
                region=context.region,
                name=name,
                version=number,
                settings_json=json.dumps(dict(settings)),
                package_id=package.id,
                created_us=now_us(platform.clock),
                deleted_us=None,
            )
            rows.insert(connection, row)
    except BaseException:
        packages.discard(package)
        raise
    return row, package


@operation("lambda:GetLayerVersion")
def get_layer_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a version of a layer, with a URL of its content.

    Raises:
        ResourceNotFoundException: no such version.
        InvalidParameterValueException: no version has such a number.
    """
    return _got(_arn(request, context), context)


@operation("lambda:GetLayerVersionByArn")
def get_layer_version_by_arn(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a version of a layer, with a URL of its content.

    Raises:
        ResourceNotFoundException: no such version.
    """
    return _got(request["Arn"], context)


def _got(arn: str, context: Context) -> dict[str, Any]:
    row = rows.get(context.platform.database.reader, arn)
    if row is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    assert row.package_id is not None, "only deleted layers lose their package"
    package = context.platform.function_store.packages.get(row.package_id)
    assert package is not None, "held by a foreign key"
    return {**_described(row), "Content": _content(row, package, context)}


@operation("lambda:ListLayerVersions")
def list_layer_versions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the versions of a layer, the newest first; none where there is no such layer.

    Raises:
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    name = _name(request["LayerName"])
    found = rows.versions(context.platform.database.reader, context.region, name)
    items = [_listed(row) for row in found if _is_wanted(row, request)]
    items, following = pages.cut(items, request, context)
    return {"LayerVersions": items, "NextMarker": following}


@operation("lambda:ListLayers")
def list_layers(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the layers of the region by name, each with its newest version.

    Raises:
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    newest: dict[str, LayerRow] = {}
    for row in rows.all_of(context.platform.database.reader, context.region):
        if _is_wanted(row, request):
            newest.setdefault(row.name, row)
    items = [
        {
            "LayerName": name,
            "LayerArn": _layer_arn(context.region, context.account_id, name),
            "LatestMatchingVersion": _listed(row),
        }
        for name, row in newest.items()
    ]
    items, following = pages.cut(items, request, context)
    return {"Layers": items, "NextMarker": following}


@operation("lambda:DeleteLayerVersion")
def delete_layer_version(request: Mapping[str, Any], context: Context) -> None:
    """Delete a version of a layer; functions that have it keep it. One that is not there is no error.

    Raises:
        InvalidParameterValueException: no version has such a number.
    """
    arn, platform = _arn(request, context), context.platform
    packages = platform.function_store.packages
    with platform.database.write(durable=True) as connection:
        unused = rows.mark_deleted(connection, arn, now_us(platform.clock))
        gone = packages.drop_unnamed(connection, [unused])
    packages.remove(gone)


def layers_of(arns: Sequence[str], context: Context) -> list[dict[str, Any]]:
    """Return layers as the configuration of a function has them.

    Raises:
        InvalidParameterValueException: one does not exist, or is there in two versions.
    """
    found = []
    for arn in arns:
        row = rows.get(context.platform.database.reader, arn)
        if row is None:
            raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
        package = (
            None
            if row.package_id is None
            else context.platform.function_store.packages.get(row.package_id)
        )
        found.append({"Arn": row.arn, "CodeSize": 0 if package is None else package.size_bytes})
    names = [arn.rpartition(":")[0] for arn in arns]
    if len(set(names)) < len(names):
        raise InvalidParameterValueException(
            "Two different versions of the same layer are not allowed to be referenced in the same function."
        )
    return found


def _name(named: str) -> str:
    return named.rpartition(":")[2] if named.startswith("arn:") else named


def _arn(request: Mapping[str, Any], context: Context) -> str:
    number = request["VersionNumber"]
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    name = _name(request["LayerName"])
    return f"{_layer_arn(context.region, context.account_id, name)}:{number}"


def _layer_arn(region: str, account_id: str, name: str) -> str:
    return f"arn:aws:lambda:{region}:{account_id}:layer:{name}"


def _is_wanted(row: LayerRow, request: Mapping[str, Any]) -> bool:
    settings = row.settings
    return all(
        request.get(member) is None or request[member] in settings[kept]
        for member, kept in (
            ("CompatibleRuntime", "CompatibleRuntimes"),
            ("CompatibleArchitecture", "CompatibleArchitectures"),
        )
    )


def _listed(row: LayerRow) -> dict[str, Any]:
    return {
        **row.settings,
        "LayerVersionArn": row.arn,
        "Version": row.version,
        "CreatedDate": last_modified(row.created_us),
    }


def _described(row: LayerRow) -> dict[str, Any]:
    return {**_listed(row), "LayerArn": row.arn.rpartition(":")[0]}


def _content(row: LayerRow, package: Package, context: Context) -> dict[str, Any]:
    url = package_url(row.region, "layers", row.name, package.id, context)
    return {"Location": url, "CodeSha256": package.sha256, "CodeSize": package.size_bytes}
