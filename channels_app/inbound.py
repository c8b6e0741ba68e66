"""From a stored post to messages: parsed, kept once, or shown as what it is."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from channels_app import adapters, live, staff_bot
from channels_app.models import ChannelAccount, InboundEvent
from contacts import receiving
from contacts.incoming import Incoming
from contacts.models import Message
from leadhub import rows
from leadhub.work import TryLater, later
from tenants.models import ChannelKind

logger = logging.getLogger(__name__)

_Status = InboundEvent.Status


@transaction.atomic(savepoint=False)
def take_in(event_id: int, *, now: datetime) -> list[Message]:
    """The client's new messages of one stored post; their conversations stay locked until the transaction ends.

    What cannot be parsed stays `broken`, what is no message stays `ignored`, both with the reason for people to see.
    Asked again for a post that was taken in, it gives nothing."""
    event, staff_chats = _locked(event_id)
    if event is None or event.status != _Status.NEW:
        return []
    try:
        happened = adapters.of(event.account).parse(bytes(event.body), event.content_type)
    except adapters.Unreadable as error:
        _close(event, _Status.BROKEN, str(error))
        return []
    except Exception as error:  # noqa: BLE001 - whatever a parser stumbles over, the post is kept and shown
        logger.exception("event %s could not be parsed", event.pk)
        _close(event, _Status.BROKEN, f"ошибка разбора: {type(error).__name__}")
        return []
    messages = []
    for item in happened:
        if staff_bot.takes(event.account, item, staff_chats):
            staff_bot.take_in(event.account, item, now=now)
        elif message := _keep(event, item, now=now):
            messages.append(message)
    if messages:
        _close(event, _Status.DONE, "")
    else:
        about = (_nothing_new(item, event.account, staff_chats) for item in happened)
        reasons = "; ".join(dict.fromkeys(about))
        _close(event, _Status.IGNORED, reasons)
    return messages


_STAFF_CHATS = "ARRAY(SELECT telegram_chat_id FROM business_staffmember WHERE telegram_chat_id <> '')"


def _locked(event_id: int) -> tuple[InboundEvent | None, list[str]]:
    """The event, and the messenger's chats of our own people."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rows.columns(InboundEvent, 'e')}, {rows.columns(ChannelAccount, 'a')},"  # noqa: S608 - our columns
            f" {_STAFF_CHATS} FROM channels_app_inboundevent e"
            " JOIN channels_app_channelaccount a ON a.id = e.account_id WHERE e.id = %s FOR UPDATE OF e",
            [event_id],
        )
        found = cursor.fetchone()
    if found is None:
        return None, []
    event, event.account = rows.build(found, InboundEvent, ChannelAccount)
    return event, found[-1]


@transaction.atomic
def read_again(event: InboundEvent) -> bool:
    """A person wants a post that gave no message read once more. False: it was taken in, there is nothing to do."""
    if not InboundEvent.objects.filter(pk=event.pk).exclude(status=_Status.DONE).update(status=_Status.NEW, error=""):
        return False
    later(adapters.of(event.account).handler, event.pk)
    return True


def _keep(event: InboundEvent, item: Incoming, *, now: datetime) -> Message | None:
    if item.callback_id:
        later("channels.answer_press", event.account_id, item.callback_id)
    message = receiving.receive(event.account, item, event_id=event.pk, now=now)
    if message and event.account.kind == ChannelKind.WEBCHAT:  # the visitor's other tabs, and this one's "sending..."
        live.publish("chat", id=message.pk, visitor=message.conversation.identity.external_id)
    return message


def _nothing_new(item: Incoming, account: ChannelAccount, staff_chats: Collection[str]) -> str:
    if item.reason:
        return item.reason
    if staff_bot.takes(account, item, staff_chats):
        return "рабочий чат сотрудника"
    return "правка ничего не изменила" if item.kind == "edited" else "такое сообщение уже есть"


def _close(event: InboundEvent, status: str, error: str) -> None:
    with connection.cursor() as cursor:
        sql = "UPDATE channels_app_inboundevent SET status = %s, error = %s WHERE id = %s"
        cursor.execute(sql, [status, error[:300], event.pk])


def answer_press(account_id: int, callback_id: str, word: str = "") -> None:
    """Tell the messenger that a pressed button was heard; tried once, for the button comes to rest by itself.
    `word`: of the staff's bot, or the number of the notice whose outcome is told.

    An account that fails here is found out by its deliveries."""
    account = ChannelAccount.objects.filter(pk=account_id).first()
    adapter = adapters.of(account) if account else None
    if not isinstance(adapter, adapters.Telegram):
        return
    try:
        adapter.answer_callback(callback_id, staff_bot.outcome_of(word) if word else "")
    except (adapters.AccountBroken, adapters.ClientUnreachable, TryLater) as error:
        logger.info("a pressed button of account %s was not answered: %s", account_id, type(error).__name__)
