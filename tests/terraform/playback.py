"""Play recorded calls back against a server, signed anew, and compare each answer with the recorded one.

What the server draws anew (ids, ARNs' random parts, secret keys, times) is met where it first appears in an answer and
put in its place in every later request; from then on it must stay the same. Everything else must be equal. What
was waited for when it was recorded is waited for again.
"""

import base64
import hashlib
import http.client
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# Random parts that are known by their form, wherever they stand.
DRAWN = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"|(?P<identity>\bA(?:KI|RO|ID|GP|NP|IP)A[A-Z0-9]{12,17}\b)"
    r"|(?P<digest>\b[0-9a-f]{64}\b)"
    r"|(?<=:secret:)(?P<secret>[\w/+=.@-]+-[A-Za-z0-9]{6})\b"
    r"|(?<=application-inference-profile/)(?P<profile>[a-z0-9]{12})\b"
    r"|(?<=:provisioned-model/)(?P<throughput>[a-z0-9]{12})\b"
)
# Random parts that are known by the name of what holds them.
DRAWN_WHOLE = {
    "inferenceProfileId",
    "ETag",
    "GrantToken",
    "PublicKey",
    "SecretAccessKey",
    "VersionId",
    "etag",
    "x-amz-version-id",
}
# The location of code is a URL that holds for ten minutes.
OF_THIS_ANSWER = {"HostId", "Location", "RequestId"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:?00)")
NAME_OF_A_MOMENT = re.compile(r".*(Date|At|Time|Modified)")
READS = re.compile(r"(GET|HEAD) |.*[.=](Get|List|Describe)[A-Z]", re.DOTALL)
# For all that is waited for together, on a machine that does much else.
PATIENCE_SECONDS = 120.0
LEAF = re.compile(r"([^/\[\]]+)(\[\d+\])?$")

Leaves = dict[str, Any]


class Playback:
    """A customer who repeats what was recorded.

    Args:
        endpoint: URL of the server.
        key: id and secret of the key to sign with.
    """

    def __init__(self, endpoint: str, key: Credentials) -> None:
        self.address = urlsplit(endpoint).netloc
        self.key = key
        self.drawn: dict[str, str] = {}
        self._patience_seconds = PATIENCE_SECONDS
        self._connection = http.client.HTTPConnection(self.address, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def play(self, call: Mapping[str, Any]) -> list[str]:
        """Ask again what was asked; return how the answer differs from the recorded one.

        A read is asked again for a while: its answer may be of something that has yet to end.
        """
        is_read = READS.match(
            f"{call['method']} {call['headers'].get('x-amz-target')} {call['body']}"
        )
        while True:
            drawn, started = dict(self.drawn), time.monotonic()
            found = self._play_once(call)
            if not found or not is_read or self._patience_seconds <= 0:
                return found
            self.drawn = drawn
            time.sleep(0.05)
            self._patience_seconds -= time.monotonic() - started

    def _play_once(self, call: Mapping[str, Any]) -> list[str]:
        body = raw(call["body"])
        renewed = self.renewed(body.decode()).encode() if isinstance(call["body"], str) else body
        headers = {name: self.renewed(value) for name, value in call["headers"].items()}
        if renewed != body:
            headers |= checksums(headers, renewed)
        target = self.renewed(call["path"])
        if call["query"]:
            target += "?" + self.renewed(call["query"])
        status, answer_headers, answer = self._send(call, target, headers, renewed)
        recorded = call["answer"]
        differences = []
        if status != recorded["status"]:
            differences.append(f"status {recorded['status']} was recorded, {status} came")
        kept = {name: answer_headers.get(name, "") for name in recorded["headers"]}
        differences += self.differences(recorded["headers"], kept)
        return differences + self.differences(leaves(raw(recorded["body"])), leaves(answer))

    def _send(
        self, call: Mapping[str, Any], target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        request = AWSRequest(call["method"], f"http://{self.address}{target}", headers, body)
        signer = S3SigV4Auth if call["service"] == "s3" else SigV4Auth
        signer(self.key, call["service"], call["region"]).add_auth(request)
        signed = {**dict(request.headers.items()), "Content-Length": str(len(body))}
        self._connection.request(call["method"], target, body, signed)
        response = self._connection.getresponse()
        answer = response.read()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, answer

    def renewed(self, text: str) -> str:
        """Return recorded text with what this server drew in place of what was drawn then."""
        for then, now in self.drawn.items():
            text = text.replace(then, now).replace(quote(then, safe=""), quote(now, safe=""))
        return text

    def differences(self, recorded: Leaves, came: Leaves) -> list[str]:
        """Compare two answers, leaf by leaf; what was drawn anew is remembered."""
        found = [f"{path} was recorded and is missing" for path in recorded if path not in came]
        found += [f"{path} is new: {came[path]!r}" for path in came if path not in recorded]
        for path, then in recorded.items():
            if path in came and not self._agree(path, then, came[path]):
                expected = self.renewed(then) if isinstance(then, str) else then
                found.append(f"{path}: {expected!r} was recorded, {came[path]!r} came")
        return found

    def _agree(self, path: str, then: Any, now: Any) -> bool:
        found = LEAF.search(path)
        name = found[1] if found else path
        if not isinstance(then, str) or not isinstance(now, str):
            return (type(then) is type(now) and then == now) or is_moment(name, then, now)
        if self.renewed(then) == now or (name in OF_THIS_ANSWER and now != ""):
            return True
        if MOMENT.fullmatch(then):
            return MOMENT.fullmatch(now) is not None
        if name in DRAWN_WHOLE:
            return len(then) == len(now) and self._remember(then, now)
        if DRAWN.sub(kind_of, then) != DRAWN.sub(kind_of, now):
            return False
        pairs = zip(DRAWN.finditer(then), DRAWN.finditer(now), strict=True)
        return all(self._remember(old[0], new[0]) for old, new in pairs)

    def _remember(self, then: str, now: str) -> bool:
        """Pair two random values; False where either is already another's partner."""
        if then in self.drawn:
            return self.drawn[then] == now
        if now in self.drawn.values():
            return False
        self.drawn[then] = now
        return True


def kind_of(match: re.Match[str]) -> str:
    return f"<{match.lastgroup}>"


def is_moment(name: str, then: Any, now: Any) -> bool:
    numbers = isinstance(then, int | float) and isinstance(now, int | float)
    return numbers and now > 0 and NAME_OF_A_MOMENT.fullmatch(name) is not None


def raw(body: Any) -> bytes:
    """Return a recorded body's bytes."""
    return body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])


def checksums(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return those headers that are a function of the body, for another body."""
    made = {
        "x-amz-checksum-crc32": zlib.crc32(body).to_bytes(4, "big"),
        "content-md5": hashlib.md5(body, usedforsecurity=False).digest(),
    }
    unknown = [n for n in headers if n.startswith("x-amz-checksum-") and n not in made]
    assert unknown == [], "these checksums cannot be renewed"
    return {name: base64.b64encode(made[name]).decode() for name in made if name in headers}


def leaves(body: bytes) -> Leaves:
    """Return every value of a body under its path; a body that is neither XML nor JSON is one value."""
    text = body.decode(errors="replace")
    if text.startswith("<"):
        return dict(xml_leaves(ET.fromstring(body), ""))
    try:
        return dict(json_leaves(json.loads(text), ""))
    except ValueError:
        return {"body": text}


def json_leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from json_leaves(inner, f"{path}/{name}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from json_leaves(inner, f"{path}[{index}]")
    else:
        yield path or "body", value


def xml_leaves(element: ET.Element, path: str) -> Iterator[tuple[str, str]]:
    here = f"{path}/{element.tag.rpartition('}')[2]}" if not path.endswith("]") else path
    for name, value in element.attrib.items():
        yield f"{here}/@{name}", value
    if len(element) == 0:
        yield here, element.text or ""
    seen: dict[str, int] = {}
    for inner in element:
        tag = inner.tag.rpartition("}")[2]
        yield from xml_leaves(inner, f"{here}/{tag}[{seen.get(tag, 0)}]")
        seen[tag] = seen.get(tag, 0) + 1
