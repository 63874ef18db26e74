"""S3 URIs of jobs, and what can be known of them before a job starts."""

from dataclasses import dataclass
from typing import Any, Self

from outcrop.aws.errors import ServiceError, ValidationException
from outcrop.aws.operation import Principal
from outcrop.services.platform import Context

_SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key or prefix in it; the key may be empty."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read "s3://bucket/key"; the wire has checked its form."""
        bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
        return cls(bucket, key)

    def under(self, name: str) -> "S3Location":
        """Return the location of a name below this prefix."""
        prefix = self.key.strip("/")
        return S3Location(self.bucket, f"{prefix}/{name}" if prefix else name)

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


async def check_data_file(member: str, uri: str, principal: Principal, context: Context) -> None:
    """Make sure that a data file is there and readable as a principal.

    Args:
        member: path of the request's member, for errors.

    Raises:
        ValidationException: it is not; says why and what to do.
    """
    location = S3Location.parse(uri)
    if not location.key or location.key.endswith("/"):
        raise ValidationException(f"{member} {uri} is a folder: name one JSON Lines file in it")
    found = await _ask("HeadObject", location, member, principal, context)
    if not found["ContentLength"]:
        raise ValidationException(f"{member} {uri} is empty: put one JSON object on each line")


async def check_bucket(member: str, uri: str, principal: Principal, context: Context) -> None:
    """Make sure that the bucket of a URI is there.

    Raises:
        ValidationException: it is not, or the principal may not use it.
    """
    await _ask("HeadBucket", S3Location.parse(uri), member, principal, context)


async def _ask(
    operation: str, location: S3Location, member: str, principal: Principal, context: Context
) -> dict[str, Any]:
    request = {"Bucket": location.bucket}
    if operation == "HeadObject":
        request["Key"] = location.key
    try:
        return await context.invoke(
            "s3", operation, request, principal=principal, region=context.region
        )
    except ServiceError as error:
        if error.status == 404:
            what = "object" if operation == "HeadObject" else f"bucket {location.bucket}"
            raise ValidationException(
                f"{member} {location}: there is no such {what}. Upload or create it first"
            ) from error
        if error.status == 403:
            raise ValidationException(
                f"{member} {location}: the role {principal.role_arn} may not use it: {error.message}"
            ) from error
        raise
