"""Russian times: a development set, the rules of future-biased reading, and properties that hold for any phrase."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dates import find_times
from tests.assistant.understood import TUESDAY, lines_of

CASES = lines_of("dates.jsonl")


def read(text: str, now: datetime = TUESDAY, **hours: time):
    return find_times(text, now=now, **hours)


def only(text: str, now: datetime = TUESDAY, **hours: time):
    slots = read(text, now, **hours)
    assert len(slots) == 1, (text, slots)
    return slots[0]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_development_set(case):
    found = []
    for slot in read(case["text"]):
        one = {
            "start": slot.start.isoformat(timespec="minutes"),
            "end": slot.end and slot.end.isoformat(timespec="minutes"),
            "grain": slot.grain,
        }
        if slot.windows:
            one["windows"] = len(slot.windows)
        if slot.alternatives:
            one["ask"] = True
        found.append(one)
    assert found == case["times"]


def test_development_set_is_large_and_varied():
    assert len(CASES) >= 750
    assert sum(not case["times"] for case in CASES) >= 90
    assert {time["grain"] for case in CASES for time in case["times"]} == {
        "minute", "approx", "part", "day", "week", "month", "range", "asap",
    }  # fmt: skip


# What the words mean


def test_weekday_said_on_that_weekday_asks():
    slot = only("запишите во вторник")
    assert slot.start == datetime(2026, 12, 1)
    assert [other.start for other in slot.alternatives] == [datetime(2026, 11, 24)]


def test_next_friday_is_of_next_week_and_this_friday_the_alternative():
    slot = only("в следующую пятницу")
    assert slot.start == datetime(2026, 12, 4)
    assert slot.alternatives[0].start == datetime(2026, 11, 27)


@pytest.mark.parametrize("text", ["в 8", "на той неделе", "10 ноября", "завтра в 12 ночи", "после праздников"])
def test_ambiguous_words_bring_their_other_readings(text):
    assert only(text).alternatives


def test_eight_in_the_morning_stays_though_closed():
    assert only("завтра в 8 утра").start == datetime(2026, 11, 25, 8)


def test_list_of_days_gives_hull_and_windows():
    slot = only("пн-ср до обеда")
    assert (slot.start, slot.end) == (datetime(2026, 11, 30, 9), datetime(2026, 12, 2, 13))
    assert [(w.start.day, w.start.hour, w.end.hour) for w in slot.windows] == [(30, 9, 13), (1, 9, 13), (2, 9, 13)]


def test_two_full_wishes_are_not_crossed():
    slot = only("в субботу в 11 или в воскресенье в 12")
    assert [w.start for w in slot.windows] == [datetime(2026, 11, 28, 11), datetime(2026, 11, 29, 12)]


def test_move_keeps_only_the_new_time():
    assert only("перенесите с пятницы 15:00 на субботу 12:00").start == datetime(2026, 11, 28, 12)
    assert only("не завтра, а послезавтра").text == "послезавтра"
    assert only("я записана на среду, можно на пятницу?").start == datetime(2026, 11, 27)


def test_excluded_day_is_kept_with_its_word():
    slot = only("запишите в любой день кроме четверга")
    assert "кроме четверга" in slot.text
    assert [out.start for out in slot.exclude] == [datetime(2026, 11, 26)]


def test_day_and_clock_with_a_service_between_are_one_wish():
    slot = only("запишите завтра на стрижку в 5")
    assert (slot.text, slot.start) == ("завтра в 5", datetime(2026, 11, 25, 17))


def test_time_of_the_day_that_is_over_means_tomorrow():
    assert only("в 9").start == datetime(2026, 11, 25, 9)
    assert only("в 5", datetime(2026, 11, 24, 18)).start == datetime(2026, 11, 25, 17)


def test_asap_gives_way_to_a_named_day():
    assert only("срочно, можно завтра?").grain == "day"
    urgent = only("примите как можно скорее")
    assert (urgent.start, urgent.end, urgent.grain) == (TUESDAY, None, "asap")


@pytest.mark.parametrize(
    "text",
    [
        "маникюр 2 в 1", "зуб 36", "ул. 8 Марта 12", "мне 35 лет", "цена 1500 руб", "24/7 работаете", "",
        "осталось 5 человек", "скидка 20 процентов", "курс 10 сеансов", "делала в субботу маникюр", "кабинет 205",
        "болит третий день", "опоздаю на 15 минут", "вы в понедельник работаете?", "добрый вечер", "с днем рождения",
        "акция до 31 декабря?",
    ],
)  # fmt: skip
def test_no_time_is_found_where_there_is_none(text):
    assert read(text) == ()


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("свадьба в пятницу, поэтому в четверг вечером", [datetime(2026, 11, 26, 17)]),
        ("завтра самолёт, есть что-то сегодня после 18?", [datetime(2026, 11, 24, 18)]),
        ("вчера делали чистку, сегодня щека красная и горит", []),
        ("у вас по средам дешевле?", []),
        ("через неделю слезет или как?", []),
        ("ищу подработку на выходные", []),
        ("сегодня голова чугунная, давай завтра на 5", [datetime(2026, 11, 25, 17)]),
    ],
)
def test_times_of_other_things_are_left_alone(text, starts):
    assert [slot.start for slot in read(text)] == starts


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("записана на субботу на 12, можно в 14?", datetime(2026, 11, 28, 14)),
        ("моя запись в 15 в пятницу, можно на 17?", datetime(2026, 11, 27, 17)),
        ("записан в среду в 18, не успеваю, можно на 19", datetime(2026, 11, 25, 19)),
        ("поставьте на 19:30 вместо 18:00", datetime(2026, 11, 24, 19, 30)),
        ("Меня записали на 26е, а я уезжаю. 2 декабря получится?", datetime(2026, 12, 2)),
        ("вт не получается, лучше чт", datetime(2026, 11, 26)),
    ],
)
def test_new_time_takes_the_place_of_the_old_and_keeps_its_day(text, start):
    assert only(text).start == start


def test_choices_are_windows_of_one_wish():
    slot = only("завтра до обеда, а если нет, то в четверг после 5")
    assert [(w.start, w.end) for w in slot.windows] == [
        (datetime(2026, 11, 25, 9), datetime(2026, 11, 25, 13)),
        (datetime(2026, 11, 26, 17), datetime(2026, 11, 26, 21)),
    ]
    listed = only("на следующей неделе в четверг или пятницу")
    assert [w.start.day for w in listed.windows] == [3, 4]
    assert only("чт 26 или пт 27 ноября").windows[1].start == datetime(2026, 11, 27)


def test_clock_with_an_excluded_day_goes_to_the_other_days():
    slot = only("с 10 до 14 кроме вторника")
    assert len(slot.windows) == 6
    assert all(window.start.weekday() != 1 for window in slot.windows)


def test_a_slot_says_how_it_was_read():
    assert "по часам работы" in only("завтра в 5").reason
    assert "двояко" in only("в следующую пятницу").reason
    assert "исключением" in only("любой день кроме среды").reason


# Zones


BERLIN = ZoneInfo("Europe/Berlin")


def test_hours_are_real_hours_where_the_clocks_change():
    night = datetime(2026, 3, 29, 1, 30)  # at two the clocks go to three
    (slot,) = find_times("через два часа", now=night, zone=BERLIN)
    assert slot.start == datetime(2026, 3, 29, 4, 30)
    (slot,) = find_times("через 2 часа", now=datetime(2026, 10, 25, 1, 30), zone=BERLIN)
    assert slot.start == datetime(2026, 10, 25, 2, 30)


def test_hour_that_does_not_exist_moves_on():
    (slot,) = find_times("завтра в 2:30 ночи", now=datetime(2026, 3, 28, 12), zone=BERLIN)
    assert slot.start == datetime(2026, 3, 29, 3, 30)


def test_aware_now_is_taken_to_the_zone():
    now = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
    (slot,) = find_times("завтра", now=now, zone=ZoneInfo("Asia/Yekaterinburg"))
    assert slot.start == datetime(2026, 11, 26)


# The calendar's corners


def test_day_number_waits_for_a_month_that_has_it():
    assert only("31го", datetime(2027, 2, 1, 9)).start == datetime(2027, 3, 31)
    assert only("на 30е", datetime(2027, 1, 31, 9)).start == datetime(2027, 3, 30)


def test_leap_day_is_the_next_leap_year():
    assert only("29 февраля", datetime(2026, 3, 1, 9)).start == datetime(2028, 2, 29)
    assert read("30 февраля") == ()


def test_turn_of_the_year():
    new_year = datetime(2026, 12, 31, 12)
    assert only("завтра в 3", new_year).start == datetime(2027, 1, 1, 15)
    assert only("5 января", new_year).start == datetime(2027, 1, 5)
    assert only("через месяц", datetime(2026, 12, 31, 12)).start == datetime(2027, 1, 31)
    assert only("через месяц", datetime(2027, 1, 31, 12)).start == datetime(2027, 2, 28)


OPENINGS = [(time(9), time(21)), (time(8), time(20)), (time(10), time(22))]


@pytest.mark.parametrize(("opening", "closing"), OPENINGS)
@pytest.mark.parametrize("hour", range(24))
def test_bare_hour_is_read_inside_the_opening_hours(hour, opening, closing):
    slot = only(f"завтра в {hour}", opening=opening, closing=closing)
    start = slot.start
    if hour > 12 or hour == 0:
        assert start.hour == hour
        return
    assert start.hour % 12 == hour % 12
    inside = [h for h in {hour % 24, (hour + 12) % 24 if hour != 12 else 12} if opening.hour <= h < closing.hour]
    if inside:
        assert start.hour in inside
    if len(inside) > 1:
        assert {other.start.hour for other in slot.alternatives} | {start.hour} >= set(inside)


# Properties

DAYS = [
    "",
    "сегодня ",
    "завтра ",
    "послезавтра ",
    "в пятницу ",
    "в понедельник ",
    "15 декабря ",
    "31го ",
    "29 февраля ",
]
DAYS += [
    "в начале декабря ",
    "в феврале ",
    "летом ",
    "в последнюю пятницу месяца ",
    "на майских ",
    "25, 26 или 27 числа ",
]
DAYS += ["на следующей неделе ", "в выходные ", "через неделю ", "через 3 дня ", "в эту субботу ", "пн-ср ", "1.01 "]
CLOCKS = [
    "",
    "в 5",
    "в 17:30",
    "утром",
    "вечером",
    "после 18",
    "до 12",
    "с 14 до 16",
    "в полшестого",
    "около 3",
    "в 8 утра",
]
CLOCKS += ["часиков в 7", "без 20 6", "в обед", "после обеда", "в начале шестого", "в 11, 12 или 15", "к открытию"]
CLOCKS += ["в семнадцать тридцать", "с утра до 14", "до 12 или после 17", "часа в три-четыре", "до закрытия"]
moments = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31)).map(lambda m: m.replace(second=0, microsecond=0))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(DAYS), st.sampled_from(CLOCKS), moments)
def test_wishes_lie_ahead_and_mean_themselves(day, clock, now):
    for slot in read(day + clock, now):
        assert slot.end is not None
        assert slot.end >= slot.start
        is_point = slot.end == slot.start
        assert is_point == (slot.grain in ("minute", "approx"))
        if slot.grain in ("day", "week", "month") or slot.windows or slot.start.time() == time():
            assert slot.end >= now  # whole days count from their midnight, also today
        else:
            assert slot.start >= now
        for piece in (*slot.windows, *slot.alternatives):
            assert (piece.end or piece.start) >= now
        again = read(slot.text, now)
        assert [(s.start, s.end, s.grain) for s in again] == [(slot.start, slot.end, slot.grain)], slot.text


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DAYS), st.sampled_from(CLOCKS), moments)
def test_a_zone_with_daylight_saving_changes_no_wish(day, clock, now):
    """Away from the two nights of the year a zone makes no difference."""
    plain, zoned = read(day + clock, now), find_times(day + clock, now=now, zone=BERLIN)
    for one, other in zip(plain, zoned, strict=True):
        assert abs(one.start - other.start) <= timedelta(hours=1)
        assert other.start.replace(tzinfo=BERLIN).astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None) == other.start


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), moments)
def test_no_text_breaks_the_reader(text, now):
    for slot in read(text, now):
        assert slot.text


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 31), st.integers(1, 12), moments)
def test_a_date_is_the_next_such_date(day, month, now):
    slots = read(f"{day}.{month:02}", now)
    if day > max(calendar.monthrange(year, month)[1] for year in (2024, 2025)):
        assert slots == ()
        return
    (slot,) = slots
    assert (slot.start.day, slot.start.month) == (day, month)
    assert now.date() <= slot.start.date() < now.date() + timedelta(days=9 * 366)
