"""The account as S3 names owners."""

import hashlib
from functools import lru_cache

from outcrop.services.platform import Context


def owner(context: Context) -> dict[str, str]:
    """Return the account by its canonical id, 64 hexadecimal digits, and by a name for people."""
    return {"DisplayName": f"account-{context.account_id}", "ID": canonical_id(context.account_id)}


@lru_cache(16)
def canonical_id(account_id: str) -> str:
    """Return the canonical user id of an account."""
    return hashlib.sha256(f"canonical {account_id}".encode()).hexdigest()
