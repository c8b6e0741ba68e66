"""A person at the desk books, moves or cancels a client's visit, and the client is told in the business's own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from assistant import dialogue, words
from booking import actions
from booking.models import Appointment
from channels_app import live, outbound
from contacts import phones, phones_proof
from contacts.models import Contact, Conversation
from routing import access, record
from routing import config as configs
from routing.models import Lead
from tenants.access import Member
from tenants.models import ChannelKind


class Missing(Exception):
    """The client's name or phone is not known; str() asks for it in Russian."""


@transaction.atomic
def book(
    lead: Lead,
    service_ids: Sequence[int],
    staff_id: int,
    branch_id: int,
    start: datetime,
    *,
    by: Member,
    name: str = "",
    phone: str = "",
    now: datetime,
) -> Appointment:
    """Book the lead's client; the lead becomes «booked» by itself. `name` and `phone` fill what is not known yet.

    The same time asked for twice is booked once. Raises Missing, and actions.Taken and Impossible."""
    conversation = _locked(lead.conversation_id)
    _fill_contact(conversation, name, phone)
    if known := _same(conversation.contact, staff_id, start):
        return known
    appointment = actions.book_now(
        conversation.contact,
        list(service_ids),
        staff_id,
        branch_id,
        start,
        conversation=conversation,
        lead_id=lead.pk,
        now=now,
    )
    conversation.state = {
        **conversation.state,
        "dialogue": dialogue.arranged(conversation.state.get("dialogue"), now=now),
    }
    conversation.save(update_fields=["state"])
    appointment = _with_facts(appointment)
    _tell(appointment, "visit_booked", f"visit-booked-{appointment.pk}", by, now=now)
    lines = [("Кто", access.name_of(by)), ("Визит", _visit_words(appointment, now=now)["when"])]
    record.add(lead, "booked", f"Записан к {appointment.staff.name}", lines, now=now)
    live.publish("lead", id=lead.pk)
    return appointment


@transaction.atomic
def move(
    appointment: Appointment, staff_id: int, branch_id: int, start: datetime, *, by: Member, now: datetime
) -> None:
    """The visit at another time or with another person. Raises actions.Taken and Impossible."""
    if appointment.conversation_id:
        _locked(appointment.conversation_id)
    moved = _with_facts(actions.move(appointment, staff_id, start, to_branch=branch_id, now=now))
    _tell(moved, "visit_moved", f"visit-moved-{moved.pk}-{moved.revision}", by, now=now)
    _note(moved, "moved", f"Визит перенесён на {_visit_words(moved, now=now)['when']}", by, now=now)


@transaction.atomic
def cancel(appointment: Appointment, *, by: Member, why: str = "", now: datetime) -> None:
    """The visit will not be; the time is free. Raises actions.Impossible."""
    if appointment.conversation_id:
        _locked(appointment.conversation_id)
    cancelled = _with_facts(actions.cancel(appointment, reason=why or f"{access.name_of(by)}: отмена", now=now))
    _tell(cancelled, "visit_cancelled", f"visit-cancelled-{cancelled.pk}-{cancelled.revision}", by, now=now)


def _locked(conversation_id: int) -> Conversation:
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("identity", "contact")
    return rows.get(pk=conversation_id)


def _with_facts(appointment: Appointment) -> Appointment:
    rows = Appointment.objects.select_related("branch", "staff", "contact", "conversation__identity")
    return rows.prefetch_related("services").get(pk=appointment.pk)


# --- Who the client is -----------------------------------------------------------------------------------------------


def _fill_contact(conversation: Conversation, name: str, phone: str) -> None:
    contact, identity = conversation.contact, conversation.identity
    name = " ".join(name.split())[:120]
    if not contact.name:
        if not (name or identity.display_name):
            raise Missing("Укажите имя клиента.")
        contact.name = name or identity.display_name
        contact.save(update_fields=["name"])
    if contact.phone or identity.claimed_phone:
        return
    told = phones.normalize(phone)
    if not told:
        text = "Проверьте телефон: нужен номер вида +7 900 000-00-00." if phone.strip() else "Укажите телефон клиента."
        raise Missing(text)
    phones_proof.claim(identity, told)


def _same(contact: Contact, staff_id: int, start: datetime) -> Appointment | None:
    awaited = [Appointment.Status.BOOKED, Appointment.Status.CONFIRMED]
    return contact.appointments.filter(staff=staff_id, starts_at=start, status__in=awaited).first()


# --- What the client is told -----------------------------------------------------------------------------------------


def _tell(appointment: Appointment, key: str, delivery_key: str, by: Member, *, now: datetime) -> None:
    """In the conversation the visit came from, else by SMS; a client with neither is told by nobody."""
    text = configs.load().wording.say(key, _visit_words(appointment, now=now), turn=appointment.pk)
    conversation = appointment.conversation
    phone = appointment.contact.phone
    if conversation and conversation.identity.kind != ChannelKind.FORM and not conversation.identity.is_unreachable:
        outbound.queue(
            conversation,
            text,
            key=delivery_key,
            by_assistant=False,
            is_answer=True,
            staff=by.staff,
            fallback_sms=True,
            now=now,
        )
    elif phone:
        outbound.queue_sms(phone, text, key=delivery_key, conversation=conversation, now=now)


def _visit_words(appointment: Appointment, *, now: datetime) -> dict[str, str]:
    zone = appointment.branch.zone
    service = words.listing([service.name for service in appointment.services.all()])
    when = words.moment(appointment.starts_at.astimezone(zone), now.astimezone(zone))
    return {
        "business": configs.load().settings.public_name,
        "service": service,
        "when": when,
        "staff": appointment.staff.name,
        "address": appointment.branch.address,
        "name": appointment.contact.name,
        "price": words.price_range(appointment.price_kopecks, appointment.price_to_kopecks),
        "appointment": f"{service}, {when}",
    }


def _note(appointment: Appointment, kind: str, title: str, by: Member, *, now: datetime) -> None:
    lead = Lead.objects.filter(pk=appointment.lead_id or 0).first()
    if lead:
        record.add(lead, kind, title, [("Кто", access.name_of(by))], now=now)
        live.publish("lead", id=lead.pk)
