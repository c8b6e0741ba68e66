"""Hours and shifts as people write them, turned into rows."""

from __future__ import annotations

from datetime import date, time

from agency.packs.section import Section, intervals
from agency.packs.shapes import WEEKDAYS, Hours, ShiftDef

SOME_MONDAY = date(2026, 1, 5)  # weekly shifts are counted from it


def week_hours(section: Section) -> tuple[Hours, ...]:
    """{mon-fri: "09:00-18:00", sat: "10:00-15:00"} as the hours of seven days from Monday; a day left out is closed."""
    week: dict[int, Hours] = {}
    for key in section.names():
        hours = intervals(section, key)
        for day in _days(section, key):
            if day in week:
                raise section.wrong(key, f"{WEEKDAYS[day]} has its hours already")
            week[day] = hours
    return tuple(week.get(day, ()) for day in range(len(WEEKDAYS)))


def _days(section: Section, key: str) -> range:
    first, _, last = key.partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise section.wrong(key, f"expected a weekday or two joined by a hyphen, of {', '.join(WEEKDAYS)}")
    days = range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
    if not days:
        raise section.wrong(key, "the days must run forward in the week")
    return days


def shifts(person: Section, *, branch: str) -> tuple[ShiftDef, ...]:
    """A person's shifts: `weekly` by weekday, or `two_on_two_off` from a start date; `break` is taken on each."""
    breaks = intervals(person, "break", "closed")
    if len(breaks) > 1:
        raise person.wrong("break", "one break a day")
    if person.has("weekly") == person.has("two_on_two_off"):
        raise person.wrong("weekly", "give either weekly or two_on_two_off")
    if person.has("weekly"):
        week = week_hours(person.section("weekly"))
        rows = [(SOME_MONDAY, len(WEEKDAYS), day, span) for day, hours in enumerate(week) for span in hours]
    else:
        pattern = person.section("two_on_two_off")
        start, hours = pattern.day("start"), intervals(pattern, "hours")
        pattern.close()
        rows = [(start, 4, day, span) for day in (0, 1) for span in hours]
    if not rows:
        raise person.wrong("weekly", "has no working day")
    return tuple(
        ShiftDef(branch, anchor, cycle, offset, *span, *_break_within(span, breaks))
        for anchor, cycle, offset, span in rows
    )


def _break_within(span: tuple[time, time], breaks: Hours) -> tuple[time | None, time | None]:
    """The break when it lies inside this piece of work; two times or two None."""
    for start, end in breaks:
        if span[0] < start and end < span[1]:
            return start, end
    return None, None
