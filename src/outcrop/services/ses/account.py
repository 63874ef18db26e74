"""What the account may send and has sent."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import DAY_US, from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage import outbox
from outcrop.storage.outbox import MailState

_QUARTER_US = 15 * 60 * 1_000_000
_STATISTICS_US = 14 * DAY_US
# SES Developer Guide: the sandbox's quota, and the one that accounts usually get after it.
_SANDBOX, _PRODUCTION = (200.0, 1.0), (50_000.0, 14.0)


@operation("ses:GetSendQuota")
async def get_send_quota(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what may be sent in 24 hours and in a second, and how many recipients the last 24 hours had.

    The limits are told and not held: the mail server behind this one has its own.
    """
    del request
    most, rate = _SANDBOX if context.platform.settings.ses_sandbox else _PRODUCTION
    accepted = await asyncio.to_thread(_accepted, context, DAY_US)
    sent = sum(recipients for _, recipients, _ in accepted)
    return {"Max24HourSend": most, "MaxSendRate": rate, "SentLast24Hours": float(sent)}


@operation("ses:GetSendStatistics")
async def get_send_statistics(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return, for each quarter of an hour of the last two weeks with mail, how many went out and how many failed."""
    del request
    attempts: Counter[int] = Counter()
    bounces: Counter[int] = Counter()
    for created, recipients, state in await asyncio.to_thread(_accepted, context, _STATISTICS_US):
        quarter = created // _QUARTER_US
        attempts[quarter] += recipients
        if state is MailState.FAILED:
            bounces[quarter] += recipients
    return {
        "SendDataPoints": [
            {
                "Timestamp": from_us(quarter * _QUARTER_US),
                "DeliveryAttempts": count,
                "Bounces": bounces[quarter],
                "Complaints": 0,
                "Rejects": 0,
            }
            for quarter, count in sorted(attempts.items())
        ]
    }


@operation("ses:GetAccountSendingEnabled")
def get_account_sending_enabled(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return that the account may send; nothing here switches it off."""
    del request, context
    return {"Enabled": True}


def _accepted(context: Context, period_us: int) -> list[tuple[int, int, MailState]]:
    since = now_us(context.platform.clock) - period_us
    with context.platform.database.read() as connection:
        return outbox.accepted_since(connection, context.region, "ses", since)
