"""The lead of a conversation: opened, learned about, scored, closed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum

from assistant import dialogue
from assistant.understanding import Understanding
from booking.models import Appointment
from contacts.models import Contact, Conversation
from routing import calls, duties, record, sla
from routing.config import Config
from routing.models import Lead
from routing.rows import TEMPERATURE_TITLES
from routing.scoring import Facts, Part, Score, moves, score, summary
from routing.signals import lead_changed
from tenants.business.models import Branch, MatrixRole, StaffMember, Stage
from tenants.models import ChannelKind

SOURCE_TAGS = {
    "instagram": "insta",
    "telegram": "tg",
    "whatsapp": "wa",
    "vk": "vk",
    "max": "max",
    "webchat": "site-chat",
    "form": "site-form",
}
TEMPERATURE_TAGS = {"hot": "hot", "warm": "warm", "cold": "cold"}
PROMO_TAG = "promo-"
SPAM_TAG = "спам"  # a person or a rule said so: only a person takes it back
_TAG_TITLES = {
    **{kind.value: str(kind.label) for kind in ChannelKind},
    **{tag: str(ChannelKind(kind).label) for kind, tag in SOURCE_TAGS.items()},
    **{tag: TEMPERATURE_TITLES[temperature] for temperature, tag in TEMPERATURE_TAGS.items()},
}
AD_MEDIUMS = ("cpc", "ppc", "ad", "ads", "cpm", "paid", "target", "banner")
# What a client may write after a booking without it being a new enquiry.
AFTER_BOOKING = frozenset({"cancel", "reschedule", "other", "consultation", "complaint"})


@dataclass(frozen=True)
class Past:
    """What the business already knows of a client."""

    visits: int
    revenue_kopecks: int
    no_shows: int
    has_future: bool

    @property
    def is_known(self) -> bool:
        return bool(self.visits or self.no_shows or self.has_future)


def past_of(contact: Contact, *, now: datetime) -> Past:
    """Visits, revenue and no-shows of a contact, with one query at most."""
    if contact.is_just_met:
        return Past(visits=0, revenue_kopecks=0, no_shows=0, has_future=False)
    arrived = Q(status=Appointment.Status.ARRIVED)
    found = Appointment.objects.filter(contact=contact).aggregate(
        visits=Count("pk", filter=arrived),
        revenue=Sum("price_kopecks", filter=arrived),
        no_shows=Count("pk", filter=Q(status=Appointment.Status.NO_SHOW)),
        future=Count("pk", filter=Q(status__in=["booked", "confirmed"], starts_at__gt=now)),
    )
    return Past(found["visits"], found["revenue"] or 0, found["no_shows"], bool(found["future"]))


@dataclass(frozen=True)
class Visit:
    """One appointment, as far as it tells of a client's past."""

    starts_at: datetime
    booked_at: datetime
    status: str
    price_kopecks: int


def visits_of(contact_ids: Collection[int]) -> dict[int, list[Visit]]:
    """Appointments by contact id that came to something, for `past_at()`; one query."""
    rows = Appointment.objects.filter(
        contact__in=contact_ids, status__in=["booked", "confirmed", "arrived", "no_show"]
    ).values_list("contact_id", "starts_at", "booked_at", "created_at", "status", "price_kopecks")
    found: dict[int, list[Visit]] = {}
    for contact_id, starts_at, booked_at, created_at, status, price in rows:
        found.setdefault(contact_id, []).append(Visit(starts_at, booked_at or created_at, status, price))
    return found


def past_at(visits: Collection[Visit], moment: datetime) -> Past:
    """What the business knew of a client at that moment, as far as the visits tell it today. Pure."""
    begun = [visit for visit in visits if visit.starts_at <= moment]
    arrived = [visit.price_kopecks for visit in begun if visit.status == Appointment.Status.ARRIVED]
    return Past(
        len(arrived),
        sum(arrived),
        sum(visit.status == Appointment.Status.NO_SHOW for visit in begun),
        any(visit.starts_at > moment >= visit.booked_at for visit in visits),
    )


def open_for(
    conversation: Conversation, understanding: Understanding, *, branch: Branch, now: datetime
) -> tuple[Lead, bool]:
    """The lead that this message belongs to, and whether it is new (then not saved yet).

    The conversation's row is locked by the caller."""
    last = None
    if not conversation.contact.is_just_met:
        last = Lead.objects.filter(conversation=conversation).select_related("owner").order_by("-id").first()
    if last and _goes_on(last, understanding, now=now):
        last.branch, last.last_client_at, last.changed_at = branch, now, now
        return last, False
    status = Lead.Status.QUARANTINE if understanding.is_spam else Lead.Status.OPEN
    lead = Lead(
        contact=conversation.contact,
        conversation=conversation,
        kind=conversation.identity.kind,
        branch=branch,
        status=status,
        is_test=conversation.is_test,
        created_at=conversation.pending_since or now,
        last_client_at=now,
        changed_at=now,
    )
    return lead, True


def _goes_on(last: Lead, understanding: Understanding, *, now: datetime) -> bool:
    """An open lead goes on; so does a booked one with its visit ahead, unless the client wants another visit."""
    if last.is_open or last.status == Lead.Status.QUARANTINE:
        return True
    if last.status != Lead.Status.BOOKED:
        return False
    ahead = Appointment.objects.filter(lead_id=last.pk, status__in=["booked", "confirmed"], ends_at__gt=now).exists()
    return ahead and understanding.intent in AFTER_BOOKING


def learn(lead: Lead, understanding: Understanding, config: Config, *, origin: Mapping[str, Any]) -> None:
    """Put what was understood, and where the client came from, on the lead, unsaved. A vague message takes nothing
    back."""
    is_first = not lead.intent
    if is_first or understanding.intent != "other":
        lead.intent = understanding.intent
    if understanding.urgency == "high":
        lead.urgency = "high"
    if is_first or understanding.emotion != "neutral":
        lead.emotion = understanding.emotion
    lead.is_price_sensitive = lead.is_price_sensitive or understanding.price_sensitive
    service_ids = [slot.service_id for slot in understanding.slots.service if slot.service_id]
    if service_ids:
        lead.service_id = service_ids[0]
    _learn_origin(lead, origin)
    if understanding.slots.promo:
        lead.promo = understanding.slots.promo[0].text[:60]
    lead.summary = _summary(lead, understanding, config) or lead.summary
    if lead.status == Lead.Status.QUARANTINE and not understanding.is_spam and SPAM_TAG not in lead.tags:
        lead.status = Lead.Status.OPEN  # the client went on like a person


def _learn_origin(lead: Lead, origin: Mapping[str, Any]) -> None:
    utm = origin.get("utm") or {}
    for name in ("source", "medium", "campaign", "content", "term"):
        value = str(utm.get(f"utm_{name}") or utm.get(name) or "")[:120]
        if value and not getattr(lead, f"utm_{name}"):
            setattr(lead, f"utm_{name}", value)
    if origin.get("promo") and not lead.promo:
        lead.promo = str(origin["promo"])[:60]
    if origin.get("page") and not lead.page:
        lead.page = str(origin["page"])[:300]


def _summary(lead: Lead, understanding: Understanding, config: Config) -> str:
    """What the client wants, in a line: the service's own name and the client's words of time."""
    service = config.service(lead.service_id)
    parts = [service.name] if service else [slot.text for slot in understanding.slots.service[:1]]
    parts += [slot.text for slot in understanding.slots.datetime[:1]]
    return ", ".join(parts)[:200]


def score_facts(lead: Lead, past: Past, config: Config) -> Facts:
    """What the score of a lead is made of, as known now."""
    service = config.service(lead.service_id)
    return Facts(
        intent=lead.intent,
        channel=lead.kind,
        last_client_at=lead.last_client_at,
        price_kopecks=service.price_kopecks if service else 0,
        past_visits=past.visits,
        past_revenue_kopecks=past.revenue_kopecks,
        is_vip=lead.contact.is_vip,
        is_urgent=lead.urgency == "high",
        from_ad=lead.utm_medium.lower() in AD_MEDIUMS,
        has_promo=bool(lead.promo),
        is_price_sensitive=lead.is_price_sensitive,
    )


def rescore(
    lead: Lead, past: Past, config: Config, *, now: datetime, why: str = ""
) -> tuple[str, list[tuple[str, str]]] | None:
    """Score the lead by what is known now: the parts, the temperature and the tags are put on it, unsaved.

    Returns title and lines for the decision record: the whole score the first time, later what moved it (`why`: what
    led to it, where no message did); None when the score is what it was."""
    result = score(score_facts(lead, past, config), config.weights, now=now)
    before = None
    if lead.score_parts:
        before = Score(lead.score, lead.temperature, tuple(Part(**part) for part in lead.score_parts))
    lead.score, lead.temperature = result.total, result.temperature
    lead.score_parts = [part.to_json() for part in result.parts]
    service = config.service(lead.service_id)
    lead.tags = _tags(lead, service.category or service.name if service else "")
    lead.changed_at = now
    return _scored(before, result, why)


def _scored(before: Score | None, after: Score, why: str) -> tuple[str, list[tuple[str, str]]] | None:
    label = Lead.Temperature(after.temperature).label
    if before is None:
        lines = [(part.title, f"{part.points:+d}: {part.reason}") for part in after.parts]
        return f"Балл {after.total}, {label}: {summary(after.parts)}", lines
    if (before.total, before.temperature) == (after.total, after.temperature):
        return None
    moved = moves(before.parts, after.parts)
    told = ", ".join(f"{move.title} {move.before} → {move.after}" for move in moved)
    lines = [("Почему", why)] if why else []
    lines += [(move.title, f"{move.before} → {move.after}" + f": {move.reason}" * bool(move.reason)) for move in moved]
    change = f"{before.total} → {after.total}" if before.total != after.total else str(after.total)
    return f"Балл {change}, {label}: {told or 'другие пороги'}", lines


def score_told(title: str) -> int | None:
    """The score that a line «scored» of the decision record came to; None: it is no such line."""
    found = re.match(r"Балл (?:\d+ → )?(\d+),", title)
    return int(found[1]) if found else None


def tag_title(tag: str) -> str:
    """A tag as people read it; one that is words already (a service, a person's own) stays as it is."""
    if tag.startswith(PROMO_TAG):
        return f"промокод {tag.removeprefix(PROMO_TAG).upper()}"
    return _TAG_TITLES.get(tag, tag)


def _tags(lead: Lead, service: str) -> list[str]:
    """Tags that set themselves, then the ones people added."""
    own = [SOURCE_TAGS.get(lead.kind, lead.kind), service.lower()[:60], TEMPERATURE_TAGS[lead.temperature]]
    if lead.promo:
        own.append(f"{PROMO_TAG}{lead.promo.lower()}"[:60])
    set_by_us = {*SOURCE_TAGS.values(), *TEMPERATURE_TAGS.values()}
    kept = [tag for tag in lead.tags if tag not in set_by_us and tag not in own]
    return [tag for tag in own if tag] + kept


@transaction.atomic
def close(lead: Lead, *, status: str, by: StaffMember | None, why: str, now: datetime) -> Lead:
    """The lead has an outcome: booked, refused, nurture or closed. Its clocks stop; its open tasks too; the assistant
    leads the conversation again, so that the client's next word is answered at any hour."""
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    if lead.status == status:
        return lead
    leave_to_assistant(conversation)
    lead.status, lead.outcome_at, lead.changed_at = status, now, now
    lead.waits_why, lead.waits_since = "", None
    lead.save(update_fields=["status", "outcome_at", "changed_at", "waits_why", "waits_since"])
    lead.assignments.filter(ended_at=None).update(ended_at=now, end_reason=Lead.Status(status).label)
    lead.tasks.filter(done_at=None).update(done_at=now)
    sla.stop_all(lead, now=now)
    record.add(lead, "closed", f"Исход: {Lead.Status(status).label}", [("Почему", why)], now=now)
    duties.closed(lead, now=now)
    what = "booked" if status == Lead.Status.BOOKED else "closed"
    lead_changed.send(Lead, lead=lead, what=what, now=now)
    return lead


def leave_to_assistant(conversation: Conversation) -> None:
    """No person leads the conversation any more; its row is locked by the caller."""
    if not conversation.held_by_id and not conversation.needs_person:
        return
    conversation.held_by, conversation.needs_person = None, False
    conversation.state = {**conversation.state, "dialogue": dialogue.hand_back(conversation.state.get("dialogue"))}
    conversation.save(update_fields=["held_by", "needs_person", "state"])


def follow_appointment(lead_id: int, appointment_id: int, what: str, *, now: datetime) -> None:
    """The lead of a visit: booked closes it; a cancelled or missed one stands in its record."""
    lead = Lead.objects.filter(pk=lead_id).first()
    appointment = Appointment.objects.filter(pk=appointment_id).select_related("staff", "branch").first()
    if lead is None or appointment is None:
        return
    at = f"{appointment.starts_at.astimezone(appointment.branch.zone):%d.%m.%Y %H:%M}, {appointment.staff}"
    Conversation.objects.select_for_update().get(pk=lead.conversation_id)  # before the lead's row, as everywhere
    lead.refresh_from_db()
    if what == "booked" and appointment.is_expected:
        _won_back(lead, now=now)
        duties.follow(lead, visit=what, why=f"визит {at}", now=now)
        close(lead, status=Lead.Status.BOOKED, by=None, why=f"визит {at}", now=now)
    elif what == "confirmed":
        record.add(lead, "confirmed", f"Клиент подтвердил визит: {at}", now=now)
        duties.follow(lead, visit=what, now=now)
    elif what == "arrived":
        record.add(lead, "arrived", f"Клиент пришёл: {at}", now=now)
        duties.follow(lead, visit=what, now=now)
        duties.done(lead, why="клиент пришёл", now=now)
    elif what == "cancelled":
        record.add(lead, "cancelled", f"Визит отменён: {at}", [("Почему", appointment.cancel_reason)], now=now)
        duties.follow(lead, visit=what, why="визит отменён", now=now)
        lead_changed.send(Lead, lead=lead, what="updated", now=now)
    elif what == "no_show":
        record.add(lead, "no_show", f"Не пришёл: {at}", now=now)
        duties.follow(lead, visit=what, now=now)
        _bring_back(lead, appointment, at, now=now)


def _bring_back(lead: Lead, appointment: Appointment, at: str, *, now: datetime) -> None:
    """The client did not come: whoever brings such clients back knows, and calls where the assistant may not write."""
    text = f"Клиент не пришёл: {at}, предложите другое время"
    duties.hand_to_doers(lead, Stage.NO_SHOW, text, kind="no_show", key=f"no-show-{appointment.pk}", now=now)
    if MatrixRole.ASSISTANT not in duties.holders(Stage.NO_SHOW, "R"):
        calls.call_task(lead, why="не пришёл, предложить другое время", now=now)


def _won_back(lead: Lead, *, now: datetime) -> None:
    """The client of a missed visit has booked again: the work of bringing them back is done."""
    missed = Lead.objects.filter(contact=lead.contact_id, stage=Stage.NO_SHOW).exclude(pk=lead.pk)
    for other in missed.select_for_update(of=("self",)).order_by("pk"):
        duties.move(other, Stage.BOOKING, why="клиент записался снова", now=now)


@transaction.atomic
def release(lead: Lead, *, by: StaffMember | None, who: str = "", now: datetime) -> Lead:
    """The lead is no spam: out of quarantine, understood and answered again, with its clock. `who`: a person who is
    not on the staff, by name."""
    from routing import pipeline

    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    if lead.status != Lead.Status.QUARANTINE:
        return lead
    lead.status, lead.changed_at = Lead.Status.OPEN, now
    lead.tags = [tag for tag in lead.tags if tag != SPAM_TAG]
    lead.save(update_fields=["status", "changed_at", "tags"])
    name = by.name if by else who
    record.add(lead, "released", "Возвращена из карантина", [("Кто", name)] if name else [], now=now)
    _start_clock(lead, now=now)
    last = conversation.messages.filter(author="client").order_by("-id").first()
    if last:
        last.is_processed = False
        last.save(update_fields=["is_processed"])
        pipeline.answer(conversation.pk, now=now, never_spam=True)
    lead.refresh_from_db()
    lead_changed.send(Lead, lead=lead, what="released", now=now)
    return lead


def _start_clock(lead: Lead, *, now: datetime) -> None:
    """The lead is to be booked in time from now on: while it lay in quarantine nobody could do anything about it."""
    sla.set_confirm(lead, since=now, now=now)
    record.keep(lead, "clock", "clock_due_at", "clock_started_at")
    sla.start_confirm(lead, now=now)


def come_back(lead: Lead, *, now: datetime) -> None:
    """What was taken for spam goes on like a person: its clock starts."""
    record.add(lead, "released", "Вернулась из карантина", [("Почему", "клиент пишет как человек")], now=now)
    _start_clock(lead, now=now)
