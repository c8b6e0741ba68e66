"""A client's message that was edited: shown as it is now, and answered anew where that changed what it means."""

from __future__ import annotations

from datetime import datetime

from assistant.understand import understand
from assistant.understanding import Understanding
from channels_app import live, outbound
from channels_app.models import Delivery
from contacts.models import Conversation, Message
from routing import config as configs
from routing import leads, record
from routing.models import Lead


def is_to_answer(message: Message, *, now: datetime) -> bool:
    """Whether a message that has just come in awaits an answer: a new one does, an edited one where it had none yet,
    or where it is the client's last word and now means something else. Its conversation's row is locked."""
    if message.edited_from is None:
        return True
    conversation = message.conversation
    live.publish("message", conversation=conversation.pk)
    if not message.is_processed:
        return True
    _show_unread(message)
    is_last = not conversation.messages.filter(author=Message.Author.CLIENT, pk__gt=message.pk).exists()
    means_other = is_last and _means_other(message, now=now)
    _note(message, is_answered=means_other, now=now)
    if not means_other:
        return False
    for waiting in Delivery.objects.filter(
        message__conversation=conversation, by_assistant=True, status=Delivery.Status.QUEUED, message__pk__gt=message.pk
    ):
        outbound.cancel(waiting, "клиент изменил сообщение", now=now)
    message.is_processed = False
    message.save(update_fields=["is_processed"])
    conversation.pending_since = now
    conversation.last_client_at = now
    conversation.save(update_fields=["pending_since", "last_client_at"])
    return True


def _means_other(message: Message, *, now: datetime) -> bool:
    """Whether the intent or what is named in it is another one than before; a mended slip of the pen is none."""
    before, after = (_read(message.conversation, text, now=now) for text in (message.edited_from or "", message.text))
    return _meaning(before) != _meaning(after)


def _read(conversation: Conversation, text: str, *, now: datetime) -> Understanding:
    config = configs.load()
    branch = config.branch(conversation.branch_id)
    return understand(
        text,
        now=now.astimezone(branch.zone).replace(tzinfo=None),
        price_list=config.price_list,
        city=branch.city,
        known_client=leads.past_of(conversation.contact, now=now).is_known,
    )


def _meaning(read: Understanding) -> tuple[object, ...]:
    slots = read.slots
    return (
        read.intent,
        read.urgency,
        {slot.service_id or slot.text.lower() for slot in slots.service},
        [(slot.start, slot.end) for slot in slots.datetime],
        {slot.e164 for slot in slots.phone},
        {slot.text.lower() for slot in slots.name},
        {slot.text.lower() for slot in slots.geo},
        {slot.text.lower() for slot in slots.promo},
    )


def _show_unread(message: Message) -> None:
    """People look at the conversation again from the edited message on."""
    Conversation.objects.filter(pk=message.conversation_id, seen_message_id__gte=message.pk).update(
        seen_message_id=message.pk - 1
    )
    message.conversation.seen_message_id = min(message.conversation.seen_message_id, message.pk - 1)


def _note(message: Message, *, is_answered: bool, now: datetime) -> None:
    lead = Lead.objects.filter(conversation=message.conversation_id).order_by("-pk").first()
    if lead is None:
        return
    then = "смысл другой, отвечаем заново" if is_answered else "отвечать заново не нужно"
    record.add(lead, "edited", "Клиент изменил сообщение", [("Что дальше", then)], now=now)
