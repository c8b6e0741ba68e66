"""Who is there: the schedule says who should be, the shift button who is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from tenants.business.calendar import DAY, Calendar, Rota, Work
from tenants.business.models import Presence, StaffMember

EARLY = timedelta(hours=2)  # who begins so long before the shift is there for that shift
BREAK = timedelta(hours=2)  # a gap of one day that is no longer parts no shifts
LONGEST = timedelta(hours=12)  # of a shift that was begun by the button and stands in no schedule
LOOK_BACK, LOOK_AHEAD = 3, 8  # days
OUT = (Presence.AWAY, Presence.SILENT, Presence.GONE)
NOT_BEGUN = "смена не начата"
NO_ROTA = Rota(home_branch_id=0)


class Turn(NamedTuple):
    """One shift of a day with its breaks; [start, end) in UTC."""

    start: datetime
    end: datetime
    stretches: tuple[Work, ...]

    def stretch_at(self, moment: datetime) -> Work | None:
        return next((work for work in self.stretches if work.start <= moment < work.end), None)

    def next_stretch(self, moment: datetime) -> Work:
        """The one that follows a break. The moment is within the shift and in no stretch."""
        return next(work for work in self.stretches if work.start > moment)


@dataclass(frozen=True)
class Standing:
    """Where a person is at a moment."""

    is_on_shift: bool  # by the schedule, or begun by the button
    is_absent: bool  # said to be out: by the button, by the product, by whoever keeps the list of staff
    why: str  # not at work because of it, in a receptionist's words; "" who is there
    branch_id: int
    is_near: bool = False  # stepped out or on a break: may be asked when nobody else can
    kind: str = ""  # "" by the schedule alone, else the word of `Presence` that counts now
    began: datetime | None = None
    until: datetime | None = None  # end of the shift; off shift: when the last one ended
    absent_since: datetime | None = None  # None: not absent, or nobody knows

    @property
    def is_present(self) -> bool:
        return self.is_on_shift and not self.is_absent


def standing(
    person: StaffMember,
    rota: Rota | None,
    calendars: Mapping[int, Calendar],
    now: datetime,
    *,
    requires_check_in: bool = False,
) -> Standing:
    """Where the person is at `now`. What the button said counts for the shift in which it was pressed, or for
    LONGEST where the schedule has none."""
    rota = rota or NO_ROTA
    turn = turn_at(rota, calendars, now)
    word = _word(person, rota, calendars, turn, now)
    pressed = person.presence_since
    branch_id = person.branch_id
    if turn:
        branch_id = (turn.stretch_at(now) or turn.stretches[0]).branch_id
    if person.is_away and person.presence not in OUT:  # by the list of staff, until it is taken back there
        is_on, until = bool(turn), turn.end if turn else None
        why = "отсутствует" if is_on else "не на смене"
        return Standing(is_on, True, why, branch_id, began=turn.start if turn else None, until=until)
    if turn is None:
        return _off_schedule(person, rota, calendars, word, now)
    known = {"branch_id": branch_id, "kind": word, "began": turn.start, "until": turn.end}
    if word in OUT:
        return Standing(True, True, Presence(word).label, is_near=word == Presence.AWAY, absent_since=pressed, **known)
    if requires_check_in and word != Presence.HERE:
        return Standing(True, True, NOT_BEGUN, **known)
    if turn.stretch_at(now) is None and not (word and pressed and pressed >= _break_began(turn, now)):
        back = turn.next_stretch(now).start.astimezone(_zone(calendars, branch_id))
        return Standing(True, True, f"перерыв до {back:%H:%M}", is_near=True, **known)
    return Standing(True, False, "", **known)


def _off_schedule(
    person: StaffMember, rota: Rota, calendars: Mapping[int, Calendar], word: str, now: datetime
) -> Standing:
    pressed = person.presence_since
    if word in ("", Presence.GONE) or pressed is None:
        off = Standing(False, False, "не на смене", person.branch_id, until=last_end(rota, calendars, now))
        return replace(off, is_absent=True, kind=word, absent_since=pressed) if word else off
    early = next((turn for turn in turns(rota, calendars, now) if turn.start > now), None)
    until = early.end if early and early.start - EARLY <= pressed else pressed + LONGEST
    known = {"branch_id": person.branch_id, "kind": word, "began": pressed, "until": until}
    if word == Presence.HERE:
        return Standing(True, False, "", **known)
    return Standing(True, True, Presence(word).label, is_near=word == Presence.AWAY, absent_since=pressed, **known)


def _word(person: StaffMember, rota: Rota, calendars: Mapping[int, Calendar], turn: Turn | None, now: datetime) -> str:
    """What the button said, where it still counts; "": nothing."""
    pressed = person.presence_since
    if not person.presence or pressed is None or (person.presence in OUT) != person.is_away:
        return ""
    if turn:
        early = EARLY if person.presence == Presence.HERE else timedelta(0)
        return person.presence if pressed >= turn.start - early else ""
    if now - pressed >= LONGEST:
        return ""
    its = next((each for each in turns(rota, calendars, pressed) if each.start - EARLY <= pressed < each.end), None)
    return "" if its and its.end <= now else person.presence


def _break_began(turn: Turn, now: datetime) -> datetime:
    return max(work.end for work in turn.stretches if work.end <= now)


def _zone(calendars: Mapping[int, Calendar], branch_id: int) -> object:
    known = calendars.get(branch_id) or next(iter(calendars.values()))
    return known.zone


# --- Shifts of a schedule -------------------------------------------------------------------------------------------


def turns(rota: Rota, calendars: Mapping[int, Calendar], around: datetime) -> Iterator[Turn]:
    """Shifts of the day before the moment's local day, of that day and the next, in order."""
    days = sorted({calendar.local_day(around) for calendar in calendars.values()})
    if not days:
        return
    day = days[0] - DAY
    while day <= days[-1] + DAY:
        yield from _of_day(rota.work(day, calendars))
        day += DAY


def _of_day(stretches: Sequence[Work]) -> Iterator[Turn]:
    together: list[Work] = []
    for work in stretches:
        if together and work.start - together[-1].end > BREAK:
            yield Turn(together[0].start, together[-1].end, tuple(together))
            together = []
        together.append(work)
    if together:
        yield Turn(together[0].start, together[-1].end, tuple(together))


def turn_at(rota: Rota, calendars: Mapping[int, Calendar], moment: datetime) -> Turn | None:
    """The shift that the moment falls into, a break of it included."""
    return next((turn for turn in turns(rota, calendars, moment) if turn.start <= moment < turn.end), None)


def last_end(rota: Rota, calendars: Mapping[int, Calendar], moment: datetime) -> datetime | None:
    """When the last shift before the moment ended; None: none in LOOK_BACK days."""
    for back in range(LOOK_BACK):
        ended = [turn.end for turn in turns(rota, calendars, moment - back * DAY) if turn.end <= moment]
        if ended:
            return max(ended)
    return None


def next_start(rota: Rota, calendars: Mapping[int, Calendar], moment: datetime) -> datetime | None:
    """When the person's next stretch of work begins, after a break or a night; None: not in LOOK_AHEAD days."""
    for ahead in range(LOOK_AHEAD):
        for turn in turns(rota, calendars, moment + ahead * DAY):
            for work in turn.stretches:
                if work.start > moment:
                    return work.start
    return None
