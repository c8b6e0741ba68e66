"""What a person says of the assistant's work in a conversation: understood right or wrong, answered right or wrong.

A mark is an example to learn from (`assistant.learning`); said of the message that tells what the client wants, it also
moves the lead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.http import Http404

from assistant.learning import examples as learning
from assistant.learning.examples import Meaning
from assistant.models import TrainingExample
from assistant.understanding import INTENTS
from contacts.models import Message
from routing import access, outcomes, talks
from routing.models import Lead
from routing.outcomes import NotPossible
from routing.rows import Choice
from routing.scoring import INTENT_TITLES
from routing.talk_rows import ConversationView, MarkView
from tenants.access import Member

LONGEST_REPLY = 2000  # characters
ALSO = tuple(intent for intent in INTENTS if intent not in ("spam", "other"))
EMOTIONS = TrainingExample.Emotion
RIGHT, WRONG = "right", "wrong"


def message_for(lead: Lead, message_id: int) -> Message:
    """A message of the lead's conversation that can be marked. Raises Http404 for any other."""
    message = _markable(lead).filter(pk=message_id).first()
    if message is None:
        raise Http404("nothing to mark")
    return message


# --- Marks ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def say_meaning(lead: Lead, message: Message, meaning: Meaning, *, by: Member, now: datetime) -> bool:
    """A person says what the client meant; whether the lead moved. Raises NotPossible: there is no such meaning."""
    if meaning.intent not in INTENTS or not set(meaning.also) <= set(ALSO):
        raise NotPossible("Такого намерения нет.")
    told = message.understanding
    moved = meaning.intent != told.get("corrected_intent", told["intent"]) and _move(
        lead, message, meaning.intent, by=by, now=now
    )
    if not moved:
        _keep_correction(message, meaning.intent, by=by)
    learning.note_meaning(message, meaning, by=access.name_of(by), now=now)
    return moved


def say_understood(lead: Lead, message: Message, *, by: Member, now: datetime) -> bool:
    """It was understood right, in everything; whether the lead moved (back)."""
    return say_meaning(lead, message, Meaning.of(message.understanding), by=by, now=now)


def say_misunderstood(message: Message, *, by: Member, now: datetime) -> None:
    """It was understood wrong; what is right is said next."""
    learning.note_meaning(message, None, by=access.name_of(by), now=now)


def say_reply(message: Message, *, is_right: bool, right_reply: str = "", by: Member, now: datetime) -> None:
    """A reply of the assistant was right, or wrong; `right_reply` is what it should have been. Raises NotPossible."""
    if len(right_reply) > LONGEST_REPLY:
        raise NotPossible(f"Ответ длиннее {LONGEST_REPLY} знаков.")
    learning.note_reply(message, is_right=is_right, right_reply=right_reply.strip(), by=access.name_of(by), now=now)


@transaction.atomic
def take_back(lead: Lead, message: Message, *, by: Member, now: datetime) -> bool:
    """The mark is gone, and what it changed; whether the lead moved. A lead that went into quarantine stays there."""
    told = message.understanding or {}
    moved = False
    if told.get("corrected_intent", told.get("intent")) != told.get("intent"):
        moved = _move(lead, message, told["intent"], by=by, now=now)
        _keep_correction(message, told["intent"], by=by)
    learning.forget(message)
    return moved


def _move(lead: Lead, message: Message, intent: str, *, by: Member, now: datetime) -> bool:
    """Score and route the lead anew where this message tells what the client wants."""
    telling = talks.telling_message(lead) if lead.is_open else None
    if telling is None or telling.pk != message.pk:
        return False
    outcomes.correct(lead, intent, by=by, now=now)
    message.refresh_from_db(fields=["understanding"])
    return True


def _keep_correction(message: Message, intent: str, *, by: Member) -> None:
    """The message shows what it meant; one that was understood right shows nothing."""
    told = {name: value for name, value in message.understanding.items() if name not in ("corrected_intent", "by")}
    if intent != told["intent"]:
        told |= {"corrected_intent": intent, "by": access.name_of(by)}
    if told != message.understanding:
        message.understanding = told
        message.save(update_fields=["understanding"])


# --- What the screen shows --------------------------------------------------------------------------------------------


def with_marks(shown: ConversationView, lead: Lead) -> ConversationView:
    """The conversation with what was said of each message that can be marked."""
    ids = [message.id for day in shown.days for message in day.messages]
    marks = _marks(lead, ids)
    days = tuple(
        replace(day, messages=tuple(replace(message, mark=marks.get(message.id)) for message in day.messages))
        for day in shown.days
    )
    return replace(shown, days=days)


def mark_of(lead: Lead, message_id: int) -> MarkView:
    return _marks(lead, [message_id])[message_id]


def _marks(lead: Lead, message_ids: Iterable[int]) -> dict[int, MarkView]:
    rows = list(_markable(lead).filter(pk__in=list(message_ids)).select_related("example"))
    newest = lead.conversation.messages.filter(_UNDERSTOOD).aggregate(newest=Max("pk"))["newest"]
    return {row.pk: _mark(lead, row, is_newest=row.pk == newest) for row in rows}


_UNDERSTOOD = Q(author=Message.Author.CLIENT, understanding__isnull=False)


def _markable(lead: Lead) -> QuerySet[Message]:
    return lead.conversation.messages.filter(_UNDERSTOOD | Q(author=Message.Author.ASSISTANT))


def _mark(lead: Lead, message: Message, *, is_newest: bool) -> MarkView:
    example: TrainingExample | None = getattr(message, "example", None)
    view = MarkView(
        lead_id=lead.pk,
        message_id=message.pk,
        is_reply=message.author == Message.Author.ASSISTANT,
        verdict=(RIGHT if example.is_right else WRONG) if example else "",
        by=example.by if example else "",
        is_newest=is_newest,
    )
    if view.is_reply:
        return replace(view, reply=message.text, right=example.right_reply if example else "")
    told = Meaning.of(message.understanding)
    said = _said(example)
    shown = said or told
    return replace(
        view,
        told=_told(message, told, example),
        right=_title(said) if said else "",
        intents=tuple(Choice(key, INTENT_TITLES[key], key == shown.intent) for key in INTENTS),
        also=tuple(Choice(key, INTENT_TITLES[key], key in shown.also) for key in ALSO),
        is_urgent=shown.urgency == "high",
        is_price_sensitive=shown.price_sensitive,
        emotions=tuple(Choice(key, title, key == shown.emotion) for key, title in EMOTIONS.choices),
    )


def _told(message: Message, told: Meaning, example: TrainingExample | None) -> str:
    """As it was understood; or as it was corrected, where no example is kept of that (any more)."""
    corrected = message.understanding.get("corrected_intent")
    if corrected and example is None:
        return f"исправлено: {INTENT_TITLES.get(corrected, corrected)}"
    return _title(told, message.understanding["confidence"])


def _said(example: TrainingExample | None) -> Meaning | None:
    if example is None or not example.intent:
        return None
    also = tuple(example.also)
    return Meaning(example.intent, also, example.urgency, example.is_price_sensitive, example.emotion)


def _title(meaning: Meaning, confidence: float | None = None) -> str:
    """«хочет записаться · 93 % · срочно»"""
    words = [INTENT_TITLES[meaning.intent]]
    if confidence is not None and meaning.intent != "other":
        words.append(f"{round(confidence * 100)} %")
    words += [f"и {INTENT_TITLES[intent]}" for intent in meaning.also]
    if meaning.urgency == "high":
        words.append("срочно")
    if meaning.price_sensitive:
        words.append("важна цена")
    if meaning.emotion != "neutral":
        words.append(str(EMOTIONS(meaning.emotion).label))
    return " · ".join(words)
