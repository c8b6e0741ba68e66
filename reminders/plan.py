"""When a client is reminded: an appointment in, its reminders out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reminders.models import Reminder
from routing.models import NurtureSequence

Kind = Reminder.Kind

BEFORE = (
    (Kind.BEFORE_24H, timedelta(hours=24)),
    (Kind.BEFORE_2H, timedelta(hours=2)),
    (Kind.BEFORE_1H, timedelta(hours=1)),
)
EVENING_MARGIN = timedelta(minutes=15)  # before the quiet hours begin
_STEPS = (Kind.FOLLOW_1D, Kind.FOLLOW_3D, Kind.NURTURE_7D)  # named after the usual sequence
SEQUENCES: dict[str, tuple[tuple[Kind, timedelta], ...]] = {  # by `Lead.sequence`: after the client's last word
    NurtureSequence.USUAL: tuple(zip(_STEPS, (timedelta(days=1), timedelta(days=3), timedelta(days=7)), strict=True)),
    NurtureSequence.QUICK: tuple(zip(_STEPS, (timedelta(hours=3), timedelta(days=1), timedelta(days=3)), strict=True)),
    NurtureSequence.LONG: tuple(zip(_STEPS, (timedelta(days=3), timedelta(days=14), timedelta(days=30)), strict=True)),
    NurtureSequence.NONE: (),
}


@dataclass(frozen=True)
class Quiet:
    """Local hours in which nothing is sent: from `start` until `end`, over midnight when start is later."""

    start: time
    end: time
    zone: ZoneInfo

    def holds(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def evening_before(self, moment: datetime) -> datetime:
        """The last good moment before the quiet hours that hold `moment`."""
        local = moment.astimezone(self.zone)
        day = local.date() if local.time() >= self.start else local.date() - timedelta(days=1)
        return self._at(day, self.start) - EVENING_MARGIN

    def _at(self, day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, self.zone).astimezone(ZoneInfo("UTC"))


def reminders_of(starts_at: datetime, quiet: Quiet, *, now: datetime) -> list[tuple[str, datetime]]:
    """(kind, due) of each reminder of a visit that is still ahead, soonest first.

    One that falls into the quiet hours comes on the evening before; of several that meet there only the first stays.
    One whose time has passed at booking is left out.
    """
    planned: list[tuple[str, datetime]] = []
    for kind, before in BEFORE:
        due = starts_at - before
        if quiet.holds(due):
            due = quiet.evening_before(due)
        if due > now and all(abs(due - other) > EVENING_MARGIN for _, other in planned):
            planned.append((kind, due))
    return sorted(planned, key=lambda pair: pair[1])


def next_follow_up(sequence: str, last_client_at: datetime, sent: int) -> tuple[str, datetime] | None:
    """The next follow-up of a silent client and its moment; `sent` since the last word. None: enough was said."""
    steps = SEQUENCES[sequence]
    if sent >= len(steps):
        return None
    kind, after = steps[sent]
    return kind, last_client_at + after
