"""The root of trust: what every other key of the home is wrapped under.

Two kinds: a file with a key, and a transit key in HashiCorp Vault. Only few keys are wrapped here (one for each KMS
key's material and for each service), and they stay in memory once unwrapped.
"""

from pathlib import Path
from typing import Protocol

from outcrop.core.errors import HomeError
from outcrop.crypto.private_files import read_private, write_private
from outcrop.crypto.sealed import new_data_key, open_bytes, seal_bytes

_KEY_BYTES = 32


class KeySource(Protocol):
    """Wraps and unwraps keys."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return a key in a form that only this source can undo.

        Raises:
            KeySourceUnavailable: it cannot be reached, or refuses.
        """

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that was wrapped with this context.

        Raises:
            KeySourceUnavailable: it cannot be reached, or refuses.
            SealBroken: not wrapped here, or with another context.
        """


class FileKeySource:
    """A key in a file of mode 0600, made where there is none.

    Args:
        path: the file; lose it, and everything that was encrypted is lost.

    Raises:
        HomeError: the file is readable by others, or holds no key.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_private(path, new_data_key())
        self._key = read_private(path)
        if len(self._key) != _KEY_BYTES:
            raise HomeError(f"{path} does not hold a key of {_KEY_BYTES} bytes: restore it")

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return a key sealed under the file's."""
        return seal_bytes(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that was wrapped with this context.

        Raises:
            SealBroken: not wrapped here, or with another context.
        """
        return open_bytes(self._key, wrapped, context)
