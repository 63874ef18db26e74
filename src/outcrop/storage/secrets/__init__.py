"""Secrets as rows: what is known of each, its sealed versions and the staging labels on them.

Nothing here can read a value: services/secretsmanager/sealing.py seals and opens them.
"""

from outcrop.storage.secrets.rows import SecretRow, VersionRow

__all__ = ["SecretRow", "VersionRow"]
