"""Write docs/reference/operations.md: which AWS operations are built, from the code and botocore's models.

Run: python tools/operations_table.py
"""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

from outcrop.aws import service_models

SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "s3",
    "stepfunctions",
    "iam",
    "sts",
    "kms",
    "lambda",
    "secretsmanager",
    "ses",
    "sesv2",
    "sns",
    "events",
    "logs",
    "cloudwatch",
    "cloudtrail",
    "service-quotas",
)
TABLE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "operations.md"
_HEAD = """# Operations

Which operations of AWS's API this server answers. What is missing answers the error `NotImplemented` (501).
`tools/operations_table.py` writes this page from the code and botocore's service models; a test fails when
it is out of date.

| Service | Built | Missing |
|---|---:|---:|
"""


def built_operations() -> dict[str, set[str]]:
    """Return the built operations' names by botocore's service name."""
    operations = importlib.import_module("outcrop.gateway.operations")
    services = importlib.import_module("outcrop.services")
    built: dict[str, set[str]] = {}
    for service, name in operations.collect_operations([services]):
        built.setdefault(service, set()).add(name)
    return built


def unknown_operations(built: Mapping[str, set[str]]) -> list[str]:
    """Return built operations that AWS does not have: spelling mistakes in a mark."""
    return sorted(
        f"{service}:{name}"
        for service, names in built.items()
        for name in names - service_models.load(service).operation_names
    )


def render(built: Mapping[str, set[str]]) -> str:
    """Return the page."""
    rows, sections = [], []
    for service in SERVICES:
        known = service_models.load(service).operation_names
        done = sorted(known & built.get(service, set()))
        missing = sorted(known - built.get(service, set()))
        rows.append(f"| [{service}](#{service}) | {len(done)} | {len(missing)} |\n")
        sections.append(
            f"\n## {service}\n\nBuilt: {_listed(done)}\n\n"
            f"<details><summary>Missing: {len(missing)}</summary>\n\n{_listed(missing)}\n\n</details>\n"
        )
    return _HEAD + "".join(rows) + "".join(sections)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) + "." if names else "none."


def main() -> None:
    """Write the page, unless a mark names an operation that AWS does not have."""
    built = built_operations()
    unknown = unknown_operations(built)
    if unknown:
        sys.exit(f"AWS has no operation {', '.join(unknown)}")
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(render(built), encoding="utf-8")
    print(f"{TABLE.name}: {sum(map(len, built.values()))} operations are built")


if __name__ == "__main__":
    main()
