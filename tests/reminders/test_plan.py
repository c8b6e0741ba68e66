"""When a visit is reminded of."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reminders.plan import EVENING_MARGIN, FOLLOW_UPS, Quiet, next_follow_up, reminders_of

UFA = ZoneInfo("Asia/Yekaterinburg")
QUIET = Quiet(time(21), time(9), UFA)
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UFA)


def planned(starts_at, now=NOW, quiet=QUIET):
    return [
        (str(kind), due.astimezone(UFA).strftime("%d %H:%M")) for kind, due in reminders_of(starts_at, quiet, now=now)
    ]


def test_three_reminders_of_a_visit_in_the_afternoon():
    starts_at = datetime(2026, 11, 27, 15, 0, tzinfo=UFA)
    assert planned(starts_at) == [("before_24h", "26 15:00"), ("before_2h", "27 13:00"), ("before_1h", "27 14:00")]


def test_reminders_that_would_wake_come_on_the_evening_before_and_once():
    starts_at = datetime(2026, 11, 27, 9, 30, tzinfo=UFA)
    assert planned(starts_at) == [("before_24h", "26 09:30"), ("before_2h", "26 20:45")]


def test_what_is_past_at_booking_is_left_out():
    assert planned(NOW + timedelta(minutes=90)) == [("before_1h", "25 12:30")]
    assert planned(NOW + timedelta(minutes=30)) == []


@pytest.mark.parametrize("sent", range(4))
def test_follow_ups_come_after_1_3_and_7_days_then_no_more(sent):
    following = next_follow_up(NOW, sent)
    if sent == 3:
        assert following is None
    else:
        assert following == (FOLLOW_UPS[sent][0], NOW + timedelta(days=(1, 3, 7)[sent]))


@given(
    minutes=st.integers(1, 60 * 24 * 40),
    quiet_from=st.times(),
    quiet_to=st.times(),
    zone=st.sampled_from(["Asia/Yekaterinburg", "Asia/Omsk", "Europe/Moscow", "Asia/Krasnoyarsk", "Europe/Berlin"]),
)
def test_nothing_is_sent_in_the_quiet_hours_after_the_visit_or_in_the_past(minutes, quiet_from, quiet_to, zone):
    quiet = Quiet(quiet_from.replace(tzinfo=None), quiet_to.replace(tzinfo=None), ZoneInfo(zone))
    now = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
    starts_at = now + timedelta(minutes=minutes)
    plans = reminders_of(starts_at, quiet, now=now)
    assert len({kind for kind, _ in plans}) == len(plans)
    for _, due in plans:
        assert now < due < starts_at
    dues = sorted(due for _, due in plans)
    assert all(b - a > EVENING_MARGIN for a, b in zip(dues, dues[1:], strict=False))
