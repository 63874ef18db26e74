"""Valid requests, changed at random: whatever comes, the server answers with a refusal of its own."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from security.raw_requests import Answer, Key, Request, Wire
from security.recorded_requests import Recorded, record_everything
from support.running_server import RunningServer

SEED = 20260101
THREADS = 4
# As long as a whole request is answered in; one that announces more than it sends is waited for in vain.
PATIENCE_SECONDS = 20.0
IN_VAIN_SECONDS = 0.1
WEIRD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, -1e-300, "", " ", "\0", "\ud800",
    "x" * 5000, "%00", "../..", "é", "e\u0301", "\u202e", "*", "arn:aws:", "arn:aws:s3:::", "$default",
    "1e400", "NaN", "Infinity", "9" * 5000, "١٢", [], {}, [[]], [None], {"": ""}, "null", "-0",
    "9999-99-99T99:99:99Z", "2024-02-30", "{", '{"Version":"2012-10-17"}', "<a>", "&lt;", "\r\nx: y",
)  # fmt: skip
JUNK = (b"\0", b"\xff\xfe", b"\xc0\xaf", b"%", b"&", b"=", b"<", b"]]>", b'"', b"\\ud800", b"{" * 40,
        b"9" * 400, b"-", b"\r\n", b"\xed\xa0\x80", b"&#0;", b"<!--", b"%ZZ", b"1e999")  # fmt: skip
SIGNATURE_HEADERS = {"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}


@dataclass(frozen=True)
class Mutant:
    """A changed request and what was done to it."""

    origin: str
    changes: tuple[str, ...]
    content: bytes

    @property
    def is_whole(self) -> bool:
        """Whether its body is as long as its head says, so that an answer must come."""
        head, separator, body = self.content.partition(b"\r\n\r\n")
        if not separator or b"chunked" in head.lower():
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = line.partition(b":")[2].strip()
                return length.isdigit() and int(length) <= len(body)
        return True


def change_bytes(content: bytes, chance: random.Random) -> bytes:
    """Flip, remove, double, move or add bytes."""
    if not content:
        return chance.choice(JUNK)
    start = chance.randrange(len(content))
    end = min(len(content), start + chance.choice((1, 1, 2, 8, 64)))
    piece = content[start:end]
    rest = content[:start] + content[end:]
    place = chance.randrange(len(rest) + 1)
    flipped = bytes(byte ^ (1 << chance.randrange(8)) for byte in piece)
    return chance.choice(
        (
            content[:start] + flipped + content[end:],
            rest,
            content[:end] + piece * chance.choice((1, 3)) + content[end:],
            rest[:place] + piece + rest[place:],
            content[:start],
            content[:start] + chance.choice(JUNK) + content[start:],
        )
    )


def change_json(content: bytes, chance: random.Random) -> bytes:
    """Give one member of a JSON body another value, or remove it."""
    value = json.loads(content)
    places: list[tuple[Any, Any]] = []

    def gather(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in list(items):
            places.append((node, key))
            if isinstance(child, dict | list):
                gather(child)

    gather(value)
    if places:
        holder, key = chance.choice(places)
        if isinstance(holder, dict) and chance.random() < 0.1:
            del holder[key]
        elif isinstance(holder[key], str) and chance.random() < 0.2:
            holder[key] = change_bytes(holder[key].encode("utf-8", "replace"), chance).decode(
                "utf-8", "replace"
            )
        else:
            holder[key] = chance.choice(WEIRD_VALUES)
    return json.dumps(value).encode()


def change_pairs(text: str, chance: random.Random) -> str:
    """Change, remove, double, swap or add a pair of a query or form."""
    pairs = [
        [unquote(part) for part in pair.partition("=")[::2]] for pair in text.split("&") if pair
    ]
    if not pairs:
        pairs = [["x", ""]]
    one, other = chance.choice(pairs), chance.choice(pairs)
    kind = chance.randrange(6)
    if kind == 0:
        one[1] = str(chance.choice(WEIRD_VALUES)).encode("utf-8", "replace").decode()
    elif kind == 1:
        pairs.remove(one)
    elif kind == 2:
        pairs.insert(chance.randrange(len(pairs) + 1), list(one))
    elif kind == 3:
        one[1], other[1] = other[1], one[1]
    elif kind == 4:
        one[0] = change_bytes(one[0].encode(), chance).decode("utf-8", "replace")
    else:
        one[1] = change_bytes(one[1].encode(), chance).decode("utf-8", "replace")
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def change_body(request: Request, chance: random.Random) -> Request:
    """Change the body, by its kind where that is known."""
    body = request.body
    if body.startswith(b"{") and chance.random() < 0.8:
        with contextlib.suppress(ValueError):
            return replace(request, body=change_json(body, chance))
    if body.startswith(b"Action=") and chance.random() < 0.8:
        return replace(request, body=change_pairs(body.decode("utf-8", "replace"), chance).encode())
    return replace(request, body=change_bytes(body, chance))


def change_target(request: Request, chance: random.Random) -> Request:
    """Change path or query; what is no ASCII stays percent-encoded."""
    path, mark, query = request.target.partition("?")
    if mark and chance.random() < 0.6:
        return replace(request, target=f"{path}?{change_pairs(query, chance)}")
    if chance.random() < 0.15:
        extra = chance.choice(
            ("acl", "versioning", "uploads", "policy", "delete", "max-keys", "tagging")
        )
        value = quote(str(chance.choice(WEIRD_VALUES)).encode("utf-8", "replace"), safe="")
        return replace(request, target=f"{request.target}{'&' if mark else '?'}{extra}={value}")
    changed = change_bytes(unquote(path).encode(), chance)
    return replace(request, target="/" + quote(changed.lstrip(b"/"), safe="/~") + mark + query)


def change_headers(request: Request, chance: random.Random) -> Request:
    """Remove, change, add or swap headers."""
    headers = dict(request.headers)
    name = chance.choice(sorted(headers))
    kind = chance.randrange(5)
    if kind == 0:
        del headers[name]
    elif kind == 1:
        headers[name] = one_line(chance.choice(WEIRD_VALUES))
    elif kind == 2:
        other = chance.choice(sorted(headers))
        headers[name], headers[other] = headers[other], headers[name]
    elif kind == 3:
        added = chance.choice(
            ("x-amz-meta-x", "range", "if-match", "x-amz-copy-source", "content-md5", "x-amz-acl",
             "content-type", "x-amz-tagging", "x-amz-target", "content-encoding", "x-amz-checksum-crc32",
             "x-amz-trailer", "if-modified-since", "x-amz-server-side-encryption", "origin",
             "x-amz-decoded-content-length", "smithy-protocol", "x-amz-expected-bucket-owner")
        )  # fmt: skip
        headers[added] = one_line(chance.choice(WEIRD_VALUES))
    else:
        changed = change_bytes(headers[name].encode("latin-1", "replace"), chance)
        headers[name] = one_line(changed.decode("latin-1"))
    return replace(request, headers=headers)


def change_method(request: Request, chance: random.Random) -> Request:
    """Send it with another method."""
    methods = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
    return replace(request, method=chance.choice(methods))


def one_line(value: Any) -> str:
    """Return what can stand in a header."""
    text = str(value).encode("utf-8", "replace").decode("latin-1")
    return "".join(character for character in text if character >= " " and character != "\x7f")


CHANGES: tuple[tuple[Callable[[Request, random.Random], Request], int], ...] = (
    (change_body, 5),
    (change_target, 4),
    (change_headers, 3),
    (change_method, 1),
)


class Mutants:
    """Makes mutants of recorded requests, the same ones for the same seed and recording.

    Args:
        recorded: what is changed.
        wire: signs again.
        key: with which.
    """

    def __init__(self, recorded: list[Recorded], wire: Wire, key: Key) -> None:
        self._recorded = recorded
        self._wire = wire
        self._key = key

    def make(self, number: int) -> Mutant:
        """Return the mutant of this number."""
        chance = random.Random(SEED + number)
        origin = chance.choice(self._recorded)
        if chance.random() < 0.25:
            content = origin.request.encode()
            for _ in range(chance.choice((1, 1, 2, 5))):
                content = change_bytes(content, chance)
            return Mutant(origin.operation, ("bytes",), content)
        request, changes = origin.request, []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            kinds, weights = zip(*CHANGES, strict=True)
            change = chance.choices(kinds, weights)[0]
            if change is change_body and not request.body:
                change = change_target
            request = change(request, chance)
            changes.append(change.__name__)
        if chance.random() < 0.1:
            other = chance.choice(self._recorded)
            request = replace(request, body=other.request.body)
            changes.append(f"body of {other.operation}")
        if chance.random() < 0.85:
            with contextlib.suppress(ValueError):
                request = self._sign(request, origin.service)
                changes.append("signed")
        return Mutant(origin.operation, tuple(changes), request.encode())

    def _sign(self, request: Request, service: str) -> Request:
        kept = {n: v for n, v in request.headers.items() if n.lower() not in SIGNATURE_HEADERS}
        if kept.get("Content-Encoding", "").startswith("aws-chunked"):
            kept = {n: v for n, v in kept.items() if n.lower() != "content-encoding"}
        return self._wire.signed(replace(request, headers=kept), service, key=self._key)


def complaint(answer: Answer) -> str:
    """Return what is wrong with an answer, or ""."""
    if answer.status < 500 or (answer.status == 501 and b"NotImplemented" in answer.body):
        return ""
    if answer.status == 501 and answer.code.startswith("NotImplemented"):
        return ""
    return f"{answer.status} {answer.code} {answer.body[:300]!r}"


def assert_withstands(
    attacked: RunningServer, wire: Wire, recorded: list[Recorded], numbers: range
) -> None:
    """Send mutants and look at every answer and at the server's log."""
    mutants = Mutants(recorded, wire, wire.root)

    def attack(number: int) -> tuple[int, str]:
        mutant = mutants.make(number)
        patience = PATIENCE_SECONDS if mutant.is_whole else IN_VAIN_SECONDS
        answer = wire.send(mutant.content, patience=patience)
        wrong = complaint(answer)
        if wrong:
            wrong = (
                f"#{number} {mutant.origin} {mutant.changes}: {wrong}\n  {mutant.content[:1500]!r}"
            )
        return answer.status, wrong

    with ThreadPoolExecutor(THREADS) as threads:
        answered = list(threads.map(attack, numbers))
    wrong = [text for _, text in answered if text]
    assert not wrong, "\n".join(wrong[:20])
    statuses = [status for status, _ in answered]
    # Most were signed again, so that many reach their operations.
    assert sum(status // 100 in {2, 4} for status in statuses) > len(statuses) * 0.9
    assert sum(status // 100 == 2 for status in statuses) > len(statuses) * 0.1
    for sign in ("Traceback", "operation_failed", "response_failed", "Exception in ASGI"):
        assert sign not in attacked.log, attacked.log[attacked.log.index(sign) :][:4000]
    assert wire.is_serving()


@pytest.fixture(scope="module")
def recorded(attacked: RunningServer) -> list[Recorded]:
    return record_everything(attacked)


def test_what_is_recorded_covers_every_built_service(recorded: list[Recorded]) -> None:
    assert {item.service for item in recorded} == {
        "bedrock", "cloudtrail", "iam", "kms", "s3", "secretsmanager", "servicequotas", "sts",
    }  # fmt: skip
    assert len({item.operation for item in recorded}) > 120


def test_a_thousand_mutations_are_refused_or_done(
    attacked: RunningServer, wire: Wire, recorded: list[Recorded]
) -> None:
    assert_withstands(attacked, wire, recorded, range(1000))


@pytest.mark.slow
@pytest.mark.parametrize("thousand", range(1, 10))
def test_ten_thousand_mutations_are_refused_or_done(
    attacked: RunningServer, wire: Wire, thousand: int
) -> None:
    recorded = record_everything(attacked)  # anew: signatures last for 15 minutes
    numbers = range(thousand * 1000, (thousand + 1) * 1000)
    assert_withstands(attacked, wire, recorded, numbers)
