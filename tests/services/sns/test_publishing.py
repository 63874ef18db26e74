"""What may be published, and in which form it arrives."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from services.sns.conftest import Post, WebEndpoint
from services.sns.test_topics import error_of
from support.composed_server import refuse

TOO_LONG = "a" * 262_145


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Message": ""}, "Invalid parameter: Empty message"),
        ({"Message": TOO_LONG}, "Invalid parameter: Message too long"),
        ({"Message": "m", "Subject": ""}, "Invalid parameter: Subject"),
        ({"Message": "m", "Subject": "a\nb"}, "Invalid parameter: Subject"),
        ({"Message": "{}", "MessageStructure": "json"}, "Invalid parameter: Message Structure - No default entry in JSON message body"),
        ({"Message": '{"default": {}}', "MessageStructure": "json"}, "Invalid parameter: Message Structure - No default entry in JSON message body"),
        ({"Message": "no json", "MessageStructure": "json"}, "Invalid parameter: Message Structure - JSON message body failed to parse"),
    ],
)  # fmt: skip
def test_messages_are_refused_in_aws_words(
    sns: Any, topic: str, request_: dict[str, Any], message: str
) -> None:
    assert refuse(sns.publish, TopicArn=topic, **request_) == ("InvalidParameter", message)


@pytest.mark.parametrize(
    ("name", "attribute", "message"),
    [
        ("attr1", {"DataType": "String", "StringValue": ""}, "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'String'."),
        ("attr1", {"DataType": "String", "BinaryValue": b"x"}, "The message attribute 'attr1' with type 'String' must use field 'String'."),
        ("attr1", {"DataType": "Binary", "StringValue": "x"}, "The message attribute 'attr1' with type 'Binary' must use field 'Binary'."),
        ("attr1", {"DataType": "InvalidType", "StringValue": "x"}, "The message attribute 'attr1' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
        ("a" * 256, {"DataType": "String", "StringValue": "x"}, "Length of message attribute name must be less than 256 bytes."),
        ("attr^", {"DataType": "String", "StringValue": "x"}, "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots."),
        (".attr", {"DataType": "String", "StringValue": "x"}, "Invalid message attribute name starting with character '.' was found."),
        ("attr.", {"DataType": "String", "StringValue": "x"}, "Invalid message attribute name ending with character '.' was found."),
        ("a..b", {"DataType": "String", "StringValue": "x"}, "Message attribute name can not have successive '.' character."),
    ],
)  # fmt: skip
def test_message_attributes_are_refused_in_aws_words(
    sns: Any, topic: str, name: str, attribute: dict[str, Any], message: str
) -> None:
    refused = refuse(sns.publish, TopicArn=topic, Message="m", MessageAttributes={name: attribute})
    assert refused == ("ParameterValueInvalid", message)


def test_a_target_that_is_no_topic_is_refused(sns: Any, topic: str) -> None:
    assert sns.publish(TargetArn=topic, Message="m")["MessageId"]
    endpoint = topic.rpartition(":")[0] + ":endpoint/APNS/abcdef/0f7d5971"
    assert refuse(sns.publish, TargetArn=endpoint, Message="m") == (
        "InvalidParameter",
        "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
    )
    code, _, status = error_of(sns.publish, PhoneNumber="+15550100", Message="m")
    assert (code, status) == ("NotImplemented", 501)


def test_each_protocol_gets_its_own_text_of_a_structured_message(  # noqa: PLR0917  # fixtures
    post: Post,
    sns: Any,
    topic: str,
    web: WebEndpoint,
    confirmed: Callable[..., str],
    subscribed: Callable[..., tuple[str, str]],
) -> None:
    confirmed(topic, Attributes={"RawMessageDelivery": "true"})
    _, address = subscribed(topic)
    body = {"default": "for all", "email": "by mail"}
    sns.publish(
        TopicArn=topic, Message=json.dumps(body), MessageStructure="json", Subject="structured"
    )
    assert web.wait_for(2)[1][1] == "for all"
    assert post.mail.mail_to(address, "structured").text.startswith("by mail\n")


def test_mail_as_json_is_the_message_itself(post: Post, sns: Any, topic: str) -> None:
    address = "robot@example.net"
    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint=address)
    asked = json.loads(post.mail.mail_to(address).text)
    assert asked["Type"] == "SubscriptionConfirmation"
    assert post.follow(asked["SubscribeURL"])[0] == 200
    sns.publish(TopicArn=topic, Message="for machines")
    received = json.loads(post.mail.mail_to(address, "AWS Notification Message").text)
    assert (received["Type"], received["Message"]) == ("Notification", "for machines")


def test_a_batch_is_published_whole_or_not_at_all(
    sns: Any, topic: str, web: WebEndpoint, confirmed: Callable[..., str]
) -> None:
    confirmed(topic, Attributes={"RawMessageDelivery": "true"})
    entries = [{"Id": str(number), "Message": f"message {number}"} for number in range(10)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [item["Id"] for item in answer["Successful"]] == [str(number) for number in range(10)]
    assert len({item["MessageId"] for item in answer["Successful"]}) == 10
    received = web.wait_for(11)[1:]
    assert sorted(body for _, body in received) == sorted(entry["Message"] for entry in entries)

    def refused(batch: list[dict[str, str]]) -> tuple[str, str]:
        return refuse(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=batch)

    assert refused([*entries, {"Id": "11", "Message": "m"}]) == (
        "TooManyEntriesInBatchRequest",
        "The batch request contains more entries than permissible.",
    )
    assert refused([entries[0], entries[0]]) == (
        "BatchEntryIdsNotDistinct",
        "Two or more batch entries in the request have the same Id.",
    )
    assert refused([{"Id": "a b", "Message": "m"}])[0] == "InvalidBatchEntryId"
    assert refused([{"Id": "1", "Message": "first"}, {"Id": "2", "Message": ""}])[0] == (
        "InvalidParameter"
    )
