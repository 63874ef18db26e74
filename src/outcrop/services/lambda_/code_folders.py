"""The folders that a version runs from: its code, its layers, and what its lock names; made where they are missing."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from outcrop.core.errors import OutcropError, SealBroken
from outcrop.functions import requirements
from outcrop.functions.code import PackageError
from outcrop.services.lambda_.settings import IMAGE
from outcrop.services.platform import Platform
from outcrop.storage.functions import layers
from outcrop.storage.functions.archives import ArchiveBroken, ArchiveTooLarge
from outcrop.storage.functions.packages import Package
from outcrop.storage.functions.rows import VersionRow


@dataclass(frozen=True, slots=True)
class CodeFolders:
    """Where the code of a version lies.

    Attributes:
        code: /var/task to the function.
        layers: /opt, or None.
        requirements: what is installed beside it, or None.
    """

    code: Path
    layers: Path | None
    requirements: Path | None


async def prepare(version: VersionRow, platform: Platform) -> CodeFolders:
    """Return the folders of a version, complete.

    Raises:
        PackageError: the code cannot be unpacked, or its requirements cannot be installed.
        OutcropError: the code is gone.
    """
    cache = platform.home.functions / "requirements"
    if version.settings["PackageType"] == IMAGE:
        source = bound_folder(version.settings["ImageUri"], platform)
        if source is None:
            raise PackageError(f"No folder is bound to the image {version.settings['ImageUri']}.")
        return CodeFolders(source, None, await requirements.install(source, cache))
    folder, opt = await asyncio.to_thread(_unpack, version, platform)
    return CodeFolders(folder, opt, await requirements.install(folder, cache))


def bound_folder(image_uri: str, platform: Platform) -> Path | None:
    """Return the folder with an image's sources: bound to the reference, or to its repository for all tags."""
    bindings = platform.settings.function_images
    repository = image_uri.partition("@")[0]
    before, slash, last = repository.rpartition("/")
    for reference in (image_uri, f"{before}{slash}{last.partition(':')[0]}"):
        if reference in bindings:
            folder = Path(bindings[reference]).expanduser()
            return folder if folder.is_dir() else None
    return None


def _unpack(version: VersionRow, platform: Platform) -> tuple[Path, Path | None]:
    packages = platform.function_store.packages
    try:
        code = packages.unpacked([_package(version.package_id, platform)])
        arns = [layer["Arn"] for layer in version.settings.get("Layers") or ()]
        if not arns:
            return code, None
        # A later layer lies over the earlier ones.
        return code, packages.unpacked([_of_layer(arn, platform) for arn in arns])
    except (ArchiveBroken, ArchiveTooLarge, SealBroken, UnicodeDecodeError) as error:
        raise PackageError(f"The code of {version.function_arn} is broken: {error}") from error


def _of_layer(arn: str, platform: Platform) -> Package:
    with platform.database.read() as connection:
        layer = layers.get_even_deleted(connection, arn)
    return _package(None if layer is None else layer.package_id, platform)


def _package(package_id: str | None, platform: Platform) -> Package:
    package = None if package_id is None else platform.function_store.packages.get(package_id)
    if package is None:
        raise OutcropError("The code is gone: the function or layer was deleted meanwhile.")
    return package
