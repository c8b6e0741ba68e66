"""The path of a message in its order: received, understood, scored, answered or booked, routed. Read this first.

Everything here runs under the lock of the conversation's row, so one conversation moves one step at a time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from assistant import dialogue
from assistant.languages import language_of
from assistant.understand import understand
from assistant.understanding import Understanding
from channels_app import inbound, live, outbound
from contacts.models import Contact, Conversation, Identity, Message
from leadhub import rows
from leadhub.work import later
from routing import campaigns, dispatching, duties, edits, leads, quarantine, record, refining, sla
from routing import config as configs
from routing.config import Config
from routing.desk import BookingDesk
from routing.models import Lead
from routing.scoring import INTENT_TITLES
from tenants.business.models import Branch

logger = logging.getLogger(__name__)

LONGEST_TEXT = 4000  # characters of a burst that are read
ORIGIN_TELLS = timedelta(days=30)  # so long a lead is owed to the advertisement that the client came by


# --- 1. Received -----------------------------------------------------------------------------------------------------


def receive_event(event_id: int, *, now: datetime) -> None:
    """Take in one stored POST; answer at once, or when the client's burst of messages is over."""
    hear(inbound.take_in(event_id, now=now), now=now)


def hear(messages: Sequence[Message], *, now: datetime) -> None:
    """Clients' messages were stored just now, and their conversations are locked by the caller's transaction."""
    messages = [message for message in messages if edits.is_to_answer(message, now=now)]
    window = configs.load().settings if messages else None
    for conversation_id, fresh in groupby(messages, key=lambda message: message.conversation_id):
        fresh = list(fresh)
        conversation = fresh[-1].conversation
        live.publish("message", conversation=conversation_id)
        if quarantine.holds_off(conversation, now=now):
            continue
        if window.burst_window_ms == 0 and conversation.pending_since == now:
            _answer(conversation, fresh, now=now)
        elif window.burst_window_ms == 0:
            answer(conversation.pk, now=now)
        else:
            later("routing.answer", conversation.pk, at=_burst_end(conversation, window, now))


def _burst_end(conversation: Conversation, window: Any, now: datetime) -> datetime:
    """One window after the last message, but never later than the limit after the first one without an answer."""
    first = conversation.pending_since or now
    end = now + timedelta(milliseconds=window.burst_window_ms)
    return min(end, max(now, first + timedelta(milliseconds=window.burst_limit_ms)))


# --- 2-5. Understood, scored, answered, routed ---------------------------------------------------------------------


def answer(
    conversation_id: int, *, now: datetime, never_spam: bool = False, refined: refining.Refined | None = None
) -> None:
    """Everything the client wrote since the last answer is understood together and gets one answer. `refined`: what a
    language model made of it; a newer message makes that worthless."""
    conversation, fresh = _unanswered(conversation_id)
    if conversation:  # or the client was erased meanwhile
        _answer(conversation, fresh, now=now, never_spam=never_spam, refined=refined)


_NO_PAST = """NOT EXISTS (SELECT FROM routing_lead WHERE conversation_id = talk.id)
    AND NOT EXISTS (SELECT FROM routing_lead WHERE contact_id = talk.contact_id)
    AND NOT EXISTS (SELECT FROM booking_appointment WHERE contact_id = talk.contact_id)
    AND NOT EXISTS (SELECT FROM contacts_consent WHERE contact_id = talk.contact_id)"""


def _unanswered(conversation_id: int) -> tuple[Conversation | None, list[Message]]:
    """The conversation, locked, and what the client wrote in it since the last answer. Two statements in one round
    trip: the second sees what the holder of the lock before us committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rows.columns(Conversation, 'talk')}, {rows.columns(Contact, 'c')}, {rows.columns(Identity, 'i')}"  # noqa: S608 - our columns
            " FROM contacts_conversation talk JOIN contacts_contact c ON c.id = talk.contact_id"
            " JOIN contacts_identity i ON i.id = talk.identity_id WHERE talk.id = %s FOR UPDATE OF talk;\n"
            f"SELECT {rows.columns(Message, 'm')}, {_NO_PAST}"
            " FROM contacts_message m JOIN contacts_conversation talk ON talk.id = m.conversation_id"
            " WHERE m.conversation_id = %s AND m.author = 'client' AND NOT m.is_processed ORDER BY m.id",
            [conversation_id, conversation_id],
        )
        found = cursor.fetchone()
        cursor.nextset()
        waiting = cursor.fetchall()
    if found is None:
        return None, []
    conversation, conversation.contact, conversation.identity = rows.build(found, Conversation, Contact, Identity)
    fresh = [rows.build(row, Message)[0] for row in waiting]
    for message in fresh:
        message.conversation = conversation
    conversation.contact.is_just_met = bool(waiting) and waiting[-1][-1]
    return conversation, fresh


def _answer(
    conversation: Conversation,
    fresh: Sequence[Message],
    *,
    now: datetime,
    never_spam: bool = False,
    refined: refining.Refined | None = None,
) -> None:
    """The conversation's row is locked by the caller. `fresh`: all that has no answer yet."""
    if not fresh or (refined and refined.message_id != fresh[-1].pk):
        return
    config = configs.load()
    origin = _origin(conversation, now=now)
    came = campaigns.arrival(_text(fresh), origin, config)
    text = came.text
    if refined and refined.text and refined.text != text:
        return  # edited meanwhile: the edit owed its own reading
    past = leads.past_of(conversation.contact, now=now)
    understanding = _understand(
        text, config.branch(conversation.branch_id), config, known=past.is_known or never_spam, now=now
    )
    if refined:
        understanding = refined.understanding or understanding
    elif not never_spam and refining.postpone(conversation, fresh[-1], understanding, text, config, now=now):
        return
    understanding = dialogue.as_answer(
        conversation.state.get("dialogue"), understanding, text, price_list=config.price_list
    )
    branch = _place(conversation, understanding, config)
    _note_language(conversation, text)

    lead, is_new = leads.open_for(conversation, understanding, branch=branch, now=now)
    was_quarantined = not is_new and lead.status == Lead.Status.QUARANTINE
    leads.learn(lead, understanding, config, origin=campaigns.origin_of(came, origin))
    advertised = campaigns.attribute(lead, came, config)
    with record.together(lead):
        record.add(lead, "understood", _understood_title(understanding), _understood_lines(understanding), now=now)
        if advertised:
            record.add(lead, "campaign", *advertised, now=now)
        if scored := leads.rescore(lead, past, config, now=now):
            record.add(lead, "scored", *scored, now=now)
        quarantine.end_flood(conversation, lead, len(fresh), now=now)
        if was_quarantined and lead.is_open:
            leads.come_back(lead, now=now)
        if lead.status == Lead.Status.QUARANTINE:
            record.add(lead, "quarantined", "В карантин: похоже на рекламу", _reasons(understanding), now=now)
        if is_new and lead.is_open:
            sla.set_confirm(lead, now=now)
        if is_new:
            rows.store(lead)
        else:
            sla.resume(lead, now=now)  # the client is back, whatever was waited for
            lead.save()
        if is_new and lead.is_open:
            sla.start_confirm(lead, now=now)
            sla.start_answer(lead, now=now)
        if is_new and lead.status == Lead.Status.QUARANTINE:
            quarantine.expect_end(lead, now=now)
        desk = BookingDesk(conversation, lead, branch=branch, config=config, is_returning=past.is_known, now=now)
        if refined:
            desk.near, desk.done = refined.near, list(refined.notes)
        if lead.status != Lead.Status.QUARANTINE:
            is_silent = bool(conversation.held_by_id) or not config.settings.assistant_enabled
            _turn(conversation, lead, understanding, desk, text=text, last=fresh[-1], is_silent=is_silent, now=now)
            if conversation.held_by_id:
                sla.client_wrote(lead, now=now)
        conversation.pending_since = None
        _keep_turn(conversation, fresh, understanding)
        dispatching.route(lead, desk, is_new=is_new, now=now)
        sla.follow(lead, now=now)
    live.publish("lead", id=lead.pk)


def _text(fresh: Sequence[Message]) -> str:
    return "\n".join(message.text for message in fresh)[:LONGEST_TEXT]


def _understand(text: str, branch: Branch, config: Config, *, known: bool, now: datetime) -> Understanding:
    """An engine that stumbles costs the client no answer: the message counts as not understood, a person is called."""
    local = now.astimezone(branch.zone).replace(tzinfo=None)
    try:
        return understand(
            text, now=local, price_list=config.price_list, city=branch.city, known_client=known, model=config.model
        )
    except Exception:
        logger.exception("a message was not understood")
        return Understanding(intent="other", confidence=0.0, reasons=("разобрать не удалось, нужен человек",))


def _place(conversation: Conversation, understanding: Understanding, config: Config) -> Branch:
    """The branch near the place the client named; it stays the conversation's until another is named."""
    named = (config.branch_for(slot.text) for slot in understanding.slots.geo)
    branch = next(filter(None, named), None) or config.branch(conversation.branch_id)
    conversation.branch = branch
    if understanding.slots.geo:
        place = understanding.slots.geo[0]
        conversation.state = {**conversation.state, "place": {"text": place.text, "zone": place.zone}}
    return branch


def _note_language(conversation: Conversation, text: str) -> None:
    """The client's language stays the conversation's until another is surely told; without one it is Russian."""
    language = language_of(text)
    if language and language != conversation.state.get("language", "ru"):
        conversation.state = {**conversation.state, "language": language}


def _keep_turn(conversation: Conversation, fresh: Sequence[Message], understanding: Understanding) -> None:
    """The burst is processed; what it was understood to stands with its last message."""
    last = fresh[-1]
    last.understanding, last.is_processed = understanding.to_json(), True
    sql, values = rows.update(conversation, "state", "branch", "pending_since", "last_message_at")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_message SET is_processed = true,"  # noqa: S608 - columns of our models only
            " understanding = CASE WHEN id = %s THEN %s ELSE understanding END WHERE id = ANY(%s);\n" + sql,
            [last.pk, Jsonb(last.understanding), [message.pk for message in fresh], *values],
        )


def _origin(conversation: Conversation, *, now: datetime) -> Mapping[str, Any]:
    """UTM, promo, page and code that came with the messages (`contacts.receiving` keeps them), while they still tell
    why the client writes."""
    origin = conversation.state.get("origin", {})
    since = origin.get("at")
    return {} if since and now - datetime.fromisoformat(since) > ORIGIN_TELLS else origin


def _turn(
    conversation: Conversation,
    lead: Lead,
    understanding: Understanding,
    desk: BookingDesk,
    *,
    text: str,
    last: Message,
    is_silent: bool,
    now: datetime,
) -> None:
    turn = dialogue.step(conversation.state.get("dialogue", {}), understanding, desk, text=text, silent=is_silent)
    said = Counter(conversation.state.get("heard", {}))  # how often each text was said: variants take turns
    heard = Counter(say.key for say in turn.says)
    conversation.state = {**conversation.state, "dialogue": turn.state, "heard": said + heard}
    duties.follow(lead, said=turn.stage, now=now)
    if not turn.says:
        return
    wording = desk.config.wording
    reply = "\n\n".join(wording.say(say.key, say.params, turn=said[say.key]) for say in turn.says)
    choices = next((say.choices for say in reversed(turn.says) if say.choices), ())
    outbound.queue(
        conversation,
        reply,
        key=f"answer-{last.pk}" + (f"-{len(last.earlier)}" if last.earlier else ""),
        choices=choices,
        by_assistant=True,
        is_answer=turn.acts_on_intent,
        now=now,
    )
    sla.wait_for_client(lead, now=now)
    keys = ", ".join(say.key for say in turn.says)
    record.add(lead, "answered", "Ассистент ответил", [("Тексты", keys), *desk.done], now=now)


# --- Words of the record -------------------------------------------------------------------------------------------


def _understood_title(understanding: Understanding) -> str:
    percent = round(understanding.confidence * 100)
    return f"Понято: {INTENT_TITLES.get(understanding.intent, understanding.intent)} (уверенность {percent} %)"


def _understood_lines(understanding: Understanding) -> list[tuple[str, str]]:
    slots = understanding.slots
    lines = [("Услуга", slot.text) for slot in slots.service]
    lines += [("Когда", slot.text) for slot in slots.datetime]
    lines += [("Место", slot.text) for slot in slots.geo]
    lines += [("Промокод", slot.text) for slot in slots.promo]
    if slots.phone:
        lines.append(("Телефон", "назван"))
    if understanding.urgency == "high":
        lines.append(("Срочность", "высокая"))
    if understanding.emotion != "neutral":
        lines.append(("Настроение", {"angry": "недоволен", "positive": "доволен"}[understanding.emotion]))
    return lines + _reasons(understanding)


def _reasons(understanding: Understanding) -> list[tuple[str, str]]:
    return [("Почему", reason) for reason in understanding.reasons]
