"""Encrypt, Decrypt, ReEncrypt, data keys: what opens what, and what does not."""

from typing import Any
from uuid import UUID

import pytest

from support.composed_server import ComposedServer, Refused

CONTEXT = {"tenant": "blue", "purpose": "backup", "ünï": "cödé"}


def test_a_plaintext_comes_back_without_naming_the_key(kms: Any, key: dict[str, Any]) -> None:
    plaintext = bytes(range(256)) * 16
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext, EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == key["Arn"]
    assert sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert plaintext not in sealed["CiphertextBlob"]
    shuffled = dict(reversed(CONTEXT.items()))
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=shuffled)
    assert opened["Plaintext"] == plaintext
    assert opened["KeyId"] == key["Arn"]
    assert opened["KeyMaterialId"] == key["CurrentKeyMaterialId"]


def test_4097_bytes_are_too_many(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    code, message = refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x" * 4097)
    assert code == "ValidationException"
    assert "at 'plaintext' failed to satisfy constraint" in message.lower()


@pytest.mark.parametrize(
    "context",
    [{}, {"tenant": "blue"}, {**CONTEXT, "more": "x"}, {**CONTEXT, "tenant": "Blue"}],
)
def test_another_encryption_context_does_not_open(
    kms: Any, key: dict[str, Any], refused: Refused, context: dict[str, str]
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)[
        "CiphertextBlob"
    ]
    found = refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
    assert found == ("InvalidCiphertextException", "")


def test_a_changed_ciphertext_does_not_open_wherever_it_was_changed(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    for place in (0, 3, 30, 60, 75, 85, len(blob) - 1):
        changed = bytearray(blob)
        changed[place] ^= 1
        code, _ = refused(kms.decrypt, CiphertextBlob=bytes(changed))
        assert code == "InvalidCiphertextException", place
    assert refused(kms.decrypt, CiphertextBlob=b"no blob")[0] == "InvalidCiphertextException"
    assert refused(kms.decrypt, CiphertextBlob=blob[:-1])[0] == "InvalidCiphertextException"


def test_a_blob_that_is_relabelled_with_another_key_does_not_open(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    relabelled = blob.replace(UUID(key["KeyId"]).bytes, UUID(other["KeyId"]).bytes)
    assert refused(kms.decrypt, CiphertextBlob=relabelled)[0] == "InvalidCiphertextException"


def test_only_the_named_key_opens(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key["Arn"])["Plaintext"] == b"x"
    code, message = refused(kms.decrypt, CiphertextBlob=blob, KeyId=other)
    assert code == "IncorrectKeyException"
    assert message.startswith("The key ID in the request does not identify a CMK")


def test_a_ciphertext_of_another_region_is_nobodys(
    server: ComposedServer, kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    code, message = refused(server.client("kms", region="us-west-2").decrypt, CiphertextBlob=blob)
    assert code == "AccessDeniedException"
    assert message.startswith("The ciphertext refers to a customer master key that does not exist")


def test_reencrypting_changes_key_and_context(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    target = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)[
        "CiphertextBlob"
    ]
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=target["KeyId"],
        DestinationEncryptionContext={"to": "here"},
    )
    assert moved["SourceKeyId"] == key["Arn"]
    assert moved["KeyId"] == target["Arn"]
    assert moved["SourceKeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert moved["DestinationKeyMaterialId"] == target["CurrentKeyMaterialId"]
    kms.disable_key(KeyId=key["KeyId"])
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"to": "here"})
    assert opened["Plaintext"] == b"x"
    assert refused(
        kms.re_encrypt,
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=target["KeyId"],
    ) == ("DisabledException", f"{key['Arn']} is disabled.")


@pytest.mark.parametrize(
    ("size", "expected"),
    [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)],
)
def test_data_keys_open_with_their_context(
    kms: Any, key: dict[str, Any], size: dict[str, Any], expected: int
) -> None:
    made = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext=CONTEXT, **size)
    assert len(made["Plaintext"]) == expected
    assert made["KeyId"] == key["Arn"]
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"]
    hidden = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], **size)
    assert "Plaintext" not in hidden
    assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == expected


def test_a_data_key_has_one_size(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    expected = ("ValidationException", "Please specify either number of bytes or key spec.")
    key_id = key["KeyId"]
    assert refused(kms.generate_data_key, KeyId=key_id) == expected
    assert (
        refused(kms.generate_data_key, KeyId=key_id, KeySpec="AES_256", NumberOfBytes=32)
        == expected
    )


def test_dry_runs_check_everything_and_do_nothing(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    key_id = key["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    calls = [
        (kms.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.decrypt, {"KeyId": key_id, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key_id}),
        (kms.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (kms.generate_data_key_pair, {"KeyId": key_id, "KeyPairSpec": "RSA_4096"}),
    ]
    for function, request in calls:
        assert refused(function, DryRun=True, **request) == (
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        )
    kms.disable_key(KeyId=key_id)
    for function, request in calls:
        assert refused(function, DryRun=True, **request)[0] == "DisabledException"


def test_random_bytes_are_as_many_as_asked(kms: Any, refused: Refused) -> None:
    assert len(kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024
    assert refused(kms.generate_random) == ("ValidationException", "NumberOfBytes is required.")
    assert "less than or equal to 1024" in refused(kms.generate_random, NumberOfBytes=1025)[1]


def test_an_answer_for_an_enclave_is_refused_rather_than_given_in_clear(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    code, message = refused(
        kms.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256", Recipient=recipient
    )
    assert code == "ValidationException"
    assert "Nitro" in message


def test_a_context_of_more_than_8_kib_is_refused(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    code, message = refused(
        kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"k": "v" * 8192}
    )
    assert code == "ValidationException"
    assert "8193 bytes" in message
