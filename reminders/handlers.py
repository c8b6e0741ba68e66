"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from leadhub.work import handler
from reminders import actions
from routing.models import Lead


@handler("reminders.plan")
def plan_visit(appointment_id: int, *, now: datetime) -> None:
    actions.plan_visit(appointment_id, now=now)


@handler("reminders.invite_back")
def invite_back(appointment_id: int, *, now: datetime) -> None:
    actions.invite_back(appointment_id, now=now)


@handler("reminders.send")
def send(reminder_id: int, *, now: datetime) -> None:
    actions.send(reminder_id, now=now)


@handler("reminders.plan_follow_up")
def plan_follow_up(lead_id: int, *, now: datetime) -> None:
    lead = Lead.objects.filter(pk=lead_id).select_related("conversation").first()
    if lead:
        actions.plan_follow_up(lead, now=now)


@handler("reminders.follow")
def follow(lead_id: int, *, now: datetime) -> None:
    actions.follow(lead_id, now=now)
