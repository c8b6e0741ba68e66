"""What the receptionist's list and tasks show, in a constant number of queries whatever the number of rows.

The open lead beside the list: its conversation in `talks.py`, its card in `cards.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models import Value as V
from django.db.models.functions import Coalesce

from assistant import words
from channels_app.models import Notice
from contacts.models import Contact, Conversation, Identity, Message
from routing import access, presence, scoring, sla
from routing import config as configs
from routing.assignment import people_at_work
from routing.card_rows import TaskView
from routing.models import Lead, Task
from routing.rows import Clock, Counters, Holder, InboxRow
from routing.scoring import INTENT_TITLES
from routing.shift_rows import Colleague, ShiftMark, ShiftState, ShiftView
from tenants.access import Member
from tenants.business.models import Presence, Role, StaffMember
from tenants.business.presence import NO_ROTA, NOT_BEGUN, Standing, next_start

PAGE = 30
VIEWS = ("all", "hot", "waiting", "mine", "free", "closed", "test")
PERSON_CLOCKS = ("take", "answer", "call")  # something is awaited of a person, not merely hoped for
CLOSED_FOR = timedelta(days=90)  # finished leads older than this are found by searching only
TOLD_INTENTS = frozenset(INTENT_TITLES) - {"booking", "other", "spam"}
_ANSWERS = [Message.Author.ASSISTANT, Message.Author.STAFF]
_ASIDE = [Message.Author.NOTE, Message.Author.SYSTEM]
_Status = Lead.Status
_SPAM = [_Status.QUARANTINE, _Status.SPAM]
# An outcome does not end what a client waits for: such a lead stays in the list.
_LIVE = (
    Q(status__in=[_Status.OPEN, _Status.NEEDS_CALL]) | Q(conversation__needs_person=True) | Q(clock__in=PERSON_CLOCKS)
)
_WAITS = Q(clock__in=PERSON_CLOCKS) | Q(conversation__needs_person=True)


@dataclass(frozen=True)
class Page:
    rows: list[InboxRow]
    number: int
    has_next: bool


# --- The list --------------------------------------------------------------------------------------------------------


def inbox_page(member: Member, *, view: str, query: str, number: int, now: datetime) -> Page:
    """One page of the list, the most urgent first."""
    number = max(number, 1)
    leads = _ordered(_listed(member, view, query, now=now), now=now)
    found = list(leads[(number - 1) * PAGE : number * PAGE + 1])
    return Page(_rows(found[:PAGE], member, now=now), number, len(found) > PAGE)


def inbox_row(lead_id: int, member: Member, *, now: datetime) -> InboxRow:
    """One row, whatever the list is filtered by. The caller has checked that the member may see it."""
    return _rows(_with_people(Lead.objects.filter(pk=lead_id)), member, now=now)[0]


def listed_row(lead_id: int, member: Member, *, view: str, query: str, now: datetime) -> InboxRow | None:
    """The row where it belongs to the list shown; None: it does not (any more)."""
    leads = list(_with_people(_listed(member, view, query, now=now).filter(pk=lead_id)))
    return _rows(leads, member, now=now)[0] if leads else None


def counters(member: Member, *, now: datetime) -> Counters:
    """The numbers above the list; three queries."""
    leads = access.leads_of(member)
    mine = _mine(member)
    real = Q(is_test=False)
    found = leads.exclude(status__in=_SPAM).aggregate(
        hot=Count("pk", filter=real & _LIVE & Q(temperature="hot")),
        waiting=Count("pk", filter=real & _WAITS),
        mine=Count("pk", filter=real & _LIVE & mine),
        free=Count("pk", filter=real & _LIVE & _free()),
        test=Count("pk", filter=Q(is_test=True) & _LIVE),
    )
    quarantine = leads.filter(status=_Status.QUARANTINE, is_test=False).count() if member.may("inbox.all") else 0
    tasks = access.tasks_of(member).filter(done_at=None, lead__is_test=False).count()
    return Counters(**found, quarantine=quarantine, tasks=tasks)


def _listed(member: Member, view: str, query: str, *, now: datetime) -> QuerySet[Lead]:
    leads = access.leads_of(member).exclude(status__in=_SPAM).filter(is_test=view == "test")
    for word in query.split()[:5]:
        leads = leads.filter(_has_word(word))
    if view == "closed":
        leads = leads.exclude(_LIVE)
        return leads if query else leads.filter(changed_at__gt=now - CLOSED_FOR)
    if view == "all" and query:
        return leads  # whoever is looked for is found, finished or not
    leads = leads.filter(_LIVE)
    chosen = {"hot": Q(temperature="hot"), "waiting": _WAITS, "mine": _mine(member), "free": _free()}.get(view)
    return leads.filter(chosen) if chosen is not None else leads


def _mine(member: Member) -> Q:
    """Owned or led; what was given back to the assistant is nobody's work."""
    if member.staff is None:
        return Q(pk__in=[])
    led_by_me = Q(conversation__held_by=member.staff)
    return led_by_me | Q(owner=member.staff, conversation__held_by=None) & (Q(taken_at=None) | _WAITS)


def _free() -> Q:
    """Nobody's: it needs a person and has none. While the assistant is off, every lead without an owner is."""
    nobody = Q(owner=None, conversation__held_by=None)
    if not configs.load().settings.assistant_enabled:
        return nobody
    waits = Q(conversation__needs_person=True) | Q(status=_Status.NEEDS_CALL) | Q(waits_since__isnull=False)
    return nobody & waits


def _has_word(word: str) -> Q:
    """Name, phone (any part of its digits), wish, or a word of the conversation."""
    pattern = re.sub("[её]", "[её]", re.escape(word.lower()))
    said = Message.objects.filter(conversation=OuterRef("conversation"), text__iregex=pattern)
    found = (
        Q(contact__name__iregex=pattern)
        | Q(conversation__identity__display_name__iregex=pattern)
        | Q(summary__iregex=pattern)
        | Q(Exists(said))
    )
    digits = re.sub(r"\D", "", word)
    if len(digits) >= 3 and not re.search(r"[^\d\s()+.-]", word):
        digits = digits[1:] if len(digits) == 11 and digits[0] in "78" else digits
        found |= Q(contact__phone__contains=digits) | Q(conversation__identity__claimed_phone__contains=digits)
    return found


# --- Order -----------------------------------------------------------------------------------------------------------


def _ordered(leads: QuerySet[Lead], *, now: datetime) -> QuerySet[Lead]:
    """Late first, then hot or of high priority, then what waits for a person, then by heat, then of low priority;
    finished ones last. `_rank` says the same."""
    awaited = Q(clock__in=PERSON_CLOCKS)
    pressing = Q(temperature="hot") | Q(priority=Lead.Priority.HIGH)
    group = Case(
        When(awaited & Q(clock_due_at__lt=now), then=V(0)),
        When(~_LIVE, then=V(7)),
        When(priority=Lead.Priority.LOW, then=V(6)),
        When(awaited & pressing, then=V(1)),
        When(pressing, then=V(2)),
        When(awaited, then=V(3)),
        When(temperature="warm", then=V(4)),
        default=V(5),
        output_field=IntegerField(),
    )
    due = Case(When(awaited, then=F("clock_due_at")), default=None, output_field=DateTimeField())
    newest = Case(When(~_LIVE, then=F("changed_at")), default=F("last_client_at"), output_field=DateTimeField())
    ordered = leads.annotate(group=group, due=due, newest=newest)
    return _with_people(ordered).order_by("group", F("due").asc(nulls_last=True), "-newest", "-pk")


def _rank(lead: Lead, *, now: datetime) -> float:
    """The same order as a number, so that the page can put a changed row in its place."""
    awaited = lead.clock in PERSON_CLOCKS and lead.clock_due_at is not None
    is_live = lead.is_open or lead.conversation.needs_person or lead.clock in PERSON_CLOCKS
    if awaited and lead.clock_due_at < now:
        group = 0
    elif not is_live:
        group = 7
    elif lead.priority == Lead.Priority.LOW:
        group = 6
    elif lead.is_hot or lead.priority == Lead.Priority.HIGH:
        group = 1 if awaited else 2
    else:
        group = 3 if awaited else 4 if lead.temperature == "warm" else 5
    newest = lead.last_client_at if is_live else lead.changed_at
    within = lead.clock_due_at.timestamp() if awaited else 9e10 - newest.timestamp()
    return group * 1e11 + within


# --- Rows ------------------------------------------------------------------------------------------------------------


def _with_people(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    return leads.select_related("contact", "conversation__identity", "conversation__held_by", "owner")


@dataclass(frozen=True)
class _Said:
    """The end of a conversation."""

    unread: int = 0
    text: str = ""
    author: str = "client"
    staff_id: int | None = None
    staff_name: str = ""


def _rows(leads: Collection[Lead] | QuerySet[Lead], member: Member, *, now: datetime) -> list[InboxRow]:
    leads = list(leads)
    said = _said({lead.conversation_id for lead in leads})
    return [_row(lead, said.get(lead.conversation_id, _Said()), member, now=now) for lead in leads]


def _row(lead: Lead, said: _Said, member: Member, *, now: datetime) -> InboxRow:
    return InboxRow(
        lead_id=lead.pk,
        rank=_rank(lead, now=now),
        temperature=lead.temperature,
        score=lead.score,
        contact_name=name_of(lead.contact, lead.conversation.identity),
        wants=wants(lead),
        channel_kind=lead.kind,
        channel_title=lead.get_kind_display(),
        clock=clock_of(lead, now=now),
        holder=holder_of(lead, member),
        unread=said.unread,
        changed_at=lead.conversation.last_message_at or lead.changed_at,
        why=why(lead),
        last_text=said.text,
        last_author=said.author,
        last_name="Вы" if said.staff_id and said.staff_id == _staff_id(member) else said.staff_name,
        is_urgent=lead.urgency == "high" and lead.is_open,
        is_important=lead.priority == Lead.Priority.HIGH and lead.is_open,
        needs_call=lead.status == _Status.NEEDS_CALL,
        is_closed=not lead.is_open,
        outcome_title="" if lead.is_open else str(_Status(lead.status).label),
        conversation_id=lead.conversation_id,
    )


def _said(conversation_ids: Collection[int]) -> dict[int, _Said]:
    """How these conversations end: three queries."""
    messages = Message.objects.filter(conversation__in=conversation_ids)
    ends = messages.exclude(author__in=_ASIDE).values_list("conversation").annotate(last=Max("pk")).order_by()
    answered = messages.filter(conversation=OuterRef("conversation"), author__in=_ANSWERS).order_by("-pk").values("pk")
    unanswered = (
        messages.filter(author=Message.Author.CLIENT, pk__gt=Coalesce(Subquery(answered[:1]), 0))
        .values_list("conversation")
        .annotate(count=Count("pk"))
        .order_by()
    )
    unread = dict(unanswered)
    last = Message.objects.filter(pk__in=[pk for _, pk in ends]).select_related("staff")
    return {
        message.conversation_id: _Said(
            unread.get(message.conversation_id, 0),
            _gist(message),
            message.author,
            message.staff_id,
            message.staff.name if message.staff else "",
        )
        for message in last
    }


def _gist(message: Message) -> str:
    """One line for the list. The assistant greets first and comes to the point in its last paragraph."""
    text = message.text.rpartition("\n\n")[2] if message.author == Message.Author.ASSISTANT else message.text
    return " ".join(text[:200].split())


def _staff_id(member: Member) -> int | None:
    return member.staff.pk if member.staff else None


def name_of(contact: Contact, identity: Identity) -> str:
    """How the client is called on the screens."""
    phone = words.phone(contact.phone or identity.claimed_phone)
    return contact.name or identity.display_name or phone or f"Клиент {contact.pk}"


def wants(lead: Lead) -> str:
    """«Отменяет визит: маникюр, завтра»; a wish to book goes without saying."""
    told = INTENT_TITLES[lead.intent] if lead.intent in TOLD_INTENTS else ""
    if lead.intent == "booking" and not lead.summary:
        told = INTENT_TITLES["booking"]
    text = f"{told}: {lead.summary}" if told and lead.summary else told or lead.summary
    return text[:1].upper() + text[1:]


def why(lead: Lead) -> str:
    """One line: «намерение 40 + свежесть 20 + канал 13»."""
    return scoring.summary([scoring.Part(**part) for part in lead.score_parts])


def day_words(day: date, today: date) -> str:
    """«сегодня, ср 25 ноября»."""
    near = {0: "сегодня, ", 1: "завтра, ", -1: "вчера, "}.get((day - today).days, "")
    return f"{near}{words.SHORT_WEEKDAY[day.weekday()]} {words.calendar_day(day, today)}"


def holder_of(lead: Lead, member: Member) -> Holder:
    """Who answers for the lead now."""
    conversation, me = lead.conversation, _staff_id(member)
    if conversation.held_by_id:
        return Holder("person", conversation.held_by.name, conversation.held_by_id == me)
    if lead.owner_id and lead.is_open and (lead.taken_at is None or conversation.needs_person):
        return Holder("offered", lead.owner.name, lead.owner_id == me)
    waits = lead.owner_id is None and lead.waits_since is not None and lead.is_open
    if conversation.needs_person or lead.status == _Status.NEEDS_CALL or waits:
        return Holder("nobody", reason=lead.waits_why if waits else "")
    return Holder("assistant" if configs.load().settings.assistant_enabled else "nobody")


def clock_of(lead: Lead, *, now: datetime) -> Clock | None:
    """What is awaited and until when. That a cold lead was not booked within the hour is no longer news."""
    if not lead.clock or lead.clock_due_at is None:
        return None
    left = int((lead.clock_due_at - now).total_seconds())
    if lead.clock not in PERSON_CLOCKS and left < 0 and not lead.is_hot:
        return None
    budget = int((lead.clock_due_at - (lead.clock_started_at or lead.created_at)).total_seconds())
    return Clock(sla.TITLES.get(lead.clock, lead.clock), lead.clock_due_at, max(budget, 1), left)


# --- Tasks, shift ----------------------------------------------------------------------------------------


def open_tasks(member: Member, *, now: datetime) -> list[TaskView]:
    """What is to be done, the most overdue first; two hundred are enough for a day."""
    tasks = access.tasks_of(member).filter(done_at=None, lead__is_test=False)
    people = tasks.select_related("staff", "lead__contact", "lead__conversation__identity")
    return [task_view(task, member, now=now) for task in people.order_by("due_at", "pk")[:200]]


def task_view(task: Task, member: Member, *, now: datetime, alone: bool = True) -> TaskView:
    """`alone` False: it stands on its client's own card, which names the client already."""
    contact, identity = task.lead.contact, task.lead.conversation.identity
    return TaskView(
        id=task.pk,
        title=task.title,
        kind=task.kind,
        due_at=task.due_at,
        is_late=task.due_at < now,
        assignee_name=task.staff.name if task.staff else "",
        is_mine=bool(member.staff and task.staff_id == member.staff.pk),
        is_done=task.done_at is not None,
        lead_id=task.lead_id,
        contact_name=name_of(contact, identity) if alone else "",
        phone=contact.phone or identity.claimed_phone,
    )


def shift_of(member: Member, *, now: datetime) -> ShiftView | None:
    """The reader's own shift; None: the reader is not on the staff."""
    staff: StaffMember | None = member.staff
    if staff is None:
        return None
    there = presence.standing(staff, now=now)
    load = Lead.objects.filter(owner=staff, status__in=[_Status.OPEN, _Status.NEEDS_CALL], is_test=False).count()
    return ShiftView(
        staff_name=staff.name,
        is_on=there.is_present,
        until=there.until if there.is_on_shift else None,
        open_leads=load,
        load_cap=staff.load_cap,
        state=_shift_state(there),
        since=there.absent_since,
    )


def _shift_state(there: Standing) -> ShiftState:
    if not there.is_on_shift:
        return "off"
    if there.is_present:
        return "here"
    if there.kind in ("away", "silent", "gone"):
        return there.kind
    return "break" if there.is_near else "unbegun" if there.why == NOT_BEGUN else "away"


def shift_page(member: Member, *, now: datetime) -> ShiftView | None:
    """The same with today's marks, colleagues and what waits for a person."""
    shown, staff = shift_of(member, now=now), member.staff
    if shown is None or staff is None:
        return None
    config = configs.load()
    zone = config.branch(staff.branch_id).zone
    marks = [
        ShiftMark(datetime.fromisoformat(mark["at"]).astimezone(zone), str(Presence(mark["what"]).label), mark["why"])
        for mark in staff.presence_log
    ]
    today = now.astimezone(zone).date()
    everybody = people_at_work(now, Role.values)
    return replace(
        shown,
        next_start=next_start(config.rotas.get(staff.pk, NO_ROTA), config.calendars, now),
        marks=tuple(mark for mark in marks if mark.at.date() == today),
        colleagues=tuple(
            Colleague(one.name, one.absence, one.open_leads, one.load_cap)
            for _, one in everybody
            if one.is_on_shift and one.staff_id != staff.pk
        ),
        waiting=access.leads_of(member).filter(_LIVE, _free(), is_test=False).count(),
    )


# --- What a page without its event stream asks -----------------------------------------------------------------------


@dataclass(frozen=True)
class Changes:
    leads: list[int]  # changed, or something was said in their conversations
    notices: list[tuple[int, int | None]]  # (notice, lead) to the reader
    is_all: bool  # False: there were more, so everything is to be read anew


def changes_since(member: Member, after: datetime, *, limit: int = 100) -> Changes:
    """What a page that was deaf since `after` must look at again."""
    said = Q(conversation__last_message_at__gt=after)
    found = access.leads_of(member).filter(Q(changed_at__gt=after) | said).order_by("pk")
    leads = list(found.values_list("pk", flat=True)[: limit + 1])
    notices: list[tuple[int, int | None]] = []
    if member.staff:
        unseen = Notice.objects.filter(staff=member.staff, seen_at=None, created_at__gt=after).order_by("pk")
        notices = list(unseen.values_list("pk", "lead_id")[:limit])
    return Changes(leads[:limit], notices, len(leads) <= limit)


def note_seen(conversation: Conversation, *, upto: int) -> None:
    """A person has the conversation open and saw its messages up to that one."""
    if upto > conversation.seen_message_id:
        Conversation.objects.filter(pk=conversation.pk, seen_message_id__lt=upto).update(seen_message_id=upto)
