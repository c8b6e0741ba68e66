"""One day of the calendar: a column a person, cut into visits, free time and time off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from assistant import words
from booking.models import Appointment
from routing import config as configs
from routing import queries
from tenants.access import Member
from tenants.business.calendar import Calendar, Rota, load_rotas
from tenants.business.models import Branch, StaffMember

QUARTER = timedelta(minutes=15)
EARLY = timedelta(hours=6)  # nobody arrives earlier than this before a visit
USUAL_HOURS = (time(10), time(20))  # of a day on which nobody works and nothing is booked
_Status = Appointment.Status


@dataclass(frozen=True)
class VisitView:
    id: int
    start: datetime
    end: datetime
    client: str
    phone: str
    phone_title: str
    service: str
    staff: str
    price_kopecks: int
    status: str
    status_title: str
    by_assistant: bool
    for_whom: str
    lead_id: int | None  # None: none, or the reader may not see it
    can_arrive: bool = False
    can_miss: bool = False
    can_change: bool = False  # move or cancel


@dataclass(frozen=True)
class Item:
    """A stretch of a column. `quarters`: its length in quarters of an hour, at least one."""

    kind: Literal["visit", "free", "off"]
    quarters: int
    start: datetime
    end: datetime
    visit: VisitView | None = None


@dataclass(frozen=True)
class Column:
    staff_id: int
    name: str
    position: str
    hours: str  # «9:00-21:00», "" on a day off
    items: tuple[Item, ...]
    count: int  # visits that are or were awaited


@dataclass(frozen=True)
class DayView:
    day: date
    title: str
    is_today: bool
    previous: date
    following: date
    hours: tuple[datetime, ...]  # full hours of the ruler
    now_hour: datetime | None  # the hour that runs, on the day itself
    columns: tuple[Column, ...]
    aside: tuple[VisitView, ...]  # cancelled, and no-shows whose time was given away

    @property
    def is_empty(self) -> bool:
        return not any(column.count for column in self.columns)


def day_view(member: Member, branch: Branch, day: date, *, now: datetime) -> DayView:
    """The day of a branch as the member may see it: a specialist the own column alone. Constant number of queries."""
    calendar = configs.load().calendars[branch.pk]
    visits = _appointments(member, branch, day)
    people = _people(member, branch, visits)
    rotas = load_rotas(people)
    work = {person.pk: _work(rotas[person.pk], branch, day) for person in people}
    shown, aside = _apart(visits, now=now)
    first, last = _bounds(day, calendar, shown, work)
    columns = []
    for person in people:
        own = [visit for visit in shown if visit.staff_id == person.pk]
        if own or work[person.pk]:
            columns.append(_column(person, own, work[person.pk], first, last, branch.zone, member, now=now))
    today = now.astimezone(branch.zone).date()
    return DayView(
        day=day,
        title=words.capital(queries.day_words(day, today)),
        is_today=day == today,
        previous=day - timedelta(days=1),
        following=day + timedelta(days=1),
        now_hour=now.astimezone(branch.zone).replace(minute=0, second=0, microsecond=0) if day == today else None,
        hours=tuple(first + timedelta(hours=number) for number in range(int((last - first) / timedelta(hours=1)))),
        columns=tuple(columns),
        aside=tuple(visit_view(visit, member, now=now) for visit in aside),
    )


def visits_of(member: Member):  # noqa: ANN201 - a queryset
    """Appointments that the member may see and change."""
    rows = Appointment.objects.exclude(status=_Status.EXPIRED)
    if not member.may("inbox.all"):
        rows = rows.filter(staff=member.staff) if member.staff else rows.none()
    return rows.select_related("contact", "staff", "branch", "conversation__identity").prefetch_related("services")


def _appointments(member: Member, branch: Branch, day: date) -> list[Appointment]:
    start = datetime.combine(day, time(0), branch.zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(0), branch.zone).astimezone(UTC)
    return list(visits_of(member).filter(branch=branch, starts_at__gte=start, starts_at__lt=end).order_by("starts_at"))


def _people(member: Member, branch: Branch, visits: Sequence[Appointment]) -> list[StaffMember]:
    """Who takes bookings, and whoever has a visit that day."""
    if not member.may("inbox.all"):
        return [member.staff] if member.staff else []
    booked = {visit.staff_id for visit in visits}
    people = StaffMember.objects.filter(is_active=True)
    return [person for person in people.order_by("name") if person.takes_bookings or person.pk in booked]


def _work(rota: Rota, branch: Branch, day: date) -> list[tuple[datetime, datetime]]:
    stretches = rota.work(day, configs.load().calendars)
    return [(work.start, work.end) for work in stretches if work.branch_id == branch.pk]


def _apart(visits: Sequence[Appointment], *, now: datetime) -> tuple[list[Appointment], list[Appointment]]:
    """What takes its place in a column, and what has none any more."""
    shown = [visit for visit in visits if _takes_time(visit, now)]
    aside = []
    for visit in visits:
        if visit.status == _Status.CANCELLED:
            aside.append(visit)
        elif visit.status == _Status.NO_SHOW:
            clash = any(
                other.staff_id == visit.staff_id and other.starts_at < visit.ends_at and visit.starts_at < other.ends_at
                for other in shown
            )
            (aside if clash else shown).append(visit)
    return sorted(shown, key=lambda visit: visit.starts_at), aside


def _takes_time(visit: Appointment, now: datetime) -> bool:
    if visit.status == _Status.HOLD:
        return visit.hold_until is None or visit.hold_until > now
    return visit.status in (_Status.BOOKED, _Status.CONFIRMED, _Status.ARRIVED)


def _bounds(
    day: date, calendar: Calendar, visits: Sequence[Appointment], work: dict[int, list[tuple[datetime, datetime]]]
) -> tuple[datetime, datetime]:
    """The first and the last full hour that anything of the day lies between."""
    spans = [(span.start, span.end) for span in calendar.spans(day)]
    spans += [(visit.starts_at, visit.ends_at) for visit in visits]
    spans += [stretch for stretches in work.values() for stretch in stretches]
    if not spans:
        spans = [
            (datetime.combine(day, USUAL_HOURS[0], calendar.zone), datetime.combine(day, USUAL_HOURS[1], calendar.zone))
        ]
    first = min(start for start, _ in spans).astimezone(calendar.zone)
    last = max(end for _, end in spans).astimezone(calendar.zone)
    is_full = (last.minute, last.second) == (0, 0)
    last = last.replace(minute=0, second=0, microsecond=0)
    return first.replace(minute=0, second=0, microsecond=0), last if is_full else last + timedelta(hours=1)


# --- A column --------------------------------------------------------------------------------------------------------


def _column(
    person: StaffMember,
    visits: Sequence[Appointment],
    work: Sequence[tuple[datetime, datetime]],
    first: datetime,
    last: datetime,
    zone: ZoneInfo,
    member: Member,
    *,
    now: datetime,
) -> Column:
    hours = ", ".join(f"{start.astimezone(zone):%H:%M}-{end.astimezone(zone):%H:%M}" for start, end in work)
    items = tuple(_items(visits, work, first, last, member, now=now))
    return Column(person.pk, person.name, person.position, hours, items, len(visits))


def _items(
    visits: Sequence[Appointment],
    work: Sequence[tuple[datetime, datetime]],
    first: datetime,
    last: datetime,
    member: Member,
    *,
    now: datetime,
) -> Iterator[Item]:
    """The column from its first hour to its last without a hole; a visit begins at the quarter it lies in."""
    total = round((last - first) / QUARTER)
    at = 0
    for visit in visits:
        begin = max(int((visit.starts_at - first) / QUARTER), at)
        end = max(-int((first - visit.ends_at) // QUARTER), begin + 1)
        yield from _gap(at, begin, work, first)
        yield Item("visit", end - begin, visit.starts_at, visit.ends_at, visit_view(visit, member, now=now))
        at = end
    yield from _gap(at, total, work, first)


def _gap(begin: int, end: int, work: Sequence[tuple[datetime, datetime]], first: datetime) -> Iterator[Item]:
    """Quarters without a visit, in stretches of work and of time off."""
    at = begin
    while at < end:
        is_work = _works(at, work, first)
        until = at + 1
        while until < end and _works(until, work, first) == is_work:
            until += 1
        yield Item("free" if is_work else "off", until - at, first + at * QUARTER, first + until * QUARTER)
        at = until


def _works(quarter: int, work: Sequence[tuple[datetime, datetime]], first: datetime) -> bool:
    moment = first + quarter * QUARTER
    return any(start <= moment < end for start, end in work)


def _client(visit: Appointment) -> str:
    if visit.conversation:
        return queries.name_of(visit.contact, visit.conversation.identity)
    return str(visit.contact)


def visit_view(visit: Appointment, member: Member, *, now: datetime) -> VisitView:
    phone = visit.contact.phone or ""
    has_begun = visit.starts_at <= now
    return VisitView(
        id=visit.pk,
        start=visit.starts_at,
        end=visit.ends_at,
        client=_client(visit),
        phone=phone,
        phone_title=words.phone(phone),
        service=", ".join(service.name for service in visit.services.all()),
        staff=visit.staff.name,
        price_kopecks=visit.price_kopecks,
        status=visit.status,
        status_title=str(visit.get_status_display()),
        by_assistant=visit.by_assistant,
        for_whom=visit.for_whom,
        lead_id=visit.lead_id if member.may("inbox.all") else None,
        can_arrive=visit.starts_at <= now + EARLY and (visit.is_expected or visit.status == _Status.NO_SHOW),
        can_miss=has_begun and (visit.is_expected or visit.status == _Status.ARRIVED),
        can_change=visit.is_expected,
    )
