"""Grants: what they say, how they end, and what decisions see of them."""

from typing import Any

import pytest

from outcrop.identity.permissions import Grant
from outcrop.services.kms import access
from outcrop.services.kms.grant_rules import is_within
from outcrop.storage.kms_keys.grants import GrantRow
from support.composed_server import ComposedServer, Refused

ROLE = "arn:aws:iam::123456789012:role/reader"
OTHER = "arn:aws:iam::123456789012:role/other"


def test_a_grant_is_listed_as_it_was_made(kms: Any, key: dict[str, Any]) -> None:
    made = kms.create_grant(
        KeyId=key["Arn"],
        GranteePrincipal=ROLE,
        RetiringPrincipal=OTHER,
        Operations=["Decrypt", "DescribeKey"],
        Constraints={"EncryptionContextSubset": {"tenant": "blue"}},
        Name="for-reading",
    )
    (listed,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    assert listed.pop("CreationDate").tzinfo is not None
    assert listed == {
        "KeyId": key["Arn"],
        "GrantId": made["GrantId"],
        "Name": "for-reading",
        "GranteePrincipal": ROLE,
        "RetiringPrincipal": OTHER,
        "IssuingAccount": "arn:aws:iam::123456789012:root",
        "Operations": ["Decrypt", "DescribeKey"],
        "Constraints": {"EncryptionContextSubset": {"tenant": "blue"}},
    }
    assert kms.list_grants(KeyId=key["KeyId"], GranteePrincipal=OTHER)["Grants"] == []
    assert len(kms.list_grants(KeyId=key["KeyId"], GrantId=made["GrantId"])["Grants"]) == 1
    retirable = kms.list_retirable_grants(RetiringPrincipal=OTHER)["Grants"]
    assert made["GrantId"] in {item["GrantId"] for item in retirable}


def test_a_repeated_request_with_a_name_makes_no_second_grant(
    kms: Any, key: dict[str, Any]
) -> None:
    request = {
        "KeyId": key["KeyId"],
        "GranteePrincipal": ROLE,
        "Operations": ["Decrypt", "Encrypt"],
        "Name": "once",
    }
    first = kms.create_grant(**request)
    again = kms.create_grant(**{**request, "Operations": ["Encrypt", "Decrypt"]})
    assert again["GrantId"] == first["GrantId"]
    assert again["GrantToken"] != first["GrantToken"]
    other = kms.create_grant(**{**request, "Operations": ["Encrypt"]})
    assert other["GrantId"] != first["GrantId"]


def test_a_grant_ends_by_revoking_and_by_retiring(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    request = {"KeyId": key["KeyId"], "GranteePrincipal": ROLE, "Operations": ["Decrypt"]}
    revoked, by_token, by_id = (kms.create_grant(**request) for _ in range(3))
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=revoked["GrantId"])
    kms.retire_grant(GrantToken=by_token["GrantToken"])
    kms.retire_grant(KeyId=key["Arn"], GrantId=by_id["GrantId"])
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    assert refused(kms.revoke_grant, KeyId=key["KeyId"], GrantId=revoked["GrantId"])[0] == (
        "InvalidGrantIdException"
    )
    assert refused(kms.retire_grant, GrantToken=by_token["GrantToken"])[0] == "NotFoundException"
    assert refused(kms.retire_grant, GrantToken="forged")[0] == "InvalidGrantTokenException"
    assert refused(kms.retire_grant, KeyId=key["Arn"])[0] == "ValidationException"


def test_a_grant_token_is_checked_wherever_it_is_shown(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    made = kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=ROLE, Operations=["Encrypt"])
    token = made["GrantToken"]
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[token])
    last = "A" if token[5] != "A" else "B"
    forged = token[:5] + last + token[6:]
    code, _ = refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[forged])
    assert code == "InvalidGrantTokenException"


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"Operations": ["Sign"]}, "Grant operation Sign is not supported"),
        (
            {
                "Constraints": {
                    "EncryptionContextEquals": {"a": "b"},
                    "EncryptionContextSubset": {"a": "b"},
                }
            },
            "A grant has one constraint",
        ),
        ({"GranteeServicePrincipal": "s3.amazonaws.com"}, "GranteeServicePrincipal"),
    ],
)
def test_grants_that_could_not_hold_are_refused(
    kms: Any, key: dict[str, Any], refused: Refused, changed: dict[str, Any], part: str
) -> None:
    request = {"KeyId": key["KeyId"], "GranteePrincipal": ROLE, "Operations": ["Decrypt"]}
    code, message = refused(kms.create_grant, **{**request, **changed})
    assert code == "ValidationException"
    assert part in message


def test_an_empty_constraint_beside_another_constrains_nothing(
    kms: Any, key: dict[str, Any]
) -> None:
    subset = {"EncryptionContextSubset": {"tenant": "blue"}}
    kms.create_grant(
        KeyId=key["KeyId"],
        GranteePrincipal=ROLE,
        Operations=["Decrypt"],
        Constraints={**subset, "EncryptionContextEquals": {}},
    )
    (listed,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    assert listed["Constraints"] == subset


def test_a_dry_run_leaves_grants_as_they_are(
    kms: Any, key: dict[str, Any], refused: Refused
) -> None:
    request = {"KeyId": key["KeyId"], "GranteePrincipal": ROLE, "Operations": ["Decrypt"]}
    assert refused(kms.create_grant, DryRun=True, **request)[0] == "DryRunOperationException"
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    made = kms.create_grant(**request)
    for function in (kms.revoke_grant, kms.retire_grant):
        code, _ = refused(function, KeyId=key["Arn"], GrantId=made["GrantId"], DryRun=True)
        assert code == "DryRunOperationException"
    assert len(kms.list_grants(KeyId=key["KeyId"])["Grants"]) == 1


def test_decisions_hold_constraints_against_what_has_a_context_only(
    server: ComposedServer, kms: Any, key: dict[str, Any]
) -> None:
    kms.create_grant(
        KeyId=key["KeyId"],
        GranteePrincipal=ROLE,
        RetiringPrincipal=OTHER,
        Operations=["Decrypt", "DescribeKey", "RetireGrant"],
        Constraints={"EncryptionContextEquals": {"a": "b"}},
    )
    found = access.facts(key["Arn"], server.platform).grants
    assert found == (
        Grant(ROLE, frozenset({"kms:Decrypt"}), encryption_context_equals={"a": "b"}),
        Grant(ROLE, frozenset({"kms:DescribeKey", "kms:RetireGrant"})),
        Grant(OTHER, frozenset({"kms:RetireGrant"})),
    )
    (grant,) = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=grant["GrantId"])
    assert access.facts(key["Arn"], server.platform).grants == ()


def grant_row(operations: str, constraints: str = "{}") -> GrantRow:
    return GrantRow("g", "k", "r", "", ROLE, "", "", 0, operations, constraints)


@pytest.mark.parametrize(
    ("inner", "outer", "fits"),
    [
        (('["Decrypt"]', "{}"), ('["CreateGrant", "Decrypt"]', "{}"), True),
        (('["Decrypt", "Encrypt"]', "{}"), ('["CreateGrant", "Decrypt"]', "{}"), False),
        (
            ('["Decrypt"]', "{}"),
            ('["Decrypt"]', '{"EncryptionContextSubset": {"a": "b"}}'),
            False,
        ),
        (
            ('["Decrypt"]', '{"EncryptionContextSubset": {"a": "b", "c": "d"}}'),
            ('["Decrypt"]', '{"EncryptionContextSubset": {"a": "b"}}'),
            True,
        ),
        (
            ('["Decrypt"]', '{"EncryptionContextEquals": {"a": "b"}}'),
            ('["Decrypt"]', '{"EncryptionContextSubset": {"a": "b"}}'),
            True,
        ),
        (
            ('["Decrypt"]', '{"EncryptionContextSubset": {"a": "b"}}'),
            ('["Decrypt"]', '{"EncryptionContextEquals": {"a": "b"}}'),
            False,
        ),
    ],
)
def test_a_grant_that_is_passed_on_goes_no_further(
    inner: tuple[str, str], outer: tuple[str, str], fits: bool
) -> None:
    assert is_within(grant_row(*inner), grant_row(*outer)) is fits
