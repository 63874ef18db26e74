"""Signatures of messages: what an endpoint can hold against the certificate that this server shows.

Source: SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". The key is this home's own, made when the
first message is signed.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.crypto.private_files import read_private, write_private
from outcrop.services.platform import Platform

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CERTIFICATE_PATH = "/_outcrop/SimpleNotificationService.pem"
_KEY_BITS = 2048
_LIFETIME = timedelta(days=3650)
# Members of a message that are signed, in order; those it does not have are left out.
_SIGNED = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


def signature(platform: Platform, message: Mapping[str, str | None], version: str) -> str:
    """Return the signature of a message in base64.

    Args:
        message: its members by name.
        version: "1" for SHA-1, "2" for SHA-256.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    text = "".join(
        f"{name}\n{message[name]}\n" for name in _SIGNED if message.get(name) is not None
    )
    # SignatureVersion 1 is SHA-1 by definition; topics that set 2 have SHA-256.
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303
    key = _key(_folder(platform))
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), digest)).decode()


def certificate_page(platform: Platform, _query: str) -> tuple[int, str, bytes]:
    """Return the certificate that SigningCertURL names, as a page."""
    folder = _folder(platform)
    _key(folder)
    return 200, "application/x-pem-file", (folder / "sns.pem").read_bytes()


def _folder(platform: Platform) -> Path:
    return platform.home.certificates


@cache
def _key(folder: Path) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    path = folder / "sns.key"
    if path.exists() and (folder / "sns.pem").exists():
        loaded = serialization.load_pem_private_key(read_private(path), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    write_private(folder / "sns.pem", _certificate(key))
    write_private(
        path,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    return key


def _certificate(key: "RSAPrivateKey") -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
