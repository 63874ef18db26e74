"""Who may publish, subscribe and send: conditions that AWS has for it."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from services.sns.conftest import Post

REGION = "eu-west-1"
May = Callable[..., Callable[[str], Any]]


@pytest.fixture
def may(post: Post) -> May:
    """Return clients of a new user who may do what the statements say."""

    def make(*statements: dict[str, Any]) -> Callable[[str], Any]:
        iam, name = post.server.client("iam"), f"user-{uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return lambda service: post.server.client(
            service,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    return make


def outcome(call: Callable[..., Any], **request: Any) -> str:
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_subscribing_can_be_limited_to_a_protocol_and_an_endpoint(topic: str, may: May) -> None:
    sns = may(
        {
            "Effect": "Allow",
            "Action": "sns:Subscribe",
            "Resource": topic,
            "Condition": {
                "StringEquals": {"sns:Protocol": "email"},
                "StringLike": {"sns:Endpoint": "*@example.com"},
            },
        }
    )("sns")
    request = {"TopicArn": topic, "Protocol": "email", "Endpoint": "a@example.com"}
    assert outcome(sns.subscribe, **request) == ""
    assert (
        outcome(sns.subscribe, **{**request, "Endpoint": "a@elsewhere.com"}) == "AuthorizationError"
    )
    web = {"Protocol": "http", "Endpoint": "http://a@example.com"}
    assert outcome(sns.subscribe, **{**request, **web}) == "AuthorizationError"
    assert outcome(sns.publish, TopicArn=topic, Message="m") == "AuthorizationError"


def test_a_topics_own_policy_lets_a_user_publish_without_one_of_his(
    sns: Any, topic: str, may: May
) -> None:
    theirs = may({"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"})("sns")
    assert outcome(theirs.publish, TopicArn=topic, Message="m") == "AuthorizationError"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "sns:Publish",
                "Resource": topic,
                "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
            }
        ],
    }
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    assert outcome(theirs.publish, TopicArn=topic, Message="m") == ""


def test_sending_can_be_limited_to_an_identity_a_sender_and_recipients(
    post: Post, may: May
) -> None:
    domain = f"{uuid4().hex[:8]}.example.org"
    identity = f"arn:aws:ses:{REGION}:123456789012:identity/{domain}"
    root = post.server.client("ses")
    root.verify_domain_identity(Domain=domain)
    mine = may(
        {
            "Effect": "Allow",
            "Action": ["ses:SendEmail", "ses:SendRawEmail"],
            "Resource": identity,
            "Condition": {
                "StringEquals": {"ses:FromAddress": f"robot@{domain}"},
                "ForAllValues:StringLike": {"ses:Recipients": "*@example.com"},
            },
        }
    )
    from outcrop.core.times import now_us
    from outcrop.governance.mail import identities
    from outcrop.storage import mail

    with post.server.database.write() as connection:
        row = mail.identity(connection, REGION, domain)
        assert row is not None
        identities.set_verified(connection, row, now_us(post.server.clock))

    def send(source: str, reader: str) -> str:
        return outcome(
            mine("ses").send_email,
            Source=source,
            Destination={"ToAddresses": [reader]},
            Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
        )

    def send_new(source: str, reader: str) -> str:
        return outcome(
            mine("sesv2").send_email,
            FromEmailAddress=source,
            Destination={"ToAddresses": [reader]},
            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        )

    robot = f"Robot <robot@{domain}>"
    assert (send(robot, "a@example.com"), send_new(robot, "a@example.com")) == ("", "")
    assert send(f"ceo@{domain}", "a@example.com") == "AccessDenied"
    assert send(robot, "a@elsewhere.com") == "AccessDenied"
    assert send_new(robot, "a@elsewhere.com") == "AccessDeniedException"
    raw = f"From: robot@{domain}\nTo: a@example.com\nSubject: s\n\nt\n".encode()
    send_raw = mine("ses").send_raw_email
    assert outcome(send_raw, RawMessage={"Data": raw}) == ""
    forged = raw.replace(b"robot@", b"ceo@")
    assert outcome(send_raw, RawMessage={"Data": forged}) == "AccessDenied"
