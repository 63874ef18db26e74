"""An own certificate authority, and the certificate the HTTPS listener shows.

Both are made at first start. Clients trust the authority by one file (AWS_CA_BUNDLE), which stays the same for
ten years, while the server's certificate is issued anew when it nears its end or the configured host changes.
"""

import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.crypto.private_files import read_private, write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_AUTHORITY_LIFETIME = timedelta(days=3650)
# Apple's clients refuse server certificates that live longer than 825 days.
_SERVER_LIFETIME = timedelta(days=365)
_RENEWED_BEFORE_END = timedelta(days=30)
_BACKDATED = timedelta(hours=1)
_ALWAYS_NAMED = ("localhost", "*.localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Where the HTTPS listener finds its certificate, and clients the authority behind it.

    Attributes:
        authority: PEM file to give to clients.
        certificate: PEM chain of the server.
        key: PEM private key of the server, mode 0600.
    """

    authority: Path
    certificate: Path
    key: Path


def ensure_certificate(folder: Path, host: str, now: datetime | None = None) -> ServerCertificate:
    """Return the server's certificate, made or renewed where needed.

    Args:
        folder: the home's `ca` folder; made if missing.
        host: the configured address; named in the certificate beside localhost, 127.0.0.1 and ::1.
        now: the present, for tests.

    Raises:
        HomeError: a private key is readable by others.
    """
    now = now or datetime.now(UTC)
    files = ServerCertificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority, authority_key = _load_or_make_authority(folder, now)
    names = _names(host)
    if not _is_current(files, authority, names, now):
        _issue(files, authority, authority_key, names, now)
    return files


def _names(host: str) -> list[str]:
    names = [*_ALWAYS_NAMED]
    candidates = [host]
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  # compared, not bound
        candidates = [socket.gethostname()]
    names += [name for name in candidates if name and name not in names]
    return names


def _load_or_make_authority(
    folder: Path, now: datetime
) -> tuple["x509.Certificate", "EllipticCurvePrivateKey"]:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(read_private(key_file), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and certificate.not_valid_after_utc > now:
            return certificate, key
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _build(
        subject="Outcrop local authority",
        issuer="Outcrop local authority",
        key=key,
        signed_with=key,
        names=[],
        now=now,
        lifetime=_AUTHORITY_LIFETIME,
    )
    write_private(key_file, _pem_key(key))
    _write_public(certificate_file, _pem(certificate))
    return certificate, key


def _is_current(
    files: ServerCertificate, authority: "x509.Certificate", names: list[str], now: datetime
) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    if not (files.certificate.exists() and files.key.exists()):
        return False
    read_private(files.key)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return certificate.not_valid_after_utc - now > _RENEWED_BEFORE_END and list(
        alternatives.value
    ) == _general_names(names)


def _issue(
    files: ServerCertificate,
    authority: "x509.Certificate",
    authority_key: "EllipticCurvePrivateKey",
    names: list[str],
    now: datetime,
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _build(
        subject="Outcrop server",
        issuer="Outcrop local authority",
        key=key,
        signed_with=authority_key,
        names=names,
        now=now,
        lifetime=_SERVER_LIFETIME,
    )
    write_private(files.key, _pem_key(key))
    _write_public(files.certificate, _pem(certificate) + _pem(authority))


def _build(  # noqa: PLR0913  # a certificate has this many parts
    *,
    subject: str,
    issuer: str,
    key: "EllipticCurvePrivateKey",
    signed_with: "EllipticCurvePrivateKey",
    names: list[str],
    now: datetime,
    lifetime: timedelta,
) -> "x509.Certificate":
    """Return a certificate; an authority's when no names are given."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_authority = not names
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common_name(subject))
        .issuer_name(_common_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None),
            critical=True,
        )
        .add_extension(_key_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_with.public_key()),
            critical=False,
        )
    )
    if not is_authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(_general_names(names)), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signed_with, hashes.SHA256())


def _key_usage(*, is_authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(text: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_names(names: list[str]) -> "list[x509.GeneralName]":
    from cryptography import x509

    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return general


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _pem_key(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_public(path: Path, content: bytes) -> None:
    # Written as privately as a key, then opened up: never half a file under this name.
    write_private(path, content)
    path.chmod(0o644)
