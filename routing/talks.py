"""The open lead's conversation as the screen prints it: messages by day, who leads, what the reader may do."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from assistant import words
from channels_app.models import ChannelAccount, Delivery
from channels_app.outbound import sms_account
from contacts.models import Conversation, Message
from routing import config as configs
from routing import queries, sla, snoozing
from routing.models import Decision, Lead
from routing.rows import Actions, Piece, SlotView, mark
from routing.scoring import INTENT_TITLES
from routing.talk_rows import ComposerView, ConversationView, MessageDay, MessageView, ReplyTemplate
from tenants.access import Member
from tenants.business.calendar import hours_text

SHOWN = 60  # messages at once; older ones are asked for
MOST_SHOWN = 600  # to who reads far back
SAID = "said"  # kind of the decision that names an author who has no staff row
LONGEST = 4000
SLOT_TITLES = {
    "service": "Услуга",
    "datetime": "Когда",
    "phone": "Телефон",
    "name": "Имя",
    "geo": "Место",
    "promo": "Промокод",
}


def conversation_view(
    lead: Lead, member: Member, *, now: datetime, before: int | None = None, since: int | None = None
) -> ConversationView:
    """The newest messages: those from message `since` on, or those older than message `before`, where one is named. The
    lead comes from `access.lead_for`."""
    conversation, zone = lead.conversation, zone_of(lead)
    messages, has_earlier = _newest(conversation, before, since)
    actions = actions_of(lead, member)
    last_id = messages[-1].pk if messages else 0
    return ConversationView(
        lead_id=lead.pk,
        conversation_id=conversation.pk,
        contact_name=queries.name_of(lead.contact, conversation.identity),
        channel_kind=lead.kind,
        channel_title=lead.get_kind_display(),
        temperature="spam" if lead.status == Lead.Status.QUARANTINE else lead.temperature,
        score=lead.score,
        holder=queries.holder_of(lead, member),
        clock=queries.clock_of(lead, now=now),
        days=tuple(_days(messages, lead, zone, now=now)),
        actions=actions,
        composer=composer_view(lead, actions, last_id, now=now),
        last_message_id=last_id,
        earlier_than_id=messages[0].pk if has_earlier else None,
        assistant_typing=_assistant_writes(conversation, messages),
        is_closed=not lead.is_open,
        outcome_title=str(Lead.Status(lead.status).label).capitalize() if not lead.is_open else "",
        put_off_choices=snoozing.choices(lead, now=now),
    )


def zone_of(lead: Lead) -> ZoneInfo:
    """Where the lead's days begin and end."""
    return (lead.branch or configs.load().branches[0]).zone


def actions_of(lead: Lead, member: Member) -> Actions:
    """What this reader may do with the lead now. Who is not on the staff answers and books, but leads nothing."""
    is_quarantined = lead.status == Lead.Status.QUARANTINE
    is_staff = member.staff is not None
    leads_it = is_staff and lead.conversation.held_by_id == member.staff.pk
    is_led = lead.conversation.held_by_id is not None
    may_put_off = snoozing.may(lead, member.staff)
    return Actions(
        take=is_staff and lead.is_open and not is_led,
        reply=not is_quarantined,
        hand_back=is_led and (leads_it or is_staff and member.may("inbox.all")),
        book=not is_quarantined,
        call_task=lead.is_open,
        put_off=may_put_off,
        take_up=may_put_off and sla.is_snoozed(lead),
        done=lead.is_open,
        correct=lead.is_open,
        release=is_quarantined and member.may("inbox.all"),
    )


# --- Messages --------------------------------------------------------------------------------------------------------


def _newest(conversation: Conversation, before: int | None, since: int | None) -> tuple[list[Message], bool]:
    """In their order, and whether there are older ones."""
    newest = conversation.messages.select_related("staff", "delivery").order_by("-pk")
    if before is not None:
        newest = newest.filter(pk__lt=before)
    if since is None:
        found = list(newest[: SHOWN + 1])
        return found[:SHOWN][::-1], len(found) > SHOWN
    found = list(newest.filter(pk__gte=since)[:MOST_SHOWN])
    return found[::-1], bool(found) and newest.filter(pk__lt=found[-1].pk).exists()


def _days(messages: Sequence[Message], lead: Lead, zone: ZoneInfo, *, now: datetime) -> Iterator[MessageDay]:
    today = now.astimezone(zone).date()
    slots = _slots_of_bursts(messages, zone, now=now)
    nameless = [message.pk for message in messages if message.staff_id is None and message.author in ("staff", "note")]
    names = _names(lead, nameless) if nameless else {}
    for day, of_day in groupby(messages, key=lambda message: message.sent_at.astimezone(zone).date()):
        shown = tuple(_message(message, slots.get(message.pk, ()), names) for message in of_day)
        yield MessageDay(day, day_title(day, today), shown)


def day_title(day: date, today: date) -> str:
    """«сегодня», «вчера», «14 марта»."""
    near = {0: "сегодня", 1: "завтра", -1: "вчера"}.get((day - today).days)
    return near or words.calendar_day(day, today)


def _message(message: Message, slots: Sequence[SlotView], names: Mapping[int, str]) -> MessageView:
    delivery: Delivery | None = getattr(message, "delivery", None)
    is_note = message.author == Message.Author.NOTE
    return MessageView(
        id=message.pk,
        author="staff" if is_note else message.author,
        author_name=message.staff.name if message.staff else names.get(message.pk, "Автоматически"),
        at=message.sent_at,
        pieces=mark(message.text, slots) if slots else (Piece(message.text),),
        is_note=is_note,
        delivery=delivery.status if delivery else "",
        delivery_title=_delivery_title(delivery),
        retry_delivery_id=delivery.pk if delivery and delivery.status == Delivery.Status.FAILED else 0,
        understood=_understood(message),
        was_edited=bool(message.earlier),
        earlier=tuple(version["text"] for version in message.earlier),
    )


def _delivery_title(delivery: Delivery | None) -> str:
    if delivery is None or delivery.status not in (Delivery.Status.FAILED, Delivery.Status.CANCELLED):
        return ""
    return delivery.error or delivery.get_status_display().capitalize()


def _names(lead: Lead, message_ids: Sequence[int]) -> dict[int, str]:
    """Who wrote, where that person has no staff row: the decision record knows."""
    told = Decision.objects.filter(lead__conversation=lead.conversation_id, kind=SAID).values_list("details", flat=True)
    lines = [{line["name"]: line["value"] for line in details} for details in told]
    named = {int(line["Сообщение"]): line["Кто"] for line in lines if "Сообщение" in line and "Кто" in line}
    return {pk: named[pk] for pk in message_ids if pk in named}


def _assistant_writes(conversation: Conversation, messages: Sequence[Message]) -> bool:
    """The client's burst is still being waited for, and it is the assistant who will answer."""
    is_pending = bool(messages) and messages[-1].author == Message.Author.CLIENT and not messages[-1].is_processed
    return is_pending and conversation.held_by_id is None and configs.load().settings.assistant_enabled


# --- What was understood ---------------------------------------------------------------------------------------------


TOLD_BEFORE = timedelta(minutes=1)  # a lead is stored a moment after its first message came
LOOKED_THROUGH = 20  # messages


def telling_message(lead: Lead) -> Message | None:
    """The client's last message that says what is wanted: a name, a «да» or a time only answers our question."""
    told = lead.conversation.messages.filter(author=Message.Author.CLIENT, understanding__isnull=False).order_by("-pk")
    messages = list(told[:LOOKED_THROUGH])
    ours = [message for message in messages if message.received_at >= lead.created_at - TOLD_BEFORE]
    says = (message for message in ours if _says_something(message.understanding))
    return next(says, messages[0] if messages else None)


def _says_something(told: Mapping[str, Any]) -> bool:
    return "corrected_intent" in told or told["intent"] != "other"


def _understood(message: Message) -> str:
    """«хочет записаться · 93 %», or what a person corrected it to. A bare answer to our question needs no name."""
    told = message.understanding
    if message.author != Message.Author.CLIENT or not told:
        return ""
    if corrected := told.get("corrected_intent"):
        return f"исправлено: {INTENT_TITLES.get(corrected, corrected)}"
    if not _says_something(told):
        return ""
    return f"{INTENT_TITLES.get(told['intent'], told['intent'])} · {round(told['confidence'] * 100)} %"


def _slots_of_bursts(messages: Sequence[Message], zone: ZoneInfo, *, now: datetime) -> dict[int, tuple[SlotView, ...]]:
    """Slots by message: what was understood stands with a burst's last message and is marked in all of them."""
    found: dict[int, tuple[SlotView, ...]] = {}
    slots: tuple[SlotView, ...] = ()
    for message in reversed(messages):
        if message.author != Message.Author.CLIENT:
            slots = () if message.author != Message.Author.NOTE else slots
            continue
        if message.understanding:
            slots = slot_views(message.understanding, zone, now=now)
        if slots:
            found[message.pk] = slots
    return found


def slot_views(understanding: Mapping[str, Any], zone: ZoneInfo, *, now: datetime) -> tuple[SlotView, ...]:
    """Each understood slot with its value in our words and the client's own words."""
    slots = understanding.get("slots", {})
    local = now.astimezone(zone).replace(tzinfo=None)
    return tuple(
        SlotView(kind, title, _value(kind, slot, local), slot.get("text", ""))
        for kind, title in SLOT_TITLES.items()
        for slot in slots.get(kind, [])
    )


def _value(kind: str, slot: Mapping[str, Any], local_now: datetime) -> str:
    text = slot.get("text", "")
    if kind == "service":
        service = configs.load().service(slot.get("service_id"))
        return service.name if service else f"{text} (нет в прайсе)"
    if kind == "phone":
        return words.phone(slot.get("e164", text))
    if kind == "datetime":
        start = datetime.fromisoformat(slot["start"])
        end = datetime.fromisoformat(slot["end"]) if slot.get("end") else None
        return words.interval(start, end, slot.get("grain", ""), local_now)
    return text


# --- Composer --------------------------------------------------------------------------------------------------------


def composer_view(lead: Lead, actions: Actions, last_id: int, *, now: datetime) -> ComposerView:
    """A fresh answer box."""
    closed = "" if not actions.reply else closed_reason(lead.conversation)
    return ComposerView(
        lead_id=lead.pk,
        client_key=secrets.token_urlsafe(12),
        seen_message_id=last_id,
        channel_title=lead.get_kind_display(),
        templates=() if closed or not actions.reply else tuple(_templates(lead)),
        is_note=bool(closed),
        closed_reason=closed,
        max_length=LONGEST,
    )


def closed_reason(conversation: Conversation) -> str:
    """Why nothing can be sent to this client, as the end of «Ответить сюда нельзя: …»; "": it can."""
    if conversation.identity.is_unreachable:
        return "клиент закрыл переписку в этом канале."
    account = ChannelAccount.objects.filter(pk=conversation.account_id).first()
    if account is None or not account.is_active:
        return "канал отключён."
    if account.kind == "form":
        if not conversation.identity.external_id.startswith("+"):
            return "в заявке с сайта нет телефона."
        if sms_account() is None:
            return "чтобы ответить на заявку с сайта по СМС, подключите СМС."
    return ""


def _templates(lead: Lead) -> Iterable[ReplyTemplate]:
    """Prepared answers in the business's own wording, with this client's facts."""
    config = configs.load()
    branch = lead.branch or config.branches[0]
    say = config.wording.say
    service = config.service(lead.service_id)
    prepared = []
    if service:
        price = words.price_range(service.price_kopecks, service.price_to_kopecks)
        line = f"{service.name}: {price}, {words.duration(service.duration_minutes)}"
        prepared.append((f"Цена: {service.name}", say("price_answer", {"prices": line})))
    prepared.append(("Спросить день и время", say("ask_time", {})))
    prepared.append(("Спросить имя и телефон", say("ask_contact", {})))
    prepared.append(("Адрес", say("address", {"address": branch.address})))
    if branch.pk in config.calendars and (hours := hours_text(config.calendars[branch.pk])):
        prepared.append(("Часы работы", say("hours", {"hours": hours})))
    prepared.append(("Предложить запись", say("offer_booking", {})))
    prepared.append(("На спасибо", say("thanks_reply", {})))
    return (ReplyTemplate(number, title, text) for number, (title, text) in enumerate(prepared, start=1))
