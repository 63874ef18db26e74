"""The X-Amzn-Trace-Id header, as far as it tells two runs of one piece of work apart.

A function that a state machine called may run again after a crash, and so may do again what it did. Its calls carry the
header on (botocore sees to it); the root is the same in each run, the run is not.
"""

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lineage:
    """Which piece of work a call belongs to.

    Attributes:
        root: the same whenever the work is done again.
        run: of this time.
    """

    root: str
    run: str


def trace_of(effect_id: str) -> str:
    """Return the header of a new run of a piece of work.

    Args:
        effect_id: names the work; a UUID.
    """
    digits = effect_id.replace("-", "")
    run = secrets.token_hex(8)
    return f"Root=1-{digits[:8]}-{digits[8:]};Parent={run};Sampled=0;Run={run}"


def read_lineage(header: str) -> Lineage | None:
    """Return what a header of `trace_of` says; None for any other."""
    found = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    root, run = found.get("Root", ""), found.get("Run", "")
    return Lineage(root, run) if root and run else None
