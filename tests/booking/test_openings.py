"""Free times: against a slow oracle, and as a client would judge them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.models import minutes_of, moment_of
from booking.openings import Board, Person, Rules, Visit, Wish, candidates, days_between, find_openings, find_rows
from tenants.business.calendar import Calendar, Pattern, Rota

UFA = ZoneInfo("Asia/Yekaterinburg")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UFA)  # Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HAIR, NAILS = 1, 2
CUT = Visit((1,), 60, 0, frozenset({HAIR}), 150_000)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UFA)


def every_day(start=time(9), end=time(21), branch_id=1, **extra):
    return Rota(branch_id, (Pattern(branch_id, date(2026, 1, 5), 1, 0, start, end, **extra),))


def person(number, name="Ольга", skills=(HAIR,), rota=None, busy=()):
    taken = tuple(sorted((minutes_of(start), minutes_of(end)) for start, end in busy))
    return Person(number, name, frozenset(skills), rota or every_day(), taken)


def board(*team, rules=None, **calendar):
    hours = calendar.pop("hours", ((time(9), time(21)),))
    return Board(team, {1: Calendar(UFA, (hours,) * 7, **calendar)}, rules or Rules())


def starts(found):
    return [opening.start.astimezone(UFA) for opening in found.openings]


# --- Against the oracle -------------------------------------------------------------------------------------------

_clock = st.sampled_from([time(9), time(10, 20), time(12), time(13, 30), time(17), time(21)])


@st.composite
def two_times(draw):
    return tuple(sorted(draw(st.lists(_clock, min_size=2, max_size=2, unique=True))))


@st.composite
def people(draw):
    start, end = draw(two_times())
    break_start, break_end = draw(two_times() | st.just((None, None)))
    cycle = draw(st.integers(1, 4))
    anchor = date(2026, 11, draw(st.integers(20, 27)))
    rota = Rota(
        1,
        (Pattern(1, anchor, cycle, draw(st.integers(0, cycle - 1)), start, end, break_start, break_end),),
        draw(st.dictionaries(st.dates(date(2026, 11, 25), date(2026, 11, 28)), st.none() | two_times(), max_size=2)),
    )
    taken, busy = minutes_of(NOW), []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 600), st.integers(5, 300)), max_size=6)):
        busy.append((taken + gap, taken + gap + length))
        taken += gap + length
    return Person(draw(st.integers(1, 99)), "Ольга", frozenset({HAIR}), rota, tuple(busy))


@st.composite
def boards(draw):
    week = tuple((draw(two_times()),) if draw(st.booleans()) else () for _ in range(7))
    rules = Rules(draw(st.sampled_from([10, 15, 30, 40, 60])), draw(st.integers(0, 120)), 4)
    return Board((draw(people()),), {1: Calendar(UFA, week)}, rules)


def slow_is_free(who, start, minutes, calendar):
    """Every minute of it: the branch is open, the person is at work, nobody else has the person."""
    for minute in range(start, start + minutes):
        moment = moment_of(minute)
        if not calendar.is_open(moment) or who.rota.at(moment, {1: calendar}) is None:
            return False
        if any(begin <= minute < end for begin, end in who.busy):
            return False
    return True


@given(boards(), st.integers(20, 200), st.sampled_from([0, 10, 25]))
@settings(max_examples=60, deadline=None)
def test_offered_times_are_free_and_the_rest_of_the_grid_is_not(board_, minutes, buffer_):
    visit = Visit((1,), minutes, buffer_, frozenset({HAIR}), 0)
    who, calendar = board_.team[0], board_.calendars[1]
    lower, upper = minutes_of(NOW), minutes_of(NOW + 3 * DAY)
    offered = {
        each.start
        for day in days_between(lower, upper)
        for each in candidates(visit, [who], day, board_)
        if lower <= each.start < upper
    }
    for start in offered:
        assert slow_is_free(who, start, minutes + buffer_, calendar)
    if board_.rules.step_minutes in (10, 15, 30, 60):  # the grid is that of the clock
        # Each stretch of work begins its grid at a full hour; all of ours then share the hours' grid.
        for start in range(lower, upper, board_.rules.step_minutes):
            if start not in offered:
                assert not slow_is_free(who, start, minutes + buffer_, calendar)


@given(boards(), st.integers(20, 200), st.integers(-600, 5000), st.integers(0, 3000))
@settings(max_examples=100, deadline=None)
def test_found_times_keep_the_wish_the_notice_and_the_horizon(board_, minutes, from_now, length):
    visit = Visit((1,), minutes, 0, frozenset({HAIR}), 0)
    window = (NOW + timedelta(minutes=from_now), NOW + timedelta(minutes=from_now + length))
    found = find_openings(visit, board_, now=NOW, wish=Wish((window,)))
    assert len(found.openings) <= 3
    assert starts(found) == sorted(set(starts(found)))
    for opening in found.openings:
        assert NOW + timedelta(minutes=board_.rules.lead_minutes) <= opening.start <= NOW + 4 * DAY
        assert opening.start == window[0] or window[0] <= opening.start < window[1]
        assert opening.end - opening.start == timedelta(minutes=minutes)
    assert bool(found.openings) == (found.reason == "")


# --- As a client judges them --------------------------------------------------------------------------------------


def test_three_openings_differ_in_time_day_and_person():
    found = find_openings(CUT, board(person(1), person(2, "Марина")), now=NOW)
    assert starts(found) == [at("2026-11-25 12:30"), at("2026-11-25 14:30"), at("2026-11-26 09:00")]
    assert [opening.staff_name for opening in found.openings] == ["Ольга", "Марина", "Ольга"]


def test_who_has_less_to_do_comes_first():
    busy = person(1, busy=[(at("2026-11-25 15:00"), at("2026-11-25 20:00"))])
    found = find_openings(CUT, board(busy, person(2, "Марина")), now=NOW, limit=1)
    assert found.openings[0].staff_id == 2


def test_very_time_that_was_asked_for_or_nothing():
    ask = Wish(((at("2026-11-26 15:00"), at("2026-11-26 15:00")),))
    assert starts(find_openings(CUT, board(person(1)), now=NOW, wish=ask)) == [at("2026-11-26 15:00")]
    taken = person(1, busy=[(at("2026-11-26 15:30"), at("2026-11-26 16:00"))])
    assert find_openings(CUT, board(taken), now=NOW, wish=ask).reason == "busy"


def test_about_five_is_half_an_hour_round_it_nearest_first():
    ask = Wish(((at("2026-11-26 17:00"), at("2026-11-26 17:00")),), approx=True)
    whole = find_openings(CUT, board(person(1)), now=NOW, wish=ask)
    assert starts(whole) == [at("2026-11-26 16:30"), at("2026-11-26 17:00"), at("2026-11-26 17:30")]
    one = find_openings(CUT, board(person(1)), now=NOW, wish=ask, limit=1)
    assert starts(one) == [at("2026-11-26 17:00")]


def test_nearest_times_when_the_wish_is_taken():
    taken = person(1, busy=[(at("2026-11-26 14:00"), at("2026-11-26 17:00"))])
    point = ((at("2026-11-26 15:00"), at("2026-11-26 15:00")),)
    found = find_openings(CUT, board(taken), now=NOW, wish=Wish(point, or_near=True), limit=2)
    assert starts(found) == [at("2026-11-26 13:00"), at("2026-11-26 17:00")]


def test_each_of_several_windows_is_served():
    ask = Wish(
        (
            (at("2026-11-26 09:00"), at("2026-11-26 12:00")),
            (at("2026-11-28 18:00"), at("2026-11-28 21:00")),
        )
    )
    found = find_openings(CUT, board(person(1)), now=NOW, wish=ask, limit=2)
    assert starts(found) == [at("2026-11-26 09:00"), at("2026-11-28 18:00")]


def test_what_was_ruled_out_or_shown_before_is_not_offered():
    ask = Wish(
        ((at("2026-11-26 09:00"), at("2026-11-26 12:00")),),
        exclude=((at("2026-11-26 09:00"), at("2026-11-26 10:00")),),
    )
    shown = [at("2026-11-26 10:00"), at("2026-11-26 11:30")]
    found = find_openings(CUT, board(person(1)), now=NOW, wish=ask, exclude_starts=shown)
    assert starts(found) == [at("2026-11-26 10:30"), at("2026-11-26 11:00")]


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ((at("2026-11-24 10:00"), at("2026-11-24 12:00")), "out_of_range"),
        ((at("2026-11-25 12:10"), at("2026-11-25 12:30")), "out_of_range"),  # less notice than asked
        ((at("2027-03-01 10:00"), at("2027-03-01 12:00")), "out_of_range"),
        ((at("2026-11-26 22:00"), at("2026-11-26 23:00")), "busy"),
    ],
)
def test_why_nothing_was_found(window, reason):
    found = find_openings(CUT, board(person(1)), now=NOW, wish=Wish((window,)))
    assert found.openings == ()
    assert found.reason == reason


def test_visit_of_two_skills_needs_one_person_with_both():
    both = Visit((1, 2), 150, 0, frozenset({HAIR, NAILS}), 0)
    apart = board(person(1), person(2, "Марина", skills=(NAILS,)))
    assert find_openings(both, apart, now=NOW).reason == "nobody_can"
    found = find_openings(both, board(*apart.team, person(3, "Инна", skills=(HAIR, NAILS))), now=NOW)
    assert {opening.staff_name for opening in found.openings} == {"Инна"}
    assert find_openings(CUT, apart, now=NOW, staff_id=2).reason == "nobody_can"


def test_break_lunch_and_cleaning_keep_their_time():
    rota = every_day(break_start=time(12), break_end=time(13))
    lunch = ((time(9), time(16)), (time(17), time(21)))
    day = ((at("2026-11-26 00:00"), at("2026-11-27 00:00")),)
    long = Visit((1,), 90, 30, frozenset({HAIR}), 0)
    found = find_openings(long, board(person(1, rota=rota), hours=lunch), now=NOW, wish=Wish(day), limit=50)
    clock_ = [f"{start:%H:%M}" for start in starts(found)]
    assert clock_ == ["09:00", "09:30", "10:00", "13:00", "13:30", "14:00", "17:00", "17:30", "18:00", "18:30", "19:00"]


def test_person_works_in_two_branches_in_turn():
    rota = Rota(
        1,
        (
            Pattern(1, date(2026, 11, 23), 2, 0, time(9), time(21)),
            Pattern(2, date(2026, 11, 23), 2, 1, time(9), time(21)),
        ),
    )
    hours = Calendar(UFA, (((time(9), time(21)),),) * 7)
    both = Board((person(1, rota=rota),), {1: hours, 2: hours})
    found = find_openings(CUT, both, now=NOW, branch_id=2)
    assert starts(found)[0] == at("2026-11-26 09:00")
    assert {opening.branch_id for opening in found.openings} == {2}


def test_two_months_of_ten_busy_people_still_give_three_times():
    team = [
        person(number, busy=[(NOW.replace(hour=10) + day * DAY, NOW.replace(hour=16) + day * DAY) for day in range(60)])
        for number in range(1, 11)
    ]
    month = Wish(((NOW, NOW + 60 * DAY),))
    found = find_openings(CUT, board(*team), now=NOW.astimezone(UTC), wish=month)
    assert len(found.openings) == 3


# --- Several visits together ----------------------------------------------------------------------------------------

MANICURE = Visit((2,), 90, 0, frozenset({NAILS}), 200_000)


def hours_of(row):
    return [(opening.staff_name, f"{opening.start.astimezone(UFA):%d %H:%M}") for opening in row]


def test_two_people_work_on_a_client_in_a_row():
    team = board(person(1, "Ольга"), person(2, "Ксения", skills=(NAILS,)))
    [first, *_] = find_rows([CUT, MANICURE], team, now=NOW, wish=Wish(windows=((at("2026-11-26"), at("2026-11-27")),)))
    assert hours_of(first) == [("Ольга", "26 09:00"), ("Ксения", "26 10:00")]


def test_the_order_that_fits_is_taken():
    busy = [(at("2026-11-26T09:00"), at("2026-11-26T10:30"))]
    team = board(person(1, "Ольга", busy=busy), person(2, "Ксения", skills=(NAILS,)))
    [first, *_] = find_rows([CUT, MANICURE], team, now=NOW, wish=Wish(windows=((at("2026-11-26"), at("2026-11-27")),)))
    assert hours_of(first) == [("Ксения", "26 09:00"), ("Ольга", "26 10:30")]


def test_a_client_waits_only_when_nothing_follows_at_once():
    olga = person(1, "Ольга", rota=every_day(time(9), time(10)))
    ksenia = person(2, "Ксения", skills=(NAILS,), rota=every_day(time(12), time(21)))
    [first, *_] = find_rows([CUT, MANICURE], board(olga, ksenia), now=NOW)
    assert hours_of(first) == [("Ольга", "26 09:00"), ("Ксения", "26 12:00")]


def test_what_no_day_holds_is_offered_on_different_days():
    every_other = Rota(1, (Pattern(1, date(2026, 11, 26), 2, 0, time(9), time(21)),))
    the_others = Rota(1, (Pattern(1, date(2026, 11, 27), 2, 0, time(9), time(21)),))
    team = board(person(1, "Ольга", rota=every_other), person(2, "Ксения", skills=(NAILS,), rota=the_others))
    [first, *_] = find_rows([CUT, MANICURE], team, now=NOW)
    assert hours_of(first) == [("Ольга", "26 09:00"), ("Ксения", "27 09:00")]


def test_two_clients_come_at_one_time_where_two_are_free():
    team = board(person(1, "Ольга"), person(2, "Диана"))
    wish = Wish(windows=((at("2026-11-26"), at("2026-11-27")),))
    [first, *_] = find_rows([CUT, CUT], team, now=NOW, wish=wish, beside=True)
    assert {opening.staff_name for opening in first} == {"Ольга", "Диана"}
    assert len({opening.start for opening in first}) == 1


def test_two_clients_of_one_person_come_one_after_the_other_and_the_cleaning_counts():
    cut = Visit((1,), 60, 10, frozenset({HAIR}), 150_000)
    wish = Wish(windows=((at("2026-11-26"), at("2026-11-27")),))
    [first, *_] = find_rows([cut, cut], board(person(1)), now=NOW, wish=wish, beside=True)
    assert hours_of(first) == [("Ольга", "26 09:00"), ("Ольга", "26 10:30")]


def test_nobody_can_do_one_of_them():
    assert find_rows([CUT, MANICURE], board(person(1)), now=NOW) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=6),
    st.booleans(),
)
def test_no_part_ever_meets_what_its_person_has_to_do(olgas, ksenias, beside):
    def busy(pieces):
        day, taken = at("2026-11-26T09:00"), []
        for begin, length in sorted(pieces):
            start = max(day + timedelta(minutes=30 * begin), taken[-1][1] if taken else day)
            taken.append((start, start + timedelta(minutes=30 * length)))
        return taken

    team = [person(1, "Ольга", skills=(HAIR, NAILS), busy=busy(olgas))]
    team.append(person(2, "Ксения", skills=(HAIR, NAILS), busy=busy(ksenias)))
    for row in find_rows([CUT, MANICURE], board(*team), now=NOW, limit=20, beside=beside):
        parts = [(part.staff_id, minutes_of(part.start), minutes_of(part.end)) for part in row]
        taken = {each.id: each.busy for each in team}
        for staff_id, start, end in parts:
            assert all(end <= begin or until <= start for begin, until in taken[staff_id])
        (one, begin, until), (other, start, end) = parts
        assert one != other or until <= start or end <= begin
        assert beside or until <= start  # one client is in one chair
