"""Names of buckets and objects that try to be paths, other names, or something else altogether."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from security.raw_requests import Request, Wire
from support.running_server import RunningServer

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Zoë/ü") for form in ("NFC", "NFD"))
KEYS = (
    "..", ".", "../up", "../../../../etc/passwd", "a/../b", "a/./b", "a//b", "//a", "a/", "/", "/a",
    "..\\..\\windows", "%2e%2e/%2e%2e", "%2F", "..%2f", "%00", "a%00b", "a\0b", "\0",
    "line\nbreak", "carriage\rreturn", "tab\tkey", "\x01\x02\x1f\x7f", " ", "  a  ", "a?b#c&d=e+f",
    COMPOSED, DECOMPOSED, "\u202egnp.exe", "\u200b", "\ufeffbom", "\u2028", "\uffff", "🦆" * 9, "~root",
    "<script>&'\"</script>", "]]>", "&amp;", "data/../../outcrop.db", "objects/data", "$HOME",
    "`id`", "$(id)", "; rm -rf /", "'; DROP TABLE objects; --", "con", "aux.txt", "x" * 1024, "ü" * 512,
    "a" * 255 + "/" + "b" * 255, ".metadata", "incoming/0", "key?versionId=null", "soap", "favicon.ico",
)  # fmt: skip
BUCKETS = (
    "..", ".", "../up", "a/../b", "%2e%2e", "%2e%2e%2f", "a%00b", "UPPER", "a_b", "a..b", "-ab", "ab-",
    "192.168.1.1", "xn--abc", "abc-s3alias", "a" * 64, "ab", "é", "\u202eabc", "a b", "_outcrop",
    "objects", "$HOME",
)  # fmt: skip


def encoded(key: str) -> str:
    return quote(key.encode(), safe="/~" if "/" not in {key[:1], key[-1:]} else "~")


class Home:
    """What lies in a home folder beside the objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> set[str]:
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            # The trail and the database write files of their own.
            if path.relative_to(self.folder).parts[0] not in {"objects", "audit"}
            and not path.name.startswith("outcrop.db")
        }

    def object_names(self) -> list[str]:
        return [path.name for path in (self.folder / "objects" / "data").rglob("*")]


@pytest.fixture
def untouched(attacked: RunningServer) -> Iterator[Home]:
    """Fails when anything appears or goes outside the folder of objects, or there under a chosen name."""
    home = Home(attacked.home)
    before, beside = home.names(), sorted(attacked.home.parent.iterdir())
    yield home
    assert home.names() == before
    assert sorted(attacked.home.parent.iterdir()) == beside
    assert all(set(name) <= set("0123456789abcdef") for name in home.object_names())
    assert "Traceback" not in attacked.log


@pytest.mark.usefixtures("untouched")
def test_every_key_is_a_name_of_its_own_and_comes_back_exactly(
    attacked: RunningServer, wire: Wire
) -> None:
    s3 = attacked.client("s3")
    s3.create_bucket(Bucket="names")
    for number, key in enumerate(KEYS):
        target = f"/names/{quote(key.encode(), safe='~')}"
        assert wire.call(Request("PUT", target, {}, b"%d" % number)).status == 200, key
    for number, key in enumerate(KEYS):
        target = f"/names/{quote(key.encode(), safe='~')}"
        answer = wire.call(Request("GET", target))
        assert (answer.status, answer.body) == (200, b"%d" % number), key
    found: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket="names", PaginationConfig={"PageSize": 7}
    ):
        found += [item["Key"] for item in page["Contents"]]
    assert sorted(found) == sorted(KEYS)
    # In the order of their UTF-8, as S3 lists.
    assert found == sorted(KEYS, key=lambda key: key.encode())


@pytest.mark.usefixtures("untouched")
def test_composed_and_decomposed_letters_are_different_keys(
    attacked: RunningServer, wire: Wire
) -> None:
    attacked.client("s3").create_bucket(Bucket="twins")
    assert COMPOSED != DECOMPOSED
    for key in (COMPOSED, DECOMPOSED):
        wire.call(Request("PUT", f"/twins/{encoded(key)}", {}, key.encode()))
    for key in (COMPOSED, DECOMPOSED):
        assert wire.call(Request("GET", f"/twins/{encoded(key)}")).body == key.encode()
    assert wire.call(Request("DELETE", f"/twins/{encoded(COMPOSED)}")).status == 204
    assert wire.call(Request("GET", f"/twins/{encoded(DECOMPOSED)}")).status == 200
    assert wire.call(Request("GET", f"/twins/{encoded(COMPOSED)}")).refusal == (404, "NoSuchKey")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("key", "status"),
    [("x" * 1024, 200), ("x" * 1025, 400), ("ü" * 512, 200), ("ü" * 512 + "x", 400)],
)
def test_keys_are_measured_in_bytes(wire: Wire, bucket: str, key: str, status: int) -> None:
    answer = wire.call(Request("PUT", f"/{bucket}/{encoded(key)}", {}, b"x"))
    assert answer.status == status
    if status == 400:
        assert answer.code == "KeyTooLongError"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "%C0%AE%C0%AE/",
        "%C0%AF",
        "%E0%80%AF",
        "%F0%80%80%AF",
        "%FF",
        "%FE",
        "%ED%A0%80",
        "%80",
        "a%C3",
    ],
)
def test_keys_that_are_no_utf_8_are_refused(wire: Wire, bucket: str, path: str) -> None:
    answer = wire.call(Request("PUT", f"/{bucket}/bytes-{path}", {}, b"x"))
    assert answer.refusal == (400, "InvalidURI")
    answer = wire.call(Request("GET", f"/custom-models/bytes-{path.replace('/', '')}"), "bedrock")
    assert answer.refusal == (400, "SerializationException")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", ["%", "%2", "%zz", "a%", "%u002e", "%25%32%65"])
def test_broken_percent_signs_are_refused_or_text(wire: Wire, bucket: str, path: str) -> None:
    answer = wire.call(Request("PUT", f"/{bucket}/odd-{path}", {}, b"x"))
    assert answer.status in {200, 400, 403}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_have_plain_names_only(attacked: RunningServer, wire: Wire, name: str) -> None:
    for spelled in {quote(name.encode(), safe="~"), quote(name.encode(), safe="/~%")}:
        answer = wire.call(Request("PUT", f"/{spelled}"))
        if name != "objects":
            assert answer.status in {400, 403, 404}, spelled
    listed = {item["Name"] for item in attacked.client("s3").list_buckets()["Buckets"]}
    assert name not in listed or name == "objects"


@pytest.mark.usefixtures("untouched")
def test_a_slash_that_is_encoded_does_not_reach_into_a_bucket(wire: Wire, bucket: str) -> None:
    wire.call(Request("PUT", f"/{bucket}/inside", {}, b"x"))
    for path in (f"/{bucket}%2Finside", f"/x/../{bucket}/inside", f"/./{bucket}/inside", f"//{bucket}/inside"):  # fmt: skip
        assert wire.call(Request("GET", path)).status in {400, 403, 404}, path


@pytest.mark.usefixtures("untouched")
def test_host_names_that_are_no_buckets_open_nothing(wire: Wire, bucket: str) -> None:
    wire.call(Request("PUT", f"/{bucket}/inside", {}, b"x"))
    for host in (f"..{bucket}.localhost", f"{bucket}%2f.localhost", "..localhost", ".s3.amazonaws.com",
                 f"x/{bucket}.localhost", "\u202e.localhost", f"{bucket}.localhost.evil.com"):  # fmt: skip
        request = Request("GET", "/inside", {"host": host.encode().decode("latin-1")})
        answer = wire.send(wire.signed(request))
        assert answer.status in {400, 403, 404}, host
    served = wire.send(wire.signed(Request("GET", "/inside", {"host": f"{bucket}.localhost"})))
    assert (served.status, served.body) == (200, b"x")


@pytest.mark.usefixtures("untouched")
def test_copy_sources_name_objects_and_no_files(wire: Wire, bucket: str) -> None:
    wire.call(Request("PUT", f"/{bucket}/inside", {}, b"x"))
    for source in ("../../../etc/passwd", "/etc/passwd", f"{bucket}/../{bucket}/inside", "file:///etc/passwd",
                   f"{bucket}", "/", "", "%00", f"{bucket}%2F..%2Finside", "arn:aws:s3:::", "\\\\host\\share",
                   f"{bucket}/inside?versionId=../x", "http://127.0.0.1/x"):  # fmt: skip
        request = Request("PUT", f"/{bucket}/copied", {"x-amz-copy-source": source})
        assert wire.call(request).status in {400, 403, 404}, source


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("upload_id", ["../../x", "..%2F..", "%00", "a" * 5000, "%FF", "' OR 1=1"])
def test_upload_ids_are_no_paths(wire: Wire, bucket: str, upload_id: str) -> None:
    value = quote(upload_id, safe="%")
    for method, extra in (("PUT", "&partNumber=1"), ("GET", ""), ("DELETE", ""), ("POST", "")):
        target = f"/{bucket}/key?uploadId={value}{extra}"
        answer = wire.call(Request(method, target, {}, b"x" if method == "PUT" else b""))
        assert answer.status in {400, 404}, method


@pytest.mark.usefixtures("untouched")
def test_names_of_other_services_are_no_paths(attacked: RunningServer, wire: Wire) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for name in ("../x", "..%2Fx", "a/../../b", "a\0b", "\u202e"):
        text = quote(name, safe="")
        body = f"Action=CreateUser&Version=2010-05-08&UserName={text}".encode()
        assert wire.call(Request("POST", "/", form, body), "iam").status == 400, name
        path = f"/custom-models/{text}"
        assert wire.call(Request("GET", path), "bedrock").status in {400, 404}, name
        path = f"/model/{text}/invoke"
        assert wire.call(Request("POST", path, {}, b"{}"), "bedrock").status in {400, 404}, name
    assert "Traceback" not in attacked.log
