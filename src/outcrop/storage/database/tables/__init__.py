"""Every table, one module per subject. Times are microseconds since 1970 UTC; JSON is TEXT.

TEXT rather than a JSON type: the values are read and written whole, and stay the same bytes on SQLite
and PostgreSQL.
"""

import importlib
import pkgutil

from sqlalchemy import MetaData

# Named constraints can be dropped by a later migration on every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def load_tables() -> MetaData:
    """Return `metadata` with every table of this package in it.

    A table registers itself when its module is imported; a module is found by lying in this folder.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return metadata
