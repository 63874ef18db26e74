"""Rotation: new material encrypts, old material still decrypts."""

from datetime import timedelta
from typing import Any

from support.composed_server import ComposedServer, Refused


def material_of(kms: Any, key_id: str) -> str:
    material: str = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    return material


def test_what_was_encrypted_before_a_rotation_still_opens(kms: Any, key: dict[str, Any]) -> None:
    key_id, first = key["KeyId"], key["CurrentKeyMaterialId"]
    before = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    assert kms.rotate_key_on_demand(KeyId=key_id)["KeyId"] == key_id
    second = material_of(kms, key_id)
    assert second != first
    after = kms.encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"]
    old, new = kms.decrypt(CiphertextBlob=before), kms.decrypt(CiphertextBlob=after)
    assert (old["Plaintext"], old["KeyMaterialId"]) == (b"old", first)
    assert (new["Plaintext"], new["KeyMaterialId"]) == (b"new", second)

    rotations = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [(item["KeyMaterialId"], item["RotationType"]) for item in rotations] == [
        (second, "ON_DEMAND")
    ]
    everything = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert [
        (item["KeyMaterialId"], item["KeyMaterialState"]) for item in everything["Rotations"]
    ] == [(first, "NON_CURRENT"), (second, "CURRENT")]


def test_a_key_rotates_when_its_day_has_come(
    server: ComposedServer, kms: Any, key: dict[str, Any]
) -> None:
    key_id, first = key["KeyId"], key["CurrentKeyMaterialId"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    due = status["NextRotationDate"]
    assert timedelta(days=89) < due - server.clock.now() <= timedelta(days=90)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    server.clock.ahead += timedelta(days=89)
    kms.encrypt(KeyId=key_id, Plaintext=b"x")
    assert material_of(kms, key_id) == first
    server.clock.ahead += timedelta(days=1, minutes=1)
    used = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    assert used["KeyMaterialId"] == material_of(kms, key_id) != first
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"old"
    assert kms.get_key_rotation_status(KeyId=key_id)["NextRotationDate"] > due
    rotations = kms.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [item["RotationType"] for item in rotations] == ["AUTOMATIC"]

    kms.disable_key_rotation(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    server.clock.ahead += timedelta(days=400)
    kms.encrypt(KeyId=key_id, Plaintext=b"x")
    assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1


def test_a_disabled_key_rotates_once_it_is_enabled(
    server: ComposedServer, kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    key_id = key["KeyId"]
    kms.enable_key_rotation(KeyId=key_id)
    kms.disable_key(KeyId=key_id)
    disabled = ("DisabledException", f"{key['Arn']} is disabled.")
    assert refused(kms.rotate_key_on_demand, KeyId=key_id) == disabled
    assert refused(kms.enable_key_rotation, KeyId=key_id) == disabled
    server.clock.ahead += timedelta(days=366)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    assert kms.list_key_rotations(KeyId=key_id)["Rotations"] == []
    kms.enable_key(KeyId=key_id)
    assert len(kms.list_key_rotations(KeyId=key_id)["Rotations"]) == 1


def test_on_demand_rotations_are_limited(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    code, message = refused(kms.rotate_key_on_demand, KeyId=key["KeyId"])
    assert code == "LimitExceededException"
    assert message.startswith("The on-demand rotations limit has been reached")
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key["KeyId"], PaginationConfig={"PageSize": 10}
    )
    assert [len(page["Rotations"]) for page in pages] == [10, 10, 5]


def test_a_period_has_bounds(kms: Any, key: dict[str, Any], refused: Refused) -> None:
    code, message = refused(kms.enable_key_rotation, KeyId=key["KeyId"], RotationPeriodInDays=2561)
    assert code == "ValidationException"
    assert "rotationperiodindays" in message.lower()
