"""Events in and out of streams, as boto3 puts and reads them."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.logs.conftest import REGION
from support.composed_server import ComposedServer, refuse

DAY_MS = 86_400_000


def now_ms() -> int:
    return int(time.time() * 1000)


def put(logs: Any, group: str, stream: str, *events: tuple[int, str]) -> dict[str, Any]:
    answer: dict[str, Any] = logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": moment, "message": text} for moment, text in events],
    )
    return answer


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_what_was_put_is_read_in_order_of_its_times(logs: Any, group: str, stream: str) -> None:
    now = now_ms()
    put(logs, group, stream, (now - 50, "third"), (now, "fourth"))
    put(logs, group, stream, (now - 200, "first"), (now - 100, "second"))

    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)

    assert messages(answer) == ["first", "second", "third", "fourth"]
    assert [event["timestamp"] for event in answer["events"]] == [
        now - 200,
        now - 100,
        now - 50,
        now,
    ]
    assert all(abs(event["ingestionTime"] - now) < DAY_MS for event in answer["events"])


def test_pages_lead_forwards_to_an_end_that_repeats_its_token(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    put(logs, group, stream, *((now + index // 3, f"{index}") for index in range(10)))
    seen: list[str] = []
    request: dict[str, Any] = {"startFromHead": True}
    while True:
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=4, **request)
        seen += messages(answer)
        if answer["nextForwardToken"] == request.get("nextToken"):
            break
        request = {"nextToken": answer["nextForwardToken"]}

    assert seen == [str(index) for index in range(10)]
    put(logs, group, stream, (now + 20, "later"))
    later = logs.get_log_events(logGroupName=group, logStreamName=stream, **request)
    assert messages(later) == ["later"]


def test_the_newest_page_comes_first_and_older_ones_by_the_backward_token(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    put(logs, group, stream, *((now + index, f"{index}") for index in range(5)))

    newest = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=2)
    older = logs.get_log_events(
        logGroupName=group,
        logStreamName=stream,
        limit=2,
        nextToken=newest["nextBackwardToken"],
    )
    again = logs.get_log_events(
        logGroupName=group, logStreamName=stream, nextToken=older["nextForwardToken"]
    )

    assert messages(newest) == ["3", "4"]
    assert messages(older) == ["1", "2"]
    assert messages(again) == ["3", "4"]


def test_the_start_belongs_to_a_span_and_the_end_does_not(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    put(logs, group, stream, *((now + index, f"{index}") for index in range(5)))

    answer = logs.get_log_events(
        logGroupName=group,
        logStreamName=stream,
        startTime=now + 1,
        endTime=now + 3,
        startFromHead=True,
    )

    assert messages(answer) == ["1", "2"]


def test_a_page_holds_at_most_a_mebibyte(logs: Any, group: str, stream: str) -> None:
    now = now_ms()
    for number in range(3):
        put(logs, group, stream, (now + number, f"{number}" * 600_000))

    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)

    assert [message[0] for message in messages(answer)] == ["0"]


def test_events_too_old_and_too_new_are_told_of_and_left_out(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    too_old = put(logs, group, stream, (now - 15 * DAY_MS, "old"))
    answer = put(logs, group, stream, (now, "kept"), (now + 3 * 3_600_000, "new"))

    assert too_old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert len(answer["nextSequenceToken"]) == 56
    kept = logs.get_log_events(logGroupName=group, logStreamName=stream)
    assert messages(kept) == ["kept"]


def test_events_past_their_groups_retention_are_expired_and_no_longer_read(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    put(logs, group, stream, (now - 3 * DAY_MS, "three days old"))
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)

    answer = put(logs, group, stream, (now - 2 * DAY_MS, "two days old"))

    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert messages(logs.get_log_events(logGroupName=group, logStreamName=stream)) == []
    logs.delete_retention_policy(logGroupName=group)
    kept = logs.get_log_events(logGroupName=group, logStreamName=stream)
    assert messages(kept) == ["three days old"]


def test_a_batch_must_be_in_order_within_a_day_and_not_too_large(
    logs: Any, group: str, stream: str
) -> None:
    now = now_ms()
    in_disorder = refuse(
        logs.put_log_events,
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}],
    )
    too_wide = refuse(
        logs.put_log_events,
        logGroupName=group,
        logStreamName=stream,
        logEvents=[
            {"timestamp": now - DAY_MS - 1000, "message": "a"},
            {"timestamp": now, "message": "b"},
        ],
    )
    too_large = refuse(
        logs.put_log_events,
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": "x" * 600_000}] * 2,
    )

    assert in_disorder == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    assert too_wide[1].endswith("cannot span more than 24 hours.")
    assert too_large == (
        "InvalidParameterException",
        "Upload too large: 1200052 bytes exceeds limit of 1048576",
    )


def test_unknown_groups_streams_and_tokens_are_refused_in_aws_words(
    logs: Any, group: str, stream: str
) -> None:
    event = [{"timestamp": now_ms(), "message": "x"}]
    assert refuse(
        logs.put_log_events, logGroupName="/none", logStreamName="x", logEvents=event
    ) == ("ResourceNotFoundException", "The specified log group does not exist.")
    assert refuse(
        logs.put_log_events, logGroupName=group, logStreamName="none", logEvents=event
    ) == ("ResourceNotFoundException", "The specified log stream does not exist.")
    assert refuse(
        logs.get_log_events, logGroupName=group, logStreamName=stream, nextToken="f/1/s"
    ) == ("InvalidParameterException", "The specified nextToken is invalid.")


def test_a_limit_beyond_the_model_is_refused_under_the_services_own_code(
    logs: Any, group: str, stream: str
) -> None:
    code, message = refuse(
        logs.get_log_events, logGroupName=group, logStreamName=stream, limit=10_001
    )

    assert code == "InvalidParameterException"
    assert message == (
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000"
    )


def test_vended_events_make_their_group_and_stream_and_are_seen_at_once(
    server: ComposedServer, logs: Any
) -> None:
    now = now_ms()
    server.platform.logs.append(
        REGION, "/aws/lambda/vended", "one", [(now, "hello \udcff"), (now - 1, "before")]
    )

    found = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/vended")["logGroups"]
    answer = logs.filter_log_events(logGroupName="/aws/lambda/vended")

    assert [item["logGroupName"] for item in found] == ["/aws/lambda/vended"]
    assert messages(answer) == ["before", "hello ?"]


def test_vended_events_for_a_group_that_must_be_there_are_dropped_without_it(
    server: ComposedServer, logs: Any
) -> None:
    server.platform.logs.append(REGION, "/missing", "one", [(now_ms(), "lost")], create=False)

    assert logs.describe_log_groups(logGroupNamePrefix="/missing")["logGroups"] == []


def test_groups_of_one_region_are_not_seen_in_another(server: ComposedServer, group: str) -> None:
    elsewhere = server.client("logs", region="us-east-1")

    assert elsewhere.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_a_group_under_a_kms_key_closes_when_the_key_is_disabled(
    server: ComposedServer, logs: Any
) -> None:
    kms = server.client("kms", region=REGION)
    key = kms.create_key()["KeyMetadata"]
    account = server.root_key.account_id
    refused = refuse(logs.create_log_group, logGroupName="/under/kms", kmsKeyId=key["Arn"])
    kms.put_key_policy(
        KeyId=key["KeyId"],
        PolicyName="default",
        Policy=f"""{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::{account}:root"}},
              "Action": "kms:*", "Resource": "*"}},
            {{"Effect": "Allow", "Principal": {{"Service": "logs.{REGION}.amazonaws.com"}},
              "Action": ["kms:GenerateDataKey*", "kms:Decrypt*"], "Resource": "*",
              "Condition": {{"ArnLike": {{"kms:EncryptionContext:aws:logs:arn":
                "arn:aws:logs:{REGION}:{account}:log-group:/under/*"}}}}}}]}}""",
    )
    logs.create_log_group(logGroupName="/under/kms", kmsKeyId=key["Arn"])
    logs.create_log_stream(logGroupName="/under/kms", logStreamName="one")
    put(logs, "/under/kms", "one", (now_ms(), "sealed"))
    read = logs.get_log_events(logGroupName="/under/kms", logStreamName="one")

    kms.disable_key(KeyId=key["KeyId"])
    server.platform.logs._keys.clear()  # as after the few minutes that a key is remembered
    with pytest.raises(ClientError) as closed:
        logs.get_log_events(logGroupName="/under/kms", logStreamName="one")
    with pytest.raises(ClientError) as full:
        put(logs, "/under/kms", "one", (now_ms(), "refused"))

    assert refused[0] == "InvalidParameterException"
    assert refused[1].startswith(
        "The specified KMS key does not exist or is not allowed to be used with LogGroup"
    )
    assert messages(read) == ["sealed"]
    assert closed.value.response["Error"]["Code"] == "ServiceUnavailableException"
    assert full.value.response["Error"]["Code"] == "ServiceUnavailableException"
    described = logs.describe_log_groups(logGroupNamePrefix="/under/kms")["logGroups"]
    assert described[0]["kmsKeyId"] == key["Arn"]


def test_events_stay_readable_when_their_group_gets_another_key(
    server: ComposedServer, logs: Any, group: str, stream: str
) -> None:
    key = server.client("kms", region=REGION).create_key(
        Policy=f"""{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Principal": {{"AWS": "*"}}, "Action": "kms:*", "Resource": "*"}},
            {{"Effect": "Allow", "Principal": {{"Service": "logs.{REGION}.amazonaws.com"}},
              "Action": "kms:*", "Resource": "*"}}]}}"""
    )["KeyMetadata"]["Arn"]
    now = now_ms()
    put(logs, group, stream, (now, "own key"))
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    put(logs, group, stream, (now + 1, "KMS key"))
    logs.disassociate_kms_key(logGroupName=group)
    put(logs, group, stream, (now + 2, "own key again"))

    answer = logs.get_log_events(logGroupName=group, logStreamName=stream)

    assert messages(answer) == ["own key", "KMS key", "own key again"]


def test_changes_of_a_group_under_a_kms_key_do_not_wait_for_themselves(
    server: ComposedServer, logs: Any
) -> None:
    key = server.client("kms", region=REGION).create_key(
        Policy=f"""{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Principal": {{"AWS": "*"}}, "Action": "kms:*", "Resource": "*"}},
            {{"Effect": "Allow", "Principal": {{"Service": "logs.{REGION}.amazonaws.com"}},
              "Action": "kms:*", "Resource": "*"}}]}}"""
    )["KeyMetadata"]["Arn"]
    name = "/under/kms/vended"
    logs.create_log_group(logGroupName=name, kmsKeyId=key)

    # Each of these first carries on what waits, for which KMS has to be asked.
    def let_something_wait() -> None:
        server.platform.logs._keys.clear()
        server.platform.logs.append(REGION, name, "vended", [(now_ms(), "x")])

    let_something_wait()
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    let_something_wait()
    logs.put_retention_policy(logGroupName=name, retentionInDays=1)
    let_something_wait()
    logs.delete_log_stream(logGroupName=name, logStreamName="one")
    seen = messages(logs.get_log_events(logGroupName=name, logStreamName="vended"))
    let_something_wait()
    logs.delete_log_group(logGroupName=name)

    assert seen == ["x", "x", "x"]
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
