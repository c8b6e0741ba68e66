"""The leads and visits behind a figure: exactly those that it counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from booking.models import Appointment
from contacts.models import Contact, Identity
from reports import breaches, facts, figures, kpi
from reports.facts import LeadFact, Places, VisitFact
from reports.figures import Figure
from reports.kpi import Slice
from reports.periods import Period
from routing.models import Lead
from tenants.business.models import Stage
from tenants.models import ChannelKind

PAGE = 50
CHUNK = 500  # rows of an export that are read at once
SLOWEST_FIRST = frozenset({"answer", "answer_assistant", "answer_person", "answered"})
NO_SOURCE = "Без рекламной метки"


@dataclass(frozen=True)
class Chosen:
    """What of a figure is asked for; None: whatever it is. `source` and `campaign` may be empty: leads without one."""

    figure: str
    period: Period
    branch_id: int | None = None
    source: str | None = None
    campaign: str | None = None
    channel: str | None = None
    hour: int | None = None
    hours: str | None = None  # working, night
    staff_id: int | None = None  # of broken terms also breaches.NOBODY
    stage: str | None = None  # of broken terms

    @property
    def query(self) -> str:
        """As the address of the list asks for it."""
        asked = {
            "figure": self.figure,
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "branch": self.branch_id,
            "source": self.source,
            "campaign": self.campaign,
            "channel": self.channel,
            "hour": self.hour,
            "hours": self.hours,
            "staff": self.staff_id,
            "stage": self.stage,
        }
        return urlencode({name: value for name, value in asked.items() if value is not None})

    def url(self) -> str:
        return f"{reverse('reports:leads')}?{self.query}"


@dataclass(frozen=True)
class Line:
    """One row: a lead, or a visit with its client's lead (None: booked without one)."""

    lead_id: int | None
    at: datetime  # in the branch's zone
    client: str
    channel_kind: str
    channel: str
    source: str
    campaign: str
    wants: str
    staff: str
    state: str
    answered_by: str = ""
    answer_seconds: float | None = None
    price_kopecks: int | None = None


# --- Which --------------------------------------------------------------------------------------------------------


def find(chosen: Chosen, places: Places, *, now: datetime) -> list[LeadFact] | list[VisitFact] | list[int]:
    """The rows behind the figure, in the order of the list; for `taken`, `breaches` and `nurture` the leads' ids."""
    if chosen.figure == figures.TAKEN.key:
        return find_taken(chosen, places)
    if chosen.figure == figures.BREACHES.key:
        return find_breached(chosen, places)
    if chosen.figure == figures.NURTURE.key:
        return find_nurtured(chosen, places)
    world = facts.load_world(chosen.period, places, chosen.branch_id)
    part = kpi.cut(world, chosen.period, now)
    figure = figures.BY_KEY[chosen.figure]
    return _ordered(figure, figure.picks(narrowed(part, chosen)))


def find_taken(chosen: Chosen, places: Places) -> list[int]:
    """Leads that a person took in the period, newest first; they may be older than it."""
    taken = facts.load_taken(chosen.period, places, chosen.branch_id)
    return sorted({each.lead_id for each in taken if each.staff_id == chosen.staff_id}, reverse=True)


def find_breached(chosen: Chosen, places: Places) -> list[int]:
    """Leads with a broken term, the last broken first; they may be older than the period."""
    found = breaches.load(chosen.period, places, chosen.branch_id)
    ours = [
        each.lead_id
        for each in reversed(found)
        if chosen.stage in (None, each.stage) and chosen.staff_id in (None, each.staff_id)
    ]
    return list(dict.fromkeys(ours))


def find_nurtured(chosen: Chosen, places: Places) -> list[int]:
    """Leads that were left to nurture in the period and are still, the latest first; one query."""
    rows = facts.real_leads(chosen.branch_id).filter(
        status=Lead.Status.NURTURE, outcome_at__range=facts.around(chosen.period)
    )
    left = rows.order_by("-outcome_at", "-pk").values_list("pk", "branch_id", "outcome_at")
    return [pk for pk, branch, at in left if at.astimezone(places.of(branch).zone).date() in chosen.period]


def narrowed(part: Slice, chosen: Chosen) -> Slice:
    """The part of the period's facts that was asked for."""

    def is_from(row: LeadFact | VisitFact) -> bool:
        return (
            chosen.source in (None, row.source)
            and chosen.campaign in (None, row.campaign)
            and chosen.channel in (None, row.kind)
        )

    def came_then(lead: LeadFact) -> bool:
        return chosen.hour in (None, lead.hour) and chosen.hours in (None, "working" if lead.is_working else "night")

    return part.where(lambda lead: is_from(lead) and came_then(lead), is_from)


def _ordered(figure: Figure, picked: Sequence[Any]) -> list[Any]:
    if figure.of == "visits":
        return sorted(picked, key=lambda visit: (visit.starts_at, visit.id), reverse=True)
    if figure.key in SLOWEST_FIRST:
        return sorted(picked, key=lambda lead: (-(lead.answer_seconds or 0), lead.id))
    return sorted(picked, key=lambda lead: (lead.created_at, lead.id), reverse=True)


# --- As lines -----------------------------------------------------------------------------------------------------


def lines(picked: Sequence[Any], places: Places, *, named: bool) -> list[Line]:
    """The picked rows with what a reader wants to know of them; at most four queries.

    `named` False: clients by number, for readers who have no inbox."""
    if not picked:
        return []
    if isinstance(picked[0], VisitFact):
        return _visit_lines(picked, places, named=named)
    return _lead_lines([row if isinstance(row, int) else row.id for row in picked], places, named=named)


def in_chunks(picked: Sequence[Any], places: Places, *, named: bool) -> Iterator[Line]:
    """All of them, read in parts, for an export of any length."""
    for start in range(0, len(picked), CHUNK):
        yield from lines(picked[start : start + CHUNK], places, named=named)


def _leads(ids: Sequence[int]) -> dict[int, Lead]:
    rows = Lead.objects.select_related("contact", "conversation__identity", "owner", "service")
    return rows.in_bulk(ids)


def _lead_lines(ids: Sequence[int], places: Places, *, named: bool) -> list[Line]:
    found = _leads(ids)
    return [_lead_line(found[pk], places, named=named) for pk in ids if pk in found]


def _lead_line(lead: Lead, places: Places, *, named: bool) -> Line:
    answered = (lead.first_answer_at - lead.created_at).total_seconds() if lead.first_answer_at else None
    return Line(
        lead_id=lead.pk,
        at=lead.created_at.astimezone(places.of(lead.branch_id).zone),
        client=_client(lead.contact, lead.conversation.identity, named),
        channel_kind=lead.kind,
        channel=lead.get_kind_display(),
        source=lead.utm_source,
        campaign=lead.utm_campaign,
        wants=lead.summary or (lead.service.name if lead.service else ""),
        staff=lead.owner.name if lead.owner else "",
        state=lead.get_status_display(),
        answered_by=lead.first_answer_by,
        answer_seconds=answered,
    )


def _visit_lines(visits: Sequence[VisitFact], places: Places, *, named: bool) -> list[Line]:
    rows = Appointment.objects.select_related("contact", "staff", "branch").prefetch_related("services")
    found = rows.in_bulk([visit.id for visit in visits])
    leads = _leads([visit.lead_id for visit in visits if visit.lead_id])
    return [_visit_line(visit, found[visit.id], leads, places, named=named) for visit in visits if visit.id in found]


def _visit_line(
    visit: VisitFact, appointment: Appointment, leads: Mapping[int, Lead], places: Places, *, named: bool
) -> Line:
    lead = leads.get(visit.lead_id or 0)
    kind = lead.kind if lead else visit.kind
    state = appointment.get_status_display()
    if appointment.status == Appointment.Status.ARRIVED and appointment.confirmed_at:
        state = f"{state}, подтверждал"
    return Line(
        lead_id=lead.pk if lead else None,
        at=visit.starts_at.astimezone(places.of(appointment.branch_id).zone),
        client=_client(appointment.contact, lead.conversation.identity if lead else None, named),
        channel_kind=kind,
        channel=channel_title(kind),
        source=visit.source,
        campaign=visit.campaign,
        wants=", ".join(service.name for service in appointment.services.all()),
        staff=appointment.staff.name,
        state=state,
        price_kopecks=appointment.price_kopecks,
    )


def _client(contact: Contact, identity: Identity | None, named: bool) -> str:
    name = contact.name or (identity.display_name if identity else "") if named else ""
    return name or f"Клиент {contact.pk}"


def channel_title(kind: str) -> str:
    return str(ChannelKind(kind).label) if kind in ChannelKind.values else "Без заявки"


def source_title(source: str) -> str:
    return source or NO_SOURCE


def told(chosen: Chosen, *, staff_name: str = "") -> list[str]:
    """What the list is narrowed to, in words."""
    hours = {"working": "в рабочие часы", "night": "вне рабочих часов"}
    parts = [
        source_title(chosen.source) if chosen.source is not None else "",
        f"кампания {chosen.campaign or 'не указана'}" if chosen.campaign is not None else "",
        channel_title(chosen.channel) if chosen.channel is not None else "",
        f"с {chosen.hour}:00 до {chosen.hour + 1}:00" if chosen.hour is not None else "",
        hours.get(chosen.hours or "", ""),
        str(Stage(chosen.stage).label) if chosen.stage in Stage.values else "",
        staff_name or ("ассистент или никто" if chosen.staff_id == breaches.NOBODY else ""),
    ]
    return [part for part in parts if part]


def day_period(day: date) -> Period:
    return Period(day, day)
