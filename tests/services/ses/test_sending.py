"""What is sent arrives, once, as SES would have written it."""

import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest

from services.ses.conftest import Post
from support.composed_server import refuse


def simple(source: str, *to: str, **more: Any) -> dict[str, Any]:
    return {
        "Source": source,
        "Destination": {"ToAddresses": list(to)},
        "Message": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "How are you?"}}},
        **more,
    }


def somebody() -> str:
    return f"reader-{uuid4().hex[:8]}@example.net"


def test_a_mail_arrives_with_text_html_and_the_ids_of_its_answer(
    post: Post, ses: Any, verified: Callable[[], str]
) -> None:
    sender, reader, copy, hidden = verified(), somebody(), somebody(), somebody()
    message_id = ses.send_email(
        Source=f"Größe <{sender}>",
        Destination={"ToAddresses": [reader], "CcAddresses": [copy], "BccAddresses": [hidden]},
        ReplyToAddresses=["answers@example.com"],
        Message={
            "Subject": {"Data": "Überraschung", "Charset": "UTF-8"},
            "Body": {
                "Text": {"Data": "Grüße\n.\nmit Punkt", "Charset": "UTF-8"},
                "Html": {"Data": "<p>Grüße</p>", "Charset": "UTF-8"},
            },
        },
    )["MessageId"]
    received = post.mail.mail_to(reader)
    assert received.sender == sender
    assert sorted(received.recipients) == sorted([reader, copy, hidden])
    message = received.message
    assert str(message["From"]) == f"Größe <{sender}>"
    assert (str(message["To"]), str(message["Cc"]), message["Bcc"]) == (reader, copy, None)
    assert str(message["Reply-To"]) == "answers@example.com"
    assert str(message["Subject"]) == "Überraschung"
    assert message["Message-ID"] == f"<{message_id}@eu-west-1.amazonses.com>"
    assert message["Date"] is not None
    assert message.get_content_type() == "multipart/alternative"
    assert received.text == "Grüße\n.\nmit Punkt\n"
    assert received.html == "<p>Grüße</p>\n"
    assert hidden.encode() not in received.content


def test_mail_from_somebody_who_is_not_verified_is_rejected(ses: Any) -> None:
    code, message = refuse(ses.send_email, **simple("mallory@example.com", "victim@example.net"))
    assert code == "MessageRejected"
    assert message == (
        "Email address is not verified. The following identities failed the check in region "
        "EU-WEST-1: mallory@example.com"
    )


def test_a_return_path_must_be_verified_too(ses: Any, verified: Callable[[], str]) -> None:
    request = simple(verified(), somebody(), ReturnPath="bounces@elsewhere.example")
    code, message = refuse(ses.send_email, **request)
    assert (code, message.rpartition(": ")[2]) == ("MessageRejected", "bounces@elsewhere.example")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nobody", "Missing final '@domain'"),
        ("@example.com", "User name is missing."),
        ("a b@example.com", "Local address contains control or whitespace"),
        ("a@example.com\r\nBcc: all@example.com", "Header contains illegal character"),
        ("a@exa mple.com", "Domain contains control or whitespace"),
    ],
)
def test_addresses_that_are_none_are_named(
    ses: Any, verified: Callable[[], str], address: str, message: str
) -> None:
    assert refuse(ses.send_email, **simple(verified(), address)) == (
        "InvalidParameterValue",
        message,
    )


def test_a_subject_cannot_begin_a_header_of_its_own(ses: Any, verified: Callable[[], str]) -> None:
    request = simple(verified(), somebody())
    request["Message"]["Subject"]["Data"] = "Hello\r\nBcc: all@example.com"
    assert refuse(ses.send_email, **request)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bad:name", "x", "Invalid tag name <bad:name>: only alphanumeric ASCII characters, '_',  '-' are allowed."),
        ("name", "bad:value", "Invalid tag value <bad:value>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed."),
        ("n" * 256, "x", "Tag name cannot exceed 255 characters."),
        ("name", "v" * 256, "Tag value cannot exceed 255 characters."),
        ("", "", "The tag name must be specified."),
        ("name", "", "The tag value must be specified."),
    ],
)  # fmt: skip
def test_tags_are_refused_in_aws_words(
    ses: Any, verified: Callable[[], str], name: str, value: str, message: str
) -> None:
    request = simple(verified(), somebody(), Tags=[{"Name": name, "Value": value}])
    assert refuse(ses.send_email, **request) == ("InvalidParameterValue", message)


def test_a_configuration_set_must_exist(ses: Any, verified: Callable[[], str]) -> None:
    request = simple(verified(), somebody(), ConfigurationSetName="absent")
    assert refuse(ses.send_email, **request) == (
        "ConfigurationSetDoesNotExist",
        "Configuration set <absent> does not exist.",
    )
    ses.create_configuration_set(ConfigurationSet={"Name": "present"})
    assert ses.send_email(**{**request, "ConfigurationSetName": "present"})["MessageId"]


def test_a_raw_mail_keeps_its_bytes_but_for_what_ses_sets(
    post: Post, ses: Any, verified: Callable[[], str]
) -> None:
    sender, reader, hidden = verified(), somebody(), somebody()
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = sender, reader, hidden
    message["Subject"], message["Message-ID"] = "Report", "<mine@example.com>"
    message["X-SES-CONFIGURATION-SET"] = "raw-set"
    message["X-Own"] = "kept"
    message.set_content(".dots at the beginning\nand the end")
    message.add_attachment(b"\x00\x01,1\n", maintype="application", subtype="pdf", filename="r.pdf")
    ses.create_configuration_set(ConfigurationSet={"Name": "raw-set"})
    message_id = ses.send_raw_email(RawMessage={"Data": message.as_bytes()})["MessageId"]
    received = post.mail.mail_to(reader)
    assert sorted(received.recipients) == sorted([reader, hidden])
    assert received.message["Message-ID"] == f"<{message_id}@eu-west-1.amazonses.com>"
    assert received.message["X-Own"] == "kept"
    assert received.message["Bcc"] is None
    assert received.message["X-SES-CONFIGURATION-SET"] is None
    assert received.text == ".dots at the beginning\nand the end\n"
    (attachment,) = received.message.iter_attachments()
    assert attachment.get_content() == b"\x00\x01,1\n"


def test_whoever_a_raw_mail_claims_to_be_from_must_be_verified(
    ses: Any, verified: Callable[[], str]
) -> None:
    data = b"From: ceo@example.com\nTo: x@example.net\nSubject: s\n\nhello\n"
    code, message = refuse(
        ses.send_raw_email,
        Source=verified(),
        Destinations=["x@example.net"],
        RawMessage={"Data": data},
    )
    assert (code, message.rpartition(": ")[2]) == ("MessageRejected", "ceo@example.com")


def test_a_template_is_filled_and_sent(post: Post, ses: Any, verified: Callable[[], str]) -> None:
    reader, name = somebody(), f"t-{uuid4().hex[:8]}"
    ses.create_template(
        Template={
            "TemplateName": name,
            "SubjectPart": "Model {{model}}",
            "TextPart": "Dear {{name}}{{#if better}}, it won{{else}}, it lost{{/if}}.",
            "HtmlPart": "<ul>{{#each scores}}<li>{{name}}: {{value}}</li>{{/each}}</ul>",
        }
    )
    data = {
        "model": "m1",
        "name": "Ada",
        "better": True,
        "scores": [{"name": "base", "value": 0.25}, {"name": "custom", "value": 0.5}],
    }
    ses.send_templated_email(
        Source=verified(),
        Destination={"ToAddresses": [reader]},
        Template=name,
        TemplateData=json.dumps(data),
    )
    received = post.mail.mail_to(reader)
    assert str(received.message["Subject"]) == "Model m1"
    assert received.text == "Dear Ada, it won.\n"
    assert received.html == "<ul><li>base: 0.25</li><li>custom: 0.5</li></ul>\n"


def test_a_template_that_lacks_data_fails_in_the_outbox_and_is_not_sent(
    post: Post, ses: Any, verified: Callable[[], str]
) -> None:
    sender, name = verified(), f"t-{uuid4().hex[:8]}"
    template = {"TemplateName": name, "SubjectPart": "s", "TextPart": "Dear {{name}}"}
    ses.create_template(Template=template)
    before = len(post.mail.received)
    message_id = ses.send_templated_email(
        Source=sender,
        Destination={"ToAddresses": [somebody()]},
        Template=name,
        TemplateData="{}",
    )["MessageId"]
    row = post.row(message_id)
    assert row.state == "failed"
    assert row.detail == (
        "rendering failed: Attribute 'name' is not present in the rendering data."
    )
    assert len(post.mail.received) == before
    assert refuse(ses.test_render_template, TemplateName=name, TemplateData="{}") == (
        "MissingRenderingAttribute",
        "Attribute 'name' is not present in the rendering data.",
    )
    rendered = ses.test_render_template(TemplateName=name, TemplateData='{"name": "Ada"}')
    assert "Dear Ada" in rendered["RenderedTemplate"]


def test_templates_come_and_go(ses: Any) -> None:
    name = f"t-{uuid4().hex[:8]}"
    template = {"TemplateName": name, "SubjectPart": "s", "TextPart": "t", "HtmlPart": "h"}
    ses.create_template(Template=template)
    assert ses.get_template(TemplateName=name)["Template"] == template
    assert refuse(ses.create_template, Template=template)[0] == "AlreadyExists"
    ses.update_template(Template={**template, "TextPart": "new"})
    assert ses.get_template(TemplateName=name)["Template"]["TextPart"] == "new"
    assert name in [item["Name"] for item in ses.list_templates()["TemplatesMetadata"]]
    broken = {"TemplateName": "broken", "SubjectPart": "{{#if x}}", "TextPart": "t"}
    assert refuse(ses.create_template, Template=broken)[0] == "InvalidTemplate"
    ses.delete_template(TemplateName=name)
    assert refuse(ses.get_template, TemplateName=name) == (
        "TemplateDoesNotExist",
        f"Template {name} does not exist.",
    )


def test_bulk_mail_tells_of_each_destination(
    post: Post, ses: Any, verified: Callable[[], str]
) -> None:
    name, readers = f"t-{uuid4().hex[:8]}", [somebody(), somebody()]
    ses.create_template(
        Template={"TemplateName": name, "SubjectPart": "s", "TextPart": "Dear {{name}}"}
    )
    statuses = ses.send_bulk_templated_email(
        Source=verified(),
        Template=name,
        DefaultTemplateData='{"name": "friend"}',
        Destinations=[
            {"Destination": {"ToAddresses": [readers[0]]}},
            {
                "Destination": {"ToAddresses": [readers[1]]},
                "ReplacementTemplateData": '{"name": "Bea"}',
            },
            {"Destination": {"ToAddresses": ["nobody"]}},
        ],
    )["Status"]
    assert [item["Status"] for item in statuses] == ["Success", "Success", "InvalidParameterValue"]
    assert post.mail.mail_to(readers[0]).text == "Dear friend\n"
    assert post.mail.mail_to(readers[1]).text == "Dear Bea\n"


def test_quota_and_statistics_count_recipients(ses: Any, verified: Callable[[], str]) -> None:
    sender = verified()
    before = ses.get_send_quota()["SentLast24Hours"]
    ses.send_email(**simple(sender, somebody(), somebody()))
    quota = ses.get_send_quota()
    assert quota["SentLast24Hours"] == before + 2
    assert (quota["Max24HourSend"], quota["MaxSendRate"]) == (50_000.0, 14.0)
    points = ses.get_send_statistics()["SendDataPoints"]
    assert sum(point["DeliveryAttempts"] for point in points) >= 2
    assert ses.get_account_sending_enabled()["Enabled"] is True


def test_the_second_version_sends_the_same_mail(
    post: Post, sesv2: Any, verified: Callable[[], str]
) -> None:
    sender, reader = verified(), somebody()
    sesv2.send_email(
        FromEmailAddress=sender,
        Destination={"ToAddresses": [reader]},
        Content={
            "Simple": {
                "Subject": {"Data": "Two"},
                "Body": {"Html": {"Data": "<b>two</b>"}},
                "Headers": [{"Name": "X-Campaign", "Value": "spring"}],
                "Attachments": [{"FileName": "a.csv", "RawContent": b"1,2\n"}],
            }
        },
    )
    received = post.mail.mail_to(reader)
    assert received.message["X-Campaign"] == "spring"
    (attachment,) = received.message.iter_attachments()
    assert attachment.get_filename() == "a.csv"
    for content in (
        {"Raw": {"Data": f"From: {sender}\nTo: {reader}\nSubject: raw\n\nraw\n".encode()}},
        {
            "Template": {
                "TemplateContent": {"Subject": "inline {{n}}", "Text": "inline"},
                "TemplateData": '{"n": 3}',
            }
        },
    ):
        sesv2.send_email(
            FromEmailAddress=sender, Destination={"ToAddresses": [reader]}, Content=content
        )
    assert post.mail.mail_to(reader, "raw").text == "raw\n"
    assert post.mail.mail_to(reader, "inline 3").text == "inline\n"
    code, message = refuse(
        sesv2.send_email,
        FromEmailAddress="mallory@example.com",
        Destination={"ToAddresses": [reader]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
    )
    assert (code, message.startswith("Email address is not verified.")) == ("MessageRejected", True)
    assert sesv2.get_account()["SendQuota"]["SentLast24Hours"] >= 3
