"""The files that are deployed: the function's archive and the machines' definitions."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import outcrop

FOLDER = Path(outcrop.__file__).parent / "bundled" / "workflow"
HANDLER = "evaluation_function.app.handler"
_PACKAGE = "evaluation_function"
# What the function shares with the product; plain Python all of it.
_SHARED = (
    "core/datasets.py",
    "core/errors.py",
    "evaluation/comparison.py",
    "evaluation/rouge.py",
    "evaluation/significance.py",
)
_OWN = "outcrop.bundled.workflow.function"
# The same files make the same archive, byte for byte: that is how a deployment knows that nothing changed.
_MOMENT = (2020, 1, 1, 0, 0, 0)


def archive() -> bytes:
    """Return the function as a zip, its parts of the product under the function's own name."""
    product = FOLDER.parent.parent
    sources = {path.name: path for path in (FOLDER / "function").glob("*.py")}
    sources |= {name: product / name for name in _SHARED}
    files = {name: _renamed(path.read_text()) for name, path in sources.items()}
    folders = {Path(name).parent for name in files}
    files |= {str(folder / "__init__.py"): "" for folder in folders}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{_PACKAGE}/{name}", _MOMENT)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, text, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _renamed(source: str) -> str:
    return source.replace(f"from {_OWN}", f"from {_PACKAGE}").replace(
        "from outcrop.", f"from {_PACKAGE}."
    )


def definition(name: str, values: Mapping[str, str]) -> str:
    """Return a machine's definition.

    Args:
        name: of its file, without the ending.
        values: what stands for each ${placeholder}; in texts of the definition, so JSONata needs no escapes.
    """
    parsed = json.loads((FOLDER / f"{name}.asl.json").read_text())
    return json.dumps(_filled(parsed, values), ensure_ascii=False)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"${{{name}}}", text)
    return value
