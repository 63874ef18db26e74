"""Log groups, their streams and their events.

`journal.py` takes events in microseconds and keeps them over a kill; `segments.py` is where they come to rest, sealed,
in files of their stream; `rows.py` holds groups and streams; `store.py` is the one door to all of it.
"""

from outcrop.storage.logs.rows import GroupKey, GroupRow, StreamRow
from outcrop.storage.logs.segments import Event, Span
from outcrop.storage.logs.store import KeyWithheld, LogStore

__all__ = ["Event", "GroupKey", "GroupRow", "KeyWithheld", "LogStore", "Span", "StreamRow"]
