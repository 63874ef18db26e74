"""Machines, versions and aliases by what callers call them."""

from dataclasses import dataclass

from sqlalchemy import Connection

from outcrop.services.stepfunctions import identifiers
from outcrop.services.stepfunctions.errors import (
    StateMachineDeleting,
    StateMachineDoesNotExist,
)
from outcrop.services.stepfunctions.identifiers import MachineArn
from outcrop.storage import state_machines as rows
from outcrop.storage.state_machines import AliasRow, Content, MachineRow, VersionRow


@dataclass(frozen=True, slots=True)
class Named:
    """What an ARN leads to.

    Attributes:
        version: the version that is meant; for an alias none, since it chooses at each start.
        alias: the alias that is meant.
    """

    arn: MachineArn
    machine: MachineRow
    version: VersionRow | None = None
    alias: AliasRow | None = None

    @property
    def content(self) -> Content:
        """The revision that is meant."""
        return self.version or self.machine


def missing(arn: str) -> StateMachineDoesNotExist:
    """Return what is said where there is no such machine, version or alias."""
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")


def named(connection: Connection, text: str) -> Named:
    """Return what a machine's, version's or alias's ARN leads to.

    Raises:
        InvalidArn: it is none of these.
        StateMachineDoesNotExist: there is no such machine, version or alias.
    """
    arn = identifiers.machine(text)
    machine = None if arn.label else rows.get(connection, arn.base)
    if machine is None:
        raise missing(text)
    if not arn.qualifier:
        return Named(arn, machine)
    if arn.version is not None:
        version = rows.version(connection, arn.base, arn.version)
        if version is None:
            raise missing(text)
        return Named(arn, machine, version=version)
    alias = rows.alias(connection, arn.base, arn.qualifier)
    if alias is None:
        raise missing(text)
    return Named(arn, machine, alias=alias)


def own(connection: Connection, text: str) -> MachineRow:
    """Return the machine of an unqualified ARN, for operations that change it.

    Raises:
        InvalidArn: it is no machine's ARN.
        StateMachineDoesNotExist: there is no such machine, or a version or alias is named.
        StateMachineDeleting: it is being deleted.
    """
    arn = identifiers.machine(text)
    machine = None if arn.is_qualified else rows.get(connection, arn.base)
    if machine is None:
        raise missing(text)
    refuse_deleting(machine)
    return machine


def refuse_deleting(machine: MachineRow) -> None:
    """Return if a machine is not being deleted.

    Raises:
        StateMachineDeleting: it is.
    """
    if machine.status == rows.DELETING:
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")
