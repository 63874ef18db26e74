"""Subscriptions: asked for, confirmed, filtered, ended."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from services.sns.conftest import Post, WebEndpoint
from services.sns.test_topics import error_of
from support.composed_server import refuse

Subscribed = Callable[..., tuple[str, str]]
Confirmed = Callable[..., str]


def test_mail_comes_after_the_link_was_followed_and_not_before(
    post: Post, sns: Any, topic: str
) -> None:
    address = "late@example.net"
    answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    assert answer["SubscriptionArn"] == "pending confirmation"
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=topic, Message="too early", Subject="early")
    asked = post.mail.mail_to(address, "Subscription Confirmation")
    assert post.follow(asked.links[0])[0] == 200
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Lab")
    sns.publish(TopicArn=topic, Message="Modell fertig: größer", Subject="Done")
    received = post.mail.mail_to(address, "Done")
    assert str(received.message["From"]) == "Lab <no-reply@sns.amazonaws.com>"
    assert received.text.startswith("Modell fertig: größer\n")
    subjects = [
        str(mail.message["Subject"]) for mail in post.mail.received if address in mail.recipients
    ]
    assert subjects == ["AWS Notification - Subscription Confirmation", "Done"]
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsPending"]) == ("1", "0")


def test_the_link_in_a_message_ends_the_subscription(
    post: Post, sns: Any, topic: str, subscribed: Subscribed
) -> None:
    arn, address = subscribed(topic)
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes == {
        "ConfirmationWasAuthenticated": "false",
        "Endpoint": address,
        "Owner": "123456789012",
        "PendingConfirmation": "false",
        "Protocol": "email",
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": "arn:aws:iam::123456789012:root",
        "TopicArn": topic,
    }
    sns.publish(TopicArn=topic, Message="m", Subject="with link")
    (link,) = post.mail.mail_to(address, "with link").links
    assert post.follow(link)[0] == 200
    assert post.mail.mail_to(address, "Unsubscribe Confirmation").text.startswith(address)
    assert error_of(sns.get_subscription_attributes, SubscriptionArn=arn) == (
        "NotFound",
        "Subscription does not exist",
        404,
    )
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_a_subscription_confirmed_with_a_signature_is_ended_with_one_only(
    post: Post, sns: Any, topic: str
) -> None:
    address = "careful@example.net"
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    link = post.mail.mail_to(address).links[0]
    arn = sns.confirm_subscription(
        TopicArn=topic, Token=link.rpartition("Token=")[2], AuthenticateOnUnsubscribe="true"
    )["SubscriptionArn"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["ConfirmationWasAuthenticated"] == "true"
    base = link.partition("/?")[0]
    status, page = post.follow(f"{base}/?Action=Unsubscribe&SubscriptionArn={arn}")
    assert (status, "AuthorizationError" in page) == (403, True)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_nothing_else_may_be_asked_without_a_signature(post: Post, topic: str) -> None:
    base = f"http://127.0.0.1:{post.server.port}"
    status, page = post.follow(f"{base}/?Action=Publish&TopicArn={topic}&Message=m")
    assert (status, "MissingAuthenticationToken" in page) == (403, True)


def test_tokens_that_are_none_are_refused(sns: Any, topic: str) -> None:
    assert refuse(sns.confirm_subscription, TopicArn=topic, Token="randomtoken") == (
        "InvalidParameter",
        "Invalid token",
    )
    assert refuse(sns.confirm_subscription, TopicArn=topic, Token="ab" * 128) == (
        "InvalidParameter",
        "Invalid parameter: Token",
    )


@pytest.mark.parametrize(
    ("protocol", "endpoint", "message"),
    [
        ("test-protocol", "x", "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"),
        ("email", "nobody", "Invalid parameter: Email address"),
        ("lambda", "function", "Invalid parameter: Lambda endpoint ARN"),
        ("https", "http://example.com", "Invalid parameter: Endpoint must match the specified protocol"),
    ],
)  # fmt: skip
def test_endpoints_must_fit_their_protocol(
    sns: Any, topic: str, protocol: str, endpoint: str, message: str
) -> None:
    refused = refuse(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert refused == ("InvalidParameter", message)


@pytest.mark.parametrize("protocol", ["sqs", "sms", "firehose", "application"])
def test_protocols_that_are_not_offered_say_so(sns: Any, topic: str, protocol: str) -> None:
    code, _, status = error_of(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint="x")
    assert (code, status) == ("NotImplemented", 501)


def test_a_web_endpoint_gets_a_message_that_it_can_verify(
    post: Post, sns: Any, topic: str, web: WebEndpoint, confirmed: Confirmed
) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    arn = confirmed(topic)
    message_id = sns.publish(
        TopicArn=topic,
        Message="body",
        Subject="subject",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "99.12"},
            "b": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
        },
    )["MessageId"]
    headers, body = web.wait_for(2)[1]
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    message = json.loads(body)
    assert list(message) == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion",
        "Signature", "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
    assert (message["MessageId"], message["Message"]) == (message_id, "body")
    assert message["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "99.12"},
        "b": {"Type": "Binary", "Value": "AgME"},
    }
    _, page = post.follow(message["SigningCertURL"])
    key = x509.load_pem_x509_certificate(page.encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    signed = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{message[name]}\n" for name in signed).encode()
    key.verify(base64.b64decode(message["Signature"]), text, PKCS1v15(), hashes.SHA256())


def test_a_web_endpoint_that_fails_is_tried_again(
    sns: Any, topic: str, web: WebEndpoint, confirmed: Confirmed
) -> None:
    policy = {
        "healthyRetryPolicy": {
            "numRetries": 3, "numNoDelayRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1,
        }
    }  # fmt: skip
    confirmed(
        topic, Attributes={"DeliveryPolicy": json.dumps(policy), "RawMessageDelivery": "true"}
    )
    web.answers[:] = [500, 503]
    sns.publish(TopicArn=topic, Message="again")
    received = web.wait_for(4)
    assert [body for _, body in received[1:]] == ["again"] * 3
    assert received[3][0]["x-amz-sns-rawdelivery"] == "true"


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"key": [["value"]]}, "Match value must be String, number, true, false, or null"),
        ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator"),
        ({"key": [{"suffix": "a", "prefix": "b"}]}, "Only one key allowed in match expression"),
        ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string"),
        ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array'),
        ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
        ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator"),
        ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1"),
        ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric"),
        ({"key": [{"numeric": ["<", 100, ">", 10]}]}, "Too many elements in numeric expression"),
        ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >"),
        ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top"),
        ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric"),
        ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30"),
        ({"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]}, "Too many terms in numeric range expression"),
        ({"key": [{"exists": None}]}, "exists match pattern must be either true or false."),
        ({f"k{number}": ["v"] for number in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"a": list("abcdefghijklm"), "b": list("abcdefghijklm")}, "Filter policy is too complex"),
    ],
)  # fmt: skip
def test_filter_policies_are_refused_in_aws_words(
    sns: Any, topic: str, policy: dict[str, Any], message: str
) -> None:
    assert refuse(
        sns.subscribe,
        TopicArn=topic,
        Protocol="email",
        Endpoint="filter@example.net",
        Attributes={"FilterPolicy": json.dumps(policy)},
    ) == ("InvalidParameter", f"Invalid parameter: Attributes Reason: FilterPolicy: {message}")


def test_attributes_of_subscriptions_are_refused_in_aws_words(
    sns: Any, topic: str, subscribed: Subscribed
) -> None:
    arn, _ = subscribed(topic)

    def set_it(name: str, value: str) -> str:
        code, message = refuse(
            sns.set_subscription_attributes,
            SubscriptionArn=arn,
            AttributeName=name,
            AttributeValue=value,
        )
        assert code == "InvalidParameter"
        return message

    assert set_it("FakeAttribute", "x") == "Invalid parameter: AttributeName"
    assert set_it("RawMessageDelivery", "test-ValUe") == (
        "Invalid parameter: RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false."
    )
    assert set_it("RedrivePolicy", json.dumps({"deadLetterTargetArn": "fake"})) == (
        "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn"
    )
    assert set_it("FilterPolicyScope", "RandomValue") == (
        "Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. Please use either "
        "MessageBody or MessageAttributes"
    )
    nested = json.dumps({"object": {"key": [{"prefix": "auto-"}]}})
    assert set_it("FilterPolicy", nested) == (
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy"
    )
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
    )
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=nested
    )
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["FilterPolicy"], attributes["FilterPolicyScope"]) == (nested, "MessageBody")


def test_only_messages_that_the_filter_lets_pass_arrive(
    sns: Any, topic: str, web: WebEndpoint, confirmed: Confirmed
) -> None:
    policy = {"state": ["Failed", {"prefix": "Stop"}], "cost": [{"numeric": [">=", 10]}]}
    confirmed(topic, Attributes={"FilterPolicy": json.dumps(policy), "RawMessageDelivery": "true"})
    for state, cost in (("Failed", "9"), ("Completed", "20"), ("Stopped", "10"), ("Failed", "11")):
        sns.publish(
            TopicArn=topic,
            Message=f"{state} {cost}",
            MessageAttributes={
                "state": {"DataType": "String", "StringValue": state},
                "cost": {"DataType": "Number", "StringValue": cost},
            },
        )
    sns.publish(TopicArn=topic, Message="no attributes")
    received = web.wait_for(3)[1:]
    assert sorted(body for _, body in received) == ["Failed 11", "Stopped 10"]


def test_a_lambda_subscription_needs_no_confirmation(sns: Any, topic: str) -> None:
    function = "arn:aws:lambda:eu-west-1:123456789012:function:absent"
    arn = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["ConfirmationWasAuthenticated"] == "true"
    assert attributes["PendingConfirmation"] == "false"
    again = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    assert again["SubscriptionArn"] == arn
    assert refuse(
        sns.subscribe,
        TopicArn=topic,
        Protocol="lambda",
        Endpoint=function,
        Attributes={"FilterPolicy": '{"a": ["b"]}'},
    ) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    )
