"""Small contents that were read lately, opened: configuration, prompts, records that are asked for again and again.

A content never changes under its name, so nothing here can be stale; whoever may not read a row, or cannot open its
key, never comes to ask.
"""

import threading
from collections import OrderedDict

_MOST_BYTES = 8 << 20
_ENTRY_BYTES = 512  # of names, keys and links, roughly


class SmallContents:
    """The last of them, up to some megabytes.

    Args:
        most_bytes: kept in all.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, content_id: str, data_key: bytes) -> bytes | None:
        """Return a content that this key opened, or None where it has to be read."""
        return self._kept.get((content_id, data_key))

    def keep(self, content_id: str, data_key: bytes, content: bytes) -> None:
        """Keep a content, in place of those that came first."""
        with self._lock:
            if (content_id, data_key) in self._kept:
                return
            self._bytes += len(content) + _ENTRY_BYTES
            self._kept[content_id, data_key] = content
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1]) + _ENTRY_BYTES
