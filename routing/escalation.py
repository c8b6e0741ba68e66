"""What happens when a clock runs out: the next person, the backup, a call task, a word to the accountable."""

from __future__ import annotations

from datetime import datetime

from channels_app import live
from channels_app.notices import notify
from routing import config as configs
from routing import presence, record, ruling, sla
from routing.assignment import give, lock_assigning, make_owner
from routing.calls import needs_call, people_accountable
from routing.models import Lead
from routing.signals import lead_changed
from tenants.business.models import StaffMember


def answer_ran_out(lead: Lead, *, now: datetime) -> None:
    """The assistant gave no answer in 3 s (it is off, stuck, or may not write): a person is called."""
    if not lead.is_open or lead.first_answer_at or lead.owner_id:
        return
    _breach(lead, "Ассистент не ответил за 3 с", now=now)
    if give(lead, stage=lead.stage, now=now, why="Клиент ждёт ответа"):
        sla.start_take(lead, now=now)


def take_ran_out(lead: Lead, *, now: datetime) -> None:
    """Nobody took a lead in time: the next person, then the backup, then «нужен звонок» with a task."""
    if not lead.is_open or lead.taken_at or lead.status == Lead.Status.NEEDS_CALL:
        return
    config = configs.load()
    policy, settings = config.policy, config.settings
    tried = list(lead.assignments.order_by("id").values_list("staff_id", flat=True))
    previous = lead.owner
    late = f"не взята за {policy.hot_take_seconds} с"
    _breach(lead, f"{previous.name}: {late}" if previous else late, now=now)
    if previous:
        presence.note_missed(previous, lead_id=lead.pk, now=now)
    if ruling.rule_on(lead, "timer_due", now=now):
        return
    if previous:
        key = f"late-{lead.pk}-{previous.pk}-{len(tried)}"
        notify(previous, "reassigned", f"Заявка {late} и передана дальше", lead_id=lead.pk, key=key, now=now)
    backup = settings.backup_staff
    given = None
    if len(tried) <= policy.max_hops:
        given = give(lead, stage=lead.stage, now=now, why="Предыдущий сотрудник не взял заявку", exclude=tried)
    elif backup and backup.is_active and backup.pk not in tried:
        given = _give_backup(lead, backup, now=now)
    if given:
        sla.start_take(lead, now=now)
    else:
        needs_call(lead, why="заявку никто не взял", now=now)


def _give_backup(lead: Lead, backup: StaffMember, *, now: datetime) -> StaffMember:
    lock_assigning()
    make_owner(lead, backup, reason="резервный сотрудник", now=now)
    record.add(lead, "assigned", f"Назначено: {backup.name}", [("Почему", "резервный сотрудник")], now=now)
    text = f"Заявку никто не взял, вы в резерве: {lead.summary or 'новая заявка'}"
    notify(backup, "hot_lead", text[:300], lead_id=lead.pk, key=f"backup-{lead.pk}", now=now)
    lead_changed.send(Lead, lead=lead, what="assigned", now=now)
    return backup


def person_ran_out(lead: Lead, *, now: datetime) -> None:
    """A person took the lead and did not answer in 3 minutes: the next one gets it."""
    if not lead.is_open or lead.clock != "answer":
        return
    tried = [lead.owner_id] if lead.owner_id else []
    _breach(lead, f"{lead.owner or 'Сотрудник'}: нет ответа клиенту вовремя", now=now)
    if _rules_move(lead, now=now):
        return
    if give(lead, stage=lead.stage, now=now, why="Клиент ждёт ответа человека", exclude=tried):
        _let_go(lead)
        sla.start_take(lead, now=now)
    else:
        tell_accountable(lead, "Клиент ждёт ответа, передать некому", now=now)


def silence_ran_out(lead: Lead, *, now: datetime) -> None:
    """A person has been silent in a live conversation: the accountable are told."""
    if not lead.is_open or lead.clock != "answer":
        return
    _breach(lead, "Сотрудник молчит в разговоре", now=now)
    if _rules_move(lead, now=now):
        return
    tell_accountable(lead, "Клиент давно ждёт ответа в разговоре", now=now)


def _rules_move(lead: Lead, *, now: datetime) -> bool:
    """Rules for a silent person gave the lead to another one, who is waited for from now on."""
    if not ruling.rule_on(lead, "owner_silent", now=now):
        return False
    _let_go(lead)
    return True


def _let_go(lead: Lead) -> None:
    """Nobody leads the conversation until the new person takes it."""
    conversation = lead.conversation
    conversation.held_by, conversation.needs_person = None, True
    conversation.save(update_fields=["held_by", "needs_person"])


def confirm_ran_out(lead: Lead, *, now: datetime) -> None:
    """The lead is not booked in time: the accountable are told."""
    if not lead.is_open:
        return
    _breach(lead, "Заявка не доведена до записи вовремя", now=now)
    if ruling.rule_on(lead, "timer_due", now=now):
        return
    tell_accountable(lead, "Заявка не доведена до записи вовремя", now=now)


def tell_accountable(lead: Lead, text: str, *, now: datetime) -> None:
    """A notice to everybody who holds the A of the lead's stage."""
    for person in people_accountable(lead):
        key = f"breach-{lead.pk}-{lead.breaches}-{person.pk}"
        notify(person, "breach", text, lead_id=lead.pk, key=key, now=now)


def _breach(lead: Lead, what: str, *, now: datetime) -> None:
    lead.breaches += 1
    lead.changed_at = now
    lead.save(update_fields=["breaches", "changed_at"])
    record.add(lead, "breach", what, [("Срок", sla.TITLES.get(lead.clock, lead.clock or "ответ"))], now=now)
    live.publish("lead", id=lead.pk)
