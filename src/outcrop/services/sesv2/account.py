"""What the account may send and has sent."""

import asyncio
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import DAY_US, now_us
from outcrop.services.platform import Context
from outcrop.storage import outbox

# SES Developer Guide: the sandbox's quota, and the one that accounts usually get after it.
_SANDBOX, _PRODUCTION = (200.0, 1.0), (50_000.0, 14.0)


@operation("sesv2:GetAccount")
async def get_account(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what may be sent, and how many recipients the last 24 hours had.

    The limits are told and not held: the mail server behind this one has its own.
    """
    del request
    is_sandbox = context.platform.settings.ses_sandbox
    most, rate = _SANDBOX if is_sandbox else _PRODUCTION
    sent = await asyncio.to_thread(_sent, context)
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": not is_sandbox,
        "SendQuota": {"Max24HourSend": most, "MaxSendRate": rate, "SentLast24Hours": float(sent)},
        "SendingEnabled": True,
        "SuppressionAttributes": {"SuppressedReasons": []},
    }


def _sent(context: Context) -> int:
    since = now_us(context.platform.clock) - DAY_US
    with context.platform.database.read() as connection:
        found = outbox.accepted_since(connection, context.region, "ses", since)
    return sum(recipients for _, recipients, _ in found)
