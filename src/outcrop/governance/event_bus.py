"""Events put on buses: matched with rules at once, kept, and delivered to the rules' targets until that succeeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database


class EventBus:
    """Takes events and delivers them.

    Args:
        database: where rules and deliveries are kept.
        clock: tells the time.
        account_id: the one account.
    """

    def __init__(self, database: Database, clock: Clock, account_id: str) -> None:
        self._database = database
        self._clock = clock
        self._account_id = account_id

    def put(  # noqa: PLR0913  # the members of an event
        self,
        region: str,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
        *,
        connection: Connection | None = None,
    ) -> str:
        """Put an event of an AWS service on the region's default bus; return the event's id.

        Durable when this returns, or, with a connection, when that connection's transaction commits. Costs a look
        at the rules in memory and nothing else where no rule matches.

        Args:
            region: where it happened.
            source: such as "aws.bedrock".
            detail_type: such as "Model Customization Job State Change".
            detail: plain JSON.
            resources: ARNs of what the event is about.
            connection: of a write block that the event is to be a part of; a write block of its own by default, so
                that a caller inside one must give it.
        """
        raise NotImplementedError
