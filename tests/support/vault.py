"""A Vault on loopback, as far as its transit engine goes: tokens, sealing, versions, derived keys, its error texts."""

import base64
import hmac
import json
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.CAESITestTokenThatNobodyMaySee"


@dataclass
class TransitKey:
    """A key of the engine: its versions from 1 on."""

    is_derived: bool = False
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    oldest: int = 1

    def material(self, version: int, context: bytes) -> bytes:
        secret = self.versions[version - 1]
        return hmac.digest(secret, context, "sha256") if self.is_derived else secret


class Refusal(Exception):
    """An error as Vault answers it."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = list(errors)


class VaultDouble:
    """What the server knows and how it is to behave.

    Attributes:
        failures: statuses that the next calls are answered with, before anything else.
        allowed: actions that the token's policy has.
        redirect_to: where a standby sends its clients.
    """

    def __init__(self) -> None:
        self.keys = {"outcrop": TransitKey()}
        self.mount = "transit"
        self.token = TOKEN
        self.is_sealed = False
        self.allowed = {"encrypt", "decrypt"}
        self.failures: list[int] = []
        self.redirect_to = ""
        self.calls: list[str] = []
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        """URL of the key, as an operator sets it."""
        return f"{self.scheme}://127.0.0.1:{self.port}/v1/{self.mount}/keys/outcrop"

    def rotate(self) -> None:
        """Give the key a new version, as `vault write -f transit/keys/outcrop/rotate` does."""
        self.keys["outcrop"].versions.append(os.urandom(32))

    def answer(self, path: str, token: str, body: dict[str, str]) -> dict[str, Any]:
        """Return the data of a call, or raise the refusal."""
        self.calls.append(path)
        if self.failures:
            raise Refusal(self.failures.pop(0), "internal error")
        if self.is_sealed:
            raise Refusal(503, "Vault is sealed")
        prefix = f"/v1/{self.mount}/"
        if not path.startswith(prefix):
            route = path.removeprefix("/v1/")
            raise Refusal(404, f'no handler for route "{route}". route entry not found.')
        action, _, name = path.removeprefix(prefix).partition("/")
        if not hmac.compare_digest(token, self.token) or action not in self.allowed:
            raise Refusal(403, "1 error occurred:\n\t* permission denied\n\n")
        key = self.keys.get(name)
        if key is None:
            raise Refusal(400, "encryption key not found")
        context = base64.b64decode(body.get("context", ""))
        if key.is_derived and not context:
            raise Refusal(
                400,
                "missing 'context' for key derivation; the key was created using a derived key, which means "
                "additional, per-request information must be included in order to perform operations with the key",
            )
        return getattr(self, f"_{action}")(key, context, body)  # type: ignore[no-any-return]

    def _encrypt(self, key: TransitKey, context: bytes, body: dict[str, str]) -> dict[str, Any]:
        version, nonce = len(key.versions), os.urandom(12)
        associated = base64.b64decode(body.get("associated_data", ""))
        plaintext = base64.b64decode(body["plaintext"], validate=True)
        sealed = AESGCM(key.material(version, context)).encrypt(nonce, plaintext, associated)
        text = base64.b64encode(nonce + sealed).decode()
        return {"ciphertext": f"vault:v{version}:{text}", "key_version": version}

    def _decrypt(self, key: TransitKey, context: bytes, body: dict[str, str]) -> dict[str, Any]:
        name, number, text = body["ciphertext"].split(":", 2)
        version = int(number.removeprefix("v"))
        if name != "vault" or version > len(key.versions):
            raise Refusal(400, "invalid ciphertext: version is too new")
        if version < key.oldest:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        sealed = base64.b64decode(text)
        associated = base64.b64decode(body.get("associated_data", ""))
        cipher = AESGCM(key.material(version, context))
        try:
            plaintext = cipher.decrypt(sealed[:12], sealed[12:], associated)
        except InvalidTag:
            raise Refusal(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plaintext).decode()}


def _handler(vault: VaultDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if vault.redirect_to:
                self.send_response(307)
                self.send_header("Location", vault.redirect_to + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            try:
                data = vault.answer(self.path, self.headers.get("X-Vault-Token", ""), body)
                status, content = 200, {"request_id": "r", "data": data}
            except Refusal as refusal:
                status, content = refusal.status, {"errors": refusal.errors}
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    return Handler


@contextmanager
def running_vault(tls: tuple[str, str] | None = None) -> Iterator[VaultDouble]:
    """Serve a Vault for the length of a block.

    Args:
        tls: files of a certificate and its key, for https.
    """
    vault = VaultDouble()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(vault))
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        vault.scheme = "https"
    vault.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
