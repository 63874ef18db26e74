"""SNS behind the real gateway, with real boto3 clients and a real SMTP server."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from outcrop.governance.mailer import Mailer
from support.composed_server import ComposedServer
from support.mail_server import PATIENCE_SECONDS, MailServer


@dataclass
class WebEndpoint:
    """Takes messages over HTTP.

    Attributes:
        answers: status codes to answer with, in turn; 200 once they are used up.
    """

    received: list[tuple[dict[str, str], str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def start(self) -> "WebEndpoint":
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.received.append((headers, body))
                self.send_response(endpoint.answers.pop(0) if endpoint.answers else 200)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_SECONDS)

    def wait_for(self, count: int) -> list[tuple[dict[str, str], str]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} messages came"
            time.sleep(0.01)
        return list(self.received)


@dataclass(frozen=True, slots=True)
class Post:
    """A server that has its mail delivered, and the mail server it is delivered to."""

    server: ComposedServer
    mail: MailServer

    def follow(self, link: str) -> tuple[int, str]:
        """Follow a link as a browser would; return status and page."""
        answer = urllib3.request("GET", link, timeout=60, retries=False)
        return answer.status, answer.data.decode()


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    mail = MailServer().start()
    server = ComposedServer(tmp_path_factory.mktemp("sns")).start()
    platform = server.platform
    platform.mailer = Mailer(
        platform.database, platform.service_keys, platform.clock, smtp_url=mail.url
    )
    yield Post(server, mail)
    server.stop()
    mail.stop()


@pytest.fixture(scope="module")
def sns(post: Post) -> Any:
    return post.server.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=f"topic-{uuid4().hex[:8]}")["TopicArn"])


@pytest.fixture
def web() -> Iterator[WebEndpoint]:
    endpoint = WebEndpoint().start()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def subscribed(post: Post, sns: Any) -> Callable[..., tuple[str, str]]:
    """Subscribe a new address and confirm it; return the subscription and the address."""

    def subscribe(topic_arn: str, **request: Any) -> tuple[str, str]:
        address = f"reader-{uuid4().hex[:8]}@example.net"
        sns.subscribe(
            **{"TopicArn": topic_arn, "Protocol": "email", "Endpoint": address, **request}
        )
        status, page = post.follow(post.mail.mail_to(address).links[0])
        assert status == 200
        arn = page.partition("<SubscriptionArn>")[2].partition("</SubscriptionArn>")[0]
        return arn, address

    return subscribe


@pytest.fixture
def confirmed(sns: Any, web: WebEndpoint) -> Callable[..., str]:
    """Subscribe the web endpoint and confirm it; return the subscription."""

    def subscribe(topic_arn: str, **request: Any) -> str:
        before = len(web.received)
        sns.subscribe(**{"TopicArn": topic_arn, "Protocol": "http", "Endpoint": web.url, **request})
        token = json.loads(web.wait_for(before + 1)[-1][1])["Token"]
        answer = sns.confirm_subscription(TopicArn=topic_arn, Token=token)
        return str(answer["SubscriptionArn"])

    return subscribe
