"""What happens when a clock runs out: a word before, then the next person, the backup, a call task, the accountable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from channels_app import live
from channels_app.models import Delivery
from channels_app.notices import notify
from leadhub.work import later
from routing import config as configs
from routing import duties, presence, record, ruling, sla
from routing.assignment import (
    Candidate,
    give,
    lock_assigning,
    make_owner,
    may_be_asked,
    people_at_work,
    release,
    wait,
)
from routing.calls import kind_given, needs_call, withdraw_call
from routing.clocks import KINDS
from routing.models import Lead, OnBreach
from routing.signals import lead_changed
from tenants.business.models import Role, StaffMember

LATE = "late"  # beside the clocks of a lead: the assistant's first answer is late, and whom that made us call
BEHIND = timedelta(seconds=5)  # a clock that rings so long after its time tells of an outage, not of this lead
TOO_LATE = {
    "person": "нет ответа клиенту вовремя",
    "silence": "Сотрудник молчит в разговоре",
    "confirm": "Заявка не доведена до записи вовремя",
}
TOLD = {
    "take": "Клиент ждёт, заявку не взяли",
    "person": "Клиент ждёт ответа, передать некому",
    "silence": "Клиент давно ждёт ответа в разговоре",
    "confirm": "Заявка не доведена до записи вовремя",
}


def ring(lead: Lead, name: str, *, now: datetime) -> None:
    """The due work of one clock woke up: it is time to warn, or to act, or (moved, stopped) for nothing."""
    if due := sla.warn(lead, name, now=now):
        _warn(lead, name, due, now=now)
    if sla.is_over(lead, name, now=now):
        {"take": take_ran_out, "person": person_ran_out, "silence": silence_ran_out, "confirm": confirm_ran_out}[name](
            lead, now=now
        )


def _warn(lead: Lead, name: str, due: datetime, *, now: datetime) -> None:
    """To who has the lead: so much is left."""
    if not lead.is_open or lead.owner is None or (name == "take" and lead.taken_at):
        return
    left = max(int((due - now).total_seconds()), 1)
    at = due.astimezone(configs.load().branch(lead.branch_id).zone)
    spoken = f"осталось {left} с" if left < 120 else f"срок в {at:%H:%M}"
    text = f"{sla.TOLD[name]}: {spoken}. {lead.summary or 'Заявка'}"
    notify(lead.owner, "warning", text[:300], lead_id=lead.pk, key=f"warn-{name}-{lead.pk}-{due:%d%H%M%S}", now=now)
    record.add(lead, "warning", f"{lead.owner.name}: {sla.TOLD[name].lower()}, {spoken}", now=now)


# --- Nobody took it --------------------------------------------------------------------------------------------------


def take_ran_out(lead: Lead, *, now: datetime) -> None:
    """Nobody took a lead in time: rules, else what the policy says (the next person, then the backup, then «нужен
    звонок» with a task)."""
    if not lead.is_open or lead.taken_at or lead.status == Lead.Status.NEEDS_CALL:
        return
    terms = sla.terms_of(lead)
    previous = lead.owner
    late = f"не взята за {terms['hot_take_seconds']} с"
    _breach(lead, "take", f"{previous.name}: {late}" if previous else late, now=now)
    if previous:
        presence.note_missed(previous, lead_id=lead.pk, now=now)
    if not _rules_move(lead, "timer_due", now=now) and lead.is_open:
        _act(lead, "take", str(terms["take_action"]), now=now)
    if previous:
        _tell_previous(lead, previous, late, now=now)


def _tell_previous(lead: Lead, previous: StaffMember, late: str, *, now: datetime) -> None:
    """Who let the lead wait hears what became of it, where anything did."""
    if lead.owner_id and lead.owner_id != previous.pk:
        became = "передана дальше"
    elif lead.status == Lead.Status.NEEDS_CALL:
        became = "нужно перезвонить клиенту"
    else:
        return
    key = f"late-{lead.pk}-{previous.pk}-{lead.breaches}"
    notify(previous, "reassigned", f"Заявка {late}, {became}", lead_id=lead.pk, key=key, now=now)


# --- A person is slow ------------------------------------------------------------------------------------------------


def person_ran_out(lead: Lead, *, now: datetime) -> None:
    """A person took the lead and did not answer in time: the next one gets it, if the policy says nothing else."""
    _slow(lead, "person", f"{lead.owner or 'Сотрудник'}: {TOO_LATE['person']}", now=now)


def silence_ran_out(lead: Lead, *, now: datetime) -> None:
    """A person has been silent in a live conversation: the accountable are told, if the policy says nothing else."""
    _slow(lead, "silence", TOO_LATE["silence"], now=now)


def _slow(lead: Lead, name: str, what: str, *, now: datetime) -> None:
    if not lead.is_open or lead.clock != "answer":
        return
    _breach(lead, name, what, now=now)
    if not _rules_move(lead, "owner_silent", now=now) and lead.is_open:
        _act(lead, name, str(sla.terms_of(lead)[f"{name}_action"]), now=now)


def confirm_ran_out(lead: Lead, *, now: datetime) -> None:
    """The lead is not booked in time: the accountable are told, if the policy says nothing else."""
    if not lead.is_open:
        return
    _breach(lead, "confirm", TOO_LATE["confirm"], now=now)
    if not _rules_move(lead, "timer_due", now=now) and lead.is_open:
        _act(lead, "confirm", str(sla.terms_of(lead)["confirm_action"]), now=now)


# --- What is done ----------------------------------------------------------------------------------------------------


def _act(lead: Lead, name: str, action: str, *, now: datetime) -> None:
    """Do what the policy says of a breach; the accountable, who know of it, hear when that cannot be done."""
    if not _ACTIONS[action](lead, name, now):
        duties.tell_accountable(lead, TOLD[name], now=now)


def _chain(lead: Lead, name: str, now: datetime) -> bool:
    """The next person, after so many the backup, then a call."""
    tried = _tried(lead)
    if len(tried) <= sla.terms_of(lead).number("max_hops"):
        if _pass_on(lead, tried, now=now):
            return True
    elif _to_backup(lead, name, now):
        return True
    needs_call(lead, why="заявку никто не взял", now=now)
    return True


def _next(lead: Lead, name: str, now: datetime) -> bool:
    return _pass_on(lead, [lead.owner_id] if lead.owner_id else [], now=now)


def _to_backup(lead: Lead, name: str, now: datetime) -> bool:
    """The backup, on shift or not."""
    backup = configs.load().settings.backup_staff_id
    return bool(backup) and _hand_to(lead, people_at_work(now, [], [backup]), "резервный сотрудник", now=now)


def _to_senior(lead: Lead, name: str, now: datetime) -> bool:
    """The senior who is at work; none at work: the first one."""
    people = people_at_work(now, [Role.SENIOR])
    people.sort(key=lambda pair: (not pair[1].is_on_shift, pair[1].open_leads, pair[0].pk))
    return _hand_to(lead, people, "старший", now=now)


def _accountable(lead: Lead, name: str, now: datetime) -> bool:
    return True  # they heard of the breach as of every other


def _call(lead: Lead, name: str, now: datetime) -> bool:
    needs_call(lead, why=TOO_LATE.get(name, "заявку никто не взял").lower(), now=now)
    return True


def _remind(lead: Lead, name: str, now: datetime) -> bool:
    if lead.owner is None:
        return False
    key = f"remind-{lead.pk}-{lead.breaches}"
    notify(lead.owner, "breach", f"Срок вышел: {sla.TOLD[name].lower()}", lead_id=lead.pk, key=key, now=now)
    return True


_ACTIONS: dict[str, Callable[[Lead, str, datetime], bool]] = {
    OnBreach.CHAIN: _chain,
    OnBreach.NEXT: _next,
    OnBreach.BACKUP: _to_backup,
    OnBreach.SENIOR: _to_senior,
    OnBreach.ACCOUNTABLE: _accountable,
    OnBreach.CALL: _call,
    OnBreach.NOTICE: _remind,
}


def _pass_on(lead: Lead, tried: list[int], *, now: datetime) -> bool:
    why = "Клиент ждёт ответа человека" if lead.taken_at else "Предыдущий сотрудник не взял заявку"
    if not give(lead, stage=lead.stage, now=now, why=why, exclude=tried, kind=kind_given(lead)):
        return False
    _let_go(lead)
    sla.start_take(lead, now=now)
    return True


def _hand_to(lead: Lead, people: list[tuple[StaffMember, Candidate]], reason: str, *, now: datetime) -> bool:
    """Give the lead to the first of these who may be asked, at work or not; False: to nobody, each is out, has as many
    as they take at once, or had this lead already."""
    tried = _tried(lead)
    person = next((person for person, each in people if may_be_asked(each, tried)), None)
    if person is None:
        return False
    assignment = make_owner(lead, person, reason=reason, now=now)
    record.add(lead, "assigned", f"Назначено: {person.name}", [("Почему", reason)], now=now)
    text = f"Срок вышел, заявка теперь ваша ({reason}): {lead.summary or 'новая заявка'}"
    kind = kind_given(lead)
    notify(person, kind, text[:300], lead_id=lead.pk, key=f"{kind}-{assignment.pk}", now=now)
    lead_changed.send(Lead, lead=lead, what="assigned", now=now)
    _let_go(lead)
    sla.start_take(lead, now=now)
    return True


def _tried(lead: Lead) -> list[int]:
    """Everybody who had the lead, in order, each as often as it was given."""
    return list(lead.assignments.order_by("id").values_list("staff_id", flat=True))


def _rules_move(lead: Lead, event: str, *, now: datetime) -> bool:
    """Rules gave the lead to another person, who is waited for from now on."""
    if not ruling.rule_on(lead, event, now=now):
        return False
    _let_go(lead)
    return True


def _let_go(lead: Lead) -> None:
    """Whoever led the conversation leads it no more; it waits for the new person."""
    conversation = lead.conversation
    if conversation.held_by_id:
        conversation.held_by, conversation.needs_person = None, True
        conversation.save(update_fields=["held_by", "needs_person"])


def _breach(lead: Lead, name: str, what: str, *, now: datetime) -> None:
    """Count it against the matrix; A of the stage is told."""
    due = lead.clock_due_at if lead.clock == KINDS[name].shown else None
    duties.note_breach(lead, what, clock=name, due_at=due, now=now)


# --- The assistant is slow -------------------------------------------------------------------------------------------


def answer_ran_out(lead: Lead, *, now: datetime) -> None:
    """The assistant gave no answer in its time. It is off, stuck or may not write: a person is called. Its answer is on
    the way, or all of us were away: the answer is waited for a little, and only then people are."""
    if not lead.is_open or lead.first_answer_at or lead.owner_id:
        return
    terms = sla.terms_of(lead)
    if LATE in (lead.clocks or {}):
        _queue_for_people(lead, now=now)
        return
    late = f"Ассистент не ответил за {terms['assistant_answer_seconds']} с"
    patience = timedelta(seconds=terms.number("late_answer_seconds"))
    waits = not lead.is_hot and patience and _is_coming(lead, timedelta(seconds=terms.seconds("answer")), now=now)
    duties.note_breach(lead, late, clock="answer", tells=not waits, now=now)
    if waits:
        _mark_late(lead, "waits", now=now)
        later("routing.answer_clock", lead.pk, at=now + patience)
        return
    _mark_late(lead, "given", now=now)
    if give(lead, stage=lead.stage, now=now, why="Клиент ждёт ответа"):
        sla.start_take(lead, now=now)


def _is_coming(lead: Lead, allowance: timedelta, *, now: datetime) -> bool:
    """The assistant's answer is written and not accepted yet, or the clock itself rings long after its time."""
    if now - lead.last_client_at > allowance + BEHIND or lead.last_client_at - lead.created_at > allowance + BEHIND:
        return configs.load().settings.assistant_enabled
    queued = Delivery.objects.filter(
        conversation=lead.conversation_id, by_assistant=True, status=Delivery.Status.QUEUED
    )
    return queued.exists()


def _mark_late(lead: Lead, state: str, *, now: datetime) -> None:
    lead.clocks = {**(lead.clocks or {}), LATE: state}
    record.keep(lead, "clocks")


def _queue_for_people(lead: Lead, *, now: datetime) -> None:
    """The answer did not come: the lead waits with all that have no owner, and people get those one by one."""
    if lead.clocks[LATE] != "waits":
        return
    _mark_late(lead, "given", now=now)
    why = "ответ ассистента задержался"
    wait(lead, why, now=now)
    lines = [("Почему", why), ("Порядок", "самые горячие первыми, пока у людей есть место")]
    record.add(lead, "routed", "В очереди к людям", lines, now=now)
    later("routing.backlog", key="now", at=now)


def answered_late(lead: Lead, *, now: datetime) -> None:
    """The assistant's answer came after all: a lead that only its lateness gave to people, that nobody took and that is
    not hot, goes back to it; so does one that waits in the queue."""
    state = (lead.clocks or {}).get(LATE)
    if state is None:
        return
    lead.clocks = {name: value for name, value in lead.clocks.items() if name != LATE}
    record.keep(lead, "clocks")
    if state != "given" or not lead.is_open or lead.taken_at or lead.is_hot or lead.conversation.needs_person:
        return
    previous, was_called = lead.owner, lead.status == Lead.Status.NEEDS_CALL
    lock_assigning()
    release(lead, reason="ассистент ответил сам", now=now)
    lead.status, lead.waits_why, lead.waits_since = Lead.Status.OPEN, "", None
    record.keep(lead, "status", "waits_why", "waits_since")
    if was_called:
        withdraw_call(lead, now=now)
    sla.back_to_assistant(lead, now=now)
    lines = [("Было у", previous.name)] if previous else []
    record.add(lead, "routed", "Снова ведёт ассистент: ответил сам, заявку ещё никто не взял", lines, now=now)
    if previous:
        key = f"back-{lead.pk}-{lead.breaches}"
        notify(
            previous, "reassigned", "Ассистент ответил сам, заявку брать не нужно", lead_id=lead.pk, key=key, now=now
        )
    lead_changed.send(Lead, lead=lead, what="updated", now=now)
    live.publish("lead", id=lead.pk)


# --- Put off ---------------------------------------------------------------------------------------------------------


def put_off_ends(lead: Lead, *, now: datetime) -> None:
    """The moment came until which the clocks stood still: they go on, and who has the lead is told."""
    until = sla.until_of(lead)
    if until is None or until > now or not lead.is_open:
        return
    sla.resume(lead, now=now)
    record.add(lead, "clock", "Пора вернуться к клиенту, часы идут дальше", now=now)
    if lead.owner:
        text = f"Пора вернуться к клиенту: {lead.summary or 'заявка'}"
        key = f"back-to-{lead.pk}-{until:%d%H%M}"
        notify(lead.owner, "warning", text[:300], lead_id=lead.pk, key=key, now=now)
    live.publish("lead", id=lead.pk)
