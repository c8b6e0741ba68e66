"""A shift ends, or a person is out: what was theirs goes on to others, with a word on where it stands.

`look()` holds nothing and only says which leads are to move; each moves in a transaction of its own, under the lock of
its conversation.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from assistant import dialogue
from channels_app import live
from contacts.models import Conversation, Message
from leadhub.work import later
from routing import assignment, presence, record, sla
from routing import config as configs
from routing.assignment import lock_assigning
from routing.models import Assignment, Lead, Task
from routing.signals import lead_changed, task_changed
from tenants.business.models import Presence, StaffMember
from tenants.business.presence import DAY, NO_ROTA, Standing, next_start

GRACE = timedelta(minutes=10)  # after the planned end, for a talk in which something was said as lately
QUOTED = 120  # characters of the client's last words
_OPEN = [Lead.Status.OPEN, Lead.Status.NEEDS_CALL]


# --- What is to move ------------------------------------------------------------------------------------------------


def look(staff_id: int, *, now: datetime) -> None:
    """Owe the moves of a person's open leads that are due, and a look at the moment when the next may be."""
    person = StaffMember.objects.filter(pk=staff_id).first()
    if person is None:
        return
    there = presence.standing(person, now=now)
    moments = [there.until] if there.is_on_shift and there.until else []
    for lead in _leads_of(person):
        due = _moves_at(lead, person, there, now=now)
        if due is None:
            continue
        if due <= now:
            later("routing.hand_over", lead.pk, person.pk)
        else:
            moments.append(due)
    if _is_out(person, there):
        _free_tasks(person, now=now)
    if coming := [moment for moment in moments if moment > now]:
        later("routing.shift", person.pk, at=min(coming))


def look_at_all(staff_id: int | None) -> None:
    """Owe a look at the leads of this person, or of everybody who has any."""
    owners = Lead.objects.filter(status__in=_OPEN, owner__isnull=False)
    owners = owners.filter(owner=staff_id) if staff_id else owners
    for each in sorted(set(owners.values_list("owner_id", flat=True))):
        later("routing.shift", each, key=f"{each}-now")


def _is_out(person: StaffMember, there: Standing) -> bool:
    """Not there and not about to be: no break, and not out for a moment."""
    return not person.is_active or not (there.is_present or there.is_near or there.kind == Presence.SILENT)


def _leads_of(person: StaffMember) -> QuerySet[Lead]:
    mine = Q(owner=person) | Q(conversation__held_by=person)
    leads = Lead.objects.filter(mine, status__in=_OPEN, is_test=False).select_related("conversation")
    return leads.order_by("-score", "pk")


def _moves_at(lead: Lead, person: StaffMember, there: Standing, *, now: datetime) -> datetime | None:
    """When the lead leaves a person who stands there now; None: not as things are. What was given after the person
    had gone was given knowingly, and stays; so does what the person put aside, until they are reminded."""
    if not person.is_active:
        return now
    if there.is_present or sla.is_snoozed(lead):
        return None
    given = lead.assigned_at or lead.created_at
    if there.absent_since:
        if given > there.absent_since:
            return None
        if there.kind == Presence.GONE or lead.taken_at is None:
            return now
        return there.absent_since + timedelta(minutes=configs.load().settings.away_minutes)
    if there.is_on_shift:
        return None if there.is_near else now
    if there.until is None or given > there.until:
        return None
    return now if there.is_absent else _after_grace(lead, person, there.until, now=now)


def _after_grace(lead: Lead, person: StaffMember, ended: datetime, *, now: datetime) -> datetime:
    talk = lead.conversation
    is_live = talk.held_by_id == person.pk and talk.last_message_at and now - talk.last_message_at < GRACE
    return ended + GRACE if is_live else now


def _free_tasks(person: StaffMember, *, now: datetime) -> None:
    """Tasks of other people's leads that fall due before the person is back are their owners', or anybody's."""
    config = configs.load()
    back = next_start(config.rotas.get(person.pk, NO_ROTA), config.calendars, now)
    tasks = Task.objects.filter(staff=person, done_at=None, lead__status__in=_OPEN).exclude(lead__owner=person)
    for task in tasks.filter(due_at__lt=back or now + DAY).select_related("lead"):
        _move_task(task, task.lead.owner_id, now=now)


# --- The move -------------------------------------------------------------------------------------------------------


def hand_over(lead_id: int, staff_id: int, *, now: datetime) -> None:
    """Give a lead of a person who is out to the next one; where nobody is there it is the assistant's, and waits in the
    queue when the client waits for a person."""
    found = Lead.objects.filter(pk=lead_id).values_list("conversation_id", flat=True).first()
    person = StaffMember.objects.filter(pk=staff_id).first()
    if found is None or person is None:
        return
    conversation = Conversation.objects.select_for_update().get(pk=found)
    lock_assigning()
    lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead_id)
    person.refresh_from_db()
    there = presence.standing(person, now=now)
    is_theirs = person.pk in (lead.owner_id, conversation.held_by_id)
    lead.conversation = conversation
    due = _moves_at(lead, person, there, now=now)
    if not (lead.is_open and is_theirs) or due is None or due > now:
        return
    is_waiting = waits_for_person(lead, conversation)
    was_led = conversation.held_by_id is not None or lead.taken_at is None
    why = f"{person.name}: {_words(person, there)}"
    _let_go(conversation, is_waiting=is_waiting)
    given = None
    if is_waiting or was_led or not configs.load().settings.assistant_enabled:
        given = assignment.give(
            lead,
            stage=lead.stage,
            now=now,
            why=why,
            exclude=[person.pk],
            kind="handover",
            only_present=True,
            is_quiet=True,
        )
    if given is None:
        _leave(lead, why, is_waiting=is_waiting, now=now)
    _set_clock(lead, given, is_waiting=is_waiting, now=now)
    for task in lead.tasks.filter(staff=person, done_at=None):
        _move_task(task, given.pk if given else None, now=now)
    _write_note(lead, conversation, why, given, now=now)
    lead_changed.send(Lead, lead=lead, what="handed_over", now=now)
    live.publish("lead", id=lead.pk)


def waits_for_person(lead: Lead, conversation: Conversation) -> bool:
    """The client waits for a person; otherwise the assistant may well go on."""
    is_offered = lead.taken_at is None and (lead.is_hot or lead.clock == "take")
    is_called_for = conversation.needs_person or lead.status == Lead.Status.NEEDS_CALL
    return is_called_for or lead.clock == "answer" or is_offered


def _words(person: StaffMember, there: Standing) -> str:
    if not person.is_active:
        return "больше не работает"
    if not there.is_on_shift or there.kind == Presence.GONE:
        why = person.presence_log[-1]["why"] if person.presence_log and there.kind else ""
        return f"смена закончилась ({why})" if why else "смена закончилась"
    return there.why


def _let_go(conversation: Conversation, *, is_waiting: bool) -> None:
    """The assistant answers the client's next word until somebody takes the lead."""
    conversation.held_by, conversation.needs_person = None, is_waiting
    conversation.state = {**conversation.state, "dialogue": dialogue.hand_back(conversation.state.get("dialogue"))}
    conversation.save(update_fields=["held_by", "needs_person", "state"])


def _leave(lead: Lead, why: str, *, is_waiting: bool, now: datetime) -> None:
    assignment.release(lead, reason=why, now=now)
    if is_waiting or not configs.load().settings.assistant_enabled:
        assignment.wait(lead, f"{why}, на смене больше никого", now=now)
        record.add(lead, "handed_over", "Ждёт следующую смену", [("Почему", why)], now=now)
    else:
        record.add(lead, "handed_over", "Ведёт ассистент", [("Почему", why)], now=now)


def _set_clock(lead: Lead, given: StaffMember | None, *, is_waiting: bool, now: datetime) -> None:
    """A client who waits is taken by the next person in time; a call keeps its own term."""
    if lead.status == Lead.Status.NEEDS_CALL:
        return
    if given and is_waiting:
        sla.start_take(lead, now=now)
    elif lead.clock in ("take", "answer"):
        sla.handed_back(lead, now=now)


def _move_task(task: Task, staff_id: int | None, *, now: datetime) -> None:
    task.staff_id = staff_id
    task.save(update_fields=["staff"])
    task_changed.send(Task, task=task, what="moved", now=now)
    live.publish("task", id=task.pk, lead=task.lead_id)


# --- The note -------------------------------------------------------------------------------------------------------


def _write_note(lead: Lead, conversation: Conversation, why: str, given: StaffMember | None, *, now: datetime) -> None:
    """What the client wants and where the talk stands, in the talk itself, for colleagues alone."""
    zone = configs.load().branch(lead.branch_id).zone
    dealt = f"дальше {given.name}" if given else "дальше ассистент, пока никого нет"
    lines = [
        f"{why}, {dealt}.",
        f"Клиент хочет: {lead.summary or 'пока неясно'}.",
        _where_it_stands(conversation, zone),
    ]
    tasks = lead.tasks.filter(done_at=None).order_by("due_at")
    lines += [f"Задача: {task.title}, до {_moment(task.due_at, zone, now)}." for task in tasks]
    message = conversation.messages.create(
        author=Message.Author.NOTE,
        text="\n".join(lines),
        external_id=f"handover-{uuid4().hex}",
        sent_at=now,
        received_at=now,
    )
    live.publish("message", id=message.pk, conversation=conversation.pk, lead=lead.pk)


def _where_it_stands(conversation: Conversation, zone: ZoneInfo) -> str:
    said = conversation.messages.exclude(author__in=[Message.Author.NOTE, Message.Author.SYSTEM])
    last = said.order_by("-pk").first()
    if last is None:
        return "Клиент ещё ничего не написал."
    text = " ".join(last.text.split())
    text = text if len(text) <= QUOTED else f"{text[:QUOTED].rstrip()}…"
    at = f"{last.sent_at.astimezone(zone):%d.%m в %H:%M}"
    return (
        f"Клиент ждёт ответа с {at}: «{text}»"
        if last.author == Message.Author.CLIENT
        else f"Мы ответили {at}: «{text}»"
    )


def _moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    local: datetime = at.astimezone(zone)
    today: date = now.astimezone(zone).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%d.%m %H:%M}"


# --- A day off ------------------------------------------------------------------------------------------------------


def day_off(staff_id: int, *, now: datetime) -> None:
    """Today was entered as a day off («заболела») of a person who may be at work: the shift is over at once."""
    person = StaffMember.objects.select_related("branch").filter(pk=staff_id).first()
    if person is None:
        return
    today = now.astimezone(person.branch.zone).date()
    said_at = person.presence_since
    if person.presence == Presence.GONE and said_at and said_at.astimezone(person.branch.zone).date() == today:
        return  # whoever ended the shift today is gone already
    off = person.shift_exceptions.filter(date=today, start=None).first()
    if off:
        presence.finish(person, now=now, why=off.note or "выходной")


def chain(lead: Lead, *, now: datetime) -> set[int]:
    """Who was given the lead lately and let it pass: it does not come back to them at once."""
    lately = Assignment.objects.filter(lead=lead, taken_at=None, created_at__gt=now - timedelta(hours=2))
    return set(lately.values_list("staff_id", flat=True))
