"""What each key spec is for, and the algorithms it has (KMS Developer Guide, "Key spec reference")."""

from collections.abc import Mapping
from dataclasses import dataclass

SYMMETRIC = "SYMMETRIC_DEFAULT"
ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
SIGN_VERIFY = "SIGN_VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"

_OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_RSA_SIGNING = (
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
)


@dataclass(frozen=True, slots=True)
class Spec:
    """A key spec.

    Attributes:
        algorithms: key usage → algorithms; the usages are all that the spec can have.
        secret_bytes: length of a secret that is plain random bytes; 0 for key pairs.
    """

    algorithms: Mapping[str, tuple[str, ...]]
    secret_bytes: int = 0


_RSA = Spec({ENCRYPT_DECRYPT: _OAEP, SIGN_VERIFY: _RSA_SIGNING})
SPECS: Mapping[str, Spec] = {
    SYMMETRIC: Spec({ENCRYPT_DECRYPT: (SYMMETRIC,)}, 32),
    "HMAC_224": Spec({GENERATE_VERIFY_MAC: ("HMAC_SHA_224",)}, 28),
    "HMAC_256": Spec({GENERATE_VERIFY_MAC: ("HMAC_SHA_256",)}, 32),
    "HMAC_384": Spec({GENERATE_VERIFY_MAC: ("HMAC_SHA_384",)}, 48),
    "HMAC_512": Spec({GENERATE_VERIFY_MAC: ("HMAC_SHA_512",)}, 64),
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": Spec({SIGN_VERIFY: ("ECDSA_SHA_256",)}),
    "ECC_NIST_P384": Spec({SIGN_VERIFY: ("ECDSA_SHA_384",)}),
    "ECC_NIST_P521": Spec({SIGN_VERIFY: ("ECDSA_SHA_512",)}),
    "ECC_SECG_P256K1": Spec({SIGN_VERIFY: ("ECDSA_SHA_256",)}),
}
ALGORITHM_MEMBERS = {
    ENCRYPT_DECRYPT: "EncryptionAlgorithms",
    SIGN_VERIFY: "SigningAlgorithms",
    GENERATE_VERIFY_MAC: "MacAlgorithms",
}
# How far two keys are alike enough for one alias to go from one to the other.
KINDS = {name: name.partition("_")[0] for name in SPECS} | {
    name: "asymmetric" for name in SPECS if name.startswith(("RSA_", "ECC_"))
}


def algorithms_of(spec: str, usage: str) -> tuple[str, ...]:
    """Return the algorithms of a key."""
    return SPECS[spec].algorithms[usage]
