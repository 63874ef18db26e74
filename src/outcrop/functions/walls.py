"""The walls around a function, each tried on this machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall.

    Attributes:
        name: such as "namespaces" or "landlock".
        stands: whether this machine has it; tried, not read from a version.
        detail: what it holds off, or what the kernel refused.
    """

    name: str
    stands: bool
    detail: str


def probe() -> tuple[Wall, ...]:
    """Try every wall in processes of their own, and say which stand."""
    raise NotImplementedError
