"""Code as requests bring it: an archive in the request, an object of S3, or the name of a container image."""

import asyncio
import dataclasses
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.aws.errors import AccessDeniedException, OperationNotBuilt, ServiceError
from outcrop.aws.http import FileRange
from outcrop.services.lambda_.code_folders import bound_folder
from outcrop.services.lambda_.errors import InvalidParameterValueException
from outcrop.services.lambda_.role_session import SERVICE
from outcrop.services.platform import Context
from outcrop.storage.functions.archives import (
    MOST_UNPACKED_BYTES,
    ArchiveBroken,
    ArchiveTooLarge,
    check,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Code that was checked.

    Attributes:
        archive: of a zip package; b"" for an image.
        image_uri: of an image; "" for a package.
    """

    archive: bytes = field(default=b"", repr=False)
    image_uri: str = ""

    @property
    def image_digest(self) -> str:
        """What stands for the image's content: hex."""
        return hashlib.sha256(self.image_uri.encode()).hexdigest()


def read_image(image_uri: str, context: Context) -> Upload:
    """Return the container image of a name.

    Raises:
        InvalidParameterValueException: there is no such image here.
    """
    if bound_folder(image_uri, context.platform) is None:
        raise InvalidParameterValueException(
            f"Source image {image_uri} does not exist. Provide a valid source image. (Here images are folders "
            f"with their sources: set OUTCROP_FUNCTION_IMAGES={image_uri}=FOLDER.)"
        )
    return Upload(image_uri=image_uri)


async def read_archive(code: Mapping[str, Any], context: Context) -> Upload:
    """Return the archive that a request brings in ZipFile or names in S3, checked.

    Raises:
        InvalidParameterValueException: there is none, it is no zip archive, or it holds too much.
        AccessDeniedException: the caller may not read the object.
    """
    if "ZipFile" in code:
        content: bytes = code["ZipFile"]
    elif code.get("S3Bucket") and code.get("S3Key"):
        content = await _from_s3(code, context)
    else:
        raise InvalidParameterValueException("Please provide a source for function code.")
    if not content:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    try:
        await asyncio.to_thread(check, io.BytesIO(content))
    except ArchiveTooLarge:
        raise InvalidParameterValueException(
            f"Unzipped size must be smaller than {MOST_UNPACKED_BYTES} bytes"
        ) from None
    except ArchiveBroken as error:
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    return Upload(content)


async def _from_s3(code: Mapping[str, Any], context: Context) -> bytes:
    request = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if version := code.get("S3ObjectVersion"):
        request["VersionId"] = version
    try:
        answer = await context.invoke(
            "s3",
            "GetObject",
            request,
            principal=dataclasses.replace(context.principal, via=SERVICE),
            region=context.region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        if error.code == "AccessDenied":
            raise AccessDeniedException(
                "Your access has been denied by S3, please make sure your request credentials have permission "
                f"to GetObject for {request['Bucket']}/{request['Key']}. S3 Error Code: {error.code}. "
                f"S3 Error Message: {error.message}"
            ) from error
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: "
            f"{error.message}"
        ) from error
    if answer.get("ContentLength", 0) > MOST_UNPACKED_BYTES:
        raise InvalidParameterValueException(
            f"Unzipped size must be smaller than {MOST_UNPACKED_BYTES} bytes"
        )
    return await _whole(answer["Body"])


async def _whole(body: Any) -> bytes:  # bytes, FileRange or an async iterator
    if isinstance(body, bytes):
        return body
    if isinstance(body, FileRange):
        return await asyncio.to_thread(_read_range, body)
    return b"".join([piece async for piece in body])


def _read_range(part: FileRange) -> bytes:
    with part.path.open("rb") as file:
        file.seek(part.offset_bytes)
        return file.read(part.length_bytes)
