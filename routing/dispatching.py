"""After the answer: who must know of this lead. The score decides, complaints and urgent cases go past it."""

from __future__ import annotations

from datetime import datetime

from channels_app.notices import notify
from contacts.models import Conversation
from routing import assignment, calls, duties, presence, record, ruling, sla
from routing import config as configs
from routing.desk import BookingDesk, Handover
from routing.models import Lead
from routing.signals import lead_changed


def route(lead: Lead, desk: BookingDesk, *, is_new: bool, now: datetime) -> None:
    """Hand the lead to a person where one is needed; start its clocks; tell the rooms above."""
    lead_changed.send(Lead, lead=lead, what="created" if is_new else "updated", now=now)
    needed = desk.handover or (Handover("complaint", "Жалоба", urgent=False) if lead.intent == "complaint" else None)
    if lead.status == Lead.Status.BOOKED and needed:
        _reopen(lead, now=now)
    if not lead.is_open:
        return
    if needed:  # before the rules: they may ask for the stage's people
        _await_person(lead, needed, now=now)
    is_given = ruling.rule_on(lead, "new_lead" if is_new else "facts_changed", now=now)
    if not lead.is_open:
        return
    if needed:
        _hand_over(lead, needed, is_given=is_given, now=now)
    elif is_given:
        return
    elif lead.is_hot or lead.kind == "form":
        _call_person(lead, why="Горячая заявка" if lead.is_hot else "Заявка с сайта", now=now)
    elif is_new:
        record.add(lead, "routed", "Ведёт ассистент", [("Почему", _why_assistant(lead))], now=now)


def _reopen(lead: Lead, *, now: datetime) -> None:
    """A booked client needs a person after all: the lead is work again, with nobody's old claim on it."""
    lead.status, lead.owner, lead.taken_at, lead.changed_at = Lead.Status.OPEN, None, None, now
    record.keep(lead, "status", "owner", "taken_at", "changed_at")
    record.add(lead, "reopened", "Снова в работе: клиенту нужен человек", now=now)


def _why_assistant(lead: Lead) -> str:
    return (
        "тёплая заявка: ассистент предлагает запись"
        if lead.temperature == "warm"
        else "холодная заявка: ответ сейчас, напоминания позже"
    )


def _call_person(lead: Lead, *, why: str, now: datetime) -> None:
    """A person at once, while the assistant goes on; once a lead, however often its score changes."""
    if lead.owner_id or lead.taken_at:
        return
    if assignment.give(lead, stage=lead.stage, now=now, why=why):
        sla.start_take(lead, now=now)
    else:
        calls.needs_call(lead, why="передать некому", now=now)


def _await_person(lead: Lead, needed: Handover, *, now: datetime) -> None:
    """The assistant waits for a person to take the conversation."""
    Conversation.objects.filter(pk=lead.conversation_id).update(needs_person=True)
    duties.follow(lead, said=needed.stage, why=needed.reason, now=now)


def _hand_over(lead: Lead, needed: Handover, *, is_given: bool, now: datetime) -> None:
    """A person takes the conversation, whatever the score: whom a rule chose just now (`is_given`), else R of the
    stage."""
    why = needed.reason
    if lead.owner_id and not is_given:
        there = presence.standing(lead.owner, now=now)
        fits = there.is_present and lead.owner.role in configs.load().roles(needed.stage, "R")
        if fits and not needed.urgent:
            _ask_owner(lead, why, now=now)
            return
        if not there.is_present and not there.is_near:  # the client does not wait for who has gone home
            assignment.lock_assigning()
            assignment.release(lead, reason=f"{lead.owner.name}: {there.why}", now=now)
    kind = "urgent" if needed.urgent else "handover"
    if not is_given:
        if assignment.give(lead, stage=needed.stage, now=now, why=why, kind=kind):
            sla.start_take(lead, now=now)
        else:
            calls.needs_call(lead, why=why, now=now)
    duties.ask_advice(lead, why=why, now=now)


def _ask_owner(lead: Lead, why: str, *, now: datetime) -> None:
    """Who has the lead, and is there, is asked to take the conversation; one given back is to be taken anew."""
    key = f"handover-{lead.pk}-{lead.decisions.count()}"
    notify(lead.owner, "handover", why, lead_id=lead.pk, key=key, now=now)
    if lead.taken_at:
        lead.taken_at = None
        record.keep(lead, "taken_at")
        sla.start_take(lead, now=now)
