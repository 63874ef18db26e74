"""Installs what a package's lock file names, once for each lock, into a cache."""

from pathlib import Path


async def install(package: Path, cache: Path) -> Path | None:
    """Return the folder with the distributions that a package's lock names, installing them at first.

    The lock is `requirements.lock` or `requirements.txt` at the package's top. Only wheels are installed: building
    would run a stranger's code outside the walls.

    Returns:
        the folder for `FunctionCode.requirements`, or None when the package has no lock.

    Raises:
        PackageError: they cannot be installed; says why.
    """
    raise NotImplementedError
