"""What happened, as plain rows: leads, visits, work and spend of some days, read with a constant number of queries.

Test leads, test conversations and quarantine never come in. Days and hours are those of the branch's zone; a lead
without a branch counts in the first branch's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, JSONObject, TruncDate

from booking.models import Appointment
from contacts.models import Message
from reports.periods import DAY, Period
from routing.models import AdSpend, Assignment, Decision, Lead
from tenants.business import calendar, texts
from tenants.business.calendar import Calendar
from tenants.business.models import ZONES, Branch

MISSED_AFTER = timedelta(minutes=60)  # of business time
BOOKS_WITHIN = timedelta(days=30)
REPEATS_WITHIN = timedelta(days=7)
YEAR = timedelta(days=365)

Status = Appointment.Status
DUE = (Status.BOOKED, Status.CONFIRMED, Status.ARRIVED, Status.NO_SHOW)  # visits that were to happen


@dataclass(frozen=True, slots=True)
class LeadFact:
    """One enquiry. `answer_due_at`: when it counts as missed; None where it was answered well before.

    `source` and `campaign`, here and below: the advertisement's marks, in lower case."""

    id: int
    contact_id: int
    day: date
    hour: int
    is_working: bool  # came in opening hours
    kind: str
    source: str
    campaign: str
    created_at: datetime
    answer_due_at: datetime | None
    answered_at: datetime | None
    answered_by: str  # assistant, staff, or empty
    offered_at: datetime | None  # a free time was offered or chosen
    booked_at: datetime | None  # the client booked, by whatever way, within 30 days
    came_at: datetime | None  # to a visit booked so
    outcome_at: datetime | None
    is_repeat: bool

    @property
    def answer_seconds(self) -> float | None:
        return (self.answered_at - self.created_at).total_seconds() if self.answered_at else None

    @property
    def handling_seconds(self) -> float | None:
        return (self.outcome_at - self.created_at).total_seconds() if self.outcome_at else None

    def is_missed(self, as_of: datetime) -> bool:
        due = self.answer_due_at
        return due is not None and due < as_of and (self.answered_at is None or self.answered_at > due)

    def is_ripe(self, as_of: datetime) -> bool:
        """Whether a day has passed, so that it can be said if it was left without an outcome."""
        return self.created_at + DAY <= as_of

    def is_unprocessed(self, as_of: datetime) -> bool:
        ripe_at = self.created_at + DAY
        return self.is_ripe(as_of) and (self.outcome_at is None or self.outcome_at > ripe_at)

    def seen(self, as_of: datetime) -> LeadFact:
        """The lead as it was known at that moment."""
        answered_at = _by(self.answered_at, as_of)
        return replace(
            self,
            answered_at=answered_at,
            answered_by=self.answered_by if answered_at else "",
            offered_at=_by(self.offered_at, as_of),
            booked_at=_by(self.booked_at, as_of),
            came_at=_by(self.came_at, as_of),
            outcome_at=_by(self.outcome_at, as_of),
        )


@dataclass(frozen=True, slots=True)
class VisitFact:
    """One appointment that was made; the source is that of its client's first lead."""

    id: int
    contact_id: int
    lead_id: int | None
    day: date
    starts_at: datetime
    status: str
    price_kopecks: int
    made_at: datetime
    confirmed_at: datetime | None
    closed_at: datetime | None
    is_first: bool  # no completed visit of this client before
    kind: str
    source: str
    campaign: str

    @property
    def is_due(self) -> bool:
        return self.status in DUE

    @property
    def is_confirmed(self) -> bool:
        return self.is_due and self.confirmed_at is not None

    @property
    def has_come(self) -> bool:
        return self.status == Status.ARRIVED

    @property
    def is_no_show(self) -> bool:
        return self.status == Status.NO_SHOW

    def seen(self, as_of: datetime) -> VisitFact:
        """The visit as it was known at that moment: not yet closed, not yet confirmed."""
        confirmed_at, closed_at = _by(self.confirmed_at, as_of), _by(self.closed_at, as_of)
        status = self.status
        if self.closed_at and not closed_at:
            status = Status.CONFIRMED if confirmed_at else Status.BOOKED
        return replace(self, status=status, confirmed_at=confirmed_at, closed_at=closed_at)


def _by(moment: datetime | None, as_of: datetime) -> datetime | None:
    return moment if moment and moment <= as_of else None


@dataclass(frozen=True, slots=True)
class Spend:
    day: date
    source: str
    campaign: str
    kopecks: int


@dataclass(frozen=True, slots=True)
class Work:
    """What the assistant did on one local day."""

    messages: int = 0
    bookings: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """A lead that a person took. `answer_seconds`: opening hours from its assignment to that person's first words."""

    lead_id: int
    staff_id: int
    staff_name: str
    day: date
    answer_seconds: float | None
    is_booked: bool


@dataclass(frozen=True, slots=True)
class Worth:
    """What clients of a source have brought, over all time. The last two: clients known for a year, in that year."""

    clients: int
    kopecks: int
    year_clients: int
    year_kopecks: int


class Place(NamedTuple):
    """A branch's zone and opening hours; hours None: it has none, or was closed for good."""

    zone: ZoneInfo
    hours: Calendar | None


@dataclass(frozen=True)
class Places:
    """Every branch by id, and which one stands for the business."""

    branches: tuple[Branch, ...]
    by_id: dict[int, Place]
    home: Place
    zone_title: str

    def of(self, branch_id: int | None) -> Place:
        return self.by_id.get(branch_id or 0, self.home)

    @property
    def zone(self) -> ZoneInfo:
        return self.home.zone


@dataclass(frozen=True)
class World:
    """All facts of some days."""

    leads: tuple[LeadFact, ...]
    visits: tuple[VisitFact, ...]
    spend: tuple[Spend, ...]
    work: dict[date, Work]


# --- Where --------------------------------------------------------------------------------------------------------


def load_places(branch_id: int | None = None) -> Places:
    """Branches with their hours, four queries; `branch_id` chooses the one whose zone the page speaks in."""
    branches = tuple(Branch.objects.all())
    hours = calendar.load_calendars()
    by_id = {branch.pk: Place(branch.zone, hours.get(branch.pk)) for branch in branches}
    active = [branch for branch in branches if branch.is_active]
    chosen = [branch for branch in branches if branch.pk == branch_id]
    home = next(iter([*chosen, *active, *branches]), None)
    zone = home.timezone if home else ZONES[0][0]
    place = by_id[home.pk] if home else Place(ZoneInfo(zone), None)
    return Places(tuple(active), by_id, place, dict(ZONES)[zone])


# --- What is counted ------------------------------------------------------------------------------------------------


def real_leads(branch_id: int | None = None) -> QuerySet[Lead]:
    """Leads that count."""
    rows = Lead.objects.filter(is_test=False).exclude(status__in=[Lead.Status.QUARANTINE, Lead.Status.SPAM])
    return rows.filter(branch=branch_id) if branch_id else rows


def real_visits(branch_id: int | None = None) -> QuerySet[Appointment]:
    """Appointments that were made; holds, and those of try-outs, do not count."""
    tried = Lead.objects.filter(pk=OuterRef("lead_id"), is_test=True)
    rows = Appointment.objects.filter(
        Q(conversation=None) | Q(conversation__is_test=False), ~Exists(tried), status__in=[*DUE, Status.CANCELLED]
    )
    return rows.filter(branch=branch_id) if branch_id else rows


def load_world(period: Period, places: Places, branch_id: int | None = None) -> World:
    """Everything of the period's days; five queries. Spend is not known by branch: with one chosen there is none."""
    spend = AdSpend.objects.filter(day__range=(period.first, period.last))
    rows = spend.values_list("day", "source", "campaign", "amount_kopecks")
    return World(
        tuple(fact for fact in _leads(period, places, branch_id) if fact.day in period),
        tuple(fact for fact in _visits(period, places, branch_id) if fact.day in period),
        () if branch_id else tuple(Spend(day, source.lower(), mark.lower(), kop) for day, source, mark, kop in rows),
        _work(period, places, branch_id),
    )


def around(period: Period) -> tuple[datetime, datetime]:
    """Moments between which the period's days lie in any zone."""
    return (
        datetime.combine(period.first - DAY, time(0), UTC),
        datetime.combine(period.last + DAY * 2, time(0), UTC),
    )


@cache
def _offers() -> str:
    """A pattern of the texts that offer free times: those that cannot be said without them, and the held one."""
    keys = [key for key, entry in texts.catalogue().items() if "openings" in entry.required]
    return r"\m(" + "|".join([*keys, "opening_held"]) + r")\M"


def _leads(period: Period, places: Places, branch_id: int | None) -> list[LeadFact]:
    answered = Decision.objects.filter(lead=OuterRef("pk"), kind="answered", details__0__value__regex=_offers())
    chosen = Appointment.objects.filter(contact=OuterRef("contact"), lead_id=OuterRef("pk"))  # by an indexed column
    booked = real_visits().filter(
        contact=OuterRef("contact"), booked_at__range=(OuterRef("created_at"), OuterRef("created_at") + BOOKS_WITHIN)
    )
    came = booked.filter(status=Status.ARRIVED).order_by("closed_at")
    between = real_visits().filter(
        contact=OuterRef("contact"), booked_at__range=(OuterRef("created_at"), OuterRef(OuterRef("created_at")))
    )
    earlier = real_leads().filter(
        ~Exists(between),
        contact=OuterRef("contact"),
        created_at__gte=OuterRef("created_at") - REPEATS_WITHIN,
        created_at__lt=OuterRef("created_at"),
    )
    rows = (
        real_leads(branch_id)
        .filter(created_at__range=around(period))
        .order_by("created_at", "pk")
        .values_list(
            "pk",
            "contact_id",
            "branch_id",
            "kind",
            "utm_source",
            "utm_campaign",
            "created_at",
            "first_answer_at",
            "first_answer_by",
            Coalesce(
                Subquery(answered.order_by("id").values("created_at")[:1]),
                Subquery(chosen.order_by("id").values("created_at")[:1]),
            ),
            Subquery(booked.order_by("booked_at").values("booked_at")[:1]),
            Subquery(came.values("closed_at")[:1]),
            "outcome_at",
            Exists(earlier),
        )
    )
    return [_lead(row, places) for row in rows]


def _lead(row: tuple[Any, ...], places: Places) -> LeadFact:
    pk, contact, branch, kind, source, campaign, created, answered, by, offered, booked, came, outcome, repeat = row
    place = places.of(branch)
    local = created.astimezone(place.zone)
    return LeadFact(
        id=pk,
        contact_id=contact,
        day=local.date(),
        hour=local.hour,
        is_working=place.hours.is_open(created) if place.hours else True,
        kind=kind,
        source=source.lower(),
        campaign=campaign.lower(),
        created_at=created,
        answer_due_at=_answer_due(created, answered, place.hours),
        answered_at=answered,
        answered_by=by,
        offered_at=offered,
        booked_at=booked,
        came_at=came,
        outcome_at=outcome,
        is_repeat=repeat,
    )


def _answer_due(created: datetime, answered: datetime | None, hours: Calendar | None) -> datetime | None:
    """An hour of any time is over no later than an hour of business time: most leads need no calendar."""
    if answered and answered - created <= MISSED_AFTER:
        return None
    return calendar.business_due(created, MISSED_AFTER.total_seconds(), hours) if hours else created + MISSED_AFTER


def _origin() -> Subquery:
    """Where the client of an appointment came from: the first lead."""
    first = real_leads().filter(contact=OuterRef("contact")).order_by("created_at", "pk")
    return Subquery(first.values(found=JSONObject(kind="kind", source="utm_source", campaign="utm_campaign"))[:1])


def _visits(period: Period, places: Places, branch_id: int | None) -> list[VisitFact]:
    before = real_visits().filter(
        contact=OuterRef("contact"), status=Status.ARRIVED, starts_at__lt=OuterRef("starts_at")
    )
    rows = (
        real_visits(branch_id)
        .filter(starts_at__range=around(period))
        .order_by("starts_at", "pk")
        .values_list(
            "pk",
            "contact_id",
            "lead_id",
            "branch_id",
            "starts_at",
            "status",
            "price_kopecks",
            Coalesce("booked_at", "created_at"),
            "confirmed_at",
            "closed_at",
            ~Exists(before),
            _origin(),
        )
    )
    return [_visit(row, places) for row in rows]


def _visit(row: tuple[Any, ...], places: Places) -> VisitFact:
    pk, contact, lead, branch, starts, status, price, made, confirmed, closed, is_first, origin = row
    origin = origin or {"kind": "", "source": "", "campaign": ""}
    return VisitFact(
        id=pk,
        contact_id=contact,
        lead_id=lead,
        day=starts.astimezone(places.of(branch).zone).date(),
        starts_at=starts,
        status=status,
        price_kopecks=price,
        made_at=made,
        confirmed_at=confirmed,
        closed_at=closed,
        is_first=is_first,
        kind=origin["kind"],
        source=origin["source"].lower(),
        campaign=origin["campaign"].lower(),
    )


def _work(period: Period, places: Places, branch_id: int | None) -> dict[date, Work]:
    """The assistant's messages and bookings by day, two queries."""
    said = Message.objects.filter(
        author=Message.Author.ASSISTANT, conversation__is_test=False, sent_at__range=around(period)
    )
    made = real_visits(branch_id).filter(by_assistant=True, booked_at__range=around(period))
    if branch_id:
        said = said.filter(conversation__branch=branch_id)
    messages = _by_day(said, "sent_at", places.zone)
    bookings = _by_day(made, "booked_at", places.zone)
    return {day: Work(messages.get(day, 0), bookings.get(day, 0)) for day in period.days}


def _by_day(rows: QuerySet[Any], moment: str, zone: ZoneInfo) -> dict[date, int]:
    counted = rows.annotate(day=TruncDate(moment, tzinfo=zone)).values_list("day").annotate(count=Count("pk"))
    return dict(counted.order_by())


# --- People and the worth of sources ----------------------------------------------------------------------------------


def load_taken(period: Period, places: Places, branch_id: int | None = None) -> list[Taken]:
    """Leads taken by people in the period, one query."""
    words = Message.objects.filter(
        conversation=OuterRef("lead__conversation"),
        author=Message.Author.STAFF,
        staff=OuterRef("staff"),
        sent_at__gte=OuterRef("created_at"),
    )
    booked = real_visits().filter(
        contact=OuterRef("lead__contact"),
        booked_at__range=(OuterRef("created_at"), OuterRef("created_at") + BOOKS_WITHIN),
    )
    rows = Assignment.objects.filter(taken_at__range=around(period), lead__in=real_leads(branch_id)).order_by("pk")
    found = []
    for lead_id, branch, staff_id, name, created, taken, ended, said, is_booked in rows.values_list(
        "lead_id",
        "lead__branch_id",
        "staff_id",
        "staff__name",
        "created_at",
        "taken_at",
        "ended_at",
        Subquery(words.order_by("sent_at").values("sent_at")[:1]),
        Exists(booked),
    ):
        place = places.of(branch)
        if (day := taken.astimezone(place.zone).date()) in period:
            seconds = _answer_seconds(created, said, ended, place.hours)
            found.append(Taken(lead_id, staff_id, name, day, seconds, is_booked))
    return found


def _answer_seconds(
    given: datetime, said: datetime | None, ended: datetime | None, hours: Calendar | None
) -> float | None:
    """In opening hours. None: no answer while the lead was that person's, or only one given when all is closed."""
    if said is None or (ended and said > ended):
        return None
    if hours is None:
        return (said - given).total_seconds()
    seconds = calendar.business_seconds_between(given, said, hours)
    return seconds or (0.0 if hours.is_open(said) else None)


def load_worth(now: datetime, branch_id: int | None = None) -> dict[str, Worth]:
    """Clients with a completed visit and their revenue to date, by the source of their first lead; one query."""
    first_visit = (
        real_visits()
        .filter(contact=OuterRef("contact"), status=Status.ARRIVED)
        .values("contact")
        .values(at=Min("starts_at"))
    )
    first_lead = real_leads().filter(contact=OuterRef("contact")).order_by("created_at", "pk")
    in_year = Q(since__lte=now - YEAR)
    rows = (
        real_visits(branch_id)
        .filter(status=Status.ARRIVED, starts_at__lte=now)
        .annotate(since=Subquery(first_visit[:1]), source=Subquery(first_lead.values("utm_source")[:1]))
        .values_list("source")
        .annotate(
            clients=Count("contact", distinct=True),
            kopecks=Sum("price_kopecks"),
            year_clients=Count("contact", distinct=True, filter=in_year),
            year_kopecks=Sum("price_kopecks", filter=in_year & Q(starts_at__lt=F("since") + YEAR)),
        )
        .order_by()
    )
    worth: dict[str, Worth] = {}
    for source, clients, kopecks, year_clients, year_kopecks in rows:
        key = (source or "").lower()
        had = worth.get(key, Worth(0, 0, 0, 0))
        worth[key] = Worth(
            had.clients + clients,
            had.kopecks + (kopecks or 0),
            had.year_clients + year_clients,
            had.year_kopecks + (year_kopecks or 0),
        )
    return worth
