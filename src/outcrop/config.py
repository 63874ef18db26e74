"""The one place that reads the environment and the configuration file.

Every setting has a flag, an `OUTCROP_*` variable and a key in `<home>/outcrop.toml`; the flag wins over the
variable, the variable over the file.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from outcrop.core.errors import ConfigurationError

PREFIX = "OUTCROP_"
_DEVICE_VARIABLES = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set; the field `port` is OUTCROP_PORT, `--port` and `port` in the file.

    Attributes:
        home: folder that holds everything; can be moved as a whole while no server runs on it.
        host: address to listen on.
        port: HTTP port; 0 takes a free one.
        tls_port: HTTPS port; 0 takes a free one.
        allow_plain_http: serve plain HTTP on an address beyond loopback.
        region: region that `outcrop env` prints; requests may name any.
        account_id: twelve digits; used when the home is made, fixed afterwards.
        database_url: SQLAlchemy URL; empty for the SQLite file in the home.
        model_aliases: AWS model id → local model id, comma-separated `alias=target` in the variable.
        model_wait_seconds: how long a call waits for a model to load before ModelNotReadyException.
        model_idle_seconds: after how long without calls a model's engine is stopped.
        max_engines: engines (base models in memory) running at once.
        training_threads: CPU threads of one training worker; part of what makes a run reproducible.
        training_concurrency: customization jobs that train at once.
        engine_threads: CPU threads of one engine.
        audit_retention_months: full months of the audit trail kept besides the present one; 0 keeps all.
        audit_payload_retention_months: the same for what events show of requests and answers.
        root_of_trust: what every key of the home is wrapped under: `file` (or empty) for a key file in the home, or
            `vault:https://HOST:8200/v1/transit/keys/NAME` for a key in HashiCorp Vault.
        vault_token: Vault's token; never shown by repr, and without a flag, which others could see.
        vault_token_file: file that holds Vault's token; read for every use, so that an agent may renew it.
        vault_ca: file of CA certificates for Vault; empty for the system's.
        object_store: s3://BUCKET/PREFIX where objects' content is kept; empty for the home.
        object_store_endpoint: URL of that bucket's S3 endpoint; empty for AWS's own.
        object_store_region: region that requests to it are signed for.
        object_store_access_key_id: of a key that may read, write and delete there.
        object_store_secret_access_key: its secret; never shown by repr, and without a flag, which others could see.
        smtp_url: where mail is delivered: smtp(s)://user:password@host:port; never shown by repr, and without a flag,
            which others could see. Empty keeps mail in the outbox.
        smtp_sender: address that the server's own mail comes from, such as requests to confirm a subscription.
        ses_sandbox: let SES send to verified recipients only, as a new AWS account does.
        function_isolation: `full` refuses functions where a wall around them is missing, `available` does with the
            walls that stand, `none` runs functions like any program of the server's user.
        function_network: `closed` lets functions reach the server alone, `open` everything the server can reach.
        function_images: image reference → folder with its sources, comma-separated `reference=folder` in the variable.
        function_concurrency: invocations that may run or wait at once.
        function_processes: processes of functions that live at once; further invocations wait for one.
        function_idle_seconds: after how long without an invocation a function's process is ended.
        wait_scale: what the times of Wait states are multiplied by; below 1, executions wait less than they say.
        log_format: `pretty`, `json` or `auto` (pretty on a terminal).
        log_level: debug, info, warning or error.
    """

    home: Path = field(default_factory=lambda: Path.home() / ".outcrop")
    host: str = "127.0.0.1"
    port: int = 4500
    tls_port: int = 4543
    allow_plain_http: bool = False
    region: str = "us-east-1"
    account_id: str = "000000000000"
    database_url: str = field(default="", repr=False)  # it may hold a password
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    model_wait_seconds: float = 30.0
    model_idle_seconds: float = 900.0
    max_engines: int = 3
    training_threads: int = 2
    training_concurrency: int = 1
    engine_threads: int = 2
    audit_retention_months: int = 0
    audit_payload_retention_months: int = 0
    root_of_trust: str = ""
    vault_token: str = field(default="", repr=False)
    vault_token_file: str = ""
    vault_ca: str = ""
    object_store: str = ""
    object_store_endpoint: str = ""
    object_store_region: str = "us-east-1"
    object_store_access_key_id: str = ""
    object_store_secret_access_key: str = field(default="", repr=False)
    smtp_url: str = field(default="", repr=False)
    smtp_sender: str = ""
    ses_sandbox: bool = False
    function_isolation: str = "full"
    function_network: str = "closed"
    function_images: Mapping[str, str] = field(default_factory=dict)
    function_concurrency: int = 1000
    function_processes: int = 50
    function_idle_seconds: float = 300.0
    wait_scale: float = 1.0
    log_format: str = "auto"
    log_level: str = "info"


def load_settings(
    flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings from flags, environment and the home's outcrop.toml.

    Args:
        flags: values given on the command line, by field name; None values are ignored.
        environment: defaults to the process's own.

    Raises:
        ConfigurationError: unknown key in the file, or a value that does not parse.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    names = {item.name for item in fields(Settings)}
    from_variables = {
        name: environment[PREFIX + name.upper()]
        for name in names
        if environment.get(PREFIX + name.upper(), "") != ""
    }
    home = Path(str(given.get("home") or from_variables.get("home") or Settings().home))
    home = home.expanduser().absolute()
    merged: dict[str, object] = {
        **_read_file(home / "outcrop.toml", names),
        **from_variables,
        **given,
    }
    merged["home"] = home
    return Settings(**{name: _parse(name, value) for name, value in merged.items()})  # type: ignore[arg-type]


def device_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what in the environment says where accelerators and their libraries are, for worker processes.

    Args:
        environment: defaults to the process's own.
    """
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in _DEVICE_VARIABLES if name in environment}


def _read_file(path: Path, names: set[str]) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    unknown = sorted(set(values) - (names - {"home"}))
    if unknown:
        raise ConfigurationError(f"{path} has unknown settings: {', '.join(unknown)}")
    return values


def _parse(name: str, value: object) -> object:
    default = getattr(Settings(), name)
    try:
        if name in {"model_aliases", "function_images"}:
            return _parse_aliases(value)
        if isinstance(default, bool):
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if isinstance(default, Path):
            return Path(str(value))
        return type(default)(value)
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{PREFIX}{name.upper()} cannot be {value!r}: expected {type(default).__name__}"
        ) from error


_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _parse_aliases(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(alias): str(target) for alias, target in value.items()}
    pairs = [pair.strip() for pair in str(value).split(",") if pair.strip()]
    parsed = dict(pair.split("=", 1) for pair in pairs)
    return {alias.strip(): target.strip() for alias, target in parsed.items()}
