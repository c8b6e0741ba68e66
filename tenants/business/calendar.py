"""Business time: when a branch is open, when a person works, and clocks that run only in opening hours.

The upper part is pure: a `Calendar` and a `Rota` are plain values, loaded once by the functions at the end.
Moments are aware; days and times of day are those of the branch's zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import holidays

from tenants.business.models import (
    Branch,
    BusinessSettings,
    DateException,
    OpeningHours,
    Shift,
    ShiftException,
    StaffMember,
)

DAY = timedelta(days=1)
NEVER_OPENS = 370  # days without opening hours after which a calendar is taken for one that nobody filled in
LAST_MINUTE = time(23, 59)  # the latest time that a field can hold: as an end it means midnight
SHORT_WEEKDAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")

Hours = tuple[time, time]


class Span(NamedTuple):
    """[start, end) in UTC."""

    start: datetime
    end: datetime


class Work(NamedTuple):
    """A person is at work in a branch, [start, end) in UTC."""

    branch_id: int
    start: datetime
    end: datetime


@lru_cache(maxsize=16)
def _holidays_of(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("RU", years=year))


def is_holiday(day: date) -> bool:
    """Whether the state gives that day off: a Russian holiday, or a working day moved to rest by the year's decree."""
    return day in _holidays_of(day.year)


def _instant(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


def _span(day: date, hours: Hours, zone: ZoneInfo) -> Span:
    start, end = hours
    until = _instant(day + DAY, time(0), zone) if end == LAST_MINUTE else _instant(day, end, zone)
    return Span(_instant(day, start, zone), until)


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order, touching ones joined, empty ones (in an hour that a zone's clocks skip) dropped."""
    joined: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


class Timetable(Protocol):
    """Time that counts for somebody: a branch's opening hours, a person's hours at work."""

    def ahead(self, moment: datetime) -> Iterator[Span]:
        """Spans that count from the moment on, in order and apart, the current one cut to it."""


# --- Opening hours ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calendar:
    """When one branch is open: hours by weekday (0 Monday), dates that replace them (no hours: closed), holidays."""

    zone: ZoneInfo
    week: tuple[tuple[Hours, ...], ...]
    special: Mapping[date, tuple[Hours, ...]] = field(default_factory=dict)
    works_on_holidays: bool = False
    _spans: dict[date, tuple[Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def hours(self, day: date) -> tuple[Hours, ...]:
        """Opening hours of a local day as times of day; empty when closed."""
        if day in self.special:
            return self.special[day]
        usual = self.week[day.weekday()]
        return () if usual and not self.works_on_holidays and is_holiday(day) else usual

    def is_day_off(self, day: date) -> bool:
        """Closed out of turn, by a holiday or a special date, though the weekday has hours."""
        return bool(self.week[day.weekday()]) and not self.hours(day)

    def spans(self, day: date) -> tuple[Span, ...]:
        """The same as moments, in order."""
        if day not in self._spans:
            self._spans[day] = _merged(_span(day, hours, self.zone) for hours in self.hours(day))
        return self._spans[day]

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def is_open(self, moment: datetime) -> bool:
        return any(span.start <= moment < span.end for span in self.spans(self.local_day(moment)))

    def next_opening(self, moment: datetime) -> datetime | None:
        """The moment itself when open, else when the branch opens next; None when it never does (no hours entered)."""
        first = next(self.ahead(moment), None)
        return first.start if first else None

    def ahead(self, moment: datetime) -> Iterator[Span]:
        """Open spans from the moment on, the current one cut to it; ends only where the branch opens no more."""
        moment = moment.astimezone(UTC)
        day, closed_days = self.local_day(moment), 0
        while closed_days < NEVER_OPENS:
            spans = self.spans(day)
            closed_days = 0 if spans else closed_days + 1
            for span in spans:
                if span.end > moment:
                    yield Span(max(span.start, moment), span.end)
            day += DAY


def business_due(start: datetime, seconds: float, calendar: Timetable) -> datetime:
    """The first moment by which `seconds` of opening hours (or of a person's work) have passed since `start`.

    A timetable without hours counts all time, so that a clock never waits for ever."""
    left = timedelta(seconds=seconds)
    if left <= timedelta(0):
        return start
    for span in calendar.ahead(start):
        length = span.end - span.start
        if left <= length:
            return span.start + left
        left -= length
    return start + timedelta(seconds=seconds)


def business_seconds_between(start: datetime, end: datetime, calendar: Timetable) -> float:
    """Seconds of opening hours (or of a person's work) in [start, end); 0 when end is not after start."""
    total = timedelta(0)
    if end <= start:
        return 0.0
    for span in calendar.ahead(start):
        if span.start >= end:
            break
        total += min(span.end, end) - span.start
    return total.total_seconds()


def after_quiet(moment: datetime, settings: BusinessSettings, zone: ZoneInfo) -> datetime:
    """The moment itself, or the end of the quiet hours that it falls into (equal bounds: there are none)."""
    quiet_from, quiet_to = settings.quiet_from, settings.quiet_to
    local = moment.astimezone(zone)
    if quiet_from < quiet_to:
        is_quiet, ends_on = quiet_from <= local.time() < quiet_to, local.date()
    else:
        is_evening = local.time() >= quiet_from
        is_quiet = quiet_from != quiet_to and (is_evening or local.time() < quiet_to)
        ends_on = local.date() + DAY if is_evening else local.date()
    return _instant(ends_on, quiet_to, zone) if is_quiet else moment


# --- Hours in words -----------------------------------------------------------------------------------------------


def hours_text(calendar: Calendar) -> str:
    """«пн-пт 9:00-21:00, сб 10:00-18:00, вс выходной»; empty when no hours were entered."""
    if not any(calendar.week):
        return ""
    groups = [(hours, list(days)) for hours, days in groupby(range(7), key=lambda day: calendar.week[day])]
    return ", ".join(f"{_days_text(days)} {_day_hours_text(hours)}" for hours, days in groups)


def _days_text(days: list[int]) -> str:
    if len(days) == 7:
        return "ежедневно"
    first, last = SHORT_WEEKDAYS[days[0]], SHORT_WEEKDAYS[days[-1]]
    return first if first == last else f"{first}-{last}"


def _day_hours_text(hours: tuple[Hours, ...]) -> str:
    if not hours:
        return "выходной"
    if hours == ((time(0), LAST_MINUTE),):
        return "круглосуточно"
    return " и ".join(f"{_time_text(start)}-{_time_text(end)}" for start, end in hours)


def _time_text(moment: time) -> str:
    return "24:00" if moment == LAST_MINUTE else f"{moment.hour}:{moment.minute:02d}"


# --- Shifts -------------------------------------------------------------------------------------------------------


class Pattern(NamedTuple):
    """A repeating shift: works on days where (day - anchor) % cycle_days == offset_day."""

    branch_id: int
    anchor: date
    cycle_days: int
    offset_day: int
    start: time
    end: time
    break_start: time | None = None
    break_end: time | None = None

    def falls_on(self, day: date) -> bool:
        return (day - self.anchor).days % self.cycle_days == self.offset_day

    def hours(self) -> tuple[Hours, ...]:
        """The shift without its break."""
        if self.break_start is None or self.break_end is None:
            return ((self.start, self.end),)
        pieces = (self.start, min(self.break_start, self.end)), (max(self.break_end, self.start), self.end)
        return tuple((start, end) for start, end in pieces if start < end)


@dataclass(frozen=True)
class Rota:
    """When one person works: repeating shifts, and dates that replace them (None: off)."""

    home_branch_id: int
    patterns: tuple[Pattern, ...] = ()
    exceptions: Mapping[date, Hours | None] = field(default_factory=dict)

    def work(self, day: date, calendars: Mapping[int, Calendar]) -> list[Work]:
        """Stretches of work on a local day, in order. A branch's day off cancels its repeating shifts, a changed
        day of the person stands; a branch that is not among `calendars` (closed for good) has no work."""
        patterns = [pattern for pattern in self.patterns if pattern.falls_on(day)]
        if day in self.exceptions:
            hours = self.exceptions[day]
            branch_id = patterns[0].branch_id if patterns else self.home_branch_id
            stretches = [(branch_id, hours)] if hours else []
        else:
            stretches = [
                (pattern.branch_id, hours)
                for pattern in patterns
                if pattern.branch_id in calendars and not calendars[pattern.branch_id].is_day_off(day)
                for hours in pattern.hours()
            ]
        return sorted(
            (
                Work(branch_id, *_span(day, hours, calendars[branch_id].zone))
                for branch_id, hours in stretches
                if branch_id in calendars
            ),
            key=lambda work: work.start,
        )

    def at(self, moment: datetime, calendars: Mapping[int, Calendar]) -> Work | None:
        """The stretch of work that the moment falls into; None: not at work, or on a break."""
        days = {calendar.local_day(moment) for calendar in calendars.values()}
        return next(
            (work for day in days for work in self.work(day, calendars) if work.start <= moment < work.end), None
        )


@dataclass(frozen=True)
class Attendance:
    """The hours that one person is at work, as a timetable: shifts at any hour, without their breaks."""

    rota: Rota
    calendars: Mapping[int, Calendar]

    def ahead(self, moment: datetime) -> Iterator[Span]:
        """Stretches of work from the moment on; ends only where no shift comes any more."""
        reached, idle_days = moment.astimezone(UTC), 0
        day = min((calendar.local_day(reached) for calendar in self.calendars.values()), default=reached.date())
        while idle_days < NEVER_OPENS:
            stretches = _merged(Span(work.start, work.end) for work in self.rota.work(day, self.calendars))
            idle_days = 0 if stretches else idle_days + 1
            for span in stretches:
                if span.end > reached:  # days of branches in two zones overlap
                    yield Span(max(span.start, reached), span.end)
                    reached = span.end
            day += DAY


# --- Loading ------------------------------------------------------------------------------------------------------


def load_calendar(branch: Branch) -> Calendar:
    """Two queries."""
    return _calendars([branch])[branch.pk]


def load_calendars() -> dict[int, Calendar]:
    """Calendars of all active branches by branch id; three queries."""
    return _calendars(list(Branch.objects.filter(is_active=True)))


def _calendars(branches: list[Branch]) -> dict[int, Calendar]:
    week: dict[int, dict[int, list[Hours]]] = defaultdict(lambda: defaultdict(list))
    special: dict[int, dict[date, list[Hours]]] = defaultdict(lambda: defaultdict(list))
    for row in OpeningHours.objects.filter(branch__in=branches).order_by("weekday", "start"):
        week[row.branch_id][row.weekday].append((row.start, row.end))
    for row in DateException.objects.filter(branch__in=branches).order_by("date", "start"):
        hours = special[row.branch_id][row.date]
        if row.start is not None and row.end is not None:
            hours.append((row.start, row.end))
    return {
        branch.pk: Calendar(
            zone=branch.zone,
            week=tuple(tuple(week[branch.pk][weekday]) for weekday in range(7)),
            special={day: tuple(hours) for day, hours in special[branch.pk].items()},
            works_on_holidays=branch.works_on_holidays,
        )
        for branch in branches
    }


def load_rotas(staff: Collection[StaffMember]) -> dict[int, Rota]:
    """Rotas by staff id; two queries whatever the number of people."""
    patterns: dict[int, list[Pattern]] = defaultdict(list)
    exceptions: dict[int, dict[date, Hours | None]] = defaultdict(dict)
    for row in Shift.objects.filter(staff__in=staff).order_by("start"):
        patterns[row.staff_id].append(
            Pattern(
                row.branch_id,
                row.anchor_date,
                row.cycle_days,
                row.offset_day,
                row.start,
                row.end,
                row.break_start,
                row.break_end,
            )
        )
    for change in ShiftException.objects.filter(staff__in=staff):
        has_hours = change.start is not None and change.end is not None
        exceptions[change.staff_id][change.date] = (change.start, change.end) if has_hours else None
    return {member.pk: Rota(member.branch_id, tuple(patterns[member.pk]), exceptions[member.pk]) for member in staff}


def opening_hours_text(branch: Branch) -> str:
    """A branch's usual week in words: «пн-пт 9:00-21:00, сб 10:00-18:00, вс выходной»."""
    return hours_text(load_calendar(branch))
