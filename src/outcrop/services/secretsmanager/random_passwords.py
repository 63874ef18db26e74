"""GetRandomPassword: characters from the system's source of randomness, by the caller's wishes."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.secretsmanager.errors import InvalidParameterException

_DEFAULT_LENGTH = 32
_KINDS = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


@operation("secretsmanager:GetRandomPassword")
def get_random_password(request: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    """Return a new password; by default 32 characters with one of each kind.

    Raises:
        InvalidParameterException: no characters are left, or the password is too short for one of each kind.
    """
    length = request.get("PasswordLength", _DEFAULT_LENGTH)
    excluded = set(request.get("ExcludeCharacters", ""))
    kinds = [letters for member, letters in _KINDS.items() if not request.get(member)]
    if request.get("IncludeSpace"):
        kinds.append(" ")
    usable = [[letter for letter in letters if letter not in excluded] for letters in kinds]
    every = [letter for letters in usable for letter in letters]
    if not every:
        raise InvalidParameterException(
            "The password would have no characters: exclude fewer types of them."
        )
    chosen: list[str] = []
    if request.get("RequireEachIncludedType", True):
        if not all(usable):
            raise InvalidParameterException(
                "The excluded characters leave nothing of a required type: exclude the whole type, or set "
                "RequireEachIncludedType to false."
            )
        if length < len(usable):
            raise InvalidParameterException(
                f"Password length {length} is too short based on the required types."
            )
        chosen = [secrets.choice(letters) for letters in usable]
    chosen += [secrets.choice(every) for _ in range(length - len(chosen))]
    # Those of each kind must not stand first.
    secrets.SystemRandom().shuffle(chosen)
    return {"RandomPassword": "".join(chosen)}
