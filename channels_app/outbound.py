"""Words on their way to a client: queued in the caller's transaction, sent once, visible when they fail.

A provider that knows our own number of a message (SMSC) is asked for it after a lost answer, so nothing leaves twice.
One that knows none (Telegram) may get a text twice in one case: it accepted it, and its answer or our process was lost
before the answer was kept. That window is as short as it can be: the attempt is marked before the call, the result
is written right after it (a database that is away just then is waited for), and each part of a long text counts by
itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from channels_app import adapters, live
from channels_app.adapters import AccountBroken, Adapter, ClientUnreachable, Rejected
from channels_app.models import ChannelAccount, Delivery
from channels_app.notices import notify
from channels_app.signals import delivery_changed
from contacts.models import Contact, Conversation, Identity, Message
from leadhub import clock, rows
from leadhub.work import TryLater, forget, later
from tenants.business.models import StaffMember
from tenants.models import ChannelKind, Role

logger = logging.getLogger(__name__)

STALE_AFTER = timedelta(minutes=10)  # an assistant's answer to a conversation that went on without it
GIVE_UP_AFTER = timedelta(hours=12)
PAUSED_RETRY = timedelta(minutes=1)
IN_TURN_RETRY = timedelta(minutes=1)  # a net only: the earlier text wakes the next one when it has an outcome
BURST = 3  # texts to one client within BURST_WINDOW; messengers take about one a second and forgive a short burst
BURST_WINDOW = timedelta(seconds=3)
NOTING_PAUSES = (0.1, 0.3, 1, 2, 4, 8)  # seconds; together less than the lease under which a delivery runs
HANDLER = "channels.deliver"

_Status = Delivery.Status


# --- Queue -----------------------------------------------------------------------------------------------------------


@transaction.atomic(savepoint=False)
def queue(
    conversation: Conversation,
    text: str,
    *,
    key: str,
    choices: Sequence[str] = (),
    by_assistant: bool,
    is_answer: bool = False,
    message: Message | None = None,
    staff: StaffMember | None = None,
    fallback_sms: bool = False,
    now: datetime,
) -> Delivery:
    """Say `text` in the conversation, once per `key`; the same key again gives the first delivery.

    `message`: the words stand in the conversation already; else they are put there, by `staff` or the assistant.
    `is_answer`: it acts on what the client asked. `fallback_sms`: goes to the contact's phone when the channel is shut.
    """
    account_id, to = _way_to(conversation)
    said = message or Message(
        conversation=conversation,
        author=Message.Author.ASSISTANT if by_assistant else Message.Author.STAFF,
        staff=staff,
        text=text,
        choices=list(choices),
        sent_at=now,
        received_at=now,
        is_answer=is_answer,
    )
    delivery = Delivery(
        key=key,
        account_id=account_id,
        conversation=conversation,
        to=to,
        text=text,
        choices=list(choices),
        by_assistant=by_assistant,
        fallback_sms=fallback_sms,
        created_at=now,
    )
    if not _store(delivery, said, now=now):
        return Delivery.objects.get(key=key)
    conversation.last_message_at = now
    live.publish("message", id=said.pk, conversation=conversation.pk)
    if conversation.identity.kind == ChannelKind.FORM and account_id == conversation.account_id:
        _finish(delivery, _Status.FAILED, now=now, error="Ответить некуда: в заявке с сайта нет телефона для СМС.")
    else:
        later(HANDLER, delivery.pk)
    return delivery


def _store(delivery: Delivery, said: Message, *, now: datetime) -> bool:
    """The delivery, the words if they do not stand in the conversation yet, and when it was last spoken in, with one
    statement. False: there is a delivery of this key, and nothing is stored."""
    if said.pk is None:
        words_sql, words_values = rows.insert(said, sources=(("conversation_id", str(int(delivery.conversation_id))),))
    else:
        words_sql, words_values = f"SELECT {int(said.pk)}::bigint AS id", []
    delivery_sql, delivery_values = rows.insert(delivery, sources=(("message_id", "words.id"),))
    is_first = "NOT EXISTS (SELECT FROM channels_app_delivery WHERE key = %s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH words AS ({words_sql} WHERE {is_first}"  # noqa: S608 - columns of our models only
            f"{' RETURNING id' if said.pk is None else ''}),"
            " spoken AS (UPDATE contacts_conversation SET last_message_at = %s FROM words"
            " WHERE contacts_conversation.id = %s)"
            f" {delivery_sql} FROM words RETURNING id, message_id",
            [*words_values, delivery.key, now, delivery.conversation_id, *delivery_values],
        )
        stored = cursor.fetchone()
    if stored is None:
        return False
    rows.stored(delivery, stored[0])
    if said.pk is None:
        rows.stored(said, stored[1])
    delivery.message = said
    return True


@transaction.atomic
def queue_sms(
    phone: str, text: str, *, key: str, conversation: Conversation | None = None, now: datetime
) -> Delivery | None:
    """Send an SMS to a phone (E.164), once per `key`. None: the business has no SMS account."""
    if known := Delivery.objects.filter(key=key).first():
        return known
    account = sms_account()
    if account is None:
        return None
    delivery = Delivery.objects.create(
        key=key, account=account, conversation=conversation, to=phone, text=text, by_assistant=False, created_at=now
    )
    later(HANDLER, delivery.pk)
    return delivery


def sms_account() -> ChannelAccount | None:
    return ChannelAccount.objects.filter(kind=ChannelKind.SMS, is_active=True).order_by("pk").first()


def _way_to(conversation: Conversation) -> tuple[int, str]:
    """Account and address where this client reads us. A form has no way back: the phone left in it gets an SMS, if
    there is a gateway."""
    to = conversation.identity.external_id
    if conversation.identity.kind == ChannelKind.FORM and to.startswith("+") and (gateway := sms_account()):
        return gateway.pk, to
    return conversation.account_id, to


@transaction.atomic
def retry(delivery: Delivery, *, now: datetime) -> Delivery:
    """A person wants a failed text sent after all: it leaves at once, as that person's word."""
    delivery = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if delivery.status != _Status.FAILED:
        return delivery
    if delivery.conversation_id:
        Identity.objects.filter(conversation=delivery.conversation_id).update(is_unreachable=False)
        if delivery.account.kind == ChannelKind.FORM:
            delivery.account_id, delivery.to = _way_to(delivery.conversation)
    delivery.status, delivery.error, delivery.by_assistant, delivery.created_at = _Status.QUEUED, "", False, now
    delivery.save(update_fields=["status", "error", "by_assistant", "created_at", "account", "to"])
    later(HANDLER, delivery.pk)
    delivery_changed.send(Delivery, delivery=delivery, now=now)
    return delivery


# --- Send ------------------------------------------------------------------------------------------------------------


def deliver(delivery_id: int, *, now: datetime) -> None:
    """Send one queued delivery and keep what the provider said. Runs without a transaction; twice is as good as once.

    Raises TryLater when it must wait."""
    delivery = _look_again(delivery_id, now=now)
    if delivery is None:
        return
    try:
        adapter = adapters.of(delivery.account)
    except LookupError:
        _finish(delivery, _Status.FAILED, now=now, error="Этот канал ещё не умеет отправлять.")
        return
    was_tried = delivery.attempted_at is not None
    if adapter.can_find_sent:
        Delivery.objects.filter(pk=delivery.pk).update(attempted_at=now)
    try:
        if delivery.conversation_id and delivery.conversation.identity.is_unreachable and _is_own_channel(delivery):
            raise ClientUnreachable("клиент недоступен в этом канале")
        _send_parts(delivery, adapter, was_tried=was_tried)
    except ClientUnreachable as error:
        _client_is_unreachable(delivery, str(error), now=now)
    except Rejected as error:
        _finish(delivery, _Status.FAILED, now=now, error=str(error))
    except AccountBroken as error:
        pause(delivery.account, str(error), now=now)
        raise TryLater("the account is paused", after=PAUSED_RETRY, counts=False) from None
    else:
        done = _Status.DELIVERED if delivery.account.kind == ChannelKind.WEBCHAT else _Status.SENT
        _finish_sent(delivery, done)


def accept(delivery_id: int, *, now: datetime) -> None:
    """As if the provider had taken it, without asking anybody: for a rehearsal, from which nothing leaves."""
    delivery, _ = _waiting(delivery_id, now=now)
    if delivery:
        _finish(delivery, _Status.SENT, now=now)


def _look_again(delivery_id: int, *, now: datetime) -> Delivery | None:
    """The delivery, if it may leave now; the world may have changed since it was queued."""
    delivery, others = _waiting(delivery_id, now=now)
    if delivery is None:
        return None
    conversation = delivery.conversation
    if delivery.by_assistant and conversation and conversation.held_by_id:
        return _finish(delivery, _Status.CANCELLED, now=now, error="Разговор ведёт сотрудник.")
    if delivery.by_assistant and conversation and now - delivery.created_at > STALE_AFTER and _went_on(delivery):
        return _finish(delivery, _Status.CANCELLED, now=now, error="Ответ опоздал: разговор пошёл дальше.")
    if now - delivery.created_at > GIVE_UP_AFTER:
        return _finish(delivery, _Status.FAILED, now=now, error="Не удалось отправить за 12 часов.")
    if delivery.account.paused_reason or not delivery.account.is_active:
        raise TryLater("the account is paused", after=PAUSED_RETRY, counts=False)
    _keep_turn_and_pace(delivery, others)
    return delivery


_SENT: tuple[tuple[Any, ...], ...] = (  # what sending looks at
    (Delivery,),
    (ChannelAccount,),
    (Message, "author", "is_answer", "conversation", "sent_at"),
    (Conversation, "held_by", "identity", "contact", "account_id"),
    (Identity, "contact", "kind", "external_id", "is_unreachable"),
    (Contact, "phone"),
)


def _waiting(delivery_id: int, *, now: datetime) -> tuple[Delivery | None, list[str]]:
    """The delivery with all that is needed to send it, and the states of other texts to this client that wait before
    it or left within BURST_WINDOW; with one query."""
    names = ", ".join(rows.columns(*model[:1], alias, *model[1:]) for model, alias in zip(_SENT, "damcip", strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names}, ARRAY("  # noqa: S608 - columns of our models only
            "   SELECT o.status FROM channels_app_delivery o WHERE o.account_id = d.account_id AND o.to = d.to"
            "   AND ((o.status = 'queued' AND o.id < d.id) OR o.sent_at > %s) LIMIT 50)"
            " FROM channels_app_delivery d JOIN channels_app_channelaccount a ON a.id = d.account_id"
            " LEFT JOIN contacts_message m ON m.id = d.message_id"
            " LEFT JOIN contacts_conversation c ON c.id = d.conversation_id"
            " LEFT JOIN contacts_identity i ON i.id = c.identity_id LEFT JOIN contacts_contact p ON p.id = c.contact_id"
            " WHERE d.id = %s AND d.status = 'queued'",
            [now - BURST_WINDOW, delivery_id],
        )
        found = cursor.fetchone()
    if found is None:
        return None, []
    delivery, delivery.account, message, conversation, identity, contact = rows.build(found, *_SENT)
    if message:
        delivery.message = message
    if conversation:
        conversation.identity, conversation.contact = identity, contact
        delivery.conversation = conversation
    return delivery, found[-1]


def _went_on(delivery: Delivery) -> bool:
    """Somebody said something after the words of this delivery."""
    later_words = Message.objects.filter(conversation=delivery.conversation_id, pk__gt=delivery.message_id or 0)
    return later_words.exclude(author__in=[Message.Author.NOTE, Message.Author.SYSTEM]).exists()


def _keep_turn_and_pace(delivery: Delivery, others: Sequence[str]) -> None:
    """Texts to one client leave in their order, and not faster than messengers take them."""
    if _Status.QUEUED in others:
        raise TryLater("an earlier text to this client waits", after=IN_TURN_RETRY, counts=False)
    if not delivery.conversation_id or delivery.account.kind == ChannelKind.WEBCHAT:
        return
    if len(others) >= BURST:
        raise TryLater("this client got several texts just now", after=timedelta(seconds=1), counts=False)


def _is_own_channel(delivery: Delivery) -> bool:
    """Not an SMS that stands in for the conversation's own channel."""
    return delivery.account.kind == delivery.conversation.identity.kind


def _send_parts(delivery: Delivery, adapter: Adapter, *, was_tried: bool) -> None:
    """Send what of the text was not sent yet; buttons hang on the last part."""
    parts = adapter.split(delivery.text)
    for number in range(delivery.parts_sent, len(parts)):
        key = f"{connection.schema_name}-{delivery.pk}-{number}"
        provider_id = adapter.find_sent(delivery.to, key=key) if was_tried else None
        if provider_id is None:
            choices = delivery.choices if number == len(parts) - 1 else ()
            provider_id = adapter.send(delivery.to, parts[number], choices, key=key)
        was_tried = False
        delivery.provider_id, delivery.parts_sent = provider_id, number + 1
        if delivery.parts_sent < len(parts):  # the last one is kept with the outcome
            _note_sent(delivery)


def _finish_sent(delivery: Delivery, status: str) -> None:
    """Keep that it left. Whatever stands in the way (a deadlock, a database that restarts), it must not leave again."""
    try:
        _finish(delivery, status, now=clock.now())
    except (DatabaseError, InterfaceError):
        _note_sent(delivery)
        _finish(delivery, status, now=clock.now())


def _note_sent(delivery: Delivery) -> None:
    """Keep what the provider took. Only this process knows it, so it waits a little for a database that is away."""
    for pause in (*NOTING_PAUSES, None):
        try:
            sent = {"provider_id": delivery.provider_id, "parts_sent": delivery.parts_sent}
            Delivery.objects.filter(pk=delivery.pk).update(**sent)
            return
        except (OperationalError, InterfaceError):
            if pause is None or connection.in_atomic_block:
                raise
            logger.warning("sent delivery %s waits for the database", delivery.pk)
            connection.close()
            time.sleep(pause)


# --- What came of it -------------------------------------------------------------------------------------------------


_NEXT = """(
    SELECT min(n.id) FROM channels_app_delivery n
    WHERE n.account_id = channels_app_delivery.account_id AND n.to = channels_app_delivery.to
      AND n.status = 'queued' AND n.id > channels_app_delivery.id)"""


@transaction.atomic
def _finish(delivery: Delivery, status: str, *, now: datetime, error: str = "") -> None:
    """Keep the outcome and tell rooms above; a delivery that has an outcome keeps its first one."""
    sent_at = now if status in (_Status.SENT, _Status.DELIVERED) else None
    outcome = {
        "status": status,
        "error": error[:300],
        "sent_at": sent_at,
        "attempted_at": None,
        "provider_id": delivery.provider_id,
        "parts_sent": delivery.parts_sent,
    }
    for name, value in outcome.items():
        setattr(delivery, name, value)
    sql, values = rows.update(delivery, *outcome)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} AND status = 'queued' RETURNING {_NEXT}", values)
        kept = cursor.fetchone()
    if kept is None:
        delivery.refresh_from_db(fields=list(outcome))
        return
    delivery_changed.send(Delivery, delivery=delivery, now=now)
    if kept[0]:  # the next text to this client may go now
        later(HANDLER, kept[0])
    if not delivery.conversation_id:
        return
    live.publish("delivery", id=delivery.pk, conversation=delivery.conversation_id, message=delivery.message_id)
    if delivery.account.kind == ChannelKind.WEBCHAT and sent_at:
        live.publish("chat", id=delivery.message_id, visitor=delivery.to)


@transaction.atomic
def _client_is_unreachable(delivery: Delivery, why: str, *, now: datetime) -> None:
    conversation = delivery.conversation
    if conversation and _is_own_channel(delivery):
        Identity.objects.filter(pk=conversation.identity_id).update(is_unreachable=True)
        if delivery.fallback_sms and conversation.contact.phone:
            sms = queue_sms(
                conversation.contact.phone, delivery.text, key=f"{delivery.key}-sms", conversation=conversation, now=now
            )
            why += ": отправлено по СМС" if sms else ""
    _finish(delivery, _Status.FAILED, now=now, error=why)


@transaction.atomic
def pause(account: ChannelAccount, why: str, *, now: datetime) -> None:
    """Stop sending from an account whose token or quota failed, and tell the owner and the seniors."""
    if not ChannelAccount.objects.filter(pk=account.pk, paused_reason="").update(paused_reason=why[:200]):
        return
    logger.warning("channel account %s paused", account.pk)
    for person in StaffMember.objects.filter(role__in=[Role.OWNER, Role.SENIOR], is_active=True):
        text = f"Канал «{account.name}» остановлен: {why}. Ответы клиентам ждут."
        notify(person, "failure", text, key=f"account-{account.pk}-{now:%Y%m%d%H%M%S}", now=now)


@transaction.atomic
def resume(account: ChannelAccount) -> None:
    """The account was mended: what waits leaves now."""
    ChannelAccount.objects.filter(pk=account.pk).update(paused_reason="")
    account.paused_reason = ""
    for pk in Delivery.objects.filter(account=account.pk, status=_Status.QUEUED).order_by("pk").values_list("pk"):
        later(HANDLER, pk[0])


@transaction.atomic
def cancel(delivery: Delivery, why: str, *, now: datetime) -> None:
    """Take back a text that has not left yet; one that left stays as it is."""
    _finish(delivery, _Status.CANCELLED, now=now, error=why)
    forget(HANDLER, delivery.pk)
