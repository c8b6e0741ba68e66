"""Where a person is: by the schedule, the shift button and the list of staff."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from tenants.business.calendar import Calendar, Pattern, Rota
from tenants.business.presence import next_start, standing

UFA = ZoneInfo("Asia/Yekaterinburg")
DAY = date(2026, 11, 25)
HOURS = ((time(9), time(21)),)
CALENDARS = {1: Calendar(UFA, (HOURS,) * 7), 2: Calendar(UFA, (HOURS,) * 7)}
WEEK = date(2026, 1, 5)
ROTA = Rota(
    1, tuple(Pattern(2, WEEK, 7, day, time(9), time(18), time(13), time(14)) for day in range(5))
)  # on weekdays, in the second branch


def at(text: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), UFA).astimezone(UTC)


def person(word: str = "", since: datetime | None = None, **more):
    is_away = more.pop("is_away", word in ("away", "gone", "silent"))
    return SimpleNamespace(branch_id=1, presence=word, presence_since=since, is_away=is_away)


def where(moment: datetime, who=None, rota: Rota = ROTA, **more):
    return standing(who or person(), rota, CALENDARS, moment, **more)


def test_the_schedule_alone_is_enough():
    there = where(at("10:00"))
    assert (there.is_present, there.why, there.branch_id) == (True, "", 2)
    assert (there.began, there.until) == (at("09:00"), at("18:00"))
    off = where(at("18:00"))
    assert (off.is_on_shift, off.is_absent, off.why, off.until) == (False, False, "не на смене", at("18:00"))
    assert where(at("10:00", date(2026, 11, 28))).until == at("18:00", date(2026, 11, 27))  # Saturday


def test_a_break_is_no_end_of_the_shift():
    lunch = where(at("13:10"))
    assert (lunch.is_present, lunch.is_near, lunch.why, lunch.until) == (False, True, "перерыв до 14:00", at("18:00"))
    assert where(at("13:10"), person("here", at("13:05"))).is_present  # back early
    assert not where(at("13:10"), person("here", at("09:00"))).is_present


@pytest.mark.parametrize(
    ("word", "why", "is_near"),
    [("away", "временно отсутствует", True), ("gone", "смена закончена", False), ("silent", "не отвечает", False)],
)
def test_the_button_counts_for_its_shift(word, why, is_near):
    out = where(at("12:00"), person(word, at("11:00")))
    assert (out.is_on_shift, out.is_present, out.why, out.is_near) == (True, False, why, is_near)
    assert out.absent_since == at("11:00")
    assert where(at("12:00", date(2026, 11, 26)), person(word, at("11:00"))).is_present  # the next day is another one


def test_who_must_begin_by_the_button_is_not_there_before():
    unbegun = where(at("10:00"), requires_check_in=True)
    assert (unbegun.is_present, unbegun.why) == (False, "смена не начата")
    assert where(at("10:00"), person("here", at("08:50")), requires_check_in=True).is_present  # came early
    assert not where(at("10:00"), person("here", at("17:00", date(2026, 11, 24))), requires_check_in=True).is_present


def test_a_shift_without_a_schedule_lasts_until_it_is_ended():
    nobody = Rota(1)
    there = where(at("15:00"), person("here", at("12:00")), rota=nobody)
    assert (there.is_present, there.branch_id, there.until) == (True, 1, at("12:00") + timedelta(hours=12))
    assert not where(at("15:00"), person("gone", at("14:00")), rota=nobody).is_on_shift
    assert not where(at("12:00", date(2026, 11, 26)), person("here", at("12:00")), rota=nobody).is_on_shift


def test_the_planned_end_ends_what_was_begun_by_the_button():
    assert not where(at("18:30"), person("here", at("09:01"))).is_on_shift
    assert where(at("18:30"), person("here", at("18:10"))).is_present  # stays longer, and said so
    early = where(at("08:30"), person("here", at("08:20")))
    assert (early.is_present, early.until) == (True, at("18:00"))


def test_the_list_of_staff_has_the_last_word_until_it_is_taken_back():
    ill = where(at("12:00"), person(is_away=True))
    assert (ill.is_present, ill.is_near, ill.absent_since) == (False, False, None)
    assert not where(at("12:00"), person("here", at("09:00"), is_away=True)).is_present
    assert where(at("12:00"), person("gone", at("11:00"), is_away=False)).is_present
    assert where(at("20:00"), person(is_away=True)).is_absent


def test_a_day_off_ends_the_shift_of_who_had_begun():
    ill = Rota(1, ROTA.patterns, {DAY: None})
    out = where(at("12:00"), person("gone", at("11:00")), rota=ill)
    assert (out.is_on_shift, out.is_absent, out.absent_since) == (False, True, at("11:00"))


def test_when_work_begins_next():
    assert next_start(ROTA, CALENDARS, at("08:00")) == at("09:00")
    assert next_start(ROTA, CALENDARS, at("12:00")) == at("14:00")  # after the break
    assert next_start(ROTA, CALENDARS, at("19:00", date(2026, 11, 27))) == at("09:00", date(2026, 11, 30))
    assert next_start(Rota(1), CALENDARS, at("08:00")) is None
