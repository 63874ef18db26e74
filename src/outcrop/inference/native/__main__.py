"""The engine process: python -m outcrop.inference.native FOLDER --socket PATH [--threads N].

Where the folder is sealed, the first line of standard input is its key in hexadecimal digits. Says on standard output, as one JSON line, that it listens ({"ready": true}) or why it cannot ({"error": …}).
Ends when its standard input does.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from outcrop.core.errors import EngineError
from outcrop.crypto.sealed_folder import FolderSeal

log = logging.getLogger(__name__)


def main() -> None:
    """Load the model of a folder and serve it on a socket."""
    parser = argparse.ArgumentParser(prog="python -m outcrop.inference.native", description=__doc__)
    parser.add_argument("folder", type=Path, help="Hugging Face folder of the base model")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        from outcrop.inference.native.model import ServedModel
        from outcrop.inference.native.server import serve

        model = ServedModel(arguments.folder, arguments.threads, _take_key(arguments.folder))
    except Exception as error:  # whatever a model folder can be wrong about reaches the caller
        log.exception("the model cannot be loaded")
        _say({"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)

    def announce() -> None:
        _say({"ready": True})
        # Nobody reads standard output from here on; what libraries print goes to the log.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    asyncio.run(serve(model, arguments.socket, announce))
    # Skips the tear-down of torch and of the daemon threads, which has nothing to save.
    os._exit(0)


def _take_key(folder: Path) -> bytes | None:
    if FolderSeal.read(folder) is None:
        return None
    line = b""
    # Byte by byte: the end of the input, which comes later, is somebody else's to notice.
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            raise EngineError("the folder is sealed and no key was given")
        line += byte
    return bytes.fromhex(line.decode())


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
