"""Which root of trust a database's keys are wrapped under: one for all of them, and no other by accident."""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from outcrop.config import Settings
from outcrop.core.errors import (
    ConfigurationError,
    HomeError,
    SealBroken,
)
from outcrop.crypto.key_source import FileKeySource, KeySource
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.kms_keys import kms_materials, root_of_trust
from outcrop.storage.database.tables.service_keys import service_keys
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.materials import wrap_context
from outcrop.storage.service_keys import wrap_context as service_key_context

FILE = "file"
VAULT_PREFIX = "vault:"
_ONLY_ROW = 1
_PROOF = b"This was wrapped by the root of trust"
_PROOF_CONTEXT = b"root of trust proof"

log = structlog.get_logger("outcrop.storage.root_of_trust")


def open_root_of_trust(settings: Settings, home: Home, database: Database) -> KeySource:
    """Return the root of trust that the settings name, once it is sure that it is this database's.

    Raises:
        ConfigurationError: the settings name none.
        HomeError: the keys are wrapped under another one, or the key file is gone; says what to do.
        KeySourceUnavailable: the root of trust cannot be reached, or refuses.
    """
    name = name_of(settings.root_of_trust)
    with database.read() as connection:
        has_keys = bool(name_in(connection)) or _has_keys(connection)
    if name == FILE and has_keys and not home.key_file.exists():
        recorded = _recorded(database) or FILE
        if recorded == FILE:
            raise HomeError(
                f"{home.key_file} is missing, and the keys of this home open with nothing else: "
                "restore it from a backup of the home"
            )
        raise _another(recorded, name)
    source = make_source(name, settings, home)
    check(database, name, source)
    return source


def name_of(setting: str) -> str:
    """Return the name of the root of trust that a setting means.

    Raises:
        ConfigurationError: it means none.
    """
    if setting in {"", FILE}:
        return FILE
    if setting.startswith(VAULT_PREFIX):
        return setting.rstrip("/")
    raise ConfigurationError(
        f"OUTCROP_ROOT_OF_TRUST cannot be {setting!r}: write file, or "
        "vault:https://HOST:8200/v1/transit/keys/NAME"
    )


def make_source(name: str, settings: Settings, home: Home) -> KeySource:
    """Return a root of trust by its name; a key file that is not there is made.

    Raises:
        ConfigurationError: Vault's settings are wrong.
        HomeError: the key file is readable by others, or holds no key.
    """
    if name == FILE:
        return FileKeySource(home.key_file)
    # Only who uses Vault pays for its client.
    from outcrop.crypto.vault import VaultKeySource, VaultToken

    token = VaultToken(settings.vault_token, settings.vault_token_file)
    return VaultKeySource(name.removeprefix(VAULT_PREFIX), token, authorities=settings.vault_ca)


def name_in(connection: Connection) -> str:
    """Return the name of the root of trust that wraps this database's keys, "" where none does yet."""
    return str(connection.execute(select(root_of_trust.c.name)).scalar() or "")


def check(database: Database, name: str, source: KeySource) -> None:
    """See that a root of trust is the one of this database; the first one becomes it.

    Args:
        database: of the home.
        name: "file" or "vault:" and the URL of the transit key.
        source: the root of trust of that name.

    Raises:
        HomeError: the keys are wrapped under another root of trust; says what to do.
        KeySourceUnavailable: the root of trust cannot be reached, or refuses.
    """
    with database.read() as connection:
        row = connection.execute(select(root_of_trust.c.name, root_of_trust.c.proof)).first()
        has_keys = _has_keys(connection)
    if row is None and has_keys:
        _adopt(database, name, source)
    elif row is None:
        _record(database, name, source.wrap(_PROOF, _PROOF_CONTEXT))
    elif row[0] != name:
        raise _another(row[0], name)
    else:
        _prove(name, row[1], source)


def _another(recorded: str, name: str) -> HomeError:
    return HomeError(
        f"the keys of this home are wrapped under the root of trust {recorded!r}, not {name!r}: "
        f"set OUTCROP_ROOT_OF_TRUST={recorded}, or move them with "
        f"`outcrop keys rewrap --to {name}` while the server is stopped"
    )


def _has_keys(connection: Connection) -> bool:
    return connection.execute(select(service_keys.c.name).limit(1)).first() is not None


def _recorded(database: Database) -> str:
    with database.read() as connection:
        return name_in(connection)


def _prove(name: str, proof: bytes, source: KeySource) -> None:
    try:
        opened = source.unwrap(proof, _PROOF_CONTEXT)
    except SealBroken:
        opened = b""
    if opened != _PROOF:
        raise HomeError(
            f"the root of trust {name!r} is not the one that wrapped the keys of this home: "
            "restore the key that did (for a file, root-of-trust.key from a backup of the home)"
        )


def _adopt(database: Database, name: str, source: KeySource) -> None:
    """Record the root of trust of a home whose service keys are older than this record."""
    with database.read() as connection:
        service, wrapped = connection.execute(
            select(service_keys.c.name, service_keys.c.wrapped).limit(1)
        ).one()
    try:
        source.unwrap(wrapped, service_key_context(service))
    except SealBroken:
        raise HomeError(
            f"the keys of this home are wrapped under another root of trust than {name!r}: "
            "set OUTCROP_ROOT_OF_TRUST to the one that the home was made with"
        ) from None
    _record(database, name, source.wrap(_PROOF, _PROOF_CONTEXT))


def _record(database: Database, name: str, proof: bytes) -> None:
    try:
        with database.write(durable=True) as connection:
            connection.execute(root_of_trust.insert().values(id=_ONLY_ROW, name=name, proof=proof))
    except IntegrityError:
        # Another process of this installation was first; the next start compares the two.
        log.info("root_of_trust_was_recorded", name=name)


def rewrap(
    database: Database,
    old: KeySource,
    new: KeySource,
    new_name: str,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Wrap every key anew under another root of trust, all or none of them, and return how many.

    The server must not run meanwhile: it would wrap new keys under the old one.

    Raises:
        KeySourceUnavailable: one of the two cannot be reached; nothing was changed.
        SealBroken: `old` is not what wrapped them; nothing was changed.
    """
    with database.write(durable=True) as connection:
        services = connection.execute(select(service_keys.c.name, service_keys.c.wrapped)).all()
        keys = connection.execute(
            select(kms_materials.c.id, kms_materials.c.key_id, kms_materials.c.wrapped)
        ).all()
        total = len(services) + len(keys)
        for done, (name, wrapped) in enumerate(services):
            context = service_key_context(name)
            again = new.wrap(old.unwrap(wrapped, context), context)
            connection.execute(
                update(service_keys).where(service_keys.c.name == name).values(wrapped=again)
            )
            on_progress(done + 1, total)
        for done, (material_id, key_id, wrapped) in enumerate(keys):
            context = wrap_context(key_id, material_id)
            again = new.wrap(old.unwrap(wrapped, context), context)
            connection.execute(
                update(kms_materials).where(kms_materials.c.id == material_id).values(wrapped=again)
            )
            on_progress(len(services) + done + 1, total)
        proof = new.wrap(_PROOF, _PROOF_CONTEXT)
        connection.execute(root_of_trust.delete())
        connection.execute(root_of_trust.insert().values(id=_ONLY_ROW, name=new_name, proof=proof))
    return total
