"""Service Quotas: what there may be, and requests for more."""

from typing import Any

import pytest

from outcrop.core.times import now_us
from outcrop.governance import quotas
from outcrop.governance.quota_catalogue import CUSTOM_MODELS, ROLES, SCHEDULED_JOBS
from support.composed_server import ComposedServer, Refused

MODELS = {"ServiceCode": "bedrock", "QuotaCode": CUSTOM_MODELS.code}


@pytest.fixture(autouse=True)
def fresh(server: ComposedServer) -> None:
    """Begin each test with nothing changed and nobody asking."""
    with server.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM service_quotas")
        connection.exec_driver_sql("DELETE FROM quota_requests")


def grant(server: ComposedServer, request_id: str, **more: Any) -> None:
    quotas.grant(server.database, request_id, now_us=now_us(server.clock), **more)


def test_services_and_their_quotas_are_listed(client: Any) -> None:
    services = {item["ServiceCode"]: item["ServiceName"] for item in _all(client.list_services)}
    assert services["bedrock"] == "Amazon Bedrock"
    for code in services:
        listed = _all(client.list_service_quotas, ServiceCode=code)
        defaults = _all(client.list_aws_default_service_quotas, ServiceCode=code)
        assert listed
        assert [item["Value"] for item in listed] == [item["Value"] for item in defaults]
        assert len({item["QuotaCode"] for item in listed}) == len(listed)


def test_a_quota_says_what_it_is(client: Any) -> None:
    quota = client.get_service_quota(**MODELS)["Quota"]
    assert quota["QuotaName"] == "Custom models per account"
    assert quota["QuotaArn"] == "arn:aws:servicequotas:eu-west-1:123456789012:bedrock/L-CB5B847D"
    assert (quota["Value"], quota["Adjustable"], quota["GlobalQuota"]) == (100.0, True, False)
    assert client.get_aws_default_service_quota(**MODELS)["Quota"]["Value"] == 100.0


def test_unknown_services_and_quotas_are_not_found(client: Any, refused: Refused) -> None:
    code, message = refused(client.list_service_quotas, ServiceCode="unheard-of")
    assert code == "NoSuchResourceException"
    assert message == "The request failed because the specified service does not exist."
    unknown = {"ServiceCode": "bedrock", "QuotaCode": "L-00000000"}
    for call in (client.get_service_quota, client.get_aws_default_service_quota):
        assert refused(call, **unknown)[0] == "NoSuchResourceException"
    asked = refused(client.request_service_quota_increase, **unknown, DesiredValue=1)
    assert asked[0] == "NoSuchResourceException"
    code, _ = refused(client.get_requested_service_quota_change, RequestId="nobody")
    assert code == "NoSuchResourceException"


def test_a_request_waits_until_it_is_granted(server: ComposedServer, client: Any) -> None:
    asked = client.request_service_quota_increase(**MODELS, DesiredValue=250)["RequestedQuota"]
    assert (asked["Status"], asked["DesiredValue"]) == ("PENDING", 250.0)
    assert asked["Requester"] == "arn:aws:iam::123456789012:root"
    assert client.get_service_quota(**MODELS)["Quota"]["Value"] == 100.0
    grant(server, asked["Id"])
    assert client.get_service_quota(**MODELS)["Quota"]["Value"] == 250.0
    assert client.get_aws_default_service_quota(**MODELS)["Quota"]["Value"] == 100.0
    found = client.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]
    assert found["Status"] == "APPROVED"
    with pytest.raises(quotas.QuotaError, match="is APPROVED already"):
        grant(server, asked["Id"])


def test_a_request_is_open_once(server: ComposedServer, client: Any, refused: Refused) -> None:
    ask = client.request_service_quota_increase
    first = ask(**MODELS, DesiredValue=200)["RequestedQuota"]["Id"]
    assert refused(ask, **MODELS, DesiredValue=300) == (
        "ResourceAlreadyExistsException",
        "Only one open service quota increase request is allowed per quota.",
    )
    quotas.deny(server.database, first, now_us=now_us(server.clock))
    second = ask(**MODELS, DesiredValue=300)["RequestedQuota"]["Id"]
    grant(server, second, value=150)
    assert client.get_service_quota(**MODELS)["Quota"]["Value"] == 150.0
    history = client.list_requested_service_quota_change_history_by_quota(**MODELS)
    statuses = {item["Id"]: item["Status"] for item in history["RequestedQuotas"]}
    assert statuses == {second: "APPROVED", first: "DENIED"}
    denied = client.list_requested_service_quota_change_history(Status="DENIED")
    assert [item["Id"] for item in denied["RequestedQuotas"]] == [first]


def test_only_more_can_be_asked_for_and_only_of_what_can_change(
    client: Any, refused: Refused
) -> None:
    ask = client.request_service_quota_increase
    code, message = refused(ask, **MODELS, DesiredValue=100)
    assert code == "IllegalArgumentException"
    assert message.startswith("You must provide a quota value greater than the current")
    fixed = {"ServiceCode": "bedrock", "QuotaCode": SCHEDULED_JOBS.code}
    assert refused(ask, **fixed, DesiredValue=1000) == (
        "IllegalArgumentException",
        "The request failed because the specified quota is not adjustable.",
    )


def test_a_region_has_quotas_of_its_own_but_not_the_accounts(
    server: ComposedServer, client: Any, refused: Refused
) -> None:
    elsewhere = server.client("service-quotas", region="us-west-2")
    roles = {"ServiceCode": "iam", "QuotaCode": ROLES.code}
    here = client.request_service_quota_increase(**MODELS, DesiredValue=101)["RequestedQuota"]
    shared = client.request_service_quota_increase(**roles, DesiredValue=2000)["RequestedQuota"]
    code, _ = refused(elsewhere.get_requested_service_quota_change, RequestId=here["Id"])
    assert code == "NoSuchResourceException"
    grant(server, here["Id"])
    grant(server, shared["Id"])
    assert elsewhere.get_service_quota(**MODELS)["Quota"]["Value"] == 100.0
    assert elsewhere.get_service_quota(**roles)["Quota"]["Value"] == 2000.0


def test_lists_come_in_pages(client: Any, refused: Refused) -> None:
    whole = _all(client.list_service_quotas, ServiceCode="bedrock")
    small = _all(client.list_service_quotas, ServiceCode="bedrock", MaxResults=3)
    assert [item["QuotaCode"] for item in small] == [item["QuotaCode"] for item in whole]
    code, _ = refused(client.list_service_quotas, ServiceCode="bedrock", NextToken="abcd")
    assert code == "InvalidPaginationTokenException"


def test_a_quota_carries_tags(client: Any, refused: Refused) -> None:
    arn = client.get_service_quota(**MODELS)["Quota"]["QuotaArn"]
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    code, _ = refused(client.list_tags_for_resource, ResourceARN=arn[:-1] + "X")
    assert code == "NoSuchResourceException"


def _all(call: Any, **request: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = call(**request)
        (items,) = (value for value in answer.values() if isinstance(value, list))
        found += items
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]
