"""HMAC, RSA and elliptic-curve keys, checked against the cryptography library on the client's side."""

import hashlib
import hmac as standard_hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from support.composed_server import Refused

MESSAGE = b"some important message"


@pytest.fixture(scope="module")
def made(kms: Any) -> Any:
    """Return the id of a key of a kind, made once."""
    kept: dict[tuple[str, str], str] = {}

    def make(spec: str, usage: str) -> str:
        if (spec, usage) not in kept:
            metadata = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
            kept[spec, usage] = metadata["KeyId"]
        return kept[spec, usage]

    return make


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_a_mac_is_verified_and_another_message_is_not(
    kms: Any, made: Any, refused: Refused, bits: int
) -> None:
    key_id = made(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
    algorithm = f"HMAC_SHA_{bits}"
    mac = kms.generate_mac(KeyId=key_id, Message=MESSAGE, MacAlgorithm=algorithm)["Mac"]
    assert len(mac) == bits // 8
    verified = kms.verify_mac(KeyId=key_id, Message=MESSAGE, Mac=mac, MacAlgorithm=algorithm)
    assert verified["MacValid"]
    assert refused(
        kms.verify_mac, KeyId=key_id, Message=b"another", Mac=mac, MacAlgorithm=algorithm
    ) == ("KMSInvalidMacException", "")
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert metadata["MacAlgorithms"] == [algorithm]
    assert "CurrentKeyMaterialId" not in metadata


def test_a_mac_algorithm_belongs_to_its_key(kms: Any, made: Any, refused: Refused) -> None:
    key_id = made("HMAC_224", "GENERATE_VERIFY_MAC")
    assert refused(
        kms.generate_mac, KeyId=key_id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256"
    ) == (
        "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.",
    )


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [
        ("RSA_2048", "RSASSA_PSS_SHA_256"),
        ("RSA_2048", "RSASSA_PSS_SHA_512"),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_384"),
        ("ECC_NIST_P256", "ECDSA_SHA_256"),
        ("ECC_NIST_P384", "ECDSA_SHA_384"),
        ("ECC_NIST_P521", "ECDSA_SHA_512"),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
    ],
)
def test_signatures_verify_here_and_under_the_public_key(
    kms: Any, made: Any, refused: Refused, spec: str, algorithm: str
) -> None:
    key_id = made(spec, "SIGN_VERIFY")
    digest = hashlib.new(f"sha{algorithm[-3:]}", MESSAGE).digest()
    request = {"KeyId": key_id, "SigningAlgorithm": algorithm}
    by_digest = kms.sign(Message=digest, MessageType="DIGEST", **request)["Signature"]
    by_message = kms.sign(Message=MESSAGE, **request)["Signature"]
    assert kms.verify(Message=MESSAGE, Signature=by_digest, **request)["SignatureValid"]
    assert kms.verify(Message=digest, MessageType="DIGEST", Signature=by_message, **request)[
        "SignatureValid"
    ]
    _verify_outside(kms.get_public_key(KeyId=key_id)["PublicKey"], algorithm, by_message)
    assert refused(kms.verify, Message=b"another", Signature=by_message, **request) == (
        "KMSInvalidSignatureException",
        "",
    )
    assert refused(kms.sign, Message=digest[:-1], MessageType="DIGEST", **request) == (
        "ValidationException",
        f"Digest is invalid length for algorithm {algorithm}.",
    )


def _verify_outside(public_key: bytes, algorithm: str, signature: bytes) -> None:
    key = serialization.load_der_public_key(public_key)
    by_length: dict[str, hashes.HashAlgorithm] = {
        "256": hashes.SHA256(),
        "384": hashes.SHA384(),
        "512": hashes.SHA512(),
    }
    used = by_length[algorithm[-3:]]
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, MESSAGE, ec.ECDSA(used))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    if "PSS" in algorithm:
        # AWS's salt is as long as the hash, and nothing else would verify.
        scheme = padding.PSS(padding.MGF1(used), salt_length=used.digest_size)
        key.verify(signature, MESSAGE, scheme, used)
    else:
        key.verify(signature, MESSAGE, padding.PKCS1v15(), used)


@pytest.mark.parametrize(
    ("algorithm", "longest"), [("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)]
)
def test_rsa_keys_encrypt_here_and_outside(
    kms: Any, made: Any, refused: Refused, algorithm: str, longest: int
) -> None:
    key_id = made("RSA_2048", "ENCRYPT_DECRYPT")
    request = {"KeyId": key_id, "EncryptionAlgorithm": algorithm}
    blob = kms.encrypt(Plaintext=b"x" * longest, **request)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **request)["Plaintext"] == b"x" * longest
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    used = hashes.SHA1() if algorithm.endswith("_1") else hashes.SHA256()
    outside = public.encrypt(b"from outside", padding.OAEP(padding.MGF1(used), used, None))
    assert kms.decrypt(CiphertextBlob=outside, **request)["Plaintext"] == b"from outside"
    assert refused(kms.encrypt, Plaintext=b"x" * (longest + 1), **request) == (
        "ValidationException",
        (
            f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than "
            f"{longest} bytes."
        ),
    )
    assert refused(kms.decrypt, CiphertextBlob=b"x" * 256, **request) == (
        "InvalidCiphertextException",
        "",
    )
    assert refused(kms.encrypt, Plaintext=b"x", KeyId=key_id)[0] == "InvalidKeyUsageException"
    assert refused(kms.encrypt, Plaintext=b"x", EncryptionContext={"a": "b"}, **request)[0] == (
        "ValidationException"
    )


def test_a_symmetric_ciphertext_moves_to_an_rsa_key_and_back(
    kms: Any, made: Any, key: dict[str, Any]
) -> None:
    rsa_key = made("RSA_2048", "ENCRYPT_DECRYPT")
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    there = kms.re_encrypt(
        CiphertextBlob=blob,
        DestinationKeyId=rsa_key,
        DestinationEncryptionAlgorithm="RSAES_OAEP_SHA_256",
    )
    assert "DestinationKeyMaterialId" not in there
    back = kms.re_encrypt(
        CiphertextBlob=there["CiphertextBlob"],
        SourceKeyId=rsa_key,
        SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256",
        DestinationKeyId=key["KeyId"],
    )
    assert kms.decrypt(CiphertextBlob=back["CiphertextBlob"])["Plaintext"] == b"x"


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1"])
def test_data_key_pairs_belong_together(kms: Any, key: dict[str, Any], spec: str) -> None:
    pair = kms.generate_data_key_pair(
        KeyId=key["KeyId"], KeyPairSpec=spec, EncryptionContext={"a": "b"}
    )
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert public == pair["PublicKey"]
    opened = kms.decrypt(
        CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext={"a": "b"}
    )
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]
    hidden = kms.generate_data_key_pair_without_plaintext(KeyId=key["KeyId"], KeyPairSpec=spec)
    assert "PrivateKeyPlaintext" not in hidden


def test_a_key_is_for_its_usage_only(
    kms: Any, made: Any, key: dict[str, Any], refused: Refused
) -> None:
    arn = key["Arn"]
    assert refused(kms.generate_mac, KeyId=arn, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256") == (
        "InvalidKeyUsageException",
        f"{arn} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.",
    )
    mac_key = kms.describe_key(KeyId=made("HMAC_256", "GENERATE_VERIFY_MAC"))["KeyMetadata"]["Arn"]
    assert refused(
        kms.sign, KeyId=mac_key, Message=MESSAGE, SigningAlgorithm="RSASSA_PSS_SHA_256"
    ) == (
        "InvalidKeyUsageException",
        f"{mac_key} key usage is GENERATE_VERIFY_MAC which is not valid for Sign.",
    )
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.decrypt, KeyId=mac_key, CiphertextBlob=blob)[0] == "IncorrectKeyException"
    assert refused(kms.get_public_key, KeyId=arn)[0] == "UnsupportedOperationException"
    rsa_key = made("RSA_2048", "ENCRYPT_DECRYPT")
    assert refused(kms.generate_data_key, KeyId=rsa_key, KeySpec="AES_256")[0] == (
        "InvalidKeyUsageException"
    )
    assert refused(kms.enable_key_rotation, KeyId=rsa_key)[0] == "UnsupportedOperationException"
    assert refused(kms.list_key_rotations, KeyId=rsa_key)[0] == "UnsupportedOperationException"
    assert kms.get_key_rotation_status(KeyId=rsa_key)["KeyRotationEnabled"] is False


def test_macs_of_two_keys_differ_and_none_is_a_plain_hash(kms: Any) -> None:
    macs = set()
    for _ in range(2):
        key_id = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
            "KeyId"
        ]
        answer = kms.generate_mac(KeyId=key_id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
        macs.add(answer["Mac"])
    assert len(macs) == 2
    assert standard_hmac.digest(b"", MESSAGE, "sha256") not in macs
