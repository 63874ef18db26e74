"""RSA and elliptic-curve keys by the names that KMS gives their specs and algorithms."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from outcrop.core.errors import SealBroken

_RSA_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA_1": hashes.SHA1,
    "SHA_256": hashes.SHA256,
    "SHA_384": hashes.SHA384,
    "SHA_512": hashes.SHA512,
}
_OAEP_OVERHEAD_FIXED_BYTES = 2
SPECS = frozenset({*_RSA_BITS, *_CURVES})


class WrongDigestLength(ValueError):
    """A digest that does not have the length of the algorithm's hash."""


def make_key_pair(spec: str) -> tuple[bytes, bytes]:
    """Return a new private key (PKCS #8, DER) and its public key (SubjectPublicKeyInfo, DER).

    Args:
        spec: such as "RSA_2048" or "ECC_NIST_P256".
    """
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if spec in _RSA_BITS:
        private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[spec])
    else:
        private = ec.generate_private_key(_CURVES[spec]())
    return (
        private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def sign(private_key: bytes, algorithm: str, message: bytes, *, is_digest: bool) -> bytes:
    """Return a signature.

    Args:
        private_key: PKCS #8, DER.
        algorithm: such as "RSASSA_PSS_SHA_256" or "ECDSA_SHA_384".
        message: the message, or its digest.
        is_digest: which of the two.

    Raises:
        WrongDigestLength: the digest is not one of this algorithm's hash.
    """
    key = _load_private(private_key)
    hash_of = _hash(algorithm, message, is_digest=is_digest)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, _signature_padding(algorithm), hash_of)
    return key.sign(message, ec.ECDSA(hash_of))


def verify(
    public_key: bytes, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool
) -> bool:
    """Whether a signature is one of this message.

    Raises:
        WrongDigestLength: the digest is not one of this algorithm's hash.
    """
    key = serialization.load_der_public_key(public_key)
    hash_of = _hash(algorithm, message, is_digest=is_digest)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, _signature_padding(algorithm), hash_of)
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(signature, message, ec.ECDSA(hash_of))
    except InvalidSignature:
        return False
    return True


def longest_plaintext_bytes(spec: str, algorithm: str) -> int:
    """Return how many bytes an RSA key encrypts at most under an OAEP algorithm."""
    hash_bytes = _HASHES[algorithm.removeprefix("RSAES_OAEP_")]().digest_size
    return _RSA_BITS[spec] // 8 - 2 * hash_bytes - _OAEP_OVERHEAD_FIXED_BYTES


def encrypt(public_key: bytes, algorithm: str, plaintext: bytes) -> bytes:
    """Return a plaintext under an RSA public key."""
    key = serialization.load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(plaintext, _oaep(algorithm))


def decrypt(private_key: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    """Return what was encrypted under the key's public half.

    Raises:
        SealBroken: another key or algorithm, or the ciphertext was changed.
    """
    key = _load_private(private_key)
    assert isinstance(key, rsa.RSAPrivateKey)
    try:
        return key.decrypt(ciphertext, _oaep(algorithm))
    except ValueError:
        raise SealBroken("a ciphertext does not open under this key and algorithm") from None


def _load_private(private_key: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    # Made here and authenticated when it was unwrapped, so OpenSSL's costly checks would tell nothing.
    key = serialization.load_der_private_key(
        private_key, password=None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    return key


def _hash(
    algorithm: str, message: bytes, *, is_digest: bool
) -> hashes.HashAlgorithm | utils.Prehashed:
    used = _HASHES["SHA_" + algorithm.rpartition("_")[2]]()
    if not is_digest:
        return used
    if len(message) != used.digest_size:
        raise WrongDigestLength(f"{len(message)} bytes are no digest for {algorithm}")
    return utils.Prehashed(used)


def _signature_padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm.startswith("RSASSA_PKCS1"):
        return padding.PKCS1v15()
    used = _HASHES["SHA_" + algorithm.rpartition("_")[2]]()
    return padding.PSS(padding.MGF1(used), salt_length=padding.PSS.DIGEST_LENGTH)


def _oaep(algorithm: str) -> padding.OAEP:
    used = _HASHES[algorithm.removeprefix("RSAES_OAEP_")]()
    return padding.OAEP(padding.MGF1(used), used, label=None)
