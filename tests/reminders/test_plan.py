"""When a visit is reminded of."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reminders.plan import EVENING_MARGIN, SEQUENCES, Quiet, next_follow_up, reminders_of
from routing.models import NurtureSequence
from routing.rules import words

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


@pytest.mark.parametrize(
    ("sequence", "hours"), [("usual", (24, 72, 168)), ("quick", (3, 24, 72)), ("long", (72, 336, 720)), ("none", ())]
)
def test_follow_ups_come_by_their_sequence_then_no_more(sequence, hours):
    for sent, after in enumerate(hours):
        kind, due = next_follow_up(sequence, NOW, sent)
        assert (kind, due) == (("follow_1d", "follow_3d", "nurture_7d")[sent], NOW + timedelta(hours=after))
    assert next_follow_up(sequence, NOW, len(hours)) is None


def test_every_sequence_a_rule_can_start_has_its_steps():
    named = {choice.key for choice in words.action_of("start_nurture").choices}
    assert named == set(SEQUENCES) == set(NurtureSequence.values)


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
