"""The certificate that HTTPS clients see, checked by a TLS client."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outcrop.core.errors import HomeError
from outcrop.crypto.certificates import ServerCertificate, ensure_certificate


def handshake(certificate: ServerCertificate, name: str) -> None:
    """Connect once over TLS as a client that trusts only this authority and expects `name`."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate.certificate, certificate.key)
    near, far = socket.socketpair()
    with near, far:

        def serve() -> None:
            try:
                server_context.wrap_socket(far, server_side=True).close()
            except ssl.SSLError:
                far.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            client_context = ssl.create_default_context(cafile=certificate.authority)
            client_context.wrap_socket(near, server_hostname=name).close()
        finally:
            near.close()
            thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "box.example"])
def test_clients_that_trust_the_authority_accept_every_name_of_the_server(
    tmp_path: Path, name: str
) -> None:
    handshake(ensure_certificate(tmp_path, "box.example"), name)


def test_other_names_are_not_covered(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(ensure_certificate(tmp_path, "127.0.0.1"), "other.example")


def test_keys_are_private_and_certificates_are_not(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, "127.0.0.1")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "server.pem": 0o644, "server.key": 0o600}
    assert files.key.name == "server.key"


def test_nothing_changes_from_start_to_start(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, "127.0.0.1")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert ensure_certificate(tmp_path, "127.0.0.1") == files
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("host", "days"), [("box.example", 0), ("127.0.0.1", 340)])
def test_a_new_host_or_a_near_end_renews_the_server_but_not_the_authority(
    tmp_path: Path, host: str, days: int
) -> None:
    files = ensure_certificate(tmp_path, "127.0.0.1")
    authority, server = files.authority.read_bytes(), files.certificate.read_bytes()
    ensure_certificate(tmp_path, host, datetime.now(UTC) + timedelta(days=days))
    assert files.authority.read_bytes() == authority
    assert files.certificate.read_bytes() != server


def test_a_new_authority_reissues_the_server_certificate(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, "127.0.0.1")
    files.authority.unlink()
    ensure_certificate(tmp_path, "127.0.0.1")
    handshake(files, "localhost")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    files = ensure_certificate(tmp_path, "127.0.0.1")
    files.key.chmod(0o640)
    with pytest.raises(HomeError, match="chmod 600"):
        ensure_certificate(tmp_path, "127.0.0.1")
