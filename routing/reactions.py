"""What people do about the notices that reach them outside: «Взять», «Не могу»; and what becomes of a notice when the
lead goes on without its reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from channels_app import notices
from channels_app.models import Notice
from contacts.models import Conversation
from routing import assignment, calls, presence, record, sla
from routing.models import Lead
from tenants.business.models import StaffMember

OF_OWNER = frozenset({"hot_lead", "urgent", "handover"})  # they make sense while the lead is its reader's
ABOUT_WORK = OF_OWNER | {"breach"}  # they make sense while the lead is open
TAKEN = "Вы ведёте заявку"


class NotYours(Exception):
    """The lead is not this person's to pass on."""


# --- Answers ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def answer(notice_id: int, said: str, *, now: datetime) -> str:
    """The reader of a notice pressed «Взять» or «Не могу»; what came of it, in words for that person.

    The first answer counts: a second press tells what came of the first."""
    notice = Notice.objects.select_related("staff").filter(pk=notice_id).first()
    lead = Lead.objects.filter(pk=notice.lead_id).first() if notice and notice.lead_id else None
    if notice is None or lead is None or not notice.staff.is_active:
        return "Заявки больше нет"
    Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    notice = Notice.objects.select_for_update(of=("self",)).select_related("staff").get(pk=notice_id)
    if notice.answer:
        return notice.outcome
    outcome = _take(lead, notice.staff, now=now) if said == "take" else _decline(lead, notice.staff, now=now)
    notices.keep_answer(notice, said, outcome, now=now)
    return outcome


def _take(lead: Lead, staff: StaffMember, *, now: datetime) -> str:
    if not lead.is_open:
        return "Заявка уже закрыта"
    try:
        assignment.take(lead, by=staff, now=now)
    except assignment.AlreadyTaken as taken:
        return str(taken)
    return TAKEN


def _decline(lead: Lead, staff: StaffMember, *, now: datetime) -> str:
    try:
        given = decline(lead, by=staff, now=now)
    except NotYours as refusal:
        return str(refusal)
    return f"Передано: {given.name}" if given else "Поставлена задача «Перезвонить»"


@transaction.atomic
def decline(lead: Lead, *, by: StaffMember, now: datetime) -> StaffMember | None:
    """`by` cannot take the lead that was given to them: the next person gets it at once. None: there is nobody, the
    lead is marked «нужен звонок».

    Raises NotYours when it is not theirs (any more), or they lead it already."""
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    assignment.lock_assigning()
    lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead.pk)
    if not lead.is_open:
        raise NotYours("Заявка уже закрыта")
    if lead.owner_id != by.pk:
        raise NotYours(f"Заявка уже у другого сотрудника: {lead.owner}" if lead.owner else "Заявка уже не у вас")
    if lead.taken_at and conversation.held_by_id == by.pk:
        raise NotYours("Вы уже ведёте эту заявку: вернуть её можно в разговоре")
    record.add(lead, "declined", f"{by.name}: «Не могу взять»", now=now)
    presence.acknowledged(by, now=now)
    tried = list(lead.assignments.values_list("staff_id", flat=True))
    why = "Предыдущий сотрудник не может взять заявку"
    given = assignment.give(lead, stage=lead.stage, now=now, why=why, exclude={*tried, by.pk})
    if given:
        sla.start_take(lead, now=now)
    elif lead.status != Lead.Status.NEEDS_CALL:
        calls.needs_call(lead, why="заявку никто не взял", now=now)
    return given


# --- The lead goes on ------------------------------------------------------------------------------------------------


def unwanted(found: Sequence[Notice]) -> dict[int, str]:
    """Notices whose lead needs their reader no more, by number, with what happened to it."""
    wanted = [notice for notice in found if notice.lead_id and notice.kind in ABOUT_WORK]
    leads = Lead.objects.select_related("owner", "conversation").in_bulk({notice.lead_id for notice in wanted})
    reasons = {notice.pk: _why_not(notice, leads.get(notice.lead_id or 0)) for notice in wanted}
    return {pk: why for pk, why in reasons.items() if why}


def _why_not(notice: Notice, lead: Lead | None) -> str:
    if lead is None:
        return "Заявки больше нет"
    if not lead.is_open:
        return "Заявка закрыта"
    holder_id = lead.conversation.held_by_id if lead.taken_at else None
    if holder_id == notice.staff_id:
        return TAKEN
    if lead.owner_id and lead.owner_id != notice.staff_id:
        if holder_id == lead.owner_id:
            return f"Заявку уже ведёт {lead.owner}"
        return f"Заявка передана: {lead.owner}" if notice.kind in OF_OWNER else ""
    return ""


def follow(lead_id: int, *, now: datetime) -> None:
    """The lead has another owner or an outcome: messages about it that wait for an answer say so instead."""
    waiting = Notice.objects.filter(lead_id=lead_id, state=Notice.State.SENT, answer="", outcome="")
    found = list(waiting.select_for_update().order_by("pk"))  # an answer that is being given right now stays
    reasons = unwanted(found)
    for notice in found:
        if notice.pk in reasons:
            notices.keep_answer(notice, "", reasons[notice.pk], now=now)
