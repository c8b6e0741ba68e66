"""Reminders and follow-ups: planned, sent when their time comes and the world still wants them, explained otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from assistant import dialogue, words
from booking.models import Appointment
from channels_app import outbound
from channels_app.models import Delivery
from channels_app.notices import notify
from contacts.models import Conversation
from leadhub.work import forget, later
from reminders import plan
from reminders.models import Reminder
from routing import calls, leads, record
from routing import config as configs
from routing.models import Lead
from tenants.business import calendar, responsibility
from tenants.models import ChannelKind

STALE_AFTER = timedelta(minutes=30)
TEXTS = {
    Reminder.Kind.BEFORE_24H: "reminder_24h",
    Reminder.Kind.BEFORE_2H: "reminder_2h",
    Reminder.Kind.BEFORE_1H: "reminder_1h",
    Reminder.Kind.FOLLOW_1D: "followup_t1",
    Reminder.Kind.FOLLOW_3D: "followup_t3",
    Reminder.Kind.NURTURE_7D: "nurture_t7",
    Reminder.Kind.NO_SHOW: "no_show",
}
ASKS = (Reminder.Kind.BEFORE_24H, Reminder.Kind.BEFORE_2H)
CONFIRM_CHOICES = ("Приду", "Перенести", "Отменить")
_Status = Reminder.Status


# --- Visits ---


@transaction.atomic
def plan_visit(appointment_id: int, *, now: datetime) -> list[Reminder]:
    """Bring the reminders of a visit in line with it: what was planned for an older time or a cancelled visit goes."""
    appointment = Appointment.objects.select_for_update(of=("self",)).select_related("branch").get(pk=appointment_id)
    stale = appointment.reminders.filter(status=_Status.PLANNED)
    if appointment.is_expected:
        stale = stale.exclude(revision=appointment.revision)
    for reminder in stale:
        forget("reminders.send", reminder.pk)
        _close(
            reminder, _Status.CANCELLED, "визит перенесён" if appointment.is_expected else "визита не будет", now=now
        )
    if not appointment.is_expected:
        return []
    planned = []
    for kind, due in plan.reminders_of(appointment.starts_at, _quiet(appointment.branch.zone), now=now):
        reminder, is_new = Reminder.objects.get_or_create(
            appointment=appointment,
            kind=kind,
            revision=appointment.revision,
            defaults={"contact_id": appointment.contact_id, "due_at": due},
        )
        if is_new:
            later("reminders.send", reminder.pk, at=due)
        planned.append(reminder)
    return planned


@transaction.atomic
def invite_back(appointment_id: int, *, now: datetime) -> Reminder | None:
    """After a no-show: an offer of another time, outside the quiet hours."""
    appointment = Appointment.objects.select_related("branch").get(pk=appointment_id)
    if appointment.status != Appointment.Status.NO_SHOW:
        return None
    due = calendar.after_quiet(now + timedelta(minutes=30), configs.load().settings, appointment.branch.zone)
    reminder, is_new = Reminder.objects.get_or_create(
        appointment=appointment,
        kind=Reminder.Kind.NO_SHOW,
        revision=appointment.revision,
        defaults={"contact_id": appointment.contact_id, "due_at": due},
    )
    if is_new:
        later("reminders.send", reminder.pk, at=due)
    return reminder


def send(reminder_id: int, *, now: datetime) -> None:
    """Send one planned reminder, unless the world has changed since; whatever happened stands on its row."""
    _conversation(Reminder.objects.select_related("appointment", "lead").get(pk=reminder_id))  # locked before the rest
    reminder = (
        Reminder.objects.select_for_update(of=("self",))
        .select_related("appointment__branch", "appointment__staff", "contact")
        .get(pk=reminder_id)
    )
    appointment = reminder.appointment
    if reminder.status != _Status.PLANNED or appointment is None:
        return
    if why := _why_not(reminder, appointment, now=now):
        _close(reminder, _Status.SKIPPED, why, now=now)
        return
    key = TEXTS[Reminder.Kind(reminder.kind)]
    text = configs.load().wording.say(key, visit_words(appointment, now=now), turn=appointment.pk)
    if not _say(reminder, text, choices=CONFIRM_CHOICES if reminder.kind in ASKS else (), now=now):
        _close(reminder, _Status.FAILED, "клиенту некуда написать", now=now)
        _ask_to_call(appointment, "напомнить о визите: в мессенджер и СМС не доставить", now=now)
        return
    _close(reminder, _Status.SENT, "", now=now)
    if reminder.kind == Reminder.Kind.BEFORE_2H and appointment.status == Appointment.Status.BOOKED:
        _ask_to_call(appointment, "визит через 2 часа не подтверждён", now=now)


def _why_not(reminder: Reminder, appointment: Appointment, *, now: datetime) -> str:
    if reminder.kind == Reminder.Kind.NO_SHOW:
        return "" if appointment.status == Appointment.Status.NO_SHOW else "клиент пришёл"
    if not appointment.is_expected:
        return "визита не будет"
    if reminder.revision != appointment.revision:
        return "визит перенесён"
    if now > reminder.due_at + STALE_AFTER:
        return "опоздало: толку уже нет"
    return "визит уже начался" if now >= appointment.starts_at else ""


def _ask_to_call(appointment: Appointment, why: str, *, now: datetime) -> None:
    lead = Lead.objects.filter(pk=appointment.lead_id or 0).first()
    if lead:
        calls.call_task(lead, why=why, now=now, at=now)


# --- Silent clients ---


def plan_follow_up(lead: Lead, *, now: datetime) -> None:
    """Arm the next follow-up of an open lead from the client's last word on; an outcome drops it."""
    if not _may_follow(lead):
        forget("reminders.follow", lead.pk)
        return
    following = plan.next_follow_up(lead.sequence, lead.last_client_at, _said_since(lead))
    if following is None:
        forget("reminders.follow", lead.pk)
        return
    later("reminders.follow", lead.pk, at=max(following[1], now))


def follow(lead_id: int, *, now: datetime) -> None:
    """Write to a client who fell silent, by the lead's sequence: usually after 1 and 3 days, and for the last time
    after 7, when marketing takes over."""
    found = Lead.objects.filter(pk=lead_id).values_list("conversation_id", flat=True).first()
    if found is None:
        return
    Conversation.objects.select_for_update().get(pk=found)  # before the lead, as everywhere
    lead = Lead.objects.select_for_update(of=("self",)).select_related("branch", "contact").get(pk=lead_id)
    if not _may_follow(lead):
        return
    following = plan.next_follow_up(lead.sequence, lead.last_client_at, _said_since(lead))
    if following is None:
        return
    kind, due = following
    settings = configs.load().settings
    zone = lead.branch.zone if lead.branch else configs.load().branches[0].zone
    due = calendar.after_quiet(max(due, now), settings, zone)
    if due > now:
        later("reminders.follow", lead.pk, at=due)
        return
    service = configs.load().service(lead.service_id)
    facts = {
        "business": settings.public_name,
        "name": lead.contact.name,
        "service": service.name if service else "",
        "promos": "",
    }
    reminder = Reminder.objects.create(
        kind=kind,
        lead=lead,
        contact=lead.contact,
        revision=lead.reminders.filter(kind=kind).count(),
        due_at=now,
    )
    text = configs.load().wording.say(TEXTS[Reminder.Kind(kind)], facts, turn=lead.pk)
    was_said = _say(reminder, text, choices=(), now=now)
    _close(
        reminder, _Status.SENT if was_said else _Status.FAILED, "" if was_said else "клиенту некуда написать", now=now
    )
    record.add(lead, "follow_up", f"Клиент молчит: {Reminder.Kind(kind).label}", now=now)
    if kind == Reminder.Kind.NURTURE_7D:
        _to_nurture(lead, now=now)
    else:
        plan_follow_up(lead, now=now)


def _may_follow(lead: Lead) -> bool:
    """Only a silent client in the assistant's hands: nobody led by a person, complaining or in quarantine."""
    return lead.is_open and lead.intent not in ("complaint", "spam") and lead.conversation.held_by_id is None


def _said_since(lead: Lead) -> int:
    return lead.reminders.filter(done_at__gt=lead.last_client_at).count()


def _to_nurture(lead: Lead, *, now: datetime) -> None:
    leads.close(lead, status=Lead.Status.NURTURE, by=None, why="клиент не отвечает на напоминания", now=now)
    for role in responsibility.responsible("nurture"):
        for person in responsibility.people_of(role):
            text = f"Клиент не отвечает на напоминания: {lead.summary or 'заявка без записи'}"
            notify(person, "nurture", text[:300], lead_id=lead.pk, key=f"nurture-{lead.pk}", now=now)


# --- Shared ---


def visit_words(appointment: Appointment, *, now: datetime) -> dict[str, str]:
    """The facts of a visit as the texts of reminders take them."""
    zone = appointment.branch.zone
    return {
        "business": configs.load().settings.public_name,
        "service": words.listing([service.name for service in appointment.services.all()]),
        "when": words.moment(appointment.starts_at.astimezone(zone), now.astimezone(zone)),
        "staff": appointment.staff.name,
        "address": appointment.branch.address,
        "name": appointment.contact.name,
        "price": words.price_range(appointment.price_kopecks, appointment.price_to_kopecks),
    }


def _say(reminder: Reminder, text: str, *, choices: tuple[str, ...], now: datetime) -> Delivery | None:
    """Through the channel the client writes in, else by SMS; None: neither is there."""
    key = f"reminder-{reminder.pk}"
    conversation = _conversation(reminder)
    if conversation and conversation.identity.kind != ChannelKind.FORM and not conversation.identity.is_unreachable:
        if choices and reminder.appointment_id:
            state = dialogue.await_confirmation(conversation.state.get("dialogue"), reminder.appointment_id)
            conversation.state = {**conversation.state, "dialogue": state}
            conversation.save(update_fields=["state"])
        return outbound.queue(
            conversation, text, key=key, choices=choices, by_assistant=False, fallback_sms=True, now=now
        )
    if reminder.contact.phone:
        return outbound.queue_sms(reminder.contact.phone, text, key=key, conversation=conversation, now=now)
    return None


def _conversation(reminder: Reminder) -> Conversation | None:
    """The one the visit or lead came from, else the contact's latest; locked."""
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("identity", "contact")
    wanted = (reminder.appointment or reminder.lead).conversation_id
    if wanted:
        return rows.get(pk=wanted)
    return rows.filter(contact=reminder.contact_id).order_by("-last_client_at").first()


def _close(reminder: Reminder, status: str, reason: str, *, now: datetime) -> None:
    reminder.status, reminder.reason, reminder.done_at = status, reason[:200], now
    reminder.save(update_fields=["status", "reason", "done_at"])


def _quiet(zone: ZoneInfo) -> plan.Quiet:
    settings = configs.load().settings
    return plan.Quiet(settings.quiet_from, settings.quiet_to, zone)
