"""Business time against a slow oracle that looks at every minute, and against days that people know."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import clocks
from tenants.business.calendar import (
    LAST_MINUTE,
    Attendance,
    Calendar,
    Pattern,
    Rota,
    after_quiet,
    business_due,
    business_seconds_between,
    hours_text,
    load_calendar,
    load_calendars,
    load_rotas,
    opening_hours_text,
)
from tenants.business.models import BusinessSettings, DateException, OpeningHours, Shift, ShiftException

UFA = ZoneInfo("Asia/Yekaterinburg")
BERLIN = ZoneInfo("Europe/Berlin")  # clocks change on 29 March and 25 October 2026
MINUTE = timedelta(minutes=1)
DAYTIME = (time(9), time(21))


def weekly(*hours, days=range(7), zone=UFA, **extra):
    return Calendar(zone, tuple(tuple(hours) if day in days else () for day in range(7)), **extra)


def at(text, zone=UFA):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# --- Arithmetic against the oracle --------------------------------------------------------------------------------

# No bound stands in an hour that a change of clocks skips or repeats.
_times = st.sampled_from([time(0), time(0, 30), time(5), time(8, 15), time(9), time(13), time(14), time(20, 59)])


@st.composite
def hours_of_day(draw):
    bounds = sorted(draw(st.lists(_times, unique=True, max_size=4)))
    if len(bounds) % 2:
        bounds.append(LAST_MINUTE)
    return tuple(zip(bounds[::2], bounds[1::2], strict=True))


@st.composite
def calendars(draw):
    zone = draw(st.sampled_from([UFA, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Krasnoyarsk")]))
    week = tuple(draw(hours_of_day()) for _ in range(7))
    days = st.dates(date(2026, 3, 20), date(2026, 4, 5)) | st.dates(date(2026, 10, 20), date(2026, 11, 8))
    special = draw(st.dictionaries(days, hours_of_day(), max_size=4))
    return Calendar(zone, week, special, draw(st.booleans()))


moments = st.builds(
    lambda start, minutes: start + minutes * MINUTE,
    st.sampled_from([datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)]),
    st.integers(0, 14 * 24 * 60),
)


def slow_is_open(moment, calendar):
    local = moment.astimezone(calendar.zone)
    return any(
        start <= local.time() and (end == LAST_MINUTE or local.time() < end)
        for start, end in calendar.hours(local.date())
    )


@given(calendars(), moments)
@settings(max_examples=150, deadline=None)
def test_open_is_what_the_wall_clock_says(calendar, moment):
    assert calendar.is_open(moment) == slow_is_open(moment, calendar)


@given(calendars(), moments, st.integers(0, 4 * 24 * 60))
@settings(max_examples=120, deadline=None)
def test_seconds_between_are_the_open_minutes(calendar, start, minutes):
    slow = sum(60 for step in range(minutes) if slow_is_open(start + step * MINUTE, calendar))
    assert business_seconds_between(start, start + minutes * MINUTE, calendar) == slow


@given(calendars().filter(lambda calendar: any(calendar.week)), moments, st.integers(1, 20 * 3600))
@settings(max_examples=150, deadline=None)
def test_due_is_the_first_moment_with_so_much_business_time(calendar, start, seconds):
    due = business_due(start, seconds, calendar)
    assert business_seconds_between(start, due, calendar) == seconds
    assert business_seconds_between(start, due - timedelta(seconds=1), calendar) == seconds - 1


@given(calendars(), moments)
@settings(max_examples=100, deadline=None)
def test_next_opening_is_open_and_nothing_before_it_is(calendar, moment):
    opens = calendar.next_opening(moment)
    if opens is None:
        assert not any(calendar.week)
        return
    assert calendar.is_open(opens)
    assert business_seconds_between(moment, opens, calendar) == 0


# --- Branch and person against the oracle, in the cities we serve -------------------------------------------------

CITIES = [ZoneInfo(name) for name in ("Asia/Yekaterinburg", "Asia/Omsk", "Europe/Moscow", "Asia/Krasnoyarsk")]
_starts = st.sampled_from([time(0), time(7, 30), time(8), time(9), time(10, 15)])
_ends = st.sampled_from([time(17), time(19, 45), time(21), LAST_MINUTE])
# Around the holidays of early November, of the New Year (with days moved by decree) and of May.
_days = st.sampled_from([date(2026, 11, 1), date(2026, 12, 29), date(2027, 4, 30)]).flatmap(
    lambda first: st.integers(0, 12).map(lambda offset: first + timedelta(days=offset))
)


@st.composite
def city_calendars(draw):
    week = tuple(draw(hours_of_day()) for _ in range(7))
    special = draw(st.dictionaries(_days, hours_of_day(), max_size=4))
    return Calendar(draw(st.sampled_from(CITIES)), week, special, draw(st.booleans()))


@st.composite
def rotas(draw):
    patterns = []
    for _ in range(draw(st.integers(1, 3))):
        cycle = draw(st.sampled_from([1, 2, 4, 7]))
        lunch = draw(st.sampled_from([(None, None), (time(13), time(14)), (time(12, 30), time(13, 15))]))
        offset = draw(st.integers(0, cycle - 1))
        hours = draw(_starts), draw(_ends)
        patterns.append(Pattern(draw(st.sampled_from([1, 2])), date(2026, 1, 5), cycle, offset, *hours, *lunch))
    changed = st.none() | st.tuples(_starts, _ends)
    return Rota(draw(st.sampled_from([1, 2])), tuple(patterns), draw(st.dictionaries(_days, changed, max_size=4)))


def slow_is_at_work(moment, rota, branches):
    """A person at one minute, read off the rota by hand."""

    def within(hours, local):
        start, end = hours
        return start <= local.time() and (end == LAST_MINUTE or local.time() < end)

    def shift(pattern, local):
        if not within((pattern.start, pattern.end), local):
            return False
        return not (pattern.break_start and pattern.break_start <= local.time() < pattern.break_end)

    for branch_id, calendar in branches.items():
        local = moment.astimezone(calendar.zone)
        day = local.date()
        today = [each for each in rota.patterns if (day - each.anchor).days % each.cycle_days == each.offset_day]
        if day in rota.exceptions:
            place = today[0].branch_id if today else rota.home_branch_id
            if place == branch_id and rota.exceptions[day] and within(rota.exceptions[day], local):
                return True
            continue
        closed = bool(calendar.week[day.weekday()]) and not calendar.hours(day)
        if not closed and any(each.branch_id == branch_id and shift(each, local) for each in today):
            return True
    return False


beginnings = st.builds(
    lambda day, minutes: datetime.combine(day, time(0), UTC) + minutes * MINUTE, _days, st.integers(0, 24 * 60 - 1)
)


@given(rotas(), city_calendars(), city_calendars(), beginnings, st.integers(0, 2 * 24 * 60))
@settings(max_examples=60, deadline=None)
def test_a_persons_minutes_are_those_at_work(rota, first, second, start, minutes):
    branches = {1: first, 2: second}
    slow = sum(60 for step in range(minutes) if slow_is_at_work(start + step * MINUTE, rota, branches))
    assert business_seconds_between(start, start + minutes * MINUTE, Attendance(rota, branches)) == slow


@given(rotas(), city_calendars(), beginnings, st.integers(1, 8 * 60))
@settings(max_examples=60, deadline=None)
def test_a_persons_clock_is_due_when_so_many_minutes_were_worked(rota, calendar, start, minutes):
    branches = {1: calendar, 2: calendar}
    due = business_due(start, minutes * 60, Attendance(rota, branches))
    if (due - start).days > 4:
        return  # nothing new, and the oracle is slow
    worked, moment = 0, start
    while worked < minutes:
        if not slow_is_at_work(moment, rota, branches) and moment - start > timedelta(days=5):
            assert due == start + minutes * MINUTE  # never at work: all time counts
            return
        worked += slow_is_at_work(moment, rota, branches)
        moment += MINUTE
    assert due == moment


@given(
    city_calendars().filter(lambda calendar: all(calendar.week)),
    beginnings,
    st.integers(1, 3 * 60),
    st.lists(st.integers(0, 3 * 60), max_size=5),
)
@settings(max_examples=50, deadline=None)
def test_a_clock_that_stood_still_counts_only_the_minutes_it_ran(calendar, start, allowance, turns):
    """`turns`: minutes to the next pause, to the next going on, and so on."""
    clock, now = clocks.begun(allowance * 60, calendar, at=start), start
    left, runs = allowance, True
    for minutes in turns:
        if runs:
            passed = sum(slow_is_open(now + step * MINUTE, calendar) for step in range(minutes))
            left = max(left - passed, 0)
            now += minutes * MINUTE
            clock = clocks.paused(clock, calendar, now=now)
            assert clock.due_at is None
        else:
            now += minutes * MINUTE
            clock = clocks.resumed(clock, calendar, now=now)
        assert clock.left == left * 60
        runs = not runs
    clock = clocks.resumed(clock, calendar, now=now)
    moment = clock.started_at
    while left and moment - clock.started_at < timedelta(days=16):
        left -= slow_is_open(moment, calendar)
        moment += MINUTE
    assert left or clock.due_at == moment


# --- Days that people know ----------------------------------------------------------------------------------------


def test_fifteen_minutes_before_lunch_end_after_it():
    calendar = weekly((time(9), time(13)), (time(14), time(20)))
    assert business_due(at("2026-11-25 12:50"), 15 * 60, calendar) == at("2026-11-25 14:05")


def test_evening_message_counts_from_monday():
    calendar = weekly(DAYTIME, days=range(5))
    assert business_due(at("2026-11-27 20:59"), 3 * 60, calendar) == at("2026-11-30 09:02")
    assert calendar.next_opening(at("2026-11-27 21:00")) == at("2026-11-30 09:00")


def test_closing_moment_is_closed():
    calendar = weekly(DAYTIME)
    assert calendar.is_open(at("2026-11-25 20:59"))
    assert not calendar.is_open(at("2026-11-25 21:00"))


def test_holiday_closes_unless_the_branch_works_or_the_date_says_otherwise():
    unity_day = date(2026, 11, 4)
    assert weekly(DAYTIME).hours(unity_day) == ()
    assert weekly(DAYTIME, works_on_holidays=True).hours(unity_day) == (DAYTIME,)
    assert weekly(DAYTIME, special={unity_day: ((time(10), time(16)),)}).hours(unity_day) == ((time(10), time(16)),)


def test_branch_without_hours_counts_all_time():
    nobody_filled_in = weekly()
    start = at("2026-11-25 12:00")
    assert business_due(start, 90, nobody_filled_in) == start + timedelta(seconds=90)
    assert nobody_filled_in.next_opening(start) is None


def test_round_the_clock_has_no_gap_at_midnight():
    calendar = weekly((time(0), LAST_MINUTE))
    start = at("2026-11-25 23:00")
    assert business_seconds_between(start, start + timedelta(hours=2), calendar) == 7200


@pytest.mark.parametrize(
    ("moment", "leaves"),
    [
        ("2026-11-25 12:00", "2026-11-25 12:00"),
        ("2026-11-25 21:00", "2026-11-26 09:00"),
        ("2026-11-26 03:00", "2026-11-26 09:00"),
        ("2026-11-26 09:00", "2026-11-26 09:00"),
    ],
)
def test_quiet_hours_wait_for_the_morning(moment, leaves):
    night = BusinessSettings(quiet_from=time(21), quiet_to=time(9))
    assert after_quiet(at(moment), night, UFA) == at(leaves)


def test_quiet_hours_within_a_day_and_none():
    siesta = BusinessSettings(quiet_from=time(13), quiet_to=time(15))
    assert after_quiet(at("2026-11-25 14:00"), siesta, UFA) == at("2026-11-25 15:00")
    assert after_quiet(at("2026-11-25 16:00"), siesta, UFA) == at("2026-11-25 16:00")
    none = BusinessSettings(quiet_from=time(9), quiet_to=time(9))
    assert after_quiet(at("2026-11-25 09:00"), none, UFA) == at("2026-11-25 09:00")


@pytest.mark.parametrize(
    ("calendar", "words"),
    [
        (weekly(DAYTIME), "ежедневно 9:00-21:00"),
        (weekly((time(9), time(13)), (time(14), time(18, 30)), days=range(5)), None),
        (weekly((time(0), LAST_MINUTE)), "ежедневно круглосуточно"),
        (weekly((time(12), LAST_MINUTE)), "ежедневно 12:00-24:00"),
        (weekly(), ""),
        (
            Calendar(UFA, ((DAYTIME,),) * 5 + (((time(10), time(18)),), ())),
            "пн-пт 9:00-21:00, сб 10:00-18:00, вс выходной",
        ),
    ],
)
def test_hours_in_words(calendar, words):
    assert hours_text(calendar) == (words if words is not None else "пн-пт 9:00-13:00 и 14:00-18:30, сб-вс выходной")


# --- Shifts -------------------------------------------------------------------------------------------------------


def two_by_two(**extra):
    return tuple(Pattern(1, date(2026, 11, 2), 4, offset, time(9), time(21), **extra) for offset in (0, 1))


def test_two_days_on_two_days_off():
    rota, calendar = Rota(1, two_by_two()), {1: weekly(DAYTIME)}
    worked = [day for day in range(9, 17) if rota.work(date(2026, 11, day), calendar)]
    assert worked == [10, 11, 14, 15]
    assert rota.work(date(2026, 10, 29), calendar)  # the cycle reaches back before its anchor
    assert not rota.work(date(2026, 10, 31), calendar)


def test_break_splits_the_shift_and_nobody_is_there():
    rota = Rota(1, two_by_two(break_start=time(13), break_end=time(14)))
    calendars_ = {1: weekly(DAYTIME)}
    assert rota.at(at("2026-11-10 12:59"), calendars_).branch_id == 1
    assert rota.at(at("2026-11-10 13:00"), calendars_) is None
    assert rota.at(at("2026-11-10 14:00"), calendars_)


def test_day_off_of_the_branch_cancels_shifts_but_not_an_agreed_day():
    new_year = date(2027, 1, 1)
    calendars_ = {1: weekly(DAYTIME)}
    usual = Rota(1, (Pattern(1, date(2026, 1, 5), 1, 0, time(9), time(21)),))
    agreed = Rota(1, usual.patterns, {new_year: (time(10), time(15))})
    assert usual.work(new_year, calendars_) == []
    assert [(work.start, work.end) for work in agreed.work(new_year, calendars_)] == [
        (at("2027-01-01 10:00"), at("2027-01-01 15:00"))
    ]


def test_day_off_of_the_person():
    day = date(2026, 11, 10)
    assert Rota(1, two_by_two(), {day: None}).work(day, {1: weekly(DAYTIME)}) == []


def test_rotas_are_read_from_their_rows(salon, django_assert_num_queries):
    day, boris, olga = date(2026, 11, 25), salon.boris, salon.olga
    ShiftException.objects.create(staff=boris, date=day, start=time(12), end=time(18))
    ShiftException.objects.create(staff=salon.marina, date=day)
    Shift.objects.filter(staff=olga).update(break_start=time(12), break_end=time(13))
    people, calendars_ = [boris, olga, salon.marina], load_calendars()
    with django_assert_num_queries(2):
        rotas = load_rotas(people)
    worked = [[(work.start, work.end) for work in rotas[one.pk].work(day, calendars_)] for one in people]
    assert worked == [
        [(at("2026-11-25 12:00"), at("2026-11-25 18:00"))],
        [
            (at("2026-11-25 09:00"), at("2026-11-25 12:00")),
            (at("2026-11-25 13:00"), at("2026-11-25 21:00")),
        ],
        [],
    ]


def test_calendar_of_a_branch_is_read_from_its_rows(salon, django_assert_num_queries):
    OpeningHours.objects.filter(weekday=6).delete()
    OpeningHours.objects.filter(weekday=5).update(start=time(10), end=time(18))
    DateException.objects.create(branch=salon.branch, date=date(2026, 11, 26))
    branch = salon.branch
    with django_assert_num_queries(2):
        calendar = load_calendar(branch)
    assert opening_hours_text(branch) == "пн-пт 9:00-21:00, сб 10:00-18:00, вс выходной"
    assert calendar.next_opening(at("2026-11-25 21:00")) == at("2026-11-27 09:00")
    assert calendar.is_day_off(date(2026, 11, 26))
    assert not calendar.is_day_off(date(2026, 11, 29))  # a Sunday: closed as always


def test_neighbours_hours_are_not_ours(salon, neighbour):
    with neighbour.inside():
        OpeningHours.objects.all().delete()
        assert opening_hours_text(neighbour.branch) == ""
    assert opening_hours_text(salon.branch) == "ежедневно 9:00-21:00"
