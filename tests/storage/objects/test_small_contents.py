"""What is kept of small contents, and for how long."""

from outcrop.storage.objects.small_contents import SmallContents


def test_the_first_go_when_there_is_no_room() -> None:
    kept = SmallContents(most_bytes=10_000)
    for name in ("a", "b", "c"):
        kept.keep(name, b"key", name.encode() * 4_000)
    assert kept.get("a", b"key") is None
    assert kept.get("b", b"key") == b"b" * 4_000
    assert kept.get("c", b"key") == b"c" * 4_000


def test_another_key_opens_nothing() -> None:
    kept = SmallContents()
    kept.keep("a", b"key", b"content")
    assert kept.get("a", b"other") is None


def test_empty_contents_take_room_too() -> None:
    kept = SmallContents(most_bytes=10_000)
    for number in range(100):
        kept.keep(str(number), b"", b"")
    assert kept.get("0", b"") is None
    assert kept.get("99", b"") == b""


def test_keeping_twice_counts_once() -> None:
    kept = SmallContents(most_bytes=10_000)
    for _ in range(10):
        kept.keep("a", b"", b"a" * 4_000)
    kept.keep("b", b"", b"b" * 4_000)
    assert kept.get("a", b"") == b"a" * 4_000
