"""One clock of a lead as a plain value: allowances, pauses and warnings by interval arithmetic. Pure, no database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tenants.business.calendar import Timetable, business_due, business_seconds_between


@dataclass(frozen=True)
class Kind:
    """What a clock is: whose due work it is, under which name screens show it, in whose time it runs."""

    handler: str
    shown: str  # value of Lead.clock; "": no screen shows it
    runs_in: str  # always, branch, person
    stands_still: bool  # while nothing is expected of people: an agreed call, a lead put aside


KINDS = {
    "take": Kind("routing.take_clock", "take", "person", stands_still=False),
    "person": Kind("routing.person_clock", "answer", "person", stands_still=True),
    "silence": Kind("routing.silence_clock", "answer", "person", stands_still=True),
    "confirm": Kind("routing.confirm_clock", "confirm", "branch", stands_still=True),
    "card": Kind("crm.card_overdue", "", "always", stands_still=False),  # done, or dropped, by the CRM's room
}


@dataclass(frozen=True)
class Clock:
    """`left` seconds of its time were left at `started_at`; of `total` that the policy gives."""

    started_at: datetime
    left: float
    total: float
    due_at: datetime | None  # None: it stands still
    staff_id: int = 0  # in whose working hours it runs; 0: the branch's opening hours
    is_warned: bool = False

    @property
    def stands_still(self) -> bool:
        return self.due_at is None

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.started_at.isoformat(),
            "left": self.left,
            "total": self.total,
            "due": self.due_at.isoformat() if self.due_at else None,
            "staff": self.staff_id,
            "warned": self.is_warned,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Clock:
        due = datetime.fromisoformat(kept["due"]) if kept["due"] else None
        started_at = datetime.fromisoformat(kept["at"])
        return cls(started_at, kept["left"], kept["total"], due, kept["staff"], kept["warned"])


def due_at(start: datetime, seconds: float, hours: Timetable | None) -> datetime:
    """When `seconds` of these hours have passed since `start`; hours None: all time counts."""
    return business_due(start, seconds, hours) if hours else start + timedelta(seconds=max(seconds, 0.0))


def spent(start: datetime, end: datetime, hours: Timetable | None) -> float:
    """Seconds of these hours in [start, end); hours None: all time counts."""
    return business_seconds_between(start, end, hours) if hours else max((end - start).total_seconds(), 0.0)


def begun(seconds: float, hours: Timetable | None, *, at: datetime, staff_id: int = 0, still: bool = False) -> Clock:
    """A clock of `seconds` that starts at `at`, or stands there until it is resumed."""
    return Clock(at, seconds, seconds, None if still else due_at(at, seconds, hours), staff_id)


def paused(clock: Clock, hours: Timetable | None, *, now: datetime) -> Clock:
    """The clock stands still with what is left of its allowance."""
    if clock.stands_still:
        return clock
    left = max(clock.left - spent(clock.started_at, now, hours), 0.0)
    return replace(clock, started_at=now, left=left, due_at=None)


def resumed(clock: Clock, hours: Timetable | None, *, now: datetime) -> Clock:
    """The clock goes on with what was left."""
    if not clock.stands_still:
        return clock
    return replace(clock, started_at=now, due_at=due_at(now, clock.left, hours))


def rehung(clock: Clock, total: float, hours: Timetable | None) -> Clock:
    """The same clock by another allowance or timetable: counted again from its start."""
    left = max(clock.left + total - clock.total, 0.0)
    due = None if clock.stands_still else due_at(clock.started_at, left, hours)
    return replace(clock, left=left, total=total, due_at=due)


def hurried(clock: Clock, total: float, hours: Timetable | None, *, now: datetime) -> Clock:
    """The lead became more urgent: from now on it has the new allowance, or what is left of the old one if that is
    less; never a breach for time that passed before."""
    still = paused(clock, hours, now=now)
    still = replace(still, left=min(still.left, total), total=total)
    return still if clock.stands_still else resumed(still, hours, now=now)


def warning_at(clock: Clock, percent: int, hours: Timetable | None) -> datetime | None:
    """When `percent` of the allowance are used up; None: no warning, told already, or the clock stands still."""
    ahead = clock.left - clock.total * (100 - percent) / 100
    if not percent or clock.is_warned or clock.stands_still or ahead < 0:
        return None
    return due_at(clock.started_at, ahead, hours)
