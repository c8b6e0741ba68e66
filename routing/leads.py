"""The lead of a conversation: opened, learned about, scored, closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum

from assistant import dialogue
from assistant.understanding import Understanding
from booking.models import Appointment
from contacts.models import Contact, Conversation
from routing import record, sla
from routing.config import Config
from routing.models import Lead
from routing.rows import TEMPERATURE_TITLES
from routing.scoring import Facts, score, summary
from routing.signals import lead_changed
from tenants.business.models import Branch, StaffMember, Stage
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
    if lead.status == Lead.Status.QUARANTINE and not understanding.is_spam:
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


def rescore(lead: Lead, past: Past, config: Config, *, now: datetime) -> tuple[str, list[tuple[str, str]]] | None:
    """Score the lead by what is known now: the parts, the temperature and the tags are put on it, unsaved.

    Returns title and lines for the decision record; None when the score is what it was."""
    service = config.service(lead.service_id)
    result = score(
        Facts(
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
        ),
        config.weights,
        now=now,
    )
    changed = not lead.score_parts or (result.total, result.temperature) != (lead.score, lead.temperature)
    lead.score, lead.temperature = result.total, result.temperature
    lead.score_parts = [part.to_json() for part in result.parts]
    lead.tags = _tags(lead, service.category or service.name if service else "")
    lead.changed_at = now
    if not changed:
        return None
    lines = [(part.title, f"{part.points:+d}: {part.reason}") for part in result.parts]
    title = f"Балл {result.total}, {Lead.Temperature(result.temperature).label}: {summary(result.parts)}"
    return title, lines


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
    if what == "booked" and appointment.is_expected and lead.status != Lead.Status.BOOKED:
        lead.stage = Stage.CONFIRMATION
        lead.save(update_fields=["stage"])
        close(lead, status=Lead.Status.BOOKED, by=None, why=f"визит {at}", now=now)
    elif what == "cancelled":
        record.add(lead, "cancelled", f"Визит отменён: {at}", [("Почему", appointment.cancel_reason)], now=now)
        lead_changed.send(Lead, lead=lead, what="updated", now=now)
    elif what == "no_show":
        record.add(lead, "no_show", f"Не пришёл: {at}", now=now)


@transaction.atomic
def release(lead: Lead, *, by: StaffMember | None, now: datetime) -> Lead:
    """The lead is no spam: out of quarantine, understood and answered again."""
    from routing import pipeline

    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    if lead.status != Lead.Status.QUARANTINE:
        return lead
    lead.status, lead.changed_at = Lead.Status.OPEN, now
    lead.save(update_fields=["status", "changed_at"])
    record.add(lead, "released", "Возвращена из карантина", [("Кто", by.name)] if by else [], now=now)
    last = conversation.messages.filter(author="client").order_by("-id").first()
    if last:
        last.is_processed = False
        last.save(update_fields=["is_processed"])
        pipeline.answer(conversation.pk, now=now, never_spam=True)
    lead.refresh_from_db()
    lead_changed.send(Lead, lead=lead, what="released", now=now)
    return lead
