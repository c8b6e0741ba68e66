"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from contacts.models import Conversation
from leadhub import clock
from leadhub.work import handler, later
from routing import (
    backlog,
    duties,
    escalation,
    handover,
    leads,
    pipeline,
    quarantine,
    reactions,
    rearming,
    record,
    refining,
    rescoring,
    review,
    ruling,
    simulation_job,
    sla,
)
from routing import config as configs
from routing.assignment import lock_assigning
from routing.clocks import KINDS
from routing.models import Lead


@handler("inbound")
def inbound(event_id: int, *, now: datetime) -> None:
    pipeline.receive_event(event_id, now=now)


@handler("routing.answer")
def answer(conversation_id: int, *, now: datetime) -> None:
    pipeline.answer(conversation_id, now=now)


@handler("routing.refine", kind="outside")
def refine(conversation_id: int, message_id: int, *, now: datetime) -> None:
    if refined := refining.ask(conversation_id, message_id, now=now):
        with transaction.atomic():
            pipeline.answer(conversation_id, now=clock.now(), refined=refined)


@handler("routing.answer_plainly")
def answer_plainly(conversation_id: int, message_id: int, *, now: datetime) -> None:
    pipeline.answer(conversation_id, now=now, refined=refining.Refined(message_id, None))


@handler("routing.quarantine_end")
def quarantine_end(lead_id: int, *, now: datetime) -> None:
    quarantine.end(lead_id, now=now)


@handler("routing.quarantine_terms")
def quarantine_terms(*, now: datetime) -> None:
    quarantine.move_ends(now=now)


@handler("routing.appointment")
def appointment(lead_id: int, appointment_id: int, what: str, *, now: datetime) -> None:
    leads.follow_appointment(lead_id, appointment_id, what, now=now)
    if what == "confirmed":
        ruling.client_confirmed(lead_id, now=now)


@handler("routing.rescore", queue="bulk")
def rescore(lead_id: int, *, now: datetime) -> None:
    rescoring.age(lead_id, now=now)


@handler("routing.rescore_contact")
def rescore_contact(contact_id: int, *, now: datetime) -> None:
    rescoring.follow_contact(contact_id, now=now)


@handler("routing.rescore_all", kind="outside", queue="bulk")
def rescore_all(*, now: datetime) -> None:
    """Safe to run twice: what is scored by the settings of now stays as it is."""
    configs.forget_all()
    rescoring.follow_policy(now=now)


@handler("routing.simulate", kind="outside", queue="bulk", max_attempts=2)
def simulate(rule_set_id: int, limit: int, weights: dict[str, int] | None = None, *, now: datetime) -> None:
    simulation_job.run(rule_set_id, limit, weights, now=now)


@handler(review.HANDLER)
def review_rules(quarter: str, *, now: datetime) -> None:
    review.review(quarter, now=now)


@handler("routing.inform", queue="bulk")
def inform(lead_id: int, *, now: datetime) -> None:
    duties.inform(lead_id, now=now)


@handler("routing.notice_answered")
def notice_answered(notice_id: int, answer: str, account_id: int, callback_id: str, *, now: datetime) -> None:
    """A button under a notice in a messenger."""
    reactions.answer(notice_id, answer, now=now)
    later("channels.answer_press", account_id, callback_id, str(notice_id))


@handler("routing.follow_notices")
def follow_notices(lead_id: int, *, now: datetime) -> None:
    reactions.follow(lead_id, now=now)


@handler("routing.shift")
def shift(staff_id: int, *, now: datetime) -> None:
    handover.look(staff_id, now=now)


@handler("routing.rota")
def rota(staff_id: int, *, now: datetime) -> None:
    """Shifts or hours were edited a moment ago: whoever's leads and clocks that moves."""
    handover.look_at_all(staff_id or None)
    backlog.look_again()
    rearming.owe(now)


@handler("routing.hand_over")
def hand_over(lead_id: int, staff_id: int, *, now: datetime) -> None:
    handover.hand_over(lead_id, staff_id, now=now)


@handler("routing.day_off")
def day_off(staff_id: int, *, now: datetime) -> None:
    handover.day_off(staff_id, now=now)


@handler("routing.backlog")
def drain(*, now: datetime) -> None:
    backlog.drain(now=now)


@handler("routing.offer")
def offer(lead_id: int, *rest: int, now: datetime) -> None:
    backlog.offer(lead_id, *rest, now=now)


# --- Clocks ----------------------------------------------------------------------------------------------------------


def _with_lead(lead_id: int, act: Callable[[Lead], object]) -> None:
    """Do something with a lead under its locks, in the order that is the same everywhere: conversation, chairs
    (booking), assigning, lead."""
    conversation = Conversation.objects.select_for_update(of=("self",)).filter(leads=lead_id).first()
    if conversation is None:
        return
    lock_assigning()
    lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead_id)
    lead.conversation = conversation
    with record.together(lead):
        act(lead)


def _clock(name: str) -> None:
    @handler(KINDS[name].handler)
    def run(lead_id: int, *, now: datetime) -> None:
        _with_lead(lead_id, lambda lead: escalation.ring(lead, name, now=now))


for each in ("take", "person", "silence", "confirm"):
    _clock(each)


@handler("routing.answer_clock")
def answer_clock(lead_id: int, *, now: datetime) -> None:
    _with_lead(lead_id, lambda lead: escalation.answer_ran_out(lead, now=now))


@handler("routing.rule_clock")
def rule_clock(lead_id: int, *, now: datetime) -> None:
    _with_lead(lead_id, lambda lead: ruling.rule_late(lead, now=now))


@handler("routing.resume_clocks")
def resume_clocks(lead_id: int, *, now: datetime) -> None:
    _with_lead(lead_id, lambda lead: escalation.put_off_ends(lead, now=now))


@handler("routing.answered_late")
def answered_late(lead_id: int, *, now: datetime) -> None:
    _with_lead(lead_id, lambda lead: escalation.answered_late(lead, now=now))


@handler("routing.rearm_clocks", queue="bulk")
def rearm_clocks(after_id: int = 0, *, now: datetime) -> None:
    """Policies, hours or shifts were edited: whoever's clocks that moves gets work of its own."""
    leads = list(rearming.page(after_id))
    for lead in leads:
        if rearming.is_moved(lead):
            later("routing.rearm_lead", lead.pk)
    if len(leads) == rearming.PAGE:
        later("routing.rearm_clocks", leads[-1].pk, key="")


@handler("routing.rearm_lead", queue="bulk")
def rearm_lead(lead_id: int, *, now: datetime) -> None:
    _with_lead(lead_id, lambda lead: sla.hang_anew(lead, now=now))
