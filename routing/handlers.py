"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from leadhub.work import handler
from routing import escalation, pipeline
from routing.models import Lead


@handler("inbound")
def inbound(event_id: int, *, now: datetime) -> None:
    pipeline.receive_event(event_id, now=now)


@handler("routing.answer")
def answer(conversation_id: int, *, now: datetime) -> None:
    pipeline.answer(conversation_id, now=now)


def _clock(name: str, ran_out: Callable[..., None]) -> None:
    @handler(name)
    def run(lead_id: int, *, now: datetime) -> None:
        lead = Lead.objects.select_for_update(of=("self",)).select_related("owner", "branch").filter(pk=lead_id).first()
        if lead:
            ran_out(lead, now=now)


_clock("routing.answer_clock", escalation.answer_ran_out)
_clock("routing.take_clock", escalation.take_ran_out)
_clock("routing.person_clock", escalation.person_ran_out)
_clock("routing.silence_clock", escalation.silence_ran_out)
_clock("routing.confirm_clock", escalation.confirm_ran_out)
