"""Free times. Pure: hours, rotas and busy minutes in, openings out.

Inside, a moment is whole minutes from `booking.models.EPOCH`; a free time starts on the grid of `Rules.step_minutes`
that begins at the full hour in which a stretch of work begins.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import permutations
from typing import Literal, NamedTuple, Protocol

from booking.models import minutes_of, moment_of
from tenants.business.calendar import Calendar, Rota

APPROX_MINUTES = 30  # «около пяти» is a start so near to five
NEAR_DAYS = 7  # how far round a wish its nearest free times are looked for at first
ENOUGH_DAYS = 3  # days with free times that are looked at when any time will do
SPREAD_MINUTES = 120  # starts nearer than this are not different to a client
DAY_MINUTES = 24 * 60
ROW_WAITS = (30, 180)  # minutes that a client waits between two people: as few as can be

Window = tuple[datetime, datetime | None]
Reason = Literal["", "no_service", "nobody_can", "out_of_range", "busy"]


@dataclass(frozen=True)
class Opening:
    """A free time that can be held: one staff member, one branch, [start, end) as the client is told."""

    staff_id: int
    staff_name: str
    branch_id: int
    start: datetime
    end: datetime
    service_ids: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """Openings, soonest first; without any, `reason` says why.

    no_service: nothing to do, or a service that is not offered; nobody_can: no one person has all the skills;
    out_of_range: the wish is past, too soon or beyond the horizon; busy: nothing is free inside the wish."""

    openings: tuple[Opening, ...] = ()
    reason: Reason = ""


@dataclass(frozen=True)
class Wish:
    """When a client wants to come; it speaks of starts.

    windows: [start, end) each, end None: any time from start, end equal to start: that very start, or with `approx`
    one within 30 minutes; no windows: any time. exclude: windows that were ruled out.
    or_near: when nothing is free inside the wish, the times nearest to it will do."""

    windows: tuple[Window, ...] = ()
    exclude: tuple[Window, ...] = ()
    approx: bool = False
    or_near: bool = False


class Doable(Protocol):
    """What is asked of a service."""

    pk: int
    skill_id: int | None
    duration_minutes: int
    buffer_minutes: int
    price_kopecks: int
    price_to_kopecks: int | None


@dataclass(frozen=True)
class Visit:
    """Services done in a row by one person; `buffer_minutes` is cleaning after the last."""

    service_ids: tuple[int, ...]
    minutes: int
    buffer_minutes: int
    skill_ids: frozenset[int]
    price_kopecks: int
    price_to_kopecks: int | None = None  # None: an exact price

    @classmethod
    def of(cls, services: Sequence[Doable]) -> Visit:
        upper = sum(service.price_to_kopecks or service.price_kopecks for service in services)
        lower = sum(service.price_kopecks for service in services)
        return cls(
            service_ids=tuple(service.pk for service in services),
            minutes=sum(service.duration_minutes for service in services),
            buffer_minutes=max(service.buffer_minutes for service in services),
            skill_ids=frozenset(service.skill_id for service in services if service.skill_id is not None),
            price_kopecks=lower,
            price_to_kopecks=upper if upper > lower else None,
        )

    @property
    def busy_minutes(self) -> int:
        return self.minutes + self.buffer_minutes


@dataclass(frozen=True)
class Rules:
    """The tenant's: grid of starts, the least notice, how far ahead one may book."""

    step_minutes: int = 30
    lead_minutes: int = 30
    horizon_days: int = 60


@dataclass(frozen=True)
class Person:
    """One who takes bookings. `busy`: [start, end) minutes of appointments, in order, none overlapping."""

    id: int
    name: str
    skill_ids: frozenset[int]
    rota: Rota
    busy: tuple[tuple[int, int], ...] = ()

    def can_do(self, visit: Visit) -> bool:
        return visit.skill_ids <= self.skill_ids


@dataclass(frozen=True)
class Board:
    """All that a search needs."""

    team: tuple[Person, ...]
    calendars: Mapping[int, Calendar]  # by branch id; a branch that is not here is not offered
    rules: Rules = field(default_factory=Rules)


class Stretch(NamedTuple):
    """A person at work in an open branch, [start, end) minutes; starts are counted from `anchor`."""

    branch_id: int
    start: int
    end: int
    anchor: int


class Candidate(NamedTuple):
    start: int
    person: Person
    branch_id: int


# --- Free times of a day ------------------------------------------------------------------------------------------


def stretches(person: Person, day: date, calendars: Mapping[int, Calendar]) -> Iterator[Stretch]:
    """Work of a local day within the branch's opening hours, appointments not looked at."""
    for work in person.rota.work(day, calendars):
        calendar = calendars[work.branch_id]
        for span in calendar.spans(day):
            start, end = max(work.start, span.start), min(work.end, span.end)
            if start < end:
                past_the_hour = start.astimezone(calendar.zone).minute
                first = minutes_of(start)
                yield Stretch(work.branch_id, first, minutes_of(end), first - past_the_hour)


def works_through(person: Person, branch_id: int, start: int, end: int, calendars: Mapping[int, Calendar]) -> bool:
    """Whether the person is at work in that open branch for all of [start, end), minutes."""
    if branch_id not in calendars:
        return False
    day = calendars[branch_id].local_day(moment_of(start))
    return any(
        stretch.branch_id == branch_id and stretch.start <= start and end <= stretch.end
        for stretch in stretches(person, day, calendars)
    )


def _gaps(stretch: Stretch, busy: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What appointments leave of a stretch."""
    start = stretch.start
    index = bisect_left(busy, (start, 0))
    for taken_from, taken_to in busy[max(index - 1, 0) :]:
        if taken_from >= stretch.end:
            break
        if taken_to <= start:
            continue
        if taken_from > start:
            yield start, taken_from
        start = taken_to
    if start < stretch.end:
        yield start, stretch.end


def free_starts(visit: Visit, person: Person, day: date, board: Board) -> Iterator[tuple[int, int]]:
    """(start minute, branch id) at which the person can begin the visit on a local day, in order."""
    step = board.rules.step_minutes
    for stretch in stretches(person, day, board.calendars):
        for gap_start, gap_end in _gaps(stretch, person.busy):
            first = gap_start + (stretch.anchor - gap_start) % step
            for start in range(first, gap_end - visit.busy_minutes + 1, step):
                yield start, stretch.branch_id


def candidates(
    visit: Visit, team: Iterable[Person], day: date, board: Board, branch_id: int | None = None
) -> list[Candidate]:
    """All free times of those people on a local day, by start."""
    found = [
        Candidate(start, person, branch)
        for person in team
        for start, branch in free_starts(visit, person, day, board)
        if branch_id in (None, branch)
    ]
    return sorted(found, key=lambda candidate: (candidate.start, candidate.person.id))


# --- The search ---------------------------------------------------------------------------------------------------


def find_openings(
    visit: Visit,
    board: Board,
    *,
    now: datetime,
    wish: Wish | None = None,
    limit: int = 3,
    branch_id: int | None = None,
    staff_id: int | None = None,
    exclude_starts: Collection[datetime] = (),
) -> Found:
    """Up to `limit` free times inside the wish, one a start, that differ in time and, where they can, in person.

    Each window of the wish is served first by its best time (the soonest; for an approximate one the nearest)."""
    wish = wish or Wish()
    team = [person for person in board.team if person.can_do(visit) and staff_id in (None, person.id)]
    if not team:
        return Found(reason="nobody_can")
    search = _Search(visit, board, team, branch_id, _Bounds.of(now, board.rules), _ruled_out(wish, exclude_starts))
    wanted = _ranges(wish)
    reachable = [range_ for range_ in wanted if search.bounds.reach(range_)]
    starts = search.pick_inside(reachable, limit)
    if not starts and wish.or_near:
        starts = search.pick_near(wanted, limit)
    if starts:
        return Found(tuple(search.openings(sorted(starts))))
    return Found(reason="busy" if reachable else "out_of_range")


def find_rows(
    visits: Sequence[Visit],
    board: Board,
    *,
    now: datetime,
    wish: Wish | None = None,
    limit: int = 3,
    branch_id: int | None = None,
    exclude_starts: Collection[datetime] = (),
    beside: bool = False,
) -> list[tuple[Opening, ...]]:
    """Visits agreed on together, each with a person who can do it, soonest first; `exclude_starts` are first starts.

    They follow each other on one day, in any order, with as little waiting as can be; `beside` (two clients, in their
    order) begin together where two people are free. What no day holds is offered on different days. The first of them
    begins inside the wish."""
    wish = wish or Wish()
    teams = [[person for person in board.team if person.can_do(visit)] for visit in visits]
    if not all(teams):
        return []
    bounds = _Bounds.of(now, board.rules)
    rows = _Rows(visits, teams, board, branch_id, bounds, _ruled_out(wish, exclude_starts), any_order=not beside)
    for wait in (0, *ROW_WAITS) if beside else ROW_WAITS:
        if found := rows.look(_ranges(wish), wait, limit, at_once=beside and wait == 0):
            return found
    return [] if beside else _apart(visits, board, now, wish, limit, branch_id, exclude_starts)


def _apart(
    visits: Sequence[Visit],
    board: Board,
    now: datetime,
    wish: Wish,
    limit: int,
    branch_id: int | None,
    exclude_starts: Collection[datetime],
) -> list[tuple[Opening, ...]]:
    """The first visit inside the wish, each other one as soon after it as can be."""
    firsts = find_openings(
        visits[0], board, now=now, wish=wish, limit=limit, branch_id=branch_id, exclude_starts=exclude_starts
    )
    rows = []
    for first in firsts.openings:
        row = [first]
        for visit in visits[1:]:
            after = Wish(windows=((row[-1].end, None),))
            row += find_openings(visit, board, now=now, wish=after, limit=1, branch_id=branch_id).openings
        if len(row) == len(visits):
            rows.append(tuple(row))
    return rows


@dataclass(frozen=True)
class _Rows:
    """The search for visits on one day, day by day."""

    visits: Sequence[Visit]
    teams: Sequence[Sequence[Person]]  # who can do each visit
    board: Board
    branch_id: int | None
    bounds: _Bounds
    ruled_out: list[_Range]
    any_order: bool

    def look(self, ranges: Sequence[_Range], wait: int, limit: int, *, at_once: bool) -> list[tuple[Opening, ...]]:
        """One row a first start; days as in a search for one visit."""
        found: dict[int, tuple[Opening, ...]] = {}
        days_with_some = 0
        lower = max(min(range_.start for range_ in ranges), self.bounds.earliest)
        ends = [self.bounds.latest if range_.end is None else range_.end - 1 for range_ in ranges]
        for day in days_between(lower, min(max(ends), self.bounds.latest)):
            fresh = self._rows_of(day, ranges, wait, at_once=at_once)
            found |= fresh
            days_with_some += bool(fresh)
            if days_with_some >= ENOUGH_DAYS and len(found) >= limit:
                break
        return [found[start] for start in sorted(found)][:limit]

    def _rows_of(
        self, day: date, ranges: Sequence[_Range], wait: int, *, at_once: bool
    ) -> dict[int, tuple[Opening, ...]]:
        free = [
            candidates(visit, team, day, self.board, self.branch_id)
            for visit, team in zip(self.visits, self.teams, strict=True)
        ]
        found: dict[int, tuple[int, tuple[Opening, ...]]] = {}  # start -> end of all, the row
        orders = permutations(range(len(free))) if self.any_order else [tuple(range(len(free)))]
        for order in orders:
            for first in free[order[0]]:
                if not self._may_begin(first.start, ranges):
                    continue
                row = self._row(order, first, free, wait, at_once=at_once)
                if row and (first.start not in found or row[0] < found[first.start][0]):
                    found[first.start] = row
        return {start: row for start, (_, row) in found.items()}

    def _may_begin(self, start: int, ranges: Sequence[_Range]) -> bool:
        inside = self.bounds.earliest <= start <= self.bounds.latest and any(each.holds(start) for each in ranges)
        return inside and not any(each.holds(start) for each in self.ruled_out)

    def _row(
        self, order: Sequence[int], first: Candidate, free: Sequence[Sequence[Candidate]], wait: int, *, at_once: bool
    ) -> tuple[int, tuple[Opening, ...]] | None:
        """The minute at which the last ends, and the row; each next visit as soon as it can be."""
        chosen = [first]
        end = first.start + self.visits[order[0]].minutes
        freed = {first.person.id: first.start + self.visits[order[0]].busy_minutes}
        for index in order[1:]:
            earliest, latest = (first.start, first.start) if at_once else (end, end + wait)
            following = next(
                (
                    each
                    for each in free[index]
                    if max(earliest, freed.get(each.person.id, 0)) <= each.start <= latest
                    and each.branch_id == first.branch_id
                ),
                None,
            )
            if following is None:
                return None
            chosen.append(following)
            end = following.start + self.visits[index].minutes
            freed[following.person.id] = following.start + self.visits[index].busy_minutes
        return end, tuple(opening_of(self.visits[index], each) for index, each in zip(order, chosen, strict=True))


class _Range(NamedTuple):
    """Starts from `start` to before `end` (None: any later one); `centre` is the point that was named."""

    start: int
    end: int | None
    centre: int | None = None

    def holds(self, start: int) -> bool:
        return self.start <= start and (self.end is None or start < self.end)

    def distance(self, start: int) -> int:
        """Minutes from the point; for an interval from its nearer bound, 0 inside."""
        if self.centre is not None:
            return abs(start - self.centre)
        after = 0 if self.end is None else start - (self.end - 1)
        return max(self.start - start, after, 0)


class _Bounds(NamedTuple):
    """The earliest and the latest start that may be offered."""

    earliest: int
    latest: int

    @classmethod
    def of(cls, now: datetime, rules: Rules) -> _Bounds:
        earliest = _minutes_up(now + timedelta(minutes=rules.lead_minutes))
        return cls(earliest, minutes_of(now) + rules.horizon_days * DAY_MINUTES)

    def reach(self, range_: _Range) -> bool:
        return range_.start <= self.latest and (range_.end is None or range_.end > self.earliest)


def _minutes_up(moment: datetime) -> int:
    """The first whole minute at or after the moment."""
    return minutes_of(moment + timedelta(minutes=1) - timedelta(microseconds=1))


def _ranges(wish: Wish) -> list[_Range]:
    return [_range(start, end, wish.approx) for start, end in wish.windows] or [_Range(0, None)]


def _range(start: datetime, end: datetime | None, approx: bool) -> _Range:
    if end is None:
        return _Range(_minutes_up(start), None)
    if end > start:
        return _Range(_minutes_up(start), _minutes_up(end))
    point, near = minutes_of(start), APPROX_MINUTES if approx else 0
    return _Range(point - near, point + near + 1, point)


def _ruled_out(wish: Wish, exclude_starts: Collection[datetime]) -> list[_Range]:
    windows = [*wish.exclude, *((start, start) for start in exclude_starts)]
    return [_range(start, end, approx=False) for start, end in windows]


@dataclass
class _Search:
    visit: Visit
    board: Board
    team: list[Person]
    branch_id: int | None
    bounds: _Bounds
    ruled_out: list[_Range]
    free: dict[int, dict[int, Candidate]] = field(default_factory=dict)  # start -> staff id, as far as was looked
    days: dict[int, date] = field(default_factory=dict)  # start -> local day, as far as was asked

    def pick_inside(self, ranges: Sequence[_Range], limit: int) -> list[int]:
        """Starts inside the ranges: the best of each range, then others far from those, then any."""
        pools = [self._look(range_, limit) for range_ in ranges]
        picked: list[int] = []
        for pool in pools:
            picked += [start for start in pool if start not in picked][:1]
        per_day = max(2, -(-limit // ENOUGH_DAYS))
        for gap, day_limit in ((SPREAD_MINUTES, per_day), (SPREAD_MINUTES, limit), (1, limit)):
            for start in (start for pool in pools for start in pool):
                if len(picked) >= limit:
                    break
                if all(abs(start - other) >= gap for other in picked) and self._in_day(start, picked) < day_limit:
                    picked.append(start)
        return picked[:limit]

    def pick_near(self, ranges: Sequence[_Range], limit: int) -> list[int]:
        """The starts nearest to the ranges, looked for some days round them, then anywhere."""
        margin = NEAR_DAYS * DAY_MINUTES
        last = max((range_.end or range_.start) for range_ in ranges)
        first = min(range_.start for range_ in ranges)
        for around in (_Range(first - margin, last + margin), _Range(0, self.bounds.latest + 1)):
            if starts := self._look(around, limit):
                return sorted(starts, key=lambda start: min(each.distance(start) for each in ranges))[:limit]
        return []

    def openings(self, starts: Iterable[int]) -> Iterator[Opening]:
        """One opening a start; people take turns, and who has less to do that day comes first."""
        turns: Counter[int] = Counter()
        for start in starts:
            chosen = min(
                self.free[start].values(),
                key=lambda each: (turns[each.person.id], _load(each.person, each.start), each.person.id),
            )
            turns[chosen.person.id] += 1
            yield opening_of(self.visit, chosen)

    def _look(self, range_: _Range, limit: int) -> list[int]:
        """Free starts inside a range, best first. In a range without end the first days that have some are enough."""
        lower = max(range_.start, self.bounds.earliest)
        upper = self.bounds.latest if range_.end is None else min(range_.end - 1, self.bounds.latest)
        found: set[int] = set()
        days_with_some = 0
        for day in days_between(lower, upper):
            fresh = [
                each
                for each in candidates(self.visit, self.team, day, self.board, self.branch_id)
                if lower <= each.start <= upper and not any(window.holds(each.start) for window in self.ruled_out)
            ]
            for each in fresh:
                self.free.setdefault(each.start, {})[each.person.id] = each
            found.update(each.start for each in fresh)
            days_with_some += bool(fresh)
            if range_.end is None and days_with_some >= ENOUGH_DAYS and len(found) >= limit:
                break
        return sorted(found, key=lambda start: (range_.distance(start) if range_.centre is not None else 0, start))

    def _in_day(self, start: int, picked: Iterable[int]) -> int:
        """How many of the picked starts are on the same local day."""
        day = self._local_day(start)
        return sum(self._local_day(other) == day for other in picked)

    def _local_day(self, start: int) -> date:
        if start not in self.days:
            branch_id = next(iter(self.free[start].values())).branch_id
            self.days[start] = self.board.calendars[branch_id].local_day(moment_of(start))
        return self.days[start]


def _load(person: Person, start: int) -> int:
    """Minutes of appointments within half a day of the start."""
    half = DAY_MINUTES // 2
    first = bisect_left(person.busy, (start - half, 0))
    last = bisect_left(person.busy, (start + half, 0))
    return sum(end - begin for begin, end in person.busy[first:last])


def days_between(lower: int, upper: int) -> Iterator[date]:
    """Days that may hold the minutes [lower, upper] in some zone."""
    day, last = moment_of(lower).date() - timedelta(days=1), moment_of(upper).date() + timedelta(days=1)
    while lower <= upper and day <= last:
        yield day
        day += timedelta(days=1)


def opening_of(visit: Visit, candidate: Candidate) -> Opening:
    return Opening(
        staff_id=candidate.person.id,
        staff_name=candidate.person.name,
        branch_id=candidate.branch_id,
        start=moment_of(candidate.start),
        end=moment_of(candidate.start + visit.minutes),
        service_ids=visit.service_ids,
    )
