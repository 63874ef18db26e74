"""Sending: one mail of SES, checked and accepted, whichever of its operations asked for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from outcrop.aws.trace_header import Lineage
from outcrop.governance.mail import identities, messages, templates
from outcrop.governance.mail.addresses import Address, parse
from outcrop.governance.mail.messages import Attachment, Parts, Text
from outcrop.governance.mail.refusals import Kind, MailRefused
from outcrop.governance.mailer import Mail, Mailer
from outcrop.storage import mail
from outcrop.storage.mail import TemplateRow

_MOST_RECIPIENTS = 50
_MOST_TAG = 255
_TAG_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.@-]+")
_FAILED_LATER = (Kind.MISSING_ATTRIBUTE, Kind.BAD_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants sent, and to whom; content comes beside it.

    Attributes:
        source: text of the sender; "" where a raw message says it.
        return_path: where bounces go; "" for the source.
        tags: pairs of message tags.
    """

    region: str
    source: str = ""
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: Sequence[str] = ()
    return_path: str = ""
    configuration_set: str = ""
    tags: Sequence[tuple[str, str]] = ()
    headers: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where mail is accepted.

    Attributes:
        is_sandbox: whether recipients must be verified too.
        lineage: the work that sends it, where that may be done twice.
    """

    connection: Connection
    mailer: Mailer
    now: datetime
    is_sandbox: bool = False
    lineage: Lineage | None = None


def send_parts(
    desk: Desk, order: Order, subject: Text, text: Text | None, html: Text | None
) -> str:
    """Accept a mail composed from its parts; return its message id.

    Raises:
        MailRefused: an address is none or not verified, or a part cannot be written.
    """
    source = parse(order.source)
    parts = _parts(order, source, subject, text, html)
    recipients = _recipients(order)
    _check(desk, order, [source], recipients)
    message = messages.compose(parts, desk.now)
    return desk.mailer.accept(desk.connection, _mail(desk, order, message, source, recipients))


def send_raw(desk: Desk, order: Order, data: bytes) -> str:
    """Accept a mail that its sender composed; return its message id.

    Raises:
        MailRefused: its head is not valid, or an address in it is none or not verified.
    """
    raw = messages.read_raw(data, desk.now)
    named = raw.marks.get("x-ses-configuration-set", "")
    sender = parse(order.source) if order.source else raw.senders[0]
    given = [parse(text) for text in (*order.to, *order.cc, *order.bcc)]
    recipients = _distinct(given or raw.recipients)
    _require_recipients(recipients)
    _check(desk, order, _distinct([*raw.senders, sender]), recipients, configuration_set=named)
    envelope = Order(order.region, return_path=order.return_path or raw.return_path)
    return desk.mailer.accept(
        desk.connection, _mail(desk, envelope, raw.content, sender, recipients)
    )


def send_template(desk: Desk, order: Order, template: TemplateRow, data: str) -> str:
    """Accept a mail made from a template; return its message id.

    What the data lacks shows only when the mail is made: as SES does, the mail is accepted and fails in the outbox.

    Raises:
        MailRefused: an address is none or not verified, or the data is no JSON object.
    """
    source = parse(order.source)
    recipients = _recipients(order)
    _check(desk, order, [source], recipients)
    values = templates.read_data(data)
    try:
        subject, text, html = rendered(template, values)
        parts = _parts(order, source, subject, text, html)
        message = messages.compose(parts, desk.now)
    except MailRefused as refusal:
        if refusal.kind not in _FAILED_LATER:
            raise
        empty = messages.compose(
            _parts(order, source, Text(template.subject or ""), Text(str(refusal)), None), desk.now
        )
        return desk.mailer.record_failure(
            desk.connection,
            _mail(desk, order, empty, source, recipients),
            f"rendering failed: {refusal}",
        )
    return desk.mailer.accept(desk.connection, _mail(desk, order, message, source, recipients))


def rendered(
    template: TemplateRow, values: Mapping[str, object]
) -> tuple[Text, Text | None, Text | None]:
    """Return subject, text and HTML of a template with its values.

    Raises:
        MailRefused: it shows what the values lack.
    """

    def render(part: str | None) -> Text | None:
        return None if part is None else Text(templates.render(part, values, template.name))

    return render(template.subject or "") or Text(""), render(template.text), render(template.html)


def _parts(
    order: Order, source: Address, subject: Text, text: Text | None, html: Text | None
) -> Parts:
    return Parts(
        sender=source,
        to=[parse(item) for item in order.to],
        subject=subject,
        text=text,
        html=html,
        cc=[parse(item) for item in order.cc],
        reply_to=[parse(item) for item in order.reply_to],
        headers=order.headers,
        attachments=order.attachments,
    )


def _recipients(order: Order) -> list[Address]:
    found = _distinct([parse(text) for text in (*order.to, *order.cc, *order.bcc)])
    _require_recipients(found)
    return found


def _require_recipients(recipients: Sequence[Address]) -> None:
    if not recipients:
        raise MailRefused(Kind.PARAMETER, "Missing required header 'To'.")
    if len(recipients) > _MOST_RECIPIENTS:
        raise MailRefused(Kind.PARAMETER, f"Recipient count exceeds {_MOST_RECIPIENTS}.")


def _distinct(addresses: Sequence[Address]) -> list[Address]:
    return list({address.bare: address for address in addresses}.values())


def _check(
    desk: Desk,
    order: Order,
    senders: Sequence[Address],
    recipients: Sequence[Address],
    *,
    configuration_set: str = "",
) -> None:
    for name, value in order.tags:
        check_tag(name, value)
    named = order.configuration_set or configuration_set
    if named:
        _require_configuration_set(desk, order.region, named)
    asked = [*senders]
    if order.return_path:
        asked.append(parse(order.return_path))
    if desk.is_sandbox:
        asked += recipients
    identities.require_verified(desk.connection, order.region, asked)


def _require_configuration_set(desk: Desk, region: str, name: str) -> None:
    row = mail.configuration_set(desk.connection, region, name)
    if row is None:
        raise MailRefused(
            Kind.NO_CONFIGURATION_SET, f"Configuration set <{name}> does not exist.", name
        )
    if row.options.get("SendingOptions", {}).get("SendingEnabled") is False:
        raise MailRefused(
            Kind.PAUSED, f"Email sending is disabled for the configuration set {name}.", name
        )


def check_tag(name: str, value: str) -> None:
    """Refuse a message tag that SES would refuse.

    Raises:
        MailRefused: name or value is missing, too long or has other characters.
    """
    if not name:
        raise MailRefused(Kind.PARAMETER, "The tag name must be specified.")
    if not value:
        raise MailRefused(Kind.PARAMETER, "The tag value must be specified.")
    if len(name) > _MOST_TAG:
        raise MailRefused(Kind.PARAMETER, f"Tag name cannot exceed {_MOST_TAG} characters.")
    if _TAG_NAME.fullmatch(name) is None:
        raise MailRefused(
            Kind.PARAMETER,
            f"Invalid tag name <{name}>: only alphanumeric ASCII characters, '_',  '-' are allowed.",
        )
    if len(value) > _MOST_TAG:
        raise MailRefused(Kind.PARAMETER, f"Tag value cannot exceed {_MOST_TAG} characters.")
    if _TAG_VALUE.fullmatch(value) is None:
        raise MailRefused(
            Kind.PARAMETER,
            f"Invalid tag value <{value}>: only alphanumeric ASCII characters, "
            "'_',  '-' , '.', '@' are allowed.",
        )


def _mail(
    desk: Desk, order: Order, message: bytes, source: Address, recipients: Sequence[Address]
) -> Mail:
    sender = parse(order.return_path).bare if order.return_path else source.bare
    everybody = [address.bare for address in recipients]
    return Mail(message, sender, everybody, order.region, lineage=desk.lineage)
