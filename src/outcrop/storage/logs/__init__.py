"""Log groups, their streams and their events.

`journal.py` takes events in microseconds and keeps them over a kill; `segments.py` is where they come to rest, sealed,
in files of their stream; `rows.py` holds groups and streams; `store.py` is the one door to all of it.
"""

from outcrop.storage.logs.store import LogStore

__all__ = ["LogStore"]
