"""Fillers made of digits: times, prices, phone numbers, codes and the like."""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def draw(category: str, rng: Random) -> str | None:
    """Return a drawn filler of a numeric ``category``, or None if it is not one."""
    maker = _MAKERS.get(category)
    return None if maker is None else maker(rng)


def digits(rng: Random, count: int) -> str:
    """Return ``count`` random digits, the first of them not zero."""
    return str(rng.randrange(10 ** (count - 1), 10**count))


def _time(rng: Random) -> str:
    hour, minute = (
        rng.randrange(1, 13),
        rng.choice(["00", "15", "30", "45", "10", "20", "05", "50"]),
    )
    plain = f"{rng.randrange(6, 23)}:{minute}"
    return rng.choice(
        [
            f"{hour} o'clock",
            f"{hour}:{minute}",
            plain,
            f"{hour} p.m.",
            f"{hour} a.m.",
            f"half past {rng.choice(_HOURS)}",
            f"{rng.choice(_HOURS)} o'clock",
        ]
    )


def _price(rng: Random) -> str:
    amount = rng.choice(
        [rng.randrange(2, 100), rng.randrange(2, 60) * 5, rng.randrange(1, 20) * 50]
    )
    cents = rng.choice(["", "", "", ".50", ".99", f".{rng.randrange(10, 100)}"])
    currency = rng.random()
    if currency < 0.45:
        return f"${amount}{cents}"
    return f"{amount} {'dollars' if currency < 0.75 else 'euros' if currency < 0.9 else 'pounds'}"


def _code(rng: Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randrange(1, 4)))
    return rng.choice(
        [
            f"{letters}{digits(rng, 3)}",
            f"{letters}-{digits(rng, 4)}",
            digits(rng, 4),
            digits(rng, 5),
            digits(rng, 6),
        ]
    )


def _phone(rng: Random) -> str:
    return rng.choice(
        [
            f"{digits(rng, 3)}-{digits(rng, 4)}",
            digits(rng, 7),
            f"{digits(rng, 3)} {digits(rng, 3)} {digits(rng, 3)}",
        ]
    )


_HOURS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_MAKERS: dict[str, Callable[[Random], str]] = {
    "time": _time,
    "price": _price,
    "salary": lambda rng: f"{rng.randrange(10, 90) * 100} dollars",
    "code": _code,
    "phone": _phone,
    "roomno": lambda rng: str(rng.randrange(1, 800)),
    "platform": lambda rng: str(rng.randrange(1, 25)),
    "size": lambda rng: str(rng.randrange(34, 48)),
    "score": lambda rng: f"{rng.randrange(0, 6)} to {rng.randrange(0, 6)}",
    "year": lambda rng: str(rng.randrange(1950, 2030)),
}
