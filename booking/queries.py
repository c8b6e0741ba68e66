"""What openings need, read in a constant number of queries, and the appointments that screens show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Q

from booking.models import TAKES_TIME, Appointment, minutes_of
from booking.openings import (
    Board,
    Found,
    Opening,
    Person,
    Rules,
    Visit,
    Wish,
    candidates,
    find_openings,
    find_rows,
    opening_of,
)
from tenants.business.calendar import Calendar, load_calendars, load_rotas
from tenants.business.models import Branch, BusinessSettings, Service, StaffMember


@dataclass(frozen=True)
class Ground:
    """What openings need and what changes rarely, so that a caller may keep it for some seconds."""

    services: Mapping[int, Service]  # the active ones, by id
    team: tuple[Person, ...]  # their appointments left out
    calendars: Mapping[int, Calendar]  # by branch id
    rules: Rules


@dataclass(frozen=True)
class DayOpenings:
    """All free times of a branch-local day, by start, then by person."""

    day: date
    openings: tuple[Opening, ...]


def openings(
    service_ids: Sequence[int],
    wish: Wish | None = None,
    *,
    now: datetime,
    branch: Branch | None = None,
    staff_id: int | None = None,
    limit: int = 3,
    exclude_starts: Collection[datetime] = (),
    contact_id: int | None = None,
    moving_id: int | None = None,
    ground: Ground | None = None,
) -> Found:
    """Up to `limit` free times for these services in a row, soonest first; nine queries, one with `ground`.

    `contact_id`: that client's own holds do not stand in the way; nor does the appointment `moving_id`, which is to be
    moved."""
    visit = _visit_on(ground, service_ids) if ground else load_visit(service_ids)
    if visit is None:
        return Found(reason="no_service")
    return find_openings(
        visit,
        load_board(now=now, visit=visit, staff_id=staff_id, contact_id=contact_id, moving_id=moving_id, ground=ground),
        now=now,
        wish=wish,
        limit=limit,
        branch_id=branch.pk if branch else None,
        staff_id=staff_id,
        exclude_starts=exclude_starts,
    )


def rows_together(
    groups: Sequence[Sequence[int]],
    wish: Wish | None = None,
    *,
    now: datetime,
    ground: Ground,
    branch: Branch | None = None,
    limit: int = 3,
    exclude_starts: Collection[datetime] = (),
    contact_id: int | None = None,
    beside: bool = False,
) -> list[tuple[Opening, ...]]:
    """Up to `limit` times for these groups of services, one group a person (see `find_rows`); one query."""
    visits = [_visit_on(ground, group) for group in groups]
    if not all(visits):
        return []
    return find_rows(
        [visit for visit in visits if visit],
        load_board(now=now, contact_id=contact_id, ground=ground),
        now=now,
        wish=wish,
        limit=limit,
        branch_id=branch.pk if branch else None,
        exclude_starts=exclude_starts,
        beside=beside,
    )


def parted(service_ids: Sequence[int], ground: Ground) -> list[list[int]]:
    """The services in as few groups as one person each can do, in their order; empty when nobody does one of them."""
    groups: list[list[int]] = []
    for service_id in dict.fromkeys(service_ids):
        joined = next((group for group in groups if _somebody_can([*group, service_id], ground)), None)
        if joined is not None:
            joined.append(service_id)
        elif _somebody_can([service_id], ground):
            groups.append([service_id])
        else:
            return []
    return groups


def _somebody_can(service_ids: Sequence[int], ground: Ground) -> bool:
    visit = _visit_on(ground, service_ids)
    return visit is not None and any(person.can_do(visit) for person in ground.team)


def last_visit(contact_id: int) -> Appointment | None:
    """The client's latest visit that took place (or is still to come), ready to be told."""
    counted = [Appointment.Status.ARRIVED, Appointment.Status.BOOKED, Appointment.Status.CONFIRMED]
    rows = Appointment.objects.filter(contact=contact_id, status__in=counted).select_related("staff", "branch")
    return rows.prefetch_related("services").order_by("-starts_at").first()


def day_openings(
    service_ids: Sequence[int],
    *,
    now: datetime,
    first_day: date,
    days: int = 7,
    branch: Branch | None = None,
    staff_id: int | None = None,
    moving_id: int | None = None,
) -> list[DayOpenings]:
    """Every free time of each of these local days, for a person to choose from: no notice is asked, no horizon set.

    `moving_id`: an appointment that is to be moved does not stand in its own way. Empty days are kept; nine queries."""
    visit = load_visit(service_ids)
    all_days = [first_day + timedelta(days=number) for number in range(days)]
    if visit is None:
        return [DayOpenings(day, ()) for day in all_days]
    board = load_board(now=now, staff_id=staff_id, moving_id=moving_id)
    team = [person for person in board.team if person.can_do(visit)]
    branch_id = branch.pk if branch else None
    earliest = minutes_of(now) + 1
    return [
        DayOpenings(
            day,
            tuple(
                opening_of(visit, candidate)
                for candidate in candidates(visit, team, day, board, branch_id)
                if candidate.start >= earliest
            ),
        )
        for day in all_days
    ]


def load_visit(service_ids: Sequence[int]) -> Visit | None:
    """The services as one visit, in the order asked; None when there are none, or one is not offered."""
    found = {service.pk: service for service in Service.objects.filter(pk__in=service_ids, is_active=True)}
    wanted = list(dict.fromkeys(service_ids))
    if not wanted or len(found) < len(wanted):
        return None
    return Visit.of([found[service_id] for service_id in wanted])


def _visit_on(ground: Ground, service_ids: Sequence[int]) -> Visit | None:
    wanted = [ground.services.get(service_id) for service_id in dict.fromkeys(service_ids)]
    return Visit.of([service for service in wanted if service]) if wanted and all(wanted) else None


def load_board(
    *,
    now: datetime,
    visit: Visit | None = None,
    staff_id: int | None = None,
    contact_id: int | None = None,
    moving_id: int | None = None,
    ground: Ground | None = None,
) -> Board:
    """People who take bookings (or that one; those who can do the visit), when they work and what they have to do from
    about now on."""
    if ground:
        team = [person for person in ground.team if staff_id in (None, person.id)]
        calendars, rules = ground.calendars, ground.rules
    else:
        team, calendars, rules = load_team(staff_id), load_calendars(), _rules(BusinessSettings.load())
    if visit:
        team = [person for person in team if person.can_do(visit)]
    busy = _busy(team, now=now, contact_id=contact_id, moving_id=moving_id)
    return Board(tuple(replace(person, busy=tuple(busy[person.id])) for person in team), calendars, rules)


def load_ground(settings: BusinessSettings, calendars: Mapping[int, Calendar]) -> Ground:
    """Four queries."""
    services = {service.pk: service for service in Service.objects.filter(is_active=True)}
    return Ground(services, tuple(load_team()), calendars, _rules(settings))


def _rules(settings: BusinessSettings) -> Rules:
    return Rules(settings.slot_step_minutes, settings.booking_lead_minutes, settings.booking_horizon_days)


def load_team(staff_id: int | None = None) -> list[Person]:
    """People who take bookings (or that one, if so) with their skills and rotas, their appointments left out."""
    staff = StaffMember.objects.filter(is_active=True, takes_bookings=True).only("name", "branch_id").order_by("pk")
    if staff_id is not None:
        staff = staff.filter(pk=staff_id)
    skilled = list(staff.annotate(skill_ids=ArrayAgg("skills", filter=Q(skills__isnull=False), default=[])))
    rotas = load_rotas(skilled)
    return [Person(each.pk, each.name, frozenset(each.skill_ids), rotas[each.pk]) for each in skilled]


def _busy(
    team: Collection[Person], *, now: datetime, contact_id: int | None, moving_id: int | None
) -> dict[int, list[tuple[int, int]]]:
    """Minutes taken by staff id, from the day before now on; a hold that ran out takes none."""
    busy: dict[int, list[tuple[int, int]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT staff_id, start_min, end_min FROM booking_appointment"
            " WHERE staff_id = ANY(%(team)s) AND status = ANY(%(statuses)s) AND starts_at >= %(since)s"
            " AND NOT (status = 'hold' AND (COALESCE(hold_until <= %(now)s, false) OR contact_id = %(contact)s))"
            " AND id IS DISTINCT FROM %(moving)s ORDER BY start_min",
            {
                "team": [person.id for person in team],
                "statuses": list(TAKES_TIME),
                "since": now - timedelta(days=1),
                "now": now,
                "contact": contact_id or 0,
                "moving": moving_id,
            },
        )
        for staff_id, start, end in cursor:
            busy[staff_id].append((start, end))
    return busy


def upcoming(contact_ids: Collection[int], *, now: datetime, begun: bool = False) -> list[Appointment]:
    """Appointments in which these clients are awaited, soonest first, ready to be told; two queries. `begun`: those too
    that have begun and are not over."""
    expected = Q(status__in=[Appointment.Status.BOOKED, Appointment.Status.CONFIRMED])
    return list(
        Appointment.objects.filter(expected, contact__in=contact_ids)
        .filter(Q(ends_at__gt=now) if begun else Q(starts_at__gt=now))
        .select_related("staff", "branch")
        .prefetch_related("services")
        .order_by("starts_at")
    )
