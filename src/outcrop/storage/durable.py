"""Durable workflows: work that a row promised and that survives any kill.

A workflow is enqueued in the transaction that writes the row it works on, so that neither exists without the
other. It runs in a thread, one journaled step per external effect; after a crash the next launch runs it again
from its first step that has no recorded result. Steps must therefore be repeatable: a kill may fall between an
effect and the record of it.

DBOS keeps the journal, in tables of its own in the same database. It is imported by `launch`, never before: it
costs memory and time that a process without jobs should not pay. One instance per process, as DBOS has it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
import structlog

if TYPE_CHECKING:
    from dbos import DBOSClient

    from outcrop.storage.database.engine import Database

# Fixed, so that a new release of the product still recovers the jobs of the previous one; raised only when a
# workflow's steps change so that a half-done run of the old ones could not go on.
_APPLICATION_VERSION = "outcrop-jobs-1"
# Fixed, so that what this server left running when it died is its own to recover, with no waiting for a lease.
_EXECUTOR_ID = "local"
# A poll costs some 4 ms of CPU, so an idle queue is polled rarely and woken when there is something to do.
_IDLE_POLL_SECONDS = 5.0
# The alarm rings before the enqueuing transaction has committed, hence a few looks in quick succession.
_LOOKS_AFTER_ALARM_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4)
_POOL_CONNECTIONS = 8
_UNWIND_SECONDS = 10.0
_BUSY_TIMEOUT_MILLISECONDS = 30_000

_log = structlog.get_logger(__name__)
ResultT = TypeVar("ResultT")
Workflow = Callable[[str], None]


class ServerStopping(BaseException):
    """The server is shutting down: the workflow unwinds and goes on at the next launch.

    Not an Exception: neither a step's error handling nor DBOS may take it for an outcome.
    """


class _Alarm:
    """The event a queue's thread waits on: set, it ends the thread; rung, it only cuts the waits short."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_set = False
        self._looks: list[float] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        with self._condition:
            self._is_set = True
            self._condition.notify_all()

    def ring(self) -> None:
        with self._condition:
            self._looks = list(_LOOKS_AFTER_ALARM_SECONDS)
            self._condition.notify_all()

    def wait(self, timeout: float) -> bool:
        with self._condition:
            if not self._is_set and not self._looks:
                self._condition.wait(timeout)
            look = self._looks.pop(0) if self._looks else 0.0
            if look:
                self._condition.wait_for(self.is_set, look)
            return self._is_set


@dataclass(frozen=True, slots=True)
class _Registered:
    function: Workflow
    queue: str


class Durable:
    """Enqueues, runs and recovers workflows.

    Args:
        database: where the product's rows live; DBOS's tables join them.
        concurrency: queue name → workflows of it that run at once; the others wait their turn.
    """

    def __init__(self, database: "Database", concurrency: dict[str, int]) -> None:
        self._database = database
        self._concurrency = concurrency
        self._workflows: dict[str, _Registered] = {}
        self._engine: sqlalchemy.Engine | None = None
        self._client: DBOSClient | None = None
        self._stopping = threading.Event()
        self._alarms: dict[str, _Alarm] = {}
        self._threads: list[threading.Thread] = []
        self._running = 0
        self._idle = threading.Condition()

    @property
    def is_stopping(self) -> bool:
        """Whether a shutdown has begun."""
        return self._stopping.is_set()

    def register(self, name: str, function: Workflow, queue: str) -> None:
        """Declare a workflow before `launch`.

        Args:
            name: stays the same for ever: a running workflow is found again by it.
            function: called with the argument given to `enqueue`; it handles its own errors.
            queue: one of the queues given to the constructor.
        """
        assert queue in self._concurrency, queue
        assert self._client is None, "register before launch"
        self._workflows[name] = _Registered(function, queue)

    def launch(self) -> None:
        """Start the queues and recover what a previous process left unfinished.

        Not to be called on an event loop's thread: it waits for the database.
        """
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
        from dbos._queue import queue_worker_thread  # its own poller cannot be woken

        _route_logging()
        self._stopping.clear()
        self._engine = _make_engine(self._database.url)
        serializer = DBOSPortableJSONSerializer()
        dbos = DBOS(
            config={
                "name": "outcrop",
                "system_database_engine": self._engine,
                "application_version": _APPLICATION_VERSION,
                "executor_id": _EXECUTOR_ID,
                "serializer": serializer,  # the default would pickle
                "enable_otlp": False,
                "log_level": "WARNING",
                "use_listen_notify": False,
            }
        )
        for name, registered in self._workflows.items():
            # Recovered without limit: what cannot go on fails by its own row, never by a count of kills.
            DBOS.workflow(name=name, max_recovery_attempts=None)(self._make_runner(registered))
        DBOS.listen_queues([])
        DBOS.launch()
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=serializer,
            application_name="outcrop",
            lazy=True,
        )
        for name, concurrency in self._concurrency.items():
            # Per worker, not global: a global limit counts the runs of the dead server as running.
            queue = DBOS.register_queue(
                name,
                worker_concurrency=concurrency,
                polling_interval_sec=_IDLE_POLL_SECONDS,
                on_conflict="always_update",
            )
            self._alarms[name] = alarm = _Alarm()
            thread = threading.Thread(
                target=queue_worker_thread,
                args=(alarm, dbos, queue),
                name=f"durable-{name}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
            alarm.ring()

    def enqueue(
        self, connection: sqlalchemy.Connection, name: str, workflow_id: str, argument: str
    ) -> None:
        """Promise a run of a workflow as part of the caller's transaction.

        Args:
            connection: of a transaction on the product's database; rolled back, nothing runs.
            name: a registered workflow.
            workflow_id: unique; a second promise under it is the same run.
            argument: handed to the function.
        """
        assert self._client is not None, "launch before enqueue"
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": name,
                "queue_name": self._workflows[name].queue,
                "workflow_id": workflow_id,
                "app_version": _APPLICATION_VERSION,
            },
            argument,
        )
        self._alarms[self._workflows[name].queue].ring()

    def step(self, name: str, function: Callable[[], ResultT]) -> ResultT:
        """Run one external effect of the current workflow, or return what it returned before.

        Args:
            name: shown in the journal.
            function: repeatable; its result is plain JSON.

        Raises:
            ServerStopping: a shutdown has begun; the step did not run.
        """
        from dbos import DBOS

        self.check_stopping()
        return DBOS.run_step({"name": name}, function)

    def check_stopping(self) -> None:
        """Unwind the current workflow if the server is shutting down.

        Raises:
            ServerStopping: it is.
        """
        if self._stopping.is_set():
            raise ServerStopping

    def shutdown(self) -> None:
        """Stop the queues and let running workflows unwind; they go on at the next launch.

        Not to be called on an event loop's thread: workflows may be waiting for that loop.
        """
        if self._client is None:
            return
        from dbos import DBOS

        self._stopping.set()
        for alarm in self._alarms.values():
            alarm.set()
        for thread in self._threads:
            thread.join()
        with self._idle:
            self._idle.wait_for(lambda: not self._running, _UNWIND_SECONDS)
        DBOS.destroy(destroy_registry=True)
        self._client.destroy()
        self._client = None
        self._alarms, self._threads = {}, []
        if self._engine is not None:
            self._engine.dispose()

    def _make_runner(self, registered: _Registered) -> Workflow:
        def run(argument: str) -> None:
            with self._idle:
                self._running += 1
            try:
                registered.function(argument)
            except Exception:
                # Workflows answer for their own errors by their row's status; what gets here is a bug.
                _log.exception("workflow_crashed", argument=argument)
                raise
            finally:
                with self._idle:
                    self._running -= 1
                    self._idle.notify_all()
                if alarm := self._alarms.get(registered.queue):
                    alarm.ring()  # the next in line may start

        return run


def _make_engine(url: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(url, pool_size=_POOL_CONNECTIONS, max_overflow=0)
    if engine.dialect.name == "sqlite":

        @sqlalchemy.event.listens_for(engine, "connect")
        def _prepare(
            connection: Any, _record: object
        ) -> None:  # sqlite3.Connection, untyped by SQLAlchemy
            connection.isolation_level = "IMMEDIATE"
            connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MILLISECONDS}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

    return engine


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.log(record.levelno, "durable_engine", detail=record.getMessage())


def _route_logging() -> None:
    """Send DBOS's own log through ours; with a handler present it adds no console of its own."""
    logger = logging.getLogger("dbos")
    logger.handlers = [_ToStructlog()]
    logger.propagate = False
