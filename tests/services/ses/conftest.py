"""SES behind the real gateway, with real boto3 clients and a real SMTP server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from outcrop.governance.mailer import Mailer
from outcrop.storage import outbox
from outcrop.storage.outbox import MailRow
from support.composed_server import ComposedServer
from support.mail_server import MailServer

REGION = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Post:
    """A server that has its mail delivered, and the mail server it is delivered to."""

    server: ComposedServer
    mail: MailServer

    def row(self, mail_id: str) -> MailRow:
        found = outbox.get(self.server.database.reader, mail_id)
        assert found is not None
        return found

    def follow(self, link: str) -> tuple[int, str]:
        """Follow a link as a browser would; return status and page."""
        answer = urllib3.request("GET", link, timeout=60, retries=False)
        return answer.status, answer.data.decode()


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    mail = MailServer().start()
    server = ComposedServer(tmp_path_factory.mktemp("ses")).start()
    platform = server.platform
    platform.mailer = Mailer(
        platform.database, platform.service_keys, platform.clock, smtp_url=mail.url
    )
    yield Post(server, mail)
    server.stop()
    mail.stop()


@pytest.fixture(scope="module")
def ses(post: Post) -> Any:
    return post.server.client("ses")


@pytest.fixture(scope="module")
def sesv2(post: Post) -> Any:
    return post.server.client("sesv2")


@pytest.fixture
def verified(post: Post, ses: Any) -> Callable[[], str]:
    """Return a new address that mail may come from."""

    def verify() -> str:
        address = f"sender-{uuid4().hex[:8]}@example.com"
        ses.verify_email_identity(EmailAddress=address)
        (link,) = post.mail.mail_to(address).links
        assert post.follow(link)[0] == 200
        return address

    return verify
