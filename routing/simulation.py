"""Past leads go through two sets of rules, one after the other as they came: who gets what, how full people are, which
clocks run out. Everything that is read is read at the start; the rest is arithmetic. Nothing is written."""

from __future__ import annotations

import heapq
import statistics
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from routing import recalled
from routing.assignment import RECENT, Candidate
from routing.config import Config
from routing.outlook import Moment, Outcome, arrive, run_late
from routing.recalled import Recalled, Taking, World
from routing.rows import TEMPERATURE_TITLES
from routing.rules import words
from routing.rules.deciding import Facts, fields_of
from routing.rules.shapes import Rule
from routing.scoring import Weights

SAMPLES = 60  # points of the plot of open leads
SHOWN_DIFFERENCES = 200
MOST_CLOCKS = 5  # of rules, a lead
TELLS = 50  # times that progress is told
Tell = Callable[[int], None]  # percent


@dataclass(frozen=True)
class Ground:
    """Everything that a simulation needs to know, read once."""

    world: World
    leads: Sequence[Recalled]
    takings: Sequence[Taking]


@contextmanager
def reading_only() -> Iterator[None]:
    """A transaction in which the database itself refuses every write."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield


def load(limit: int, config: Config, *, now: datetime) -> Ground:
    """The last `limit` leads and the business; a dozen queries however many leads there are."""
    with reading_only():
        rows = recalled.last_leads(limit)
        world = recalled.load_world(config, rows[0].created_at if rows else now)
        takings = recalled.takings([lead.pk for lead in rows], config, now=now)
        return Ground(world, recalled.recall(rows, config), takings)


# --- Replay -----------------------------------------------------------------------------------------------------------


@dataclass
class Replay:
    """One set of rules over the leads, in the order in which they came."""

    rules: Sequence[Rule]
    world: World
    outcomes: list[Outcome] = field(default_factory=list)
    first_owners: list[int | None] = field(default_factory=list)
    leads: list[Recalled] = field(default_factory=list)
    clocks: int = 0  # armed by rules
    clocks_out: int = 0

    def __post_init__(self) -> None:
        self.asks_load = any("load" in fields_of(rule) for rule in self.rules)
        self._load: Counter[int] = Counter(owner for owner, _ in self.world.held)
        self._given = dict(self.world.given)
        self._turn = max((turn for _, turn in self._given.values()), default=0)
        self._shares: dict[int, deque[datetime]] = defaultdict(deque)
        for owner, given_at in self.world.shares:
            self._shares[owner].append(given_at)
        self._ends: list[tuple[datetime, int, int]] = []  # when, order, owner; order -1 - n: of before
        self._late: list[tuple[datetime, int, int]] = []  # when, order, how many clocks so far
        for number, (owner, ends_at) in enumerate(self.world.held):
            if ends_at:
                heapq.heappush(self._ends, (ends_at, -1 - number, owner))

    def take_in(self, lead: Recalled) -> None:
        self._run_clocks(lead.at)
        self.leads.append(lead)
        number = len(self.leads) - 1
        done = arrive(lead.case, self.rules, self._facts(lead, lead.at), self.world.team, self._moment(lead, lead.at))
        self.outcomes.append(done)
        self.first_owners.append(done.owner_id)
        if done.owner_id:
            self._hold(number, done.owner_id, lead.at)
        if done.waits is not None:
            self._arm(number, lead.at + done.waits, 0)

    def finish(self) -> None:
        self._run_clocks(None)

    def _run_clocks(self, until: datetime | None) -> None:
        while self._late and (until is None or self._late[0][0] <= until):
            due, number, so_far = heapq.heappop(self._late)
            lead, done = self.leads[number], self.outcomes[number]
            if lead.helped_at and lead.helped_at <= due or lead.ends_at and lead.ends_at <= due or done.is_quarantined:
                continue
            self.clocks_out += 1
            before = done.owner_id
            facts = {**self._facts(lead, due), "response_time": due - lead.at + timedelta(microseconds=1)}
            run_late(done, lead.case, self.rules, facts, self.world.team, self._moment(lead, due))
            if done.owner_id and done.owner_id != before:
                if before:
                    self._load[before] -= 1
                self._hold(number, done.owner_id, due)
            if done.waits is not None and so_far < MOST_CLOCKS:
                self._arm(number, max(lead.at + done.waits, due), so_far + 1)
        if until is not None:
            self._let_go(until)

    def _arm(self, number: int, due: datetime, so_far: int) -> None:
        self.clocks += 1
        heapq.heappush(self._late, (due, number, so_far))

    def _hold(self, number: int, owner: int, moment: datetime) -> None:
        self._load[owner] += 1
        self._turn += 1
        self._given[owner] = moment, self._turn
        self._shares[owner].append(moment)
        if ends_at := self.leads[number].ends_at:
            heapq.heappush(self._ends, (ends_at, number, owner))

    def _let_go(self, moment: datetime) -> None:
        while self._ends and self._ends[0][0] <= moment:
            _, number, owner = heapq.heappop(self._ends)
            if number < 0 or self.outcomes[number].owner_id == owner:  # else it had gone to another one
                self._load[owner] -= 1

    def _facts(self, lead: Recalled, moment: datetime) -> Facts:
        if not self.asks_load:
            return lead.facts
        wanted = self.world.config.roles("first_contact", "R")
        asked = [one for one in self.world.staff if one.role in wanted]
        people = [one for one in asked if self.world.roster.standing(one.staff_id, moment).is_on_shift]
        room = sum(one.load_cap for one in people)
        if not room:
            return lead.facts
        full = round(100 * sum(self._load[one.staff_id] for one in people) / room)
        return {**lead.facts, "load": Decimal(full)}

    def _moment(self, lead: Recalled, moment: datetime) -> Moment:
        def people(roles: Collection[str], ids: Collection[int]) -> list[Candidate]:
            asked = [one for one in self.world.staff if one.role in roles or one.staff_id in ids]
            return [self._candidate(one, lead, moment) for one in asked]

        return Moment(people, lambda staff_id: self.world.roster.shift_of(staff_id, moment))

    def _candidate(self, one: Candidate, lead: Recalled, moment: datetime) -> Candidate:
        there = self.world.roster.standing(one.staff_id, moment)
        last_given_at, turn = self._given.get(one.staff_id, (None, 0))
        shares = self._shares[one.staff_id]
        while shares and shares[0] <= moment - RECENT:
            shares.popleft()
        return replace(
            one,
            is_on_shift=there.is_on_shift,
            is_away=there.is_absent,
            absence=there.why,
            is_near=there.is_near,
            since=there.began,
            branch_id=there.branch_id,
            open_leads=self._load[one.staff_id],
            last_given_at=last_given_at,
            turn=turn,
            given=tuple(shares),
            is_previous=one.staff_id in lead.case.led_by,
        )


# --- What differs -----------------------------------------------------------------------------------------------------


def compare(
    before: Sequence[Rule],
    after: Sequence[Rule],
    ground: Ground,
    *,
    weights: Weights | None = None,
    tell: Tell = lambda _: None,
) -> dict:
    """What would change, as plain values for the page (and JSON). `weights`: of the score, where they too are others
    beside the rules `after`."""
    runs = Replay(before, ground.world), Replay(after, ground.world)
    step = max(len(ground.leads) // TELLS, 1)
    for number, lead in enumerate(ground.leads):
        if number % step == 0:
            tell(100 * number // len(ground.leads))
        runs[0].take_in(lead)
        runs[1].take_in(recalled.rescored(lead, weights) if weights else lead)
    for run in runs:
        run.finish()
    tell(100)
    differing = [number for number in range(len(ground.leads)) if _differs(number, runs)]
    return {
        "leads": len(ground.leads),
        "since": ground.leads[0].at.isoformat() if ground.leads else "",
        "until": ground.leads[-1].at.isoformat() if ground.leads else "",
        "differing": len(differing),
        "moved": sum(_is_moved(number, runs) for number in differing),
        "people": _people(runs, ground),
        "open": _open(runs, ground),
        "counts": _counts(runs, ground),
        "rules": [_rules(run) for run in runs],
        "changes": [_change(number, runs, ground) for number in _most_telling(differing, runs)],
        "likeness": _likeness(runs[0], ground),
    }


def _differs(number: int, runs: tuple[Replay, Replay]) -> bool:
    before, after = ((_gist(run.outcomes[number]), run.leads[number].temperature) for run in runs)
    return before != after


def _gist(done: Outcome) -> tuple:
    """What of an outcome people would notice."""
    return (
        done.owner_id,
        done.is_called,
        done.is_quarantined,
        done.priority or "normal",
        done.sequence,
        sorted(done.tags),
        sorted(done.tasks),
        sorted(done.replies),
        sorted(set(done.notified)),
    )


def _is_moved(number: int, runs: tuple[Replay, Replay]) -> bool:
    """Somebody else has the lead in the end, or nobody."""
    before, after = (run.outcomes[number] for run in runs)
    return _gist(before)[:3] != _gist(after)[:3]


def _most_telling(differing: Sequence[int], runs: tuple[Replay, Replay]) -> list[int]:
    """The leads that go to another one first, then those that differ otherwise; the newest of each first."""
    ordered = sorted(differing, key=lambda number: (not _is_moved(number, runs), -number))
    return ordered[:SHOWN_DIFFERENCES]


def _people(runs: tuple[Replay, Replay], ground: Ground) -> list[dict[str, Any]]:
    """Leads of each person, and the most at once."""
    names = ground.world.team.names
    counts = [Counter(done.owner_id for done in run.outcomes) for run in runs]
    peaks = [_peaks(run, ground) for run in runs]
    caps = {one.staff_id: one.load_cap for one in ground.world.staff}
    found = [
        {
            "name": names[pk],
            "before": counts[0][pk],
            "after": counts[1][pk],
            "peak_before": peaks[0][pk],
            "peak_after": peaks[1][pk],
            "cap": caps[pk],
        }
        for pk in names
        if counts[0][pk] or counts[1][pk]
    ]
    return sorted(found, key=lambda one: -max(one["before"], one["after"]))


def _spans(run: Replay, ground: Ground) -> list[tuple[int, datetime, datetime]]:
    """Owner, from, until: as the lead lay with its last owner."""
    after = ground.leads[-1].at + timedelta(seconds=1) if ground.leads else None  # what is open stays so to the end
    return [
        (done.owner_id, lead.at, lead.ends_at or after or lead.at)
        for done, lead in zip(run.outcomes, ground.leads, strict=True)
        if done.owner_id
    ]


def _peaks(run: Replay, ground: Ground) -> Counter[int]:
    peaks: Counter[int] = Counter()
    now: Counter[int] = Counter()
    events = [(start, 1, owner) for owner, start, _ in _spans(run, ground)]
    events += [(end, -1, owner) for owner, _, end in _spans(run, ground)]
    for _, step, owner in sorted(events):
        now[owner] += step
        peaks[owner] = max(peaks[owner], now[owner])
    return peaks


def _open(runs: tuple[Replay, Replay], ground: Ground) -> list[dict[str, Any]]:
    """How many leads lay with people, at moments evenly over the time."""
    if len(ground.leads) < 2:
        return []
    first, last = ground.leads[0].at, ground.leads[-1].at
    bounds = []
    for run in runs:
        spans = _spans(run, ground)
        bounds.append((sorted(start for _, start, _ in spans), sorted(end for _, _, end in spans)))
    found = []
    for number in range(SAMPLES):
        at = first + (last - first) * number / (SAMPLES - 1)
        before, after = (bisect_right(starts, at) - bisect_right(ends, at) for starts, ends in bounds)
        found.append({"at": at.isoformat(), "before": before, "after": after})
    return found


def _counts(runs: tuple[Replay, Replay], ground: Ground) -> list[dict[str, Any]]:
    """Figures of the whole: title, before, after."""
    figures = [_figures(run, ground) for run in runs]
    return [{"title": title, "before": value, "after": figures[1][title]} for title, value in figures[0].items()]


def _figures(run: Replay, ground: Ground) -> dict[str, float | None]:
    outcomes = run.outcomes
    speed = _Speed.of(ground)
    owned = [(done.owner_id, lead) for done, lead in zip(outcomes, ground.leads, strict=True) if done.owner_id]
    waits = [speed.typical(owner, lead.lead_id) for owner, lead in owned]
    known = [seconds for seconds in waits if seconds is not None]
    warmth = Counter(lead.temperature for lead in run.leads)
    return {
        "Горячих": warmth["hot"],
        "Тёплых": warmth["warm"],
        "Холодных": warmth["cold"],
        "Получит человек": len(owned),
        "Ведёт ассистент": sum(not done.is_called and not done.is_quarantined for done in outcomes),
        "Передать некому, ждёт в очереди": sum(done.is_called and not done.owner_id for done in outcomes),
        "В карантин": sum(done.is_quarantined for done in outcomes),
        "Высокий приоритет": sum(done.priority == "high" for done in outcomes),
        "Цепочки напоминаний": sum(bool(done.sequence) for done in outcomes),
        "Метки": sum(len(done.tags) for done in outcomes),
        "Задачи": sum(len(done.tasks) for done in outcomes),
        "Ответы шаблоном": sum(len(done.replies) for done in outcomes),
        "Уведомления": sum(len(set(done.notified)) + len(done.tried) for done in outcomes),
        "Передачи другому по сроку": sum(max(len(done.tried) - 1, 0) for done in outcomes),
        "Пущено часов «взять»": sum(len(done.tried) for done in outcomes),
        "Из них будут просрочены (оценка)": round(sum(speed.late_share(owner, lead.lead_id) for owner, lead in owned)),
        "Обычно берут за, с (оценка)": round(statistics.median(known)) if known else None,
        "Пущено часов правил": run.clocks,
        "Из них истекли": run.clocks_out,
    }


@dataclass(frozen=True)
class _Speed:
    """How quickly people take what they are given, by what they did."""

    own: dict[tuple[int, int], float]  # staff id, lead id -> seconds
    late: dict[int, float]  # staff id -> share of those taken too late
    median: dict[int, float]
    late_of_all: float
    median_of_all: float | None
    allowed: dict[int, float]  # lead id -> seconds

    @classmethod
    def of(cls, ground: Ground) -> _Speed:
        allowed = {lead.lead_id: lead.take_seconds for lead in ground.leads}
        lasted: dict[int, list[bool]] = {}
        seconds: dict[int, list[float]] = {}
        for one in ground.takings:
            is_late = one.lasted > allowed[one.lead_id]
            if one.seconds is not None or is_late:
                lasted.setdefault(one.staff_id, []).append(is_late)
            if one.seconds is not None:
                seconds.setdefault(one.staff_id, []).append(one.seconds)
        everything = [each for rows in lasted.values() for each in rows]
        taken = [each for rows in seconds.values() for each in rows]
        return cls(
            {(one.staff_id, one.lead_id): one.lasted for one in ground.takings if one.seconds is not None},
            {pk: sum(rows) / len(rows) for pk, rows in lasted.items()},
            {pk: statistics.median(rows) for pk, rows in seconds.items()},
            sum(everything) / len(everything) if everything else 0.0,
            statistics.median(taken) if taken else None,
            allowed,
        )

    def typical(self, staff_id: int, lead_id: int) -> float | None:
        """Seconds of business time; None: nobody ever took anything."""
        return self.own.get((staff_id, lead_id), self.median.get(staff_id, self.median_of_all))

    def late_share(self, staff_id: int, lead_id: int) -> float:
        """How likely it is that this person takes this lead too late, 0-1; known where it really was so."""
        if (staff_id, lead_id) in self.own:
            return float(self.own[staff_id, lead_id] > self.allowed[lead_id])
        return self.late.get(staff_id, self.late_of_all)


def _rules(run: Replay) -> list[dict[str, Any]]:
    """Each rule: how often it held, and how often what it wanted was decided above it."""
    fired: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    for done in run.outcomes:
        fired.update(id(rule) for rule, _ in done.fired)
        lost.update(id(rule) for rule in done.lost)
    return [
        {
            "name": rule.name or f"без имени, № {number}",
            "fired": fired[id(rule)],
            "lost": lost[id(rule)],
            "is_on": rule.is_enabled,
            "verdict": _verdict(rule, fired[id(rule)], lost[id(rule)]),
        }
        for number, rule in enumerate(run.rules, start=1)
    ]


def _verdict(rule: Rule, fired: int, lost: int) -> str:
    if not rule.is_enabled:
        return "выключено"
    if not fired:
        return "ни разу не сработало"
    return "всегда опережают другие" if lost == fired else ""


def _change(number: int, runs: tuple[Replay, Replay], ground: Ground) -> dict[str, Any]:
    names = ground.world.team.names
    before, after = (run.outcomes[number] for run in runs)
    return {
        "lead": ground.leads[number].lead_id,
        "at": ground.leads[number].at.isoformat(),
        "before": _whom(before, names),
        "after": _whom(after, names),
        "why_before": before.why,
        "why_after": after.why,
        "also": _warmth(number, runs) + _also(before, after, names),
    }


def _whom(done: Outcome, names: dict[int, str]) -> str:
    if done.is_quarantined:
        return "карантин"
    if done.owner_id:
        return names.get(done.owner_id, "сотрудник")
    return "ждёт в очереди" if done.is_called else "ассистент"


def _warmth(number: int, runs: tuple[Replay, Replay]) -> list[str]:
    before, after = (run.leads[number] for run in runs)
    if before.temperature == after.temperature:
        return []
    titles = [TEMPERATURE_TITLES[lead.temperature] for lead in (before, after)]
    return [f"{' → '.join(titles)}: балл {before.facts['score']} → {after.facts['score']}"]


def _also(before: Outcome, after: Outcome, names: dict[int, str]) -> list[str]:
    """What differs besides the owner, in words."""
    told = []
    if (before.priority or "normal") != (after.priority or "normal"):
        titles = {"high": "высокий", "normal": "обычный", "low": "низкий"}
        told.append(f"приоритет: {titles[before.priority or 'normal']} → {titles[after.priority or 'normal']}")
    if before.sequence != after.sequence:
        told.append(f"напоминания: {_sequence(before)} → {_sequence(after)}")
    for title, old, new in (
        ("метка", before.tags, after.tags),
        ("задача", before.tasks, after.tasks),
        ("ответ", before.replies, after.replies),
        ("уведомить", _named(before, names), _named(after, names)),
    ):
        told += [f"+ {title}: {each}" for each in new if each not in old]
        told += [f"− {title}: {each}" for each in old if each not in new]
    return told


def _sequence(done: Outcome) -> str:
    choice = words.choice_of(words.SEQUENCES, done.sequence or "usual")
    return choice.title if choice else done.sequence


def _named(done: Outcome, names: dict[int, str]) -> list[str]:
    return [names[pk] for pk in dict.fromkeys(done.notified) if pk in names]


def _likeness(run: Replay, ground: Ground) -> dict[str, int]:
    """How well the replay of the rules in force agrees with what really was: whether a person got the lead, and who."""
    pairs = list(zip(run.first_owners, (lead.first_owner_id for lead in ground.leads), strict=True))
    given = [(played, real) for played, real in pairs if real]
    return {
        "leads": len(pairs),
        "same_kind": sum(bool(played) == bool(real) for played, real in pairs),
        "given": len(given),
        "same_person": sum(played == real for played, real in given),
    }
