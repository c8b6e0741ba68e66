"""Fill a person's shifts in one go: by days of the week, or so many days on and so many off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, time, timedelta

from django.db import transaction

from tenants.business.models import Branch, Shift, StaffMember

DAY = timedelta(days=1)
WEEK = 7
SOME_MONDAY = date(2024, 1, 1)  # a weekly shift counts from it: its offset is then the weekday


@dataclass(frozen=True)
class Plan:
    """Working days as a repeating pattern: days `anchor` + n * `cycle_days` + one of `offsets`."""

    anchor: date
    cycle_days: int
    offsets: tuple[int, ...]


def weekly(weekdays: Collection[int]) -> Plan:
    """The same weekdays (0 Monday) every week."""
    return Plan(SOME_MONDAY, WEEK, tuple(sorted(set(weekdays))))


def alternating(first_day: date, days_on: int, days_off: int) -> Plan:
    """`days_on` days of work from `first_day`, `days_off` days off, and so on."""
    return Plan(first_day, days_on + days_off, tuple(range(days_on)))


@transaction.atomic
def fill(
    staff: StaffMember,
    plan: Plan,
    *,
    branch: Branch,
    hours: tuple[time, time],
    pause: tuple[time, time] | None = None,
    replace: bool = True,
) -> list[Shift]:
    """Write the plan as shifts. `replace`: in place of all repeating shifts that were there; changed days stay."""
    if replace:
        staff.shifts.all().delete()
    made = [
        Shift(
            staff=staff,
            branch=branch,
            anchor_date=plan.anchor + timedelta(days=offset) if plan.cycle_days != WEEK else plan.anchor,
            cycle_days=plan.cycle_days,
            offset_day=offset if plan.cycle_days == WEEK else 0,
            start=hours[0],
            end=hours[1],
            break_start=pause[0] if pause else None,
            break_end=pause[1] if pause else None,
        )
        for offset in plan.offsets
    ]
    for shift in made:
        shift.save()  # one by one: whoever reads shifts hears of each
    return made
