"""Sending with SES v2."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.aws.trace_header import read_lineage
from outcrop.governance.mail import identities, sending
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.messages import Attachment, Text
from outcrop.governance.mail.refusals import MailRefused
from outcrop.governance.mail.sending import Desk, Order
from outcrop.services.platform import Context
from outcrop.services.sesv2.email_templates import require, template_of
from outcrop.services.sesv2.errors import BadRequestException, worded
from outcrop.storage.mail import TemplateRow

_INLINE = "INLINE"
_NOT_BUILT = {
    "ListManagementOptions": "Contact lists",
    "TenantName": "Tenants",
    "EndpointId": "Multi-region endpoints",
}


@operation("sesv2:SendEmail")
def send_email(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Accept a mail: composed from its parts, as its sender composed it, or made from a template.

    Raises:
        MessageRejected: the sender is not verified.
        BadRequestException: an address is none, content is missing, or a text does not fit its character set.
        NotFoundException: the template or the configuration set does not exist.
        OperationNotBuilt: something that this server does not offer is asked for.
    """
    for member, what in _NOT_BUILT.items():
        if request.get(member):
            raise OperationNotBuilt(f"{what} of SES are not offered by this server.")
    content = request["Content"]
    kinds = [kind for kind in ("Simple", "Raw", "Template") if content.get(kind) is not None]
    if len(kinds) != 1:
        raise BadRequestException("Exactly one of Simple, Raw and Template content is needed.")
    send = {"Simple": _send_simple, "Raw": _send_raw, "Template": _send_template}[kinds[0]]
    with _desk(context) as desk:
        message_id = send(desk, request, content[kinds[0]], context)
    return {"MessageId": message_id}


def _send_simple(
    desk: Desk, request: Mapping[str, Any], content: Mapping[str, Any], context: Context
) -> str:
    body = content["Body"]
    return sending.send_parts(
        desk,
        _order(desk, request, content, context),
        _text(content["Subject"]) or Text(""),
        _text(body.get("Text")),
        _text(body.get("Html")),
    )


def _send_raw(
    desk: Desk, request: Mapping[str, Any], content: Mapping[str, Any], context: Context
) -> str:
    return sending.send_raw(desk, _order(desk, request, {}, context, is_raw=True), content["Data"])


def _send_template(
    desk: Desk, request: Mapping[str, Any], content: Mapping[str, Any], context: Context
) -> str:
    order = _order(desk, request, content, context)
    return sending.send_template(
        desk, order, _template(desk, content, context), content.get("TemplateData", "{}")
    )


def _template(desk: Desk, content: Mapping[str, Any], context: Context) -> TemplateRow:
    if content.get("TemplateContent"):
        return template_of(_INLINE, content["TemplateContent"], context)
    name = content.get("TemplateName") or content.get("TemplateArn", "").rpartition("/")[2]
    if not name:
        raise BadRequestException("TemplateName, TemplateArn or TemplateContent is needed.")
    return require(desk.connection, name, context)


@contextmanager
def _desk(context: Context) -> Iterator[Desk]:
    """Give a place where mail is accepted, in one durable transaction, and have it delivered afterwards."""
    platform = context.platform
    with worded(), platform.database.write(durable=True) as connection:
        yield Desk(
            connection,
            platform.mailer,
            platform.clock.now(),
            is_sandbox=platform.settings.ses_sandbox,
            lineage=read_lineage(context.headers.get("x-amzn-trace-id", "")),
        )
    platform.mailer.wake()


def _order(
    desk: Desk,
    request: Mapping[str, Any],
    content: Mapping[str, Any],
    context: Context,
    *,
    is_raw: bool = False,
) -> Order:
    source = request.get("FromEmailAddress", "")
    if not source and not is_raw:
        raise BadRequestException("FromEmailAddress is required.")
    destination = request.get("Destination") or {}
    return Order(
        context.region,
        source=source,
        to=destination.get("ToAddresses", ()),
        cc=destination.get("CcAddresses", ()),
        bcc=destination.get("BccAddresses", ()),
        reply_to=request.get("ReplyToAddresses", ()),
        return_path=request.get("FeedbackForwardingEmailAddress", ""),
        configuration_set=request.get("ConfigurationSetName") or _usual_set(desk, source, context),
        tags=[(tag["Name"], tag["Value"]) for tag in request.get("EmailTags", ())],
        headers=[(header["Name"], header["Value"]) for header in content.get("Headers", ())],
        attachments=[_attachment(item) for item in content.get("Attachments", ())],
    )


def _usual_set(desk: Desk, source: str, context: Context) -> str:
    """Return the configuration set that the sender's identity names, "" for none."""
    try:
        address = parse(source)
    except MailRefused:
        return ""  # the operation refuses it with all the rest
    row = identities.verified_identity(desk.connection, context.region, address)
    return "" if row is None else str(row.attributes.get("ConfigurationSetName", ""))


def _attachment(item: Mapping[str, Any]) -> Attachment:
    return Attachment(
        item["FileName"],
        item["RawContent"],
        content_type=item.get("ContentType", ""),
        content_id=item.get("ContentId", ""),
        is_inline=item.get("ContentDisposition") == "INLINE",
        description=item.get("ContentDescription", ""),
    )


def _text(content: Mapping[str, str] | None) -> Text | None:
    return None if content is None else Text(content["Data"], content.get("Charset", ""))
