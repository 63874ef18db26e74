"""The root of trust in HashiCorp Vault: a key of its transit engine wraps and unwraps, and never leaves it.

What is wrapped is what Vault returned ("vault:v1:…"), so that a transit key may be rotated: older versions go on
opening what they wrapped. The token is read anew for every call where it is in a file, since Vault Agent renews it
there; it appears in no message and no representation.
"""

import base64
import binascii
import ipaddress
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from outcrop.core.errors import ConfigurationError, KeySourceUnavailable, SealBroken

PREFIX = "vault:"
_KEY_URL = re.compile(r"(https?://[^/\s]+)/v1/(.+)/keys/([^/\s]+)")
_TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)
# Wrapping twice does no harm, so whatever may pass is tried again.
_PAUSES_SECONDS = (0.1, 0.5)
_MAY_PASS = frozenset({412, 429, 500, 502, 504})
_REDIRECT = 307
_MOST_REDIRECTS = 2
_READABLE_BY_ALL = 0o004
_MISSING_CONTEXT = "missing 'context' for key deriv"
_DOES_NOT_OPEN = ("message authentication failed", "invalid ciphertext", "unable to decrypt")


class VaultToken:
    """Where the token comes from: a setting, or a file that is read for every call.

    Args:
        token: the token itself, or "".
        file: path of the file that holds it, or "".

    Raises:
        ConfigurationError: neither is set, or both are.
    """

    def __init__(self, token: str = "", file: str = "") -> None:
        if bool(token) == bool(file):
            raise ConfigurationError(
                "a root of trust in Vault needs OUTCROP_VAULT_TOKEN or OUTCROP_VAULT_TOKEN_FILE "
                "(one of the two)"
            )
        self._token = token
        self._file = Path(file).expanduser() if file else None

    def __repr__(self) -> str:
        return f"VaultToken(file={str(self._file)!r})" if self._file else "VaultToken(***)"

    def read(self) -> str:
        """Return the token.

        Raises:
            KeySourceUnavailable: the file cannot be read, is empty, or everybody may read it.
        """
        if self._file is None:
            return self._token
        try:
            if self._file.stat().st_mode & _READABLE_BY_ALL:
                raise KeySourceUnavailable(
                    f"everybody may read the Vault token in {self._file}: run `chmod 600 {self._file}`"
                )
            token = self._file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KeySourceUnavailable(
                f"the Vault token file {self._file} cannot be read: {type(error).__name__}"
            ) from None
        if not token:
            raise KeySourceUnavailable(f"the Vault token file {self._file} is empty")
        return token


class VaultKeySource:
    """Wraps and unwraps keys with a transit key of Vault.

    Args:
        url: of the key, such as https://vault.example:8200/v1/transit/keys/outcrop; a namespace stands before the
            engine's mount.
        token: may update `<mount>/encrypt/<key>` and `<mount>/decrypt/<key>`, and nothing else.
        authorities: file of CA certificates to trust; "" for the system's.
        sleep: waits between attempts; tests give another.

    Raises:
        ConfigurationError: the URL is none of a transit key, or would send the token in clear over a network.
    """

    def __init__(
        self,
        url: str,
        token: VaultToken,
        *,
        authorities: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        matched = _KEY_URL.fullmatch(url)
        if matched is None:
            raise ConfigurationError(
                f"OUTCROP_ROOT_OF_TRUST cannot be 'vault:{url}': write "
                "vault:https://HOST:8200/v1/transit/keys/NAME"
            )
        self._address, self._mount, self._key = matched.groups()
        if self._address.startswith("http:") and not _is_loopback(self._address):
            raise ConfigurationError(
                f"{self._address} would get the Vault token in clear: use https"
            )
        if authorities and not Path(authorities).is_file():
            raise ConfigurationError(f"OUTCROP_VAULT_CA names no file: {authorities}")
        self._token = token
        self._sleep = sleep
        self._pool = urllib3.PoolManager(
            ca_certs=authorities or None, timeout=_TIMEOUT, retries=False, maxsize=4
        )
        # Learned from Vault at the first use: a key made with derived=true asks for a context.
        self._is_derived = False
        self._learning = threading.Lock()

    def __repr__(self) -> str:
        return f"VaultKeySource({self._address}/v1/{self._mount}/keys/{self._key})"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return a key encrypted by the newest version of the transit key.

        Raises:
            KeySourceUnavailable: Vault cannot be reached, is sealed, or refuses.
        """
        data = self._call("encrypt", {"plaintext": base64.b64encode(key).decode()}, context)
        ciphertext = data.get("ciphertext")
        if not isinstance(ciphertext, str) or not ciphertext.startswith("vault:v"):
            raise KeySourceUnavailable(f"{self._address} answered without a ciphertext")
        return ciphertext.encode()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that was wrapped with this context.

        Raises:
            KeySourceUnavailable: Vault cannot be reached, is sealed, or refuses.
            SealBroken: wrapped by another key, or with another context.
        """
        try:
            ciphertext = wrapped.decode("ascii")
        except UnicodeDecodeError:
            ciphertext = ""
        if not ciphertext.startswith("vault:v"):
            raise SealBroken("this key was not wrapped by Vault")
        data = self._call("decrypt", {"ciphertext": ciphertext}, context)
        try:
            return base64.b64decode(str(data["plaintext"]), validate=True)
        except (KeyError, binascii.Error, ValueError):
            raise KeySourceUnavailable(f"{self._address} answered without a plaintext") from None

    def _call(self, action: str, request: dict[str, str], context: bytes) -> dict[str, Any]:
        # An older or non-AEAD key refuses associated data, and the message says so: nothing is left out silently.
        bound = {**request, "associated_data": base64.b64encode(context).decode()}
        if self._is_derived:
            bound["context"] = bound["associated_data"]
        status, body = self._post(action, bound)
        if status == 400 and _MISSING_CONTEXT in _errors(body) and not self._is_derived:
            with self._learning:
                self._is_derived = True
            return self._call(action, request, context)
        if status == 200:
            data = body.get("data")
            return data if isinstance(data, dict) else {}
        raise self._refusal(action, status, _errors(body))

    def _refusal(self, action: str, status: int, reason: str) -> Exception:
        path = f"{self._mount}/{action}/{self._key}"
        if action == "decrypt" and status == 400 and any(text in reason for text in _DOES_NOT_OPEN):
            return SealBroken("a key does not open: wrapped by another Vault key, or changed")
        if status == 503:
            advice = "it is sealed: run `vault operator unseal`" if "sealed" in reason else reason
            return KeySourceUnavailable(f"Vault at {self._address} does not serve: {advice}")
        if status == 403:
            return KeySourceUnavailable(
                f"Vault at {self._address} refuses the token (expired, or without permission): "
                f'its policy needs path "{path}" {{ capabilities = ["update"] }}'
            )
        if status == 404:
            return KeySourceUnavailable(
                f"Vault at {self._address} has no transit engine at {self._mount}/: "
                f"run `vault secrets enable -path={self._mount} transit`"
            )
        return KeySourceUnavailable(
            f"Vault at {self._address} answered {status} to {path}: {reason or 'no reason'}"
        )

    def _post(self, action: str, request: dict[str, str]) -> tuple[int, dict[str, Any]]:
        url = f"{self._address}/v1/{self._mount}/{action}/{self._key}"
        content = json.dumps(request).encode()
        failure = ""
        for pause in (0.0, *_PAUSES_SECONDS):
            if pause:
                self._sleep(pause)
            headers = {"X-Vault-Token": self._token.read(), "X-Vault-Request": "true"}
            try:
                response = self._send(url, content, headers)
            except HTTPError as error:
                failure = _describe(error)
                continue
            if response.status not in _MAY_PASS:
                return response.status, _parse(response.data)
            failure = f"answered {response.status}: {_errors(_parse(response.data))}"
        raise KeySourceUnavailable(f"Vault at {self._address} cannot be used: {failure}")

    def _send(self, url: str, content: bytes, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        headers = {**headers, "Content-Type": "application/json"}
        for _ in range(_MOST_REDIRECTS):
            response = self._pool.request(
                "POST", url, body=content, headers=headers, redirect=False
            )
            target = response.headers.get("Location", "")
            if response.status != _REDIRECT or not target:
                return response
            # A standby sends clients to the active node; never from https to http, which would show the token.
            following = urljoin(url, target)
            if url.startswith("https:") and not following.startswith("https:"):
                raise KeySourceUnavailable(
                    f"Vault at {self._address} redirects to an address without TLS; not followed"
                )
            url = following
        raise KeySourceUnavailable(f"Vault at {self._address} redirects again and again")


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _errors(body: dict[str, Any]) -> str:
    errors = body.get("errors")
    if not isinstance(errors, list):
        return ""
    return " ".join(str(error).strip() for error in errors)[:500]


def _describe(error: HTTPError) -> str:
    """Return what went wrong below HTTP in a few words: urllib3's own text holds object addresses."""
    reason = getattr(error, "reason", None) or error
    cause = reason.__cause__ or reason.__context__ or reason
    if isinstance(cause, OSError) and cause.strerror:
        return f"{type(reason).__name__} ({cause.strerror})"
    return type(reason).__name__
