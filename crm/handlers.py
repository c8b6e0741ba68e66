"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from crm import overdue, push, waiting
from leadhub.work import handler

TRIES = 100  # about a day: a portal that is down comes back


@handler("crm.push_lead", kind="outside", queue="http", max_attempts=TRIES)
def push_lead(lead_id: int, *, now: datetime) -> None:
    push.push_lead(lead_id, now=now)


@handler("crm.card_overdue")
def card_overdue(lead_id: int, *, now: datetime) -> None:
    overdue.tell(lead_id, now=now)


@handler("crm.catch_up")
def catch_up(*, now: datetime) -> None:
    waiting.catch_up(now=now)
