"""What a phrase about time says, and the calendar's arithmetic."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from assistant.understanding import Grain, Interval

DAY = timedelta(days=1)
END_OF_DAY = 24 * 60  # minutes
MANY = -1  # the weekday of a piece that lists several


@dataclass(frozen=True)
class Hours:
    """Opening hours in minutes of the day."""

    opening: int
    closing: int


@dataclass(frozen=True)
class Days:
    """Some days in a row, [first, last)."""

    first: date
    last: date
    grain: Grain = "day"


@dataclass(frozen=True)
class Clock:
    """A window of a day in minutes, [start, end); a point has end == start. None: the opening or closing hour."""

    start: int | None
    end: int | None
    grain: Grain
    others: tuple[int, ...] = ()  # other readings of a point
    bare_hour: int | None = None  # 1-12 when the words left morning or evening open


@dataclass
class Piece:
    """What one phrase says: days, clocks, or an absolute stretch of time."""

    start: int  # positions in the symbol line
    end: int
    days: list[Days] | None = None
    other_days: list[Days] = field(default_factory=list)
    clocks: list[Clock] | None = None
    moment: Interval | None = None
    weekday: int | None = None
    day_of_month: int | None = None
    is_past: bool = False
    may_repeat: bool = False  # "через день", "к празднику": how often or why, when another time is said
    is_any: bool = False  # "любой день"
    frame: Piece | None = None  # "на следующей неделе", when a weekday was found in it
    is_excluded: bool = False
    ends_with_day: bool = False  # the last words joined were a day: "в 18:00 в пн" may go on with "и ср"
    from_day: bool = False  # "с пятницы": may begin a range or be the old time of a visit
    earlier: list[tuple[list[Days] | None, list[Clock] | None]] = field(default_factory=list)  # "завтра в 5 или ..."
    spans: list[tuple[int, int]] = field(default_factory=list)

    def where(self) -> list[tuple[int, int]]:
        return self.spans or [(self.start, self.end)]


def at(day: date, minute: int) -> datetime:
    """That minute of the day; 1440 is the midnight that ends it."""
    return midnight(day) + timedelta(minutes=minute)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def first_of(day: date) -> date:
    return day.replace(day=1)


def add_months(day: date, count: int) -> date:
    """The same day `count` months on, or the month's last day when it has no such day."""
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def full_year(written: str | None) -> int | None:
    if not written:
        return None
    return int(written) + (2000 if len(written) == 2 else 0)
