"""Templates of SES v2; the same as those of v1."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.governance.mail import messages, sending, templates
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.messages import Parts
from outcrop.services.platform import Context
from outcrop.services.sesv2.errors import AlreadyExistsException, NotFoundException, worded
from outcrop.services.sesv2.token_pages import page
from outcrop.storage import mail
from outcrop.storage.mail import TemplateRow


@operation("sesv2:CreateEmailTemplate")
def create_email_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Store a template.

    Raises:
        AlreadyExistsException: there is one of this name.
        BadRequestException: it cannot be read.
    """
    row = template_of(
        request["TemplateName"],
        request["TemplateContent"],
        context,
        now_us(context.platform.clock),
    )
    with context.platform.database.write(durable=True) as connection:
        if mail.template(connection, context.region, row.name) is not None:
            raise AlreadyExistsException(f"Template {row.name} already exists.")
        mail.insert(connection, row)
    return {}


@operation("sesv2:UpdateEmailTemplate")
def update_email_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Replace what a template says.

    Raises:
        NotFoundException: there is none of this name.
        BadRequestException: it cannot be read.
    """
    row = template_of(request["TemplateName"], request["TemplateContent"], context)
    with context.platform.database.write(durable=True) as connection:
        require(connection, row.name, context)
        mail.change(connection, row, subject=row.subject, text=row.text, html=row.html)
    return {}


@operation("sesv2:GetEmailTemplate")
def get_email_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a template.

    Raises:
        NotFoundException: there is none of this name.
    """
    with context.platform.database.read() as connection:
        row = require(connection, request["TemplateName"], context)
    parts = {"Subject": row.subject, "Text": row.text, "Html": row.html}
    return {
        "TemplateName": row.name,
        "TemplateContent": {name: text for name, text in parts.items() if text is not None},
    }


@operation("sesv2:ListEmailTemplates")
def list_email_templates(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List templates, the newest first.

    Raises:
        InvalidNextTokenException: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        rows = mail.templates(connection, context.region)
    shown, following = page(rows, lambda row: row.name, request, context)
    return {
        "TemplatesMetadata": [
            {"TemplateName": row.name, "CreatedTimestamp": from_us(row.created_us)} for row in shown
        ],
        **following,
    }


@operation("sesv2:DeleteEmailTemplate")
def delete_email_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a template.

    Raises:
        NotFoundException: there is none of this name.
    """
    with context.platform.database.write(durable=True) as connection:
        mail.remove(connection, require(connection, request["TemplateName"], context))
    return {}


@operation("sesv2:TestRenderEmailTemplate")
def test_render_email_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the mail that a template would become, as MIME.

    Raises:
        NotFoundException: there is none of this name.
        BadRequestException: the data is no JSON object, or lacks what the template shows.
    """
    with context.platform.database.read() as connection:
        row = require(connection, request["TemplateName"], context)
    with worded():
        subject, text, html = sending.rendered(row, templates.read_data(request["TemplateData"]))
        parts = Parts(parse("sender@example.com"), [], subject, text, html)
        message = messages.compose(parts, context.platform.clock.now())
    kept = [line for line in message.split(b"\r\n") if not line.startswith(b"From: sender@example")]
    return {"RenderedTemplate": b"\r\n".join(kept).decode()}


def require(connection: Connection, name: str, context: Context) -> TemplateRow:
    """Return the template of a name.

    Raises:
        NotFoundException: there is none.
    """
    row = mail.template(connection, context.region, name)
    if row is None:
        raise NotFoundException(f"Template {name} does not exist.")
    return row


def template_of(
    name: str, content: Mapping[str, Any], context: Context, created_us: int = 0
) -> TemplateRow:
    """Return the template that a request describes.

    Raises:
        BadRequestException: it cannot be read.
    """
    row = TemplateRow(
        context.region,
        name,
        created_us,
        content.get("Subject"),
        content.get("Text"),
        content.get("Html"),
    )
    with worded():
        for part in (row.subject, row.text, row.html):
            templates.check(part or "", name)
    return row
