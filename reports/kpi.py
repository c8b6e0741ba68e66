"""What the facts add up to. Pure: rows in, numbers out; None means that there is nothing to tell a number from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from statistics import median
from typing import Any

from reports.facts import LeadFact, Spend, Taken, VisitFact, Work, World, Worth
from reports.periods import Period

MINUTES_A_MESSAGE = 1.5  # of a person's time that the assistant's message saves
MINUTES_A_BOOKING = 4


@dataclass(frozen=True)
class Spread:
    """How a duration is spread, in seconds: the middle, and what nine of ten keep to."""

    median: float | None
    p90: float | None
    count: int


def spread(seconds: Iterable[float | None]) -> Spread:
    known = sorted(value for value in seconds if value is not None)
    if not known:
        return Spread(None, None, 0)
    return Spread(median(known), known[ceil(len(known) * 0.9) - 1], len(known))


def share(part: int, whole: int) -> float | None:
    """0.0-1.0."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Slice:
    """Facts of some days, as they were known at `as_of`."""

    leads: tuple[LeadFact, ...]
    visits: tuple[VisitFact, ...]
    spend: tuple[Spend, ...]
    work: tuple[Work, ...]
    as_of: datetime

    # --- Leads ---

    @property
    def answered(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.answered_at]

    def answered_by(self, who: str) -> list[LeadFact]:
        return [lead for lead in self.answered if lead.answered_by == who]

    @property
    def missed(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.is_missed(self.as_of)]

    @property
    def ripe(self) -> list[LeadFact]:
        """Leads a day old: the only ones of which it can be said whether they were processed."""
        return [lead for lead in self.leads if lead.is_ripe(self.as_of)]

    @property
    def unprocessed(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.is_unprocessed(self.as_of)]

    @property
    def handled(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.outcome_at]

    @property
    def booked(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.booked_at]

    @property
    def not_booked(self) -> list[LeadFact]:
        return [lead for lead in self.leads if not lead.booked_at]

    @property
    def offered(self) -> list[LeadFact]:
        """Who chose a time was offered one, also by phone."""
        return [lead for lead in self.leads if lead.offered_at or lead.booked_at]

    @property
    def came(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.booked_at and lead.came_at]

    @property
    def repeated(self) -> list[LeadFact]:
        return [lead for lead in self.leads if lead.is_repeat]

    # --- Visits ---

    @property
    def due(self) -> list[VisitFact]:
        return [visit for visit in self.visits if visit.is_due]

    @property
    def confirmed(self) -> list[VisitFact]:
        return [visit for visit in self.visits if visit.is_confirmed]

    @property
    def unconfirmed(self) -> list[VisitFact]:
        return [visit for visit in self.due if not visit.is_confirmed]

    @property
    def arrived(self) -> list[VisitFact]:
        return [visit for visit in self.visits if visit.has_come]

    @property
    def no_shows(self) -> list[VisitFact]:
        return [visit for visit in self.visits if visit.is_no_show]

    @property
    def new_clients(self) -> list[VisitFact]:
        """First completed visits, one a client."""
        firsts: dict[int, VisitFact] = {}
        for visit in self.arrived:
            if visit.is_first:
                firsts.setdefault(visit.contact_id, visit)
        return list(firsts.values())

    # --- Numbers ---

    @property
    def conversion(self) -> float | None:
        return share(len(self.booked), len(self.leads))

    @property
    def confirmed_share(self) -> float | None:
        return share(len(self.confirmed), len(self.due))

    @property
    def no_show_share(self) -> float | None:
        return share(len(self.no_shows), len(self.no_shows) + len(self.arrived))

    @property
    def revenue_kopecks(self) -> int:
        return sum(visit.price_kopecks for visit in self.arrived)

    @property
    def paying_clients(self) -> int:
        return len({visit.contact_id for visit in self.arrived})

    @property
    def arpu_kopecks(self) -> float | None:
        return self.revenue_kopecks / self.paying_clients if self.paying_clients else None

    @property
    def spend_kopecks(self) -> int:
        return sum(row.kopecks for row in self.spend)

    @property
    def cpl_kopecks(self) -> float | None:
        """Cost of a lead; None where nothing was spent, or nobody wrote."""
        return self.spend_kopecks / len(self.leads) if self.spend and self.leads else None

    @property
    def cac_kopecks(self) -> float | None:
        """Cost of a new client; None where nothing was spent, or nobody came."""
        return self.spend_kopecks / len(self.new_clients) if self.spend and self.new_clients else None

    @property
    def hours_saved(self) -> float:
        messages, bookings = sum(day.messages for day in self.work), sum(day.bookings for day in self.work)
        return (messages * MINUTES_A_MESSAGE + bookings * MINUTES_A_BOOKING) / 60

    # --- Parts ---

    def where(
        self,
        lead: Callable[[LeadFact], bool],
        visit: Callable[[VisitFact], bool] | None = None,
        spend: Callable[[Spend], bool] | None = None,
    ) -> Slice:
        """The part of it that the questions hold for; a question left out keeps nothing of its kind."""
        return Slice(
            tuple(row for row in self.leads if lead(row)),
            tuple(row for row in self.visits if visit and visit(row)),
            tuple(row for row in self.spend if spend and spend(row)),
            (),
            self.as_of,
        )


def nothing(as_of: datetime) -> Slice:
    return Slice((), (), (), (), as_of)


def cut(world: World, period: Period, as_of: datetime, *, is_past: bool = False) -> Slice:
    """The period's facts. `is_past`: as they were known at `as_of`, so that a running period is compared like with
    like; else as they are known now."""
    leads = tuple(lead for lead in world.leads if lead.day in period)
    visits = tuple(visit for visit in world.visits if visit.day in period)
    if is_past:
        leads = tuple(lead.seen(as_of) for lead in leads if lead.created_at <= as_of)
        visits = tuple(visit.seen(as_of) for visit in visits if visit.made_at <= as_of)
    spend = tuple(row for row in world.spend if row.day in period)
    work = tuple(work for day, work in world.work.items() if day in period)
    return Slice(leads, visits, spend, work, as_of)


# --- Time to respond ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """First answers of some leads: all, by the assistant, by people."""

    everybody: Spread
    assistant: Spread
    person: Spread


def answers(leads: Sequence[LeadFact]) -> Answers:
    return Answers(
        spread(lead.answer_seconds for lead in leads),
        spread(lead.answer_seconds for lead in leads if lead.answered_by == "assistant"),
        spread(lead.answer_seconds for lead in leads if lead.answered_by == "staff"),
    )


def answers_by_hour(leads: Sequence[LeadFact]) -> list[tuple[int, int, Answers]]:
    """(local hour of the enquiry, how many wrote, how they were answered) for all 24 hours."""
    hours: dict[int, list[LeadFact]] = defaultdict(list)
    for lead in leads:
        hours[lead.hour].append(lead)
    return [(hour, len(hours[hour]), answers(hours[hour])) for hour in range(24)]


# --- Funnel -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    key: str
    count: int
    of_all: float | None
    of_previous: float | None


def funnel(part: Slice) -> list[Step]:
    """How far the period's leads came. Who came further came past every step before."""
    reached = {"came": {lead.id for lead in part.came}}
    reached["booked"] = {lead.id for lead in part.booked} | reached["came"]
    reached["offered"] = {lead.id for lead in part.offered} | reached["booked"]
    reached["answered"] = {lead.id for lead in part.answered} | reached["offered"]
    reached["incoming"] = {lead.id for lead in part.leads}
    steps: list[Step] = []
    for key in ("incoming", "answered", "offered", "booked", "came"):
        count = len(reached[key])
        before = steps[-1].count if steps else count
        steps.append(Step(key, count, share(count, len(part.leads)), share(count, before)))
    return steps


# --- By day, by source, by person ---------------------------------------------------------------------------------


def by_day(part: Slice, period: Period) -> list[tuple[date, Slice]]:
    """A slice for every day of the period, empty ones too; days to come of visits are not in it."""
    leads, visits, spend = _grouped(part, lambda row: row.day)
    return [
        (day, Slice(tuple(leads[day]), tuple(visits[day]), tuple(spend[day]), (), part.as_of)) for day in period.days
    ]


def by_source(part: Slice) -> list[tuple[str, Slice]]:
    """A slice for every advertising source (utm_source), the one that brings most first, without a source last."""
    return _ordered(_grouped(part, lambda row: row.source), part)


def by_campaign(part: Slice) -> list[tuple[str, Slice]]:
    """Likewise by campaign, within one source."""
    return _ordered(_grouped(part, lambda row: row.campaign), part)


def by_marks(part: Slice) -> dict[tuple[str, str], Slice]:
    """Likewise by source and campaign together."""
    return dict(_ordered(_grouped(part, lambda row: (row.source, row.campaign)), part))


def by_channel(part: Slice) -> list[tuple[str, Slice]]:
    """Likewise by channel; money is not spent by channel."""
    spendless = Slice(part.leads, part.visits, (), part.work, part.as_of)
    return _ordered(_grouped(spendless, lambda row: row.kind), part)


_Groups = tuple[Mapping, Mapping, Mapping]


def _grouped(part: Slice, key: Callable[..., Hashable]) -> _Groups:
    groups: _Groups = (defaultdict(list), defaultdict(list), defaultdict(list))
    for group, rows in zip(groups, (part.leads, part.visits, part.spend), strict=True):
        for row in rows:
            group[key(row)].append(row)
    return groups


def _ordered(groups: _Groups, part: Slice) -> list[tuple[Any, Slice]]:
    leads, visits, spend = groups
    found = [
        (key, Slice(tuple(leads[key]), tuple(visits[key]), tuple(spend[key]), (), part.as_of))
        for key in {*leads, *visits, *spend}
    ]
    return sorted(found, key=lambda each: (not each[0], -len(each[1].leads), -each[1].spend_kopecks, each[0]))


def all_worth(worth: Mapping[str, Worth]) -> Worth:
    rows = worth.values()
    return Worth(
        sum(row.clients for row in rows),
        sum(row.kopecks for row in rows),
        sum(row.year_clients for row in rows),
        sum(row.year_kopecks for row in rows),
    )


@dataclass(frozen=True)
class Person:
    """What one person did with the leads taken."""

    staff_id: int
    name: str
    taken: int
    booked: int
    answer: Spread


def people(taken: Sequence[Taken]) -> list[Person]:
    """Whoever took a lead, the busiest first."""
    rows: dict[int, list[Taken]] = defaultdict(list)
    for each in taken:
        rows[each.staff_id].append(each)
    found = [
        Person(
            staff_id,
            own[0].staff_name,
            len({each.lead_id for each in own}),
            len({each.lead_id for each in own if each.is_booked}),
            spread(each.answer_seconds for each in own),
        )
        for staff_id, own in rows.items()
    ]
    return sorted(found, key=lambda person: (-person.taken, person.name))
