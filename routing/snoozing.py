"""«Напомнить позже»: who leads a lead puts it aside for a while. Its clocks stand still; that person is reminded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from django.db import transaction

from assistant import words
from channels_app import live
from contacts.models import Conversation
from routing import config as configs
from routing import record, sla
from routing.models import Lead
from routing.rows import Choice
from tenants.business.calendar import DAY, Calendar
from tenants.business.models import StaffMember

WAITS = {"15": timedelta(minutes=15), "60": timedelta(hours=1)}
TITLES = {"15": "через 15 мин", "60": "через час"}
MORNING = "morning"
NOT_BEFORE = time(9)  # of the next working day


class NotPossible(Exception):
    """Why the lead cannot be put off, in words for the reader."""


def may(lead: Lead, staff: StaffMember | None) -> bool:
    """Whether the lead is this person's to put off: they lead it, and the policy lets its clocks stand still."""
    if staff is None or lead.status != Lead.Status.OPEN or sla.terms_of(lead)["pause_agreed"] != "yes":
        return False
    is_owner = lead.owner_id == staff.pk and lead.taken_at is not None
    return is_owner and lead.conversation.held_by_id in (None, staff.pk)


def choices(lead: Lead, *, now: datetime) -> Sequence[Choice]:
    """What the reader may choose: «через 15 мин», «через час», «завтра в 9:00» or «30 ноября в 9:00»."""
    config = configs.load()
    branch = config.branch(lead.branch_id)
    local, today = morning(now, config.calendars[branch.pk]).astimezone(branch.zone), now.astimezone(branch.zone).date()
    day = "завтра" if local.date() == today + DAY else words.calendar_day(local.date(), today)
    title = f"{day} в {local.hour}:{local:%M}"
    return [*(Choice(value, title) for value, title in TITLES.items()), Choice(MORNING, title)]


def morning(now: datetime, calendar: Calendar) -> datetime:
    """When the branch is at work on its next local day, not before NOT_BEFORE. Pure."""
    at = datetime.combine(calendar.local_day(now) + DAY, NOT_BEFORE, calendar.zone)
    return calendar.next_opening(at) or at


@transaction.atomic
def put_off(lead: Lead, value: str, *, by: StaffMember | None, now: datetime) -> datetime:
    """Put the lead aside until the chosen moment, which is returned. Raises NotPossible."""
    lead, by = _locked(lead, by)
    if value not in (*WAITS, MORNING):
        raise NotPossible("Выберите, когда напомнить.")
    config = configs.load()
    branch = config.branch(lead.branch_id)
    until = now + WAITS[value] if value in WAITS else morning(now, config.calendars[branch.pk])
    with record.together(lead):
        sla.put_off(lead, until, why=sla.SNOOZED, now=now)
        lead.changed_at = now
        record.keep(lead, "changed_at")
        lines = [("До", f"{until.astimezone(branch.zone):%d.%m %H:%M}"), ("Сроки", "до этого времени стоят")]
        record.add(lead, "put_off", f"{by.name}: напомнить позже", lines, now=now)
    live.publish("lead", id=lead.pk)
    return until


@transaction.atomic
def take_up(lead: Lead, *, by: StaffMember | None, now: datetime) -> None:
    """Who put the lead aside comes back to it earlier: its clocks go on. Raises NotPossible."""
    lead, by = _locked(lead, by)
    if not sla.is_snoozed(lead):
        return
    with record.together(lead):
        sla.resume(lead, now=now)
        lead.changed_at = now
        record.keep(lead, "changed_at")
        record.add(lead, "put_off", f"{by.name}: больше не отложена", [("Сроки", "идут дальше")], now=now)
    live.publish("lead", id=lead.pk)


def _locked(lead: Lead, by: StaffMember | None) -> tuple[Lead, StaffMember]:
    """The lead, held, and who may put it off."""
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead.pk)
    lead.conversation = conversation
    if by is None or not may(lead, by):
        raise NotPossible("Отложить заявку может тот, кто её ведёт.")
    return lead, by
