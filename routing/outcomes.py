"""What a person ends a lead with, and how a person corrects what was understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from assistant.learning import examples as learning
from assistant.understanding import INTENTS
from booking.models import Appointment
from channels_app import live
from contacts.models import Conversation, Message
from routing import access, dispatching, duties, leads, quarantine, record, talks
from routing import config as configs
from routing.desk import BookingDesk
from routing.models import Lead
from routing.scoring import INTENT_TITLES
from tenants.access import Member
from tenants.business.models import Stage

OUTCOMES = ("booked", "refused", "nurture", "spam")


class NotPossible(Exception):
    """It cannot be so; str() says why in Russian."""


@transaction.atomic
def finish(lead: Lead, outcome: str, *, by: Member, why: str, now: datetime) -> Lead:
    """The lead is done; the assistant leads the conversation again, so that the client's next word is answered.

    Raises NotPossible: an unknown outcome, or «booked» without a visit ahead."""
    if outcome not in OUTCOMES:
        raise NotPossible("Выберите, чем закончилась заявка.")
    if outcome == "booked" and not _has_visit(lead, now=now):
        raise NotPossible("В календаре нет записи этого клиента. Сначала запишите его или выберите другой исход.")
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    leads.leave_to_assistant(conversation)
    who = access.name_of(by)
    if outcome == "spam":
        if message := talks.telling_message(lead):
            _teach(message, "spam", by=by, now=now)
        lead = Lead.objects.select_for_update().get(pk=lead.pk)
        quarantine.put(lead, why=f"{who}: {why or 'это спам'}", now=now)
        return lead
    lead = leads.close(lead, status=outcome, by=by.staff, why=f"{who}: {why}" if why else who, now=now)
    if outcome == "nurture":
        text = f"Клиент подумает: {lead.summary or 'заявка без записи'}"
        duties.hand_to_doers(lead, Stage.NURTURE, text, kind="nurture", key=f"nurture-{lead.pk}", now=now)
    live.publish("lead", id=lead.pk)
    return lead


def _has_visit(lead: Lead, *, now: datetime) -> bool:
    awaited = [Appointment.Status.BOOKED, Appointment.Status.CONFIRMED]
    return Appointment.objects.filter(contact=lead.contact_id, status__in=awaited, ends_at__gt=now).exists()


@transaction.atomic
def correct(lead: Lead, intent: str, *, by: Member, now: datetime) -> Lead:
    """A person says what the client's message meant: it is scored, tagged and routed anew. Raises NotPossible."""
    if intent not in INTENTS:
        raise NotPossible("Такого намерения нет.")
    if intent == "spam":
        return finish(lead, "spam", by=by, why="", now=now)
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("contact", "identity", "branch")
    conversation = rows.get(pk=lead.conversation_id)
    message = talks.telling_message(lead)
    if message is None:
        raise NotPossible("Здесь нечего исправлять: клиент ещё ничего не написал.")
    before = message.understanding.get("corrected_intent") or message.understanding["intent"]
    message.understanding = {**message.understanding, "corrected_intent": intent, "by": access.name_of(by)}
    message.save(update_fields=["understanding"])
    _teach(message, intent, by=by, now=now)
    lead = Lead.objects.select_for_update(of=("self",)).select_related("contact", "owner", "branch").get(pk=lead.pk)
    lead.intent = intent
    config = configs.load()
    past = leads.past_of(lead.contact, now=now)
    title = f"Исправлено: {INTENT_TITLES[before]} → {INTENT_TITLES[intent]}"
    with record.together(lead):
        record.add(lead, "corrected", title, [("Кто", access.name_of(by))], now=now)
        if scored := leads.rescore(lead, past, config, now=now):
            record.add(lead, "scored", *scored, now=now)
        lead.save()
        branch = lead.branch or config.branches[0]
        desk = BookingDesk(conversation, lead, branch=branch, config=config, is_returning=past.is_known, now=now)
        dispatching.route(lead, desk, is_new=False, now=now)
    live.publish("lead", id=lead.pk)
    return lead


def _teach(message: Message, intent: str, *, by: Member, now: datetime) -> None:
    """What was meant, with all else as it was understood, is an example to learn from."""
    told = learning.Meaning.of(message.understanding)
    right = told if intent == told.intent else replace(told, intent=intent, also=())
    learning.note_meaning(message, right, by=access.name_of(by), now=now)
