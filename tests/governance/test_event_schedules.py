"""Schedule expressions, after the examples of the User Guide."""

from datetime import UTC, datetime

import pytest

from outcrop.governance.event_schedules import InvalidSchedule, parse_schedule

FRIDAY = datetime(2026, 1, 2, 10, 7, 30, tzinfo=UTC)


def after(expression: str, moment: datetime = FRIDAY) -> datetime | None:
    return parse_schedule(expression).following(moment)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("rate(1 minute)", datetime(2026, 1, 2, 10, 8, 30, tzinfo=UTC)),
        ("rate(5 minutes)", datetime(2026, 1, 2, 10, 12, 30, tzinfo=UTC)),
        ("rate(1 hour)", datetime(2026, 1, 2, 11, 7, 30, tzinfo=UTC)),
        ("rate(7 days)", datetime(2026, 1, 9, 10, 7, 30, tzinfo=UTC)),
        ("cron(0 10 * * ? *)", datetime(2026, 1, 3, 10, 0, tzinfo=UTC)),
        ("cron(15 12 * * ? *)", datetime(2026, 1, 2, 12, 15, tzinfo=UTC)),
        ("cron(0 18 ? * MON-FRI *)", datetime(2026, 1, 2, 18, 0, tzinfo=UTC)),
        ("cron(0 8 1 * ? *)", datetime(2026, 2, 1, 8, 0, tzinfo=UTC)),
        ("cron(0/15 * * * ? *)", datetime(2026, 1, 2, 10, 15, tzinfo=UTC)),
        ("cron(0/10 * ? * MON-FRI *)", datetime(2026, 1, 2, 10, 10, tzinfo=UTC)),
        ("cron(0/5 8-17 ? * MON-FRI *)", datetime(2026, 1, 2, 10, 10, tzinfo=UTC)),
        ("cron(0/30 20-2 ? * MON-FRI *)", datetime(2026, 1, 2, 20, 0, tzinfo=UTC)),
        ("cron(0 9 ? * 2#1 *)", datetime(2026, 1, 5, 9, 0, tzinfo=UTC)),
        ("cron(0 9 ? * 6L *)", datetime(2026, 1, 30, 9, 0, tzinfo=UTC)),
        ("cron(0 9 L * ? *)", datetime(2026, 1, 31, 9, 0, tzinfo=UTC)),
        ("cron(0 9 4W JAN ? *)", datetime(2026, 1, 5, 9, 0, tzinfo=UTC)),
        ("cron(0 9 29 2 ? *)", datetime(2028, 2, 29, 9, 0, tzinfo=UTC)),
        ("cron(0 9 1 1 ? 2030)", datetime(2030, 1, 1, 9, 0, tzinfo=UTC)),
    ],
)
def test_a_schedule_fires_next(expression: str, following: datetime) -> None:
    assert after(expression) == following


def test_a_schedule_may_have_passed_for_good() -> None:
    assert after("cron(0 9 1 1 ? 2020)") is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(1 second)",
        "rate(1.5 hours)",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(61 10 * * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * FOO *)",
        "cron(0 10 ? * 2#6 *)",
        "cron(a b c d ? *)",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        parse_schedule(expression)
    assert caught.value.args
