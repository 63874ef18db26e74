"""Configuration sets of SES v1: names that a mail can be sent under. Event destinations are not built."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.ses.errors import ConfigurationSetAlreadyExists, ConfigurationSetDoesNotExist
from outcrop.services.ses.token_pages import page
from outcrop.storage import mail
from outcrop.storage.mail import ConfigurationSetRow

_USUAL_PAGE = 1000


@operation("ses:CreateConfigurationSet")
def create_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a configuration set.

    Raises:
        ConfigurationSetAlreadyExists: there is one of this name.
    """
    name = request["ConfigurationSet"]["Name"]
    with context.platform.database.write(durable=True) as connection:
        if mail.configuration_set(connection, context.region, name) is not None:
            raise ConfigurationSetAlreadyExists(
                f"Configuration set <{name}> already exists.", ConfigurationSetName=name
            )
        created = now_us(context.platform.clock)
        mail.insert(connection, ConfigurationSetRow(context.region, name, created, "{}"))
    return {}


@operation("ses:DescribeConfigurationSet")
def describe_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a configuration set, and of its options those that are asked for.

    Raises:
        ConfigurationSetDoesNotExist: there is none of this name.
    """
    with context.platform.database.read() as connection:
        row = _required(connection, request["ConfigurationSetName"], context)
    asked = set(request.get("ConfigurationSetAttributeNames", ()))
    found: dict[str, Any] = {"ConfigurationSet": {"Name": row.name}}
    options = row.options
    if "reputationOptions" in asked:
        found["ReputationOptions"] = {
            "SendingEnabled": options.get("SendingOptions", {}).get("SendingEnabled", True),
            "ReputationMetricsEnabled": options.get("ReputationOptions", {}).get(
                "ReputationMetricsEnabled", False
            ),
        }
    policy = options.get("DeliveryOptions", {}).get("TlsPolicy")
    if "deliveryOptions" in asked and policy is not None:
        found["DeliveryOptions"] = {"TlsPolicy": policy.capitalize()}
    if "eventDestinations" in asked:
        found["EventDestinations"] = []
    return found


@operation("ses:ListConfigurationSets")
def list_configuration_sets(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List configuration sets by name.

    Raises:
        InvalidParameterValue: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        names = [row.name for row in mail.configuration_sets(connection, context.region)]
    shown, following = page(names, str, request, context, _USUAL_PAGE)
    return {"ConfigurationSets": [{"Name": name} for name in shown], **following}


@operation("ses:DeleteConfigurationSet")
def delete_configuration_set(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a configuration set.

    Raises:
        ConfigurationSetDoesNotExist: there is none of this name.
    """
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["ConfigurationSetName"], context)
        mail.remove(connection, row)
    return {}


def _required(connection: Any, name: str, context: Context) -> ConfigurationSetRow:
    row = mail.configuration_set(connection, context.region, name)
    if row is None:
        raise ConfigurationSetDoesNotExist(
            f"Configuration set <{name}> does not exist.", ConfigurationSetName=name
        )
    return row
