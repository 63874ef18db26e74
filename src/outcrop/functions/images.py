"""Container functions without containers: an image reference stands for a local folder with its sources."""

import json
import re
from pathlib import Path

from outcrop.functions.code import FunctionCode, FunctionNotStarted

_CMD = re.compile(r"^\s*CMD\s+(\[.*\])\s*$", re.IGNORECASE | re.MULTILINE)


def handler_of(code: FunctionCode) -> str:
    """Return `module.function` of a function: as configured, as its image's command, or as its Dockerfile says.

    Raises:
        FunctionNotStarted: an image names no handler.
    """
    if code.kind == "Zip":
        return code.handler
    command = code.command or tuple(filter(None, [code.handler])) or _command_of(code.folder)
    if not command:
        raise FunctionNotStarted(
            f"The image {code.image_uri} names no handler: give it a Command, or its folder a Dockerfile with"
            ' CMD ["module.function"].'
        )
    return command[-1]


def _command_of(folder: Path) -> tuple[str, ...]:
    try:
        text = (folder / "Dockerfile").read_text(errors="replace")
    except OSError:
        return ()
    found = _CMD.findall(text)
    if not found:
        return ()
    try:
        words = json.loads(found[-1])
    except ValueError:
        return ()
    return tuple(str(word) for word in words) if isinstance(words, list) else ()
