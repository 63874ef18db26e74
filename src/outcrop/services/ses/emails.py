"""Sending with SES v1."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import operation
from outcrop.aws.trace_header import read_lineage
from outcrop.governance.mail import sending
from outcrop.governance.mail.messages import Text
from outcrop.governance.mail.sending import Desk, Order
from outcrop.services.platform import Context
from outcrop.services.ses.errors import InvalidParameterValue, worded
from outcrop.services.ses.templates import find

_MOST_BYTES = 10 * 1024 * 1024
_MOST_DESTINATIONS = 50


@operation("ses:SendEmail")
def send_email(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Accept a mail composed from subject, text and HTML.

    Raises:
        MessageRejected: the sender is not verified.
        InvalidParameterValue: an address is none, or a text does not fit its character set.
        ConfigurationSetDoesNotExist: there is none of this name.
    """
    message = request["Message"]
    body = message["Body"]
    with _desk(context) as desk:
        message_id = sending.send_parts(
            desk,
            _order(request, context, request.get("Destination", {}), request.get("Tags", ())),
            _text(message["Subject"]) or Text(""),
            _text(body.get("Text")),
            _text(body.get("Html")),
        )
    return {"MessageId": message_id}


@operation("ses:SendRawEmail")
def send_raw_email(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Accept a mail as its sender composed it; Date and Message-ID are SES's, Bcc does not go out.

    Raises:
        MessageRejected: somebody in From, the source or the return path is not verified.
        InvalidParameterValue: the head of the message is not valid, or it is longer than 10 MB.
        ConfigurationSetDoesNotExist: there is none of this name.
    """
    data: bytes = request["RawMessage"]["Data"]
    if len(data) > _MOST_BYTES:
        raise InvalidParameterValue(
            f"Message length is more than {_MOST_BYTES} bytes long: '{len(data)}'."
        )
    order = Order(
        context.region,
        source=request.get("Source", ""),
        to=request.get("Destinations", ()),
        configuration_set=request.get("ConfigurationSetName", ""),
        tags=_tags(request.get("Tags", ())),
    )
    with _desk(context) as desk:
        return {"MessageId": sending.send_raw(desk, order, data)}


@operation("ses:SendTemplatedEmail")
def send_templated_email(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Accept a mail made from a template; where the data lacks something it fails afterwards, in the outbox.

    Raises:
        MessageRejected: the sender is not verified.
        TemplateDoesNotExist: there is none of this name.
        InvalidRenderingParameter: the data is no JSON object.
    """
    template = find(request["Template"], context)
    order = _order(request, context, request["Destination"], request.get("Tags", ()))
    with _desk(context, template.name) as desk:
        message_id = sending.send_template(desk, order, template, request["TemplateData"])
    return {"MessageId": message_id}


@operation("ses:SendBulkTemplatedEmail")
def send_bulk_templated_email(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Accept one mail for each destination, each with data of its own; tell of each what became of it.

    Raises:
        MessageRejected: the sender is not verified.
        TemplateDoesNotExist: there is none of this name.
        InvalidParameterValue: more than 50 destinations.
    """
    template = find(request["Template"], context)
    destinations = request["Destinations"]
    if len(destinations) > _MOST_DESTINATIONS:
        raise InvalidParameterValue(f"Destination count exceeds {_MOST_DESTINATIONS}.")
    statuses = []
    for item in destinations:
        tags = item.get("ReplacementTags") or request.get("DefaultTags", ())
        order = _order(request, context, item.get("Destination", {}), tags)
        data = item.get("ReplacementTemplateData") or request["DefaultTemplateData"]
        try:
            with _desk(context, template.name) as desk:
                message_id = sending.send_template(desk, order, template, data)
        except ServiceError as error:
            if error.code == "MessageRejected":
                raise  # the sender is the same for all
            statuses.append({"Status": error.code, "Error": error.message})
        else:
            statuses.append({"Status": "Success", "MessageId": message_id})
    return {"Status": statuses}


@contextmanager
def _desk(context: Context, template: str = "") -> Iterator[Desk]:
    """Give a place where mail is accepted, in one durable transaction, and have it delivered afterwards."""
    platform = context.platform
    with worded(template), platform.database.write(durable=True) as connection:
        yield Desk(
            connection,
            platform.mailer,
            platform.clock.now(),
            is_sandbox=platform.settings.ses_sandbox,
            lineage=read_lineage(context.headers.get("x-amzn-trace-id", "")),
        )
    platform.mailer.wake()


def _order(
    request: Mapping[str, Any], context: Context, destination: Mapping[str, Any], tags: Any
) -> Order:
    return Order(
        context.region,
        source=request["Source"],
        to=destination.get("ToAddresses", ()),
        cc=destination.get("CcAddresses", ()),
        bcc=destination.get("BccAddresses", ()),
        reply_to=request.get("ReplyToAddresses", ()),
        return_path=request.get("ReturnPath", ""),
        configuration_set=request.get("ConfigurationSetName", ""),
        tags=_tags(tags),
    )


def _tags(tags: Any) -> list[tuple[str, str]]:
    return [(tag["Name"], tag["Value"]) for tag in tags]


def _text(content: Mapping[str, str] | None) -> Text | None:
    return None if content is None else Text(content["Data"], content.get("Charset", ""))
