"""What requests call functions by: name, account and name, or ARN, each with or without a qualifier.

Source: Lambda API reference, "FunctionName"; the words of refusals as AWS has them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from outcrop.services.platform import Context
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.attachments import AliasRow
from outcrop.storage.functions.rows import LATEST, FunctionRow, VersionRow

_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?"
    r"(?:(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A function as a request names it.

    Attributes:
        arn: without a qualifier.
        qualifier: "$LATEST", a version's number, an alias, or "" where none is named.
    """

    region: str
    account_id: str
    name: str
    qualifier: str = ""

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return function_arn(self.region, self.account_id, self.name)

    @property
    def qualified_arn(self) -> str:
        """The ARN with the qualifier, where one is named."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn

    def at(self, qualifier: str) -> str:
        """Return the ARN with a qualifier."""
        return f"{self.arn}:{qualifier}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference stands for.

    Attributes:
        alias: through which it was found, if it was.
    """

    function: FunctionRow
    version: VersionRow
    alias: AliasRow | None = None


def function_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of a function."""
    return f"arn:aws:lambda:{region}:{account_id}:function:{name}"


def parse(text: str, region: str, account_id: str) -> Reference | None:
    """Return what a text names, None where it is no form of a function's name.

    Args:
        region: where none is named.
        account_id: where none is named.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    return Reference(
        match["region"] or region,
        match["account"] or account_id,
        match["name"],
        match["qualifier"] or "",
    )


def read(request: Mapping[str, Any], context: Context) -> Reference:
    """Return the function that a request names in FunctionName and Qualifier.

    Raises:
        ResourceNotFoundException: the ARN is of another region.
        InvalidParameterValueException: name and Qualifier disagree.
    """
    return read_name(request["FunctionName"], request.get("Qualifier", ""), context)


def read_name(name: str, qualifier: str, context: Context) -> Reference:
    """Return the function that a name and a qualifier ("" for none) stand for.

    Raises:
        ResourceNotFoundException: the ARN is of another region.
        InvalidParameterValueException: they disagree.
    """
    found = parse(name, context.region, context.account_id)
    if found is None:
        raise InvalidParameterValueException(f"{name} is not the name of a function.")
    if found.region != context.region:
        raise ResourceNotFoundException(
            f"Functions from '{found.region}' are not reachable in this region ('{context.region}')"
        )
    if qualifier and found.qualifier and qualifier != found.qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Reference(found.region, found.account_id, found.name, qualifier or found.qualifier)


def not_found(arn: str) -> ResourceNotFoundException:
    """Return what is said of a function that is not there."""
    return ResourceNotFoundException(f"Function not found: {arn}")


def no_alias(arn: str) -> ResourceNotFoundException:
    """Return what is said of an alias that is not there."""
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def is_alias(qualifier: str) -> bool:
    """Whether a qualifier is the name of an alias."""
    return bool(qualifier) and qualifier != LATEST and not qualifier.isdigit()


def find(connection: Connection, reference: Reference) -> Found:
    """Return what a reference stands for.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
    """
    found = look_up(connection, reference)
    if found is None:
        raise not_found(reference.qualified_arn)
    return found


def look_up(connection: Connection, reference: Reference) -> Found | None:
    """Return what a reference stands for, None where there is no such thing."""
    function = rows.get(connection, reference.arn)
    if function is None:
        return None
    alias = None
    name = reference.qualifier or LATEST
    if is_alias(name):
        alias = attachments.alias(connection, function.arn, name)
        if alias is None:
            return None
        name = alias.version
    version = rows.version(connection, function.arn, name)
    return None if version is None else Found(function, version, alias)


def find_function(connection: Connection, reference: Reference) -> FunctionRow:
    """Return the function of a reference, whatever its qualifier.

    Raises:
        ResourceNotFoundException: there is none.
    """
    function = rows.get(connection, reference.arn)
    if function is None:
        raise not_found(reference.arn)
    return function


def require_unqualified(reference: Reference) -> None:
    """Refuse a qualifier where the function as a whole is meant.

    Raises:
        InvalidParameterValueException: a version or an alias is named.
    """
    if reference.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )
