"""What this room hears from below: a delivery was accepted, an appointment changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from booking.models import Appointment
from booking.signals import appointment_changed
from channels_app.models import Delivery, Notice
from channels_app.notices import register_doubt
from channels_app.signals import delivery_changed, notice_changed
from contacts.models import Contact, Message
from leadhub import clock, rehearsal
from leadhub.work import later
from routing import backlog, config, reactions, rearming, rescoring
from routing.models import Lead, ScorePolicy, SlaPolicy
from routing.signals import lead_changed
from tenants.business.models import (
    Branch,
    BusinessSettings,
    DateException,
    OpeningHours,
    Service,
    Shift,
    ShiftException,
    StaffMember,
)

ROTA = (StaffMember, Shift, ShiftException, OpeningHours, DateException, BusinessSettings)
SETTINGS = ("routing.ScorePolicy", "routing.SlaPolicy", "routing.RuleSet", "routing.Campaign", "assistant.ModelVersion")

_ANSWERED = """
WITH answered AS (
    UPDATE routing_lead SET first_answer_at = %s, first_answer_by = %s
    WHERE conversation_id = %s AND created_at <= %s AND first_answer_at IS NULL RETURNING id, clocks),
stopped AS (
    DELETE FROM public.due_work d USING answered
    WHERE d.schema = %s AND d.handler = 'routing.answer_clock' AND d.key = answered.id::text)
SELECT id FROM answered WHERE clocks ? 'late'
"""
ACCEPTED = (Delivery.Status.SENT, Delivery.Status.DELIVERED)


@receiver([post_save, post_delete, m2m_changed])
def settings_changed(sender: type[Model], **_: Any) -> None:
    """A business's own data was edited: its branches, people, services, texts, matrix, weights, times, what
    it taught the assistant."""
    if sender._meta.app_label == "business" or sender._meta.label in SETTINGS:
        config.note_change()
    if sender in (SlaPolicy, Branch):
        rearming.owe(clock.now() + rearming.PAUSE)


@receiver([post_save, post_delete])
def rota_changed(sender: type[Model], instance: Model, **_: Any) -> None:
    """Who is at work when was edited: what follows is seen once for all rows of a form, and of a month."""
    if sender not in ROTA:
        return
    if isinstance(instance, ShiftException) and instance.start is None:
        later("routing.day_off", instance.staff_id)
    if Lead.objects.filter(status__in=[Lead.Status.OPEN, Lead.Status.NEEDS_CALL]).exists():
        later("routing.rota", _whose(instance), at=clock.now() + rearming.PAUSE)


def _whose(instance: Model) -> int:
    """The person whom the edited row speaks of; 0: a branch's hours and the settings speak of everybody."""
    if isinstance(instance, (Shift, ShiftException)):
        return int(instance.staff_id)
    return int(instance.pk) if isinstance(instance, StaffMember) else 0


@receiver(lead_changed, sender=Lead)
def place_freed(lead: Lead, what: str, now: datetime, **_: Any) -> None:
    """A lead is done: its person can take another one."""
    if what in ("booked", "closed", "quarantined"):
        backlog.place_freed(lead, now=now)


@receiver(post_save, sender=BusinessSettings)
def quarantine_terms_changed(created: bool, **_: Any) -> None:
    """How long spam is kept may be another now."""
    if not created:
        later("routing.quarantine_terms")


@receiver(post_save, sender=ScorePolicy)
@receiver(post_save, sender=Service)
def weighed_anew(sender: type[Model], created: bool, **_: Any) -> None:
    """Weights, thresholds or prices were edited: the scores of open leads follow. A new service was asked for by
    nobody yet."""
    if sender is ScorePolicy or not created:
        later("routing.rescore_all", key="")


@receiver(post_save, sender=Contact)
def known_anew(instance: Contact, created: bool, update_fields: Collection[str] | None, **_: Any) -> None:
    """A client may have been marked as VIP, or been found to be one that was known already."""
    if not created and (update_fields is None or "is_vip" in update_fields):
        later("routing.rescore_contact", instance.pk)


@receiver(lead_changed, sender=Lead)
def grows_old(lead: Lead, what: str, now: datetime, **_: Any) -> None:
    """The client wrote: from now on the score's freshness is lost again."""
    if what in ("created", "updated") and lead.is_open:
        rescoring.age_later(lead, now=now)


@receiver(delivery_changed, sender=Delivery)
def note_first_answer(delivery: Delivery, now: datetime, **_: Any) -> None:
    """The provider accepted an answer that acts on the intent: the lead's response time is known, its clock stops. One
    statement, so it is done here and not owed: owing would cost more than doing."""
    message = delivery.message
    if message is None or delivery.status not in ACCEPTED:
        return
    by_staff = message.author == Message.Author.STAFF
    if not (message.is_answer or by_staff):
        return
    at, who = delivery.sent_at or now, "staff" if by_staff else "assistant"
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERED, [at, who, message.conversation_id, message.sent_at, connection.schema_name])
        late = [row[0] for row in cursor.fetchall()]
    for lead_id in late:
        later("routing.answered_late", lead_id)


@receiver(appointment_changed, sender=Appointment)
def follow_appointment(appointment: Appointment, what: str, now: datetime, **_: Any) -> None:
    """A visit was booked, moved or cancelled: its lead follows."""
    if appointment.lead_id and what in ("booked", "confirmed", "arrived", "cancelled", "no_show"):
        later("routing.appointment", appointment.lead_id, appointment.pk, what, key=f"{appointment.pk}-{what}")
    if what in ("arrived", "no_show"):
        later("routing.rescore_contact", appointment.contact_id)


@receiver(notice_changed, sender=Notice)
def note_notice(notice: Notice, **_: Any) -> None:
    """The person was told, saw or answered: the lead's record says so."""
    if notice.lead_id and not rehearsal.is_on():
        later("routing.note_notice", notice.pk)


@receiver(lead_changed, sender=Lead)
def follow_lead(lead: Lead, what: str, **_: Any) -> None:
    """Whoever was asked to take the lead need not any more."""
    if what in ("assigned", "taken", "booked", "closed", "quarantined") and not rehearsal.is_on():
        later("routing.follow_notices", lead.pk)


register_doubt(reactions.unwanted)
