"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from contacts.models import Conversation
from leadhub import clock
from leadhub.work import handler
from routing import config as configs
from routing import escalation, leads, pipeline, refining, rescoring, ruling, simulation_job
from routing.assignment import lock_assigning
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


@handler("routing.appointment")
def appointment(lead_id: int, appointment_id: int, what: str, *, now: datetime) -> None:
    leads.follow_appointment(lead_id, appointment_id, what, now=now)
    if what == "confirmed":
        ruling.client_confirmed(lead_id, now=now)


@handler("routing.rescore")
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
def simulate(rule_set_id: int, limit: int, *, now: datetime) -> None:
    simulation_job.run(rule_set_id, limit, now=now)


def _clock(name: str, ran_out: Callable[..., None], *, shown: str = "") -> None:
    """`shown`: the lead's own clock, which a message may have set anew while we waited for its conversation."""

    @handler(name)
    def run(lead_id: int, *, now: datetime) -> None:
        found = Lead.objects.filter(pk=lead_id).values_list("conversation_id", flat=True).first()
        if found is None:
            return
        # The order of locks everywhere: conversation, chairs (booking), assigning, lead.
        Conversation.objects.select_for_update().get(pk=found)
        lock_assigning()
        lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead_id)
        if not (shown and lead.clock == shown and lead.clock_due_at > now):
            ran_out(lead, now=now)


_clock("routing.answer_clock", escalation.answer_ran_out)
_clock("routing.take_clock", escalation.take_ran_out, shown="take")
_clock("routing.person_clock", escalation.person_ran_out, shown="answer")
_clock("routing.silence_clock", escalation.silence_ran_out, shown="answer")
_clock("routing.confirm_clock", escalation.confirm_ran_out)
_clock("routing.rule_clock", ruling.rule_late)
