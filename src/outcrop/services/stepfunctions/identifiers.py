"""ARNs and names of Step Functions, taken apart and checked.

arn:aws:states:REGION:ACCOUNT: followed by one of
    stateMachine:NAME                  a machine; with :NUMBER a version, with :ALIAS an alias, with /LABEL the
                                       processor of one of its distributed Maps
    execution:MACHINE:NAME             a standard execution; MACHINE/LABEL for a child of a map run
    express:MACHINE:NAME:ID            an express execution
    mapRun:MACHINE/LABEL:ID            a map run
    activity:NAME                      an activity
"""

import re
from dataclasses import dataclass

from outcrop.services.stepfunctions.errors import InvalidArn, InvalidName

MACHINE, EXECUTION, EXPRESS = "stateMachine", "execution", "express"
MAP_RUN, ACTIVITY = "mapRun", "activity"
_PREFIX = re.compile(
    r"arn:(aws[a-z-]*):states:([a-z0-9-]+):([0-9]{12}):([A-Za-z]+):(.+)", re.DOTALL
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/.+", re.DOTALL)
# API reference, CreateStateMachine: white space, brackets, wildcards, special and control characters.
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class MachineArn:
    """The ARN of a machine, or of what belongs to it.

    Attributes:
        base: the ARN of the machine itself.
        qualifier: number of a version or name of an alias; "" for the machine itself.
        label: of a distributed Map; "" for none.
    """

    text: str
    base: str
    name: str
    qualifier: str = ""
    label: str = ""

    @property
    def version(self) -> int | None:
        """The number of the version that is meant, or None."""
        return int(self.qualifier) if self.qualifier.isdecimal() else None

    @property
    def is_qualified(self) -> bool:
        """Whether something other than the machine itself is meant."""
        return bool(self.qualifier or self.label)


def parse(text: str, *kinds: str) -> tuple[str, str]:
    """Return (kind, all after the kind) of an ARN of Step Functions.

    Raises:
        InvalidArn: it is none, or names another kind of resource.
    """
    match = _PREFIX.fullmatch(text)
    if match is None:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {text}'")
    kind = match.group(4)
    if kind not in kinds:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {kind}'")
    return kind, match.group(5)


def machine(text: str) -> MachineArn:
    """Return the parts of a machine's, version's or alias's ARN.

    Raises:
        InvalidArn: it is none.
    """
    _, rest = parse(text, MACHINE)
    own, _, qualifier = rest.partition(":")
    name, _, label = own.partition("/")
    if not name or ":" in qualifier or rest.endswith((":", "/")):
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN: {text}'")
    prefix = text[: len(text) - len(rest)]
    return MachineArn(text, prefix + name, name, qualifier, label)


def machine_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of a machine."""
    return f"arn:aws:states:{region}:{account_id}:{MACHINE}:{name}"


def activity_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN of an activity."""
    return f"arn:aws:states:{region}:{account_id}:{ACTIVITY}:{name}"


def role_account(text: str) -> str:
    """Return the account of a role's ARN.

    Raises:
        InvalidArn: it is none.
    """
    match = _ROLE.fullmatch(text)
    if match is None:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {text}'")
    return match.group(1)


def check_name(name: str) -> None:
    """Make sure that a machine, an activity or an execution can bear a name.

    Raises:
        InvalidName: it has other characters, or too many.
    """
    if not name or len(name) > _LONGEST_NAME or _FORBIDDEN.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
