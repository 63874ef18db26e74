"""AWS's own SigV4 vectors, as shipped with botocore's tests (`make setup` fetches them)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures import sigv4
from outcrop.aws.signatures.refusals import Reason, SignatureRefused

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2015, 8, 30, 12, 40, tzinfo=UTC)
FOLDER = Path(__file__).parents[3] / ".cache" / "botocore-tests"


def vectors() -> list[Path]:
    return sorted(path.parent for path in FOLDER.glob("**/aws4_testsuite/**/*.authz"))


def read_lines(text: str) -> Iterator[tuple[str, str]]:
    name = value = ""
    for line in text.splitlines():
        if line.startswith((" ", "\t")):
            value += " " + line.strip()
            continue
        if name:
            yield name, value
        name, _, value = line.partition(":")
    if name:
        yield name, value


def read_request(text: str) -> HttpRequest:
    head, _, body = text.partition("\n\n")
    first, _, rest = head.partition("\n")
    method, _, target = first.removesuffix(" HTTP/1.1").partition(" ")
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for name, value in read_lines(rest):
        key = name.lower()
        headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
    return HttpRequest(method, path, query, headers, body.encode())


def test_the_vectors_are_there() -> None:
    assert len(vectors()) >= 30, "run `make setup`: it fetches botocore's test vectors"


@pytest.mark.parametrize("folder", vectors(), ids=lambda path: path.name)
def test_a_vector_verifies_and_its_canonical_request_matches(folder: Path) -> None:
    request = read_request((folder / f"{folder.name}.sreq").read_text())
    request.headers["authorization"] = (folder / f"{folder.name}.authz").read_text().strip()
    claim = sigv4.read_claim(request)
    payload_hash = (folder / f"{folder.name}.creq").read_text().rsplit("\n", 1)[1]
    canonical = sigv4.canonical_request(claim, request, payload_hash, is_s3=False)
    assert canonical.decode() == (folder / f"{folder.name}.creq").read_text()
    expected = (folder / f"{folder.name}.sts").read_text()
    assert sigv4.string_to_sign(claim, canonical).decode() == expected
    sigv4.check_skew(claim, NOW)
    key = sigv4.derive_signing_key(SECRET, claim.date, claim.region, claim.service)
    if folder.name == "post-sts-header-after":
        with pytest.raises(SignatureRefused) as refused:
            sigv4.verify(claim, request, key, payload_hash, is_s3=False)
        assert refused.value.reason is Reason.UNSIGNED_HEADERS
    else:
        sigv4.verify(claim, request, key, payload_hash, is_s3=False)
