"""A person writes: an answer that goes to the client, or a note that never leaves."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

from django.db import transaction

from assistant import dialogue
from channels_app import live, outbound
from channels_app.models import Delivery
from contacts import receiving
from contacts.models import Conversation, Message
from routing import access, assignment, record, sla, talks
from routing.models import Lead
from routing.signals import lead_changed
from tenants.access import Member

_CLIENT_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


class NotSent(Exception):
    """Nothing was sent; str() says why in Russian."""


class Conflict(Exception):
    """Something was said while the person was writing; str() says what in Russian. `force` sends all the same."""


@transaction.atomic
def reply(
    lead: Lead, by: Member, text: str, *, seen_message_id: int, force: bool = False, client_key: str, now: datetime
) -> Delivery:
    """`by` answers the client; the assistant falls silent at once. The same `client_key` again is the same answer.

    A lead that nobody leads becomes the writer's. Who is not on the staff (an owner, the agency) leads nothing: the
    conversation goes on with the person whose matter it is. Raises NotSent, Conflict."""
    key = f"reply-{lead.conversation_id}-{_checked_key(client_key)}"
    text = _checked_text(text)
    conversation = _locked(lead)
    if known := Delivery.objects.filter(key=key).first():
        return known
    if lead.status == Lead.Status.QUARANTINE:
        raise NotSent("Заявка в карантине. Верните её, чтобы ответить.")
    if reason := talks.closed_reason(conversation):
        raise NotSent(f"Ответить сюда нельзя: {reason}")
    if not force:
        _check_unchanged(conversation, by, seen_message_id)
    needs_person = _silence_assistant(lead, conversation, by, now=now)
    delivery = outbound.queue(
        conversation, text, key=key, by_assistant=False, is_answer=True, staff=by.staff, fallback_sms=True, now=now
    )
    seen = {"seen_message_id": delivery.message_id, "needs_person": needs_person}
    Conversation.objects.filter(pk=conversation.pk).update(**seen)
    _note_answer(lead, by, delivery, now=now)
    return delivery


@transaction.atomic
def note(lead: Lead, by: Member, text: str, *, client_key: str, now: datetime) -> Message:
    """A word to colleagues; it stands in the conversation and never leaves. Raises NotSent."""
    text = _checked_text(text)
    external_id = f"note-{_checked_key(client_key)}"
    conversation = _locked(lead)
    if known := conversation.messages.filter(external_id=external_id).first():
        return known
    message = conversation.messages.create(
        author=Message.Author.NOTE, staff=by.staff, text=text, external_id=external_id, sent_at=now, received_at=now
    )
    if by.staff is None:
        record.add(lead, talks.SAID, f"{access.name_of(by)}: заметка", _authorship(message.pk, by), now=now)
    live.publish("message", id=message.pk, conversation=conversation.pk, lead=lead.pk)
    return message


# --- What is checked -------------------------------------------------------------------------------------------------


def _checked_key(client_key: str) -> str:
    if not _CLIENT_KEY.fullmatch(client_key):
        raise NotSent("Страница устарела. Обновите её и отправьте ещё раз.")
    return client_key


def _checked_text(text: str) -> str:
    text = receiving.clean(text.replace("\r\n", "\n")).strip()
    if not text:
        raise NotSent("Напишите текст.")
    if len(text) > talks.LONGEST:
        raise NotSent(f"Текст слишком длинный: {len(text)} знаков, можно не больше {talks.LONGEST}.")
    return text


def _locked(lead: Lead) -> Conversation:
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("identity", "contact", "held_by")
    return rows.get(pk=lead.conversation_id)


def _check_unchanged(conversation: Conversation, by: Member, seen_message_id: int) -> None:
    newer = conversation.messages.filter(pk__gt=seen_message_id).select_related("staff").order_by("pk")
    if colleague := next((message for message in newer if _is_by_colleague(message, by)), None):
        who = colleague.staff.name if colleague.staff else "коллега"
        raise Conflict(f"Пока вы писали, клиенту уже ответил(а) {who}.")
    if any(message.author == Message.Author.CLIENT for message in newer):
        raise Conflict("Пока вы писали, клиент прислал ещё сообщение.")


def _is_by_colleague(message: Message, by: Member) -> bool:
    """An answer of somebody else, or of somebody who cannot be told apart; never one's own."""
    if message.author != Message.Author.STAFF:
        return False
    return message.staff_id is None or by.staff is None or message.staff_id != by.staff.pk


# --- What an answer changes ------------------------------------------------------------------------------------------


def _silence_assistant(lead: Lead, conversation: Conversation, by: Member, *, now: datetime) -> bool:
    """A person leads from now on; what the assistant has not sent yet is taken back. True: nobody could be found."""
    is_nobodys = False
    if by.staff is None:
        is_nobodys = not _leave_to_staff(lead, conversation, by, now=now)
    elif lead.is_open:
        with suppress(assignment.AlreadyTaken):  # a colleague helps: the lead stays with its person
            assignment.take(lead, by=by.staff, now=now)
    unsent = Delivery.objects.filter(conversation=conversation, by_assistant=True, status=Delivery.Status.QUEUED)
    for delivery in unsent.order_by("pk"):
        outbound.cancel(delivery, "Клиенту ответил сотрудник.", now=now)
    return is_nobodys


def _leave_to_staff(lead: Lead, conversation: Conversation, by: Member, *, now: datetime) -> bool:
    """The writer is not on the staff: the lead's owner, else a person chosen by the matrix, goes on.

    False: nobody is at work. The assistant keeps silent all the same, and the lead waits for a person."""
    if conversation.held_by_id or not lead.is_open:
        return True
    why = f"{access.name_of(by)}: ответ клиенту, ведите разговор дальше"
    owner = lead.owner or assignment.give(lead, stage=lead.stage, now=now, why=why, kind="handover")
    conversation.held_by = owner
    conversation.state = {**conversation.state, "dialogue": dialogue.stop(conversation.state.get("dialogue"))}
    conversation.save(update_fields=["held_by", "state"])
    return owner is not None


def _note_answer(lead: Lead, by: Member, delivery: Delivery, *, now: datetime) -> None:
    fresh = Lead.objects.select_for_update().get(pk=lead.pk)
    fresh.first_person_answer_at = fresh.first_person_answer_at or now
    fresh.changed_at = now
    fresh.save(update_fields=["first_person_answer_at", "changed_at"])
    sla.person_answered(fresh, now=now)
    kind = "replied" if by.staff else talks.SAID
    record.add(fresh, kind, f"{access.name_of(by)}: ответ клиенту", _authorship(delivery.message_id, by), now=now)
    lead_changed.send(Lead, lead=fresh, what="answered", now=now)
    live.publish("lead", id=fresh.pk)


def _authorship(message_id: int, by: Member) -> list[tuple[str, str]]:
    return [("Сообщение", str(message_id)), ("Кто", access.name_of(by))]
