"""What starts an execution: a revision of a state machine, and the request."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

MachineType = Literal["STANDARD", "EXPRESS"]


@dataclass(frozen=True, slots=True)
class MachineRevision:
    """A state machine as it was when an execution started; executions keep it, whatever becomes of the machine.

    Attributes:
        arn: of the machine, without version or alias.
        definition: the text that was given.
        logging: loggingConfiguration as on the wire; empty for none.
        tracing: whether tracing is enabled.
        version_arn: of the version that was started or that the alias led to; "" for none.
        alias_arn: of the alias that was started; "" for none.
        revision_id: "" for a machine that was never updated.
        updated_us: when this revision was made, for DescribeStateMachineForExecution.
        label: of the distributed Map that the revision is the processor of; "" for a machine of its own.
    """

    arn: str
    name: str
    type: MachineType
    definition: str
    role_arn: str
    logging: Mapping[str, Any] = field(default_factory=dict)
    tracing: bool = False
    version_arn: str = ""
    alias_arn: str = ""
    revision_id: str = ""
    updated_us: int = 0
    label: str = ""

    @property
    def region(self) -> str:
        """Region of the machine."""
        return self.arn.split(":")[3]

    @property
    def account_id(self) -> str:
        """Account of the machine."""
        return self.arn.split(":")[4]

    def encoded(self) -> bytes:
        """Return it as its row keeps it."""
        values = {name: getattr(self, name) for name in self.__slots__}  # asdict copies deeply
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)

    @property
    def digest(self) -> str:
        """Name of the revision's row: equal revisions are kept once."""
        return hashlib.sha256(self.encoded()).hexdigest()

    @classmethod
    def decoded(cls, content: bytes) -> "MachineRevision":
        """Return what `encoded` gave."""
        return cls(**orjson.loads(content))


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One StartExecution or StartSyncExecution.

    Attributes:
        name: of the execution; "" for one made up.
        input: JSON text, as given.
        trace_header: X-Amzn-Trace-Id, as given.
    """

    revision: MachineRevision
    name: str = ""
    input: str = "{}"
    trace_header: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """An execution that was accepted; it survives from here on."""

    arn: str
    started_us: int


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """An execution as it is described; columns as in tables/executions.py.

    Attributes:
        status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE.
        input: JSON text.
        output: JSON text; None unless it succeeded.
        map_run_arn: of the run that a child execution belongs to; "" for others.
        item_count: items that a child execution of a map run works on.
        redriven_us: when it was last redriven.
    """

    id: int
    arn: str
    region: str
    name: str
    machine_arn: str
    revision: str
    version_arn: str
    alias_arn: str
    type: MachineType
    status: str
    started_us: int
    stopped_us: int | None
    input: str = field(repr=False)
    output: str | None = field(repr=False)
    error: str | None
    cause: str | None
    trace_header: str
    map_run_arn: str
    item_count: int
    redrive_count: int
    redriven_us: int | None
    redrive_status: str = "NOT_REDRIVABLE"
    redrive_status_reason: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionListing:
    """A page of executions, newest first, and where the next one begins (None at the end)."""

    executions: tuple[ExecutionRecord, ...]
    following: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Events as on the wire (timestamps are datetimes), and the id the next page begins with (None at the end)."""

    events: tuple[dict[str, Any], ...] = field(repr=False)
    following: int | None
