"""What functions are made of: rows, sealed code packages, and their unpacked copies."""

from outcrop.storage.functions.store import FunctionStore

__all__ = ["FunctionStore"]
