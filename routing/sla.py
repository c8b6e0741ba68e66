"""The clocks of a lead: which one runs and when it is due, in business time. What happens then: `escalation.py`."""

from __future__ import annotations

from datetime import datetime, timedelta

from leadhub.work import forget, later
from routing import config as configs
from routing import record
from routing.models import Lead
from tenants.business import calendar

TITLES = {"take": "взять", "answer": "ответить", "confirm": "довести до записи", "call": "перезвонить"}


def business_due(lead: Lead, now: datetime, allowance: timedelta) -> datetime:
    """Clocks of people run in the branch's business time; without a branch they run through."""
    known = configs.load().calendars.get(lead.branch_id or 0)
    return calendar.business_due(now, allowance.total_seconds(), known) if known else now + allowance


def show(lead: Lead, clock: str, due_at: datetime | None, now: datetime) -> None:
    """The clock that the inbox shows."""
    lead.clock, lead.clock_due_at = clock, due_at
    lead.clock_started_at = now if clock else None
    record.keep(lead, "clock", "clock_due_at", "clock_started_at")


def start_take(lead: Lead, *, now: datetime) -> None:
    """A hot lead was given to a person, who has this long to take it."""
    due = business_due(lead, now, timedelta(seconds=configs.load().policy.hot_take_seconds))
    show(lead, "take", due, now)
    later("routing.take_clock", lead.pk, at=due)


def set_confirm(lead: Lead, *, now: datetime, since: datetime | None = None) -> None:
    """Put the clock of a new lead on it, unsaved: a hot one is booked within 15 business minutes, any other in 60.

    `since`: it counts from then, not from the client's first message."""
    policy = configs.load().policy
    minutes = policy.hot_confirm_minutes if lead.is_hot else policy.other_confirm_minutes
    due = business_due(lead, since or lead.created_at, timedelta(minutes=minutes))
    lead.clock, lead.clock_due_at, lead.clock_started_at = "confirm", due, now


def start_confirm(lead: Lead, due: datetime, *, now: datetime) -> None:
    """Arm the clock of `set_confirm()`, once the lead has a number."""
    later("routing.confirm_clock", lead.pk, at=max(due, now))


def taken(lead: Lead, *, now: datetime) -> None:
    """A person took the lead: the take clock stops, the person's own answer is awaited."""
    forget("routing.take_clock", lead.pk)
    due = business_due(lead, now, timedelta(seconds=configs.load().policy.person_answer_seconds))
    show(lead, "answer", due, now)
    later("routing.person_clock", lead.pk, at=due)


def person_answered(lead: Lead, *, now: datetime) -> None:
    """A person wrote to the client: no answer is awaited until the client writes again."""
    for name in ("routing.take_clock", "routing.person_clock", "routing.silence_clock"):
        forget(name, lead.pk)
    show(lead, "", None, now)


def client_wrote(lead: Lead, *, now: datetime) -> None:
    """The client wrote in a conversation that a person leads: 3 min for the first answer, then 30 min of silence."""
    policy = configs.load().policy
    if lead.first_person_answer_at is None:
        if lead.clock != "answer":
            taken(lead, now=now)
        return
    due = business_due(lead, now, timedelta(minutes=policy.silence_minutes))
    show(lead, "answer", due, now)
    later("routing.silence_clock", lead.pk, at=due)


def handed_back(lead: Lead, *, now: datetime) -> None:
    person_answered(lead, now=now)


def stop_all(lead: Lead, *, now: datetime) -> None:
    """The lead has an outcome: nothing is awaited any more."""
    for name in ("answer", "take", "person", "silence", "confirm", "rule"):
        forget(f"routing.{name}_clock", lead.pk)
    show(lead, "", None, now)
