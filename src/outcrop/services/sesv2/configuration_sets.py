"""Configuration sets of SES v2: names that a mail can be sent under, and their options.

Held is whether sending is enabled; the other options are for parts of SES that stand behind the mail server here, and
are kept so that whoever set them reads them back. Event destinations are not built.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.sesv2.errors import (
    AlreadyExistsException,
    BadRequestException,
    NotFoundException,
)
from outcrop.services.sesv2.tags import read_tags
from outcrop.services.sesv2.token_pages import page
from outcrop.storage import mail, tags
from outcrop.storage.mail import ConfigurationSetRow

_OPTIONS = (
    "TrackingOptions",
    "DeliveryOptions",
    "ReputationOptions",
    "SendingOptions",
    "SuppressionOptions",
    "VdmOptions",
    "ArchivingOptions",
)


@operation("sesv2:CreateConfigurationSet")
def create_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a configuration set.

    Raises:
        AlreadyExistsException: there is one of this name.
        BadRequestException: it has a wrong name, or a tag is not valid.
    """
    name = request.get("ConfigurationSetName", "")
    if not name or len(name) > 64 or not name.replace("-", "").replace("_", "").isalnum():
        raise BadRequestException(f"Invalid configuration set name <{name}>.")
    given = read_tags(request.get("Tags", ()))
    options = {option: request[option] for option in _OPTIONS if request.get(option)}
    with context.platform.database.write(durable=True) as connection:
        if mail.configuration_set(connection, context.region, name) is not None:
            raise AlreadyExistsException(f"Configuration set <{name}> already exists.")
        created = now_us(context.platform.clock)
        mail.insert(
            connection,
            ConfigurationSetRow(context.region, name, created, json.dumps(options, default=str)),
        )
        tags.put(connection, configuration_set_arn(name, context), given)
    return {}


@operation("sesv2:GetConfigurationSet")
def get_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a configuration set.

    Raises:
        NotFoundException: there is none of this name.
    """
    with context.platform.database.read() as connection:
        row = _required(connection, request["ConfigurationSetName"], context)
        found = tags.of(connection, configuration_set_arn(row.name, context))
    options = row.options
    return {
        "ConfigurationSetName": row.name,
        **options,
        "ReputationOptions": {
            "ReputationMetricsEnabled": False,
            **options.get("ReputationOptions", {}),
        },
        "SendingOptions": {"SendingEnabled": True, **options.get("SendingOptions", {})},
        "Tags": [{"Key": key, "Value": value} for key, value in found.items()],
    }


@operation("sesv2:ListConfigurationSets")
def list_configuration_sets(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the names of configuration sets.

    Raises:
        InvalidNextTokenException: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        names = [row.name for row in mail.configuration_sets(connection, context.region)]
    shown, following = page(names, str, request, context)
    return {"ConfigurationSets": list(shown), **following}


@operation("sesv2:DeleteConfigurationSet")
def delete_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a configuration set.

    Raises:
        NotFoundException: there is none of this name.
    """
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["ConfigurationSetName"], context)
        mail.remove(connection, row)
        tags.drop_all(connection, configuration_set_arn(row.name, context))
    return {}


@operation("sesv2:PutConfigurationSetSendingOptions")
def put_configuration_set_sending_options(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Say whether mail may be sent under a configuration set.

    Raises:
        NotFoundException: there is none of this name.
    """
    return _put(request, context, "SendingOptions", ("SendingEnabled",))


@operation("sesv2:PutConfigurationSetDeliveryOptions")
def put_configuration_set_delivery_options(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Keep how mail of a configuration set is to travel.

    Raises:
        NotFoundException: there is none of this name.
    """
    members = ("TlsPolicy", "SendingPoolName", "MaxDeliverySeconds")
    return _put(request, context, "DeliveryOptions", members)


@operation("sesv2:PutConfigurationSetReputationOptions")
def put_configuration_set_reputation_options(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Keep whether a configuration set has metrics of its own.

    Raises:
        NotFoundException: there is none of this name.
    """
    return _put(request, context, "ReputationOptions", ("ReputationMetricsEnabled",))


@operation("sesv2:PutConfigurationSetSuppressionOptions")
def put_configuration_set_suppression_options(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Keep for which reasons a configuration set passes recipients over.

    Raises:
        NotFoundException: there is none of this name.
    """
    return _put(request, context, "SuppressionOptions", ("SuppressedReasons",))


@operation("sesv2:PutConfigurationSetTrackingOptions")
def put_configuration_set_tracking_options(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Keep the domain that links of a configuration set would lead over.

    Raises:
        NotFoundException: there is none of this name.
    """
    return _put(request, context, "TrackingOptions", ("CustomRedirectDomain", "HttpsPolicy"))


def configuration_set_arn(name: str, context: Context) -> str:
    """Return the ARN of a configuration set."""
    return f"arn:aws:ses:{context.region}:{context.account_id}:configuration-set/{name}"


def _put(
    request: Mapping[str, Any], context: Context, option: str, members: tuple[str, ...]
) -> dict[str, Any]:
    given = {member: request[member] for member in members if member in request}
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["ConfigurationSetName"], context)
        options = {name: value for name, value in row.options.items() if name != option}
        if given:
            options[option] = given
        mail.change(connection, row, options_json=json.dumps(options))
    return {}


def _required(connection: Connection, name: str, context: Context) -> ConfigurationSetRow:
    row = mail.configuration_set(connection, context.region, name)
    if row is None:
        raise NotFoundException(f"Configuration set <{name}> does not exist.")
    return row
