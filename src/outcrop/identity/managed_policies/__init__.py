"""The policies that come with the account: those of AWS that people attach for this work, at their real ARNs.

AWS's own documents name hundreds of services. These are written for this product, to the same effect for the
services it has; each file says so.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_WRITTEN = "2026-11-21T00:00:00+00:00"
_ARN_PREFIX = "arn:aws:iam::aws:policy"


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A policy that is AWS's by name.

    Attributes:
        id: "ANPA…", the same in every home.
        path: "/" or such as "/service-role/".
        version: id of the default version, such as "v3".
        created: ISO 8601.
        document: JSON text.
    """

    name: str
    id: str
    path: str
    arn: str
    description: str
    version: str
    created: str
    document: str


@cache
def managed_policies() -> Mapping[str, ManagedPolicy]:
    """Return the policies by ARN, in the order of their names."""
    found = (_read(path) for path in _FOLDER.glob("*.json"))
    return {policy.arn: policy for policy in sorted(found, key=lambda policy: policy.name.lower())}


def _read(path: Path) -> ManagedPolicy:
    content = json.loads(path.read_text(encoding="utf-8"))
    arn = f"{_ARN_PREFIX}{content['path']}{path.stem}"
    digest = base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()
    return ManagedPolicy(
        name=path.stem,
        id=f"ANPA{digest[:17]}",
        path=content["path"],
        arn=arn,
        description=content["description"],
        version="v1",
        created=_WRITTEN,
        document=json.dumps(content["document"], indent=2),
    )
