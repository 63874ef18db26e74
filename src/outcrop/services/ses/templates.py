"""Templates of SES v1."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.governance.mail import messages, sending, templates
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.messages import Parts
from outcrop.services.platform import Context
from outcrop.services.ses.errors import AlreadyExists, TemplateDoesNotExist, worded
from outcrop.services.ses.token_pages import page
from outcrop.storage import mail
from outcrop.storage.mail import TemplateRow

_USUAL_PAGE = 10


@operation("ses:CreateTemplate")
def create_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Store a template.

    Raises:
        AlreadyExists: there is one of this name.
        InvalidTemplate: it cannot be read.
    """
    row = _row(request["Template"], context, now_us(context.platform.clock))
    with context.platform.database.write(durable=True) as connection:
        if mail.template(connection, context.region, row.name) is not None:
            raise AlreadyExists(f"Template {row.name} already exists.", Name=row.name)
        mail.insert(connection, row)
    return {}


@operation("ses:UpdateTemplate")
def update_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Replace what a template says.

    Raises:
        TemplateDoesNotExist: there is none of this name.
        InvalidTemplate: it cannot be read.
    """
    row = _row(request["Template"], context, 0)
    with context.platform.database.write(durable=True) as connection:
        _required(mail.template(connection, context.region, row.name), row.name)
        mail.change(connection, row, subject=row.subject, text=row.text, html=row.html)
    return {}


@operation("ses:GetTemplate")
def get_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a template.

    Raises:
        TemplateDoesNotExist: there is none of this name.
    """
    row = find(request["TemplateName"], context)
    parts = {"SubjectPart": row.subject, "TextPart": row.text, "HtmlPart": row.html}
    shown = {name: text for name, text in parts.items() if text is not None}
    return {"Template": {"TemplateName": row.name, **shown}}


@operation("ses:ListTemplates")
def list_templates(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List templates, the newest first.

    Raises:
        InvalidParameterValue: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        rows = mail.templates(connection, context.region)
    shown, following = page(rows, lambda row: row.name, request, context, _USUAL_PAGE)
    return {
        "TemplatesMetadata": [
            {"Name": row.name, "CreatedTimestamp": from_us(row.created_us)} for row in shown
        ],
        **following,
    }


@operation("ses:DeleteTemplate")
def delete_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete a template; one that is not there is no error."""
    with context.platform.database.write(durable=True) as connection:
        row = mail.template(connection, context.region, request["TemplateName"])
        if row is not None:
            mail.remove(connection, row)
    return {}


@operation("ses:TestRenderTemplate")
def test_render_template(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the mail that a template would become, as MIME.

    Raises:
        TemplateDoesNotExist: there is none of this name.
        InvalidRenderingParameter: the data is no JSON object.
        MissingRenderingAttribute: the data lacks what the template shows.
    """
    row = find(request["TemplateName"], context)
    with worded(row.name):
        subject, text, html = sending.rendered(row, templates.read_data(request["TemplateData"]))
        nobody = parse("sender@example.com")
        parts = Parts(nobody, [], subject, text, html)
        message = messages.compose(parts, context.platform.clock.now())
    kept = [line for line in message.split(b"\r\n") if not line.startswith(b"From: sender@example")]
    return {"RenderedTemplate": b"\r\n".join(kept).decode()}


def find(name: str, context: Context) -> TemplateRow:
    """Return the template of a name.

    Raises:
        TemplateDoesNotExist: there is none.
    """
    with context.platform.database.read() as connection:
        return _required(mail.template(connection, context.region, name), name)


def _required(row: TemplateRow | None, name: str) -> TemplateRow:
    if row is None:
        raise TemplateDoesNotExist(f"Template {name} does not exist.", TemplateName=name)
    return row


def _row(template: Mapping[str, Any], context: Context, created_us: int) -> TemplateRow:
    row = TemplateRow(
        context.region,
        template["TemplateName"],
        created_us,
        template.get("SubjectPart"),
        template.get("TextPart"),
        template.get("HtmlPart"),
    )
    with worded(row.name):
        for part in (row.subject, row.text, row.html):
            templates.check(part or "", row.name)
    return row
