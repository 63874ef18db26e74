"""Who may send: addresses that follow a link, domains that their operator confirms."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from outcrop.core.times import now_us
from outcrop.governance.mail import identities
from outcrop.storage import mail
from services.ses.conftest import REGION, Post
from support.composed_server import refuse


def confirm_domain(post: Post, name: str) -> None:
    with post.server.database.write() as connection:
        row = mail.identity(connection, REGION, name)
        assert row is not None
        identities.set_verified(connection, row, now_us(post.server.clock))


def test_an_address_is_verified_by_the_link_that_is_mailed_to_it(post: Post, ses: Any) -> None:
    address = f"anna-{uuid4().hex[:8]}@example.com"
    ses.verify_email_identity(EmailAddress=address)
    asked = ses.get_identity_verification_attributes(Identities=[address, "nobody@example.com"])
    assert asked["VerificationAttributes"] == {address: {"VerificationStatus": "Pending"}}
    received = post.mail.mail_to(address)
    (link,) = received.links
    status, page = post.follow(link)
    assert (status, "Address verified" in page) == (200, True)
    asked = ses.get_identity_verification_attributes(Identities=[address])
    assert asked["VerificationAttributes"][address] == {"VerificationStatus": "Success"}
    assert address in ses.list_verified_email_addresses()["VerifiedEmailAddresses"]


def test_a_link_with_another_code_verifies_nothing(post: Post, ses: Any) -> None:
    address = f"bea-{uuid4().hex[:8]}@example.com"
    ses.verify_email_identity(EmailAddress=address)
    (link,) = post.mail.mail_to(address).links
    status, _ = post.follow(link[:-4] + "0000")
    assert status == 400
    assert address not in ses.list_verified_email_addresses()["VerifiedEmailAddresses"]


def test_a_newer_link_replaces_the_older_one(post: Post, ses: Any) -> None:
    address = f"cleo-{uuid4().hex[:8]}@example.com"
    ses.verify_email_identity(EmailAddress=address)
    (older,) = post.mail.mail_to(address).links
    before = len(post.mail.received)
    ses.verify_email_identity(EmailAddress=address)
    (newer,) = post.mail.wait_for(before + 1)[-1].links
    assert post.follow(older)[0] == 400
    assert post.follow(newer)[0] == 200


def test_the_code_is_not_kept_in_clear(post: Post, ses: Any) -> None:
    address = f"dora-{uuid4().hex[:8]}@example.com"
    ses.verify_email_identity(EmailAddress=address)
    (link,) = post.mail.mail_to(address).links
    code = link.rpartition("code=")[2].encode()
    files = [path for path in post.server.home.path.glob("outcrop.db*") if path.is_file()]
    assert files
    assert all(code not in path.read_bytes() for path in files)


def test_a_domain_has_tokens_and_lets_its_addresses_send_once_confirmed(
    post: Post, ses: Any
) -> None:
    domain = f"{uuid4().hex[:8]}.example.org"
    token = ses.verify_domain_identity(Domain=domain)["VerificationToken"]
    assert token == ses.verify_domain_identity(Domain=domain)["VerificationToken"]
    assert len(ses.verify_domain_dkim(Domain=domain)["DkimTokens"]) == 3
    attributes = ses.get_identity_verification_attributes(Identities=[domain])
    assert attributes["VerificationAttributes"][domain] == {
        "VerificationStatus": "Pending",
        "VerificationToken": token,
    }
    request = {
        "Source": f"team@mail.{domain}",
        "Destination": {"ToAddresses": ["eva@example.net"]},
        "Message": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
    }
    assert refuse(ses.send_email, **request)[0] == "MessageRejected"
    confirm_domain(post, domain)
    assert ses.send_email(**request)["MessageId"]


def test_identities_are_listed_by_kind_and_in_pages(ses: Any) -> None:
    domains = sorted(f"{uuid4().hex[:8]}.example.org" for _ in range(3))
    for domain in domains:
        ses.verify_domain_identity(Domain=domain)
    pages = ses.get_paginator("list_identities").paginate(
        IdentityType="Domain", PaginationConfig={"PageSize": 2}
    )
    listed = [name for page in pages for name in page["Identities"]]
    assert [name for name in listed if name in domains] == domains
    ses.delete_identity(Identity=domains[0])
    assert domains[0] not in ses.list_identities()["Identities"]


def test_addresses_and_domains_that_are_none_are_refused(ses: Any) -> None:
    code, message = refuse(ses.verify_email_identity, EmailAddress="nobody")
    assert (code, message) == ("InvalidParameterValue", "Invalid email address<nobody>.")
    code, message = refuse(ses.verify_domain_identity, Domain="example.com.")
    assert (code, message) == ("InvalidParameterValue", "Invalid domain name example.com..")
    code, _ = refuse(ses.verify_email_identity, EmailAddress="a b@example.com")
    assert code == "InvalidParameterValue"


def test_settings_read_back_as_terraform_asks_for_them(
    ses: Any, verified: Callable[[], str]
) -> None:
    address = verified()
    assert ses.get_identity_notification_attributes(Identities=[address])["NotificationAttributes"][
        address
    ] == {
        "BounceTopic": "",
        "ComplaintTopic": "",
        "DeliveryTopic": "",
        "ForwardingEnabled": True,
        "HeadersInBounceNotificationsEnabled": False,
        "HeadersInComplaintNotificationsEnabled": False,
        "HeadersInDeliveryNotificationsEnabled": False,
    }
    ses.set_identity_mail_from_domain(Identity=address, MailFromDomain="bounce.example.com")
    found = ses.get_identity_mail_from_domain_attributes(Identities=[address])
    assert found["MailFromDomainAttributes"][address] == {
        "MailFromDomain": "bounce.example.com",
        "MailFromDomainStatus": "Success",
        "BehaviorOnMXFailure": "UseDefaultValue",
    }
    dkim = ses.get_identity_dkim_attributes(Identities=[address])["DkimAttributes"][address]
    assert dkim == {"DkimEnabled": False, "DkimVerificationStatus": "NotStarted"}


def test_headers_in_notifications_are_refused_as_aws_refuses_them(
    ses: Any, verified: Callable[[], str]
) -> None:
    address = verified()
    ses.set_identity_headers_in_notifications_enabled(
        Identity=address, NotificationType="Bounce", Enabled=True
    )
    assert refuse(
        ses.set_identity_headers_in_notifications_enabled,
        Identity="unknown@example.com",
        NotificationType="Bounce",
        Enabled=True,
    ) == ("MessageRejected", "Identity unknown@example.com is not verified or does not exist.")


def test_policies_of_an_identity_are_kept_as_written(ses: Any, verified: Callable[[], str]) -> None:
    address = verified()
    arn = f"arn:aws:ses:{REGION}:123456789012:identity/{address}"
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                    "Action": "ses:SendEmail",
                    "Resource": arn,
                }
            ],
        }
    )
    ses.put_identity_policy(Identity=address, PolicyName="own", Policy=policy)
    assert ses.list_identity_policies(Identity=address)["PolicyNames"] == ["own"]
    found = ses.get_identity_policies(Identity=address, PolicyNames=["own", "other"])["Policies"]
    assert found == {"own": policy}
    assert ses.list_identity_policies(Identity=arn)["PolicyNames"] == ["own"]
    ses.delete_identity_policy(Identity=arn, PolicyName="own")
    assert ses.list_identity_policies(Identity=address)["PolicyNames"] == []
    assert (
        refuse(ses.put_identity_policy, Identity=address, PolicyName="own", Policy="{}")[0]
        == "InvalidPolicy"
    )


def test_options_of_delivery_are_told_once_they_were_given(ses: Any, sesv2: Any) -> None:
    name = f"set-{uuid4()}"
    sesv2.create_configuration_set(ConfigurationSetName=name)
    assert "DeliveryOptions" not in sesv2.get_configuration_set(ConfigurationSetName=name)
    asked = {"ConfigurationSetName": name, "ConfigurationSetAttributeNames": ["deliveryOptions"]}
    assert "DeliveryOptions" not in ses.describe_configuration_set(**asked)
    sesv2.put_configuration_set_delivery_options(ConfigurationSetName=name, TlsPolicy="REQUIRE")
    found = sesv2.get_configuration_set(ConfigurationSetName=name)
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert ses.describe_configuration_set(**asked)["DeliveryOptions"] == {"TlsPolicy": "Require"}
    sesv2.put_configuration_set_delivery_options(ConfigurationSetName=name)
    assert "DeliveryOptions" not in sesv2.get_configuration_set(ConfigurationSetName=name)
