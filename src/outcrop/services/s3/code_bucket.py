"""The buckets in which Lambda shows the code of functions and layers: read through URLs that Lambda signs.

They are no buckets of the account: nothing lists them, writes to them or configures them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from outcrop.crypto.sealed import SealedFile
from outcrop.services.platform import Context
from outcrop.services.s3.errors import NoSuchKey

PREFIX = "awslambda-"


def is_code_bucket(name: str) -> bool:
    """Whether a bucket is one of Lambda's."""
    return name.startswith(PREFIX) and name.endswith(("-tasks", "-layers"))


async def get_code(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a package of code.

    Raises:
        NoSuchKey: there is none under this key, or no longer.
    """
    key = request["Key"]
    packages = context.platform.function_store.packages
    package = packages.get(key.rpartition("-")[2])
    if package is None:
        raise NoSuchKey(Key=key)
    try:
        file = await asyncio.to_thread(packages.open, package)
    except FileNotFoundError:
        raise NoSuchKey(Key=key) from None
    return {
        "Body": _pieces(file),
        "ContentLength": package.size_bytes,
        "ContentType": "application/zip",
        "ETag": f'"{package.id}"',
    }


async def _pieces(file: SealedFile) -> AsyncIterator[bytes]:
    with file:
        pieces = file.pieces()
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
