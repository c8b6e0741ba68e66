"""Messages and replies that a person marked right or wrong, kept masked as examples to learn from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from assistant import masking
from assistant.models import KnowledgeEntry, TrainingExample
from assistant.training.examples import Example
from assistant.understanding import INTENTS, ServiceInfo
from contacts.models import Message
from tenants.business.models import Service

HELD_BACK_SHARE = 5  # one example in so many judges and is never learned from
WEIGHT = 5.0  # texts of the common training set that an example counts for: a business's own words go first
LONGEST = 2000  # characters of an example
LONGEST_BURST = 20  # messages that were understood together
LONGEST_ENTRY = 200  # characters of a question in the knowledge base

Kind, Source = TrainingExample.Kind, TrainingExample.Source


@dataclass(frozen=True)
class Meaning:
    """The labels of a message. The first intent leads; an empty one means that nobody has said it."""

    intent: str
    also: tuple[str, ...] = ()
    urgency: str = "normal"
    price_sensitive: bool = False
    emotion: str = "neutral"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Meaning:
        """Out of an understanding as it is stored with a message, or of the same labels."""
        intents = [intent for intent in told.get("intents") or (told["intent"],) if intent in INTENTS]
        return cls(
            intent=told["intent"],
            also=tuple(intent for intent in intents if intent != told["intent"]),
            urgency=told.get("urgency", "normal"),
            price_sensitive=bool(told.get("price_sensitive", False)),
            emotion=told.get("emotion", "neutral"),
        )

    def to_json(self) -> dict[str, Any]:
        """Labels only: what a client named stays with the message."""
        return {
            "intent": self.intent,
            "intents": [self.intent, *self.also] if self.intent else [],
            "urgency": self.urgency,
            "price_sensitive": self.price_sensitive,
            "emotion": self.emotion,
        }


# --- Marks in a conversation ------------------------------------------------------------------------------------------


def note_meaning(message: Message, right: Meaning | None, *, by: str, now: datetime) -> TrainingExample:
    """A person says what a client's message meant; None: it was understood wrong, and what is right is not said yet.

    The message must have been understood. Marked again, the new word counts."""
    told = Meaning.of(message.understanding)
    return _keep(
        message,
        Kind.MEANING,
        text=burst_text(message),
        told=told.to_json() | {"confidence": message.understanding["confidence"]},
        is_right=right is not None and right == told,
        meaning=right,
        by=by,
        now=now,
    )


def note_reply(message: Message, *, is_right: bool, right_reply: str = "", by: str, now: datetime) -> TrainingExample:
    """A person says whether a reply of the assistant was right, and what it should have been (blank: not said)."""
    asked = _asked_before(message)
    return _keep(
        message,
        Kind.REPLY,
        text=burst_text(asked) if asked else "",
        reply=message.text,
        right_reply="" if is_right else right_reply,
        is_right=is_right,
        by=by,
        now=now,
    )


def forget(message: Message) -> None:
    """Take the mark back."""
    TrainingExample.objects.filter(message=message).delete()


def _keep(
    message: Message,
    kind: TrainingExample.Kind,
    *,
    text: str,
    is_right: bool,
    by: str,
    now: datetime,
    told: Mapping[str, Any] | None = None,
    meaning: Meaning | None = None,
    reply: str = "",
    right_reply: str = "",
) -> TrainingExample:
    contact = message.conversation.contact
    names = [contact.name, message.conversation.identity.display_name]
    hidden = Masker(names)
    text = hidden.mask(text)
    example, _ = TrainingExample.objects.update_or_create(
        message=message,
        defaults={
            "kind": kind,
            "source": Source.CORRECTION,
            "text": text,
            "told": dict(told or {}),
            "is_right": is_right,
            **_columns(meaning),
            "reply": hidden.mask(reply),
            "right_reply": hidden.mask(right_reply),
            "is_held_back": is_held_back(text),
            "by": by[:120],
            "created_at": now,
        },
    )
    return example


def _columns(meaning: Meaning | None) -> dict[str, Any]:
    meaning = meaning or Meaning("")
    return {
        "intent": meaning.intent,
        "also": list(meaning.also),
        "urgency": meaning.urgency,
        "is_price_sensitive": meaning.price_sensitive,
        "emotion": meaning.emotion,
    }


def burst_text(message: Message) -> str:
    """The client's words that were understood together with this message, as the pipeline joins them."""
    before = message.conversation.messages.filter(pk__lt=message.pk).exclude(author=Message.Author.NOTE)
    together = takewhile(
        lambda each: each.author == Message.Author.CLIENT and each.understanding is None,
        before.order_by("-pk")[: LONGEST_BURST - 1],
    )
    return "\n".join(each.text for each in [*reversed(list(together)), message])


def _asked_before(reply: Message) -> Message | None:
    words = reply.conversation.messages.filter(pk__lt=reply.pk, author=Message.Author.CLIENT)
    return words.order_by("-pk").first()


# --- Texts without people ---------------------------------------------------------------------------------------------


class Masker:
    """Hides people in texts; what the price list names is never taken for a name."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = [name for name in names if name]
        rows = Service.objects.values_list("name", "synonyms")
        self._keep = masking.plain_words(word for name, synonyms in rows for word in (name, *synonyms))

    def mask(self, text: str) -> str:
        return masking.mask(text[:LONGEST], names=self._names, keep=self._keep).text.replace("\x00", "")


# What stands in a masked text's place when it is read: the assistant met the real thing and will meet others.
_STAND_INS = {
    masking.PHONE: "8 900 000-00-00",
    masking.CARD: "0000 0000 0000 0000",
    masking.NUMBER: "0000000",
    masking.EMAIL: "kto@example.ru",
    masking.LINK: "https://example.ru",
    masking.ADDRESS: "ул. Ленина, 1",
    masking.BIRTHDAY: "01.01.1990",
    masking.NAME: "Анна",
}
_MARK = re.compile(rf"\[({'|'.join(_STAND_INS)})_\d+\]")


def unmasked(text: str) -> str:
    """The text with invented people, numbers and places in the place of the hidden ones."""
    return _MARK.sub(lambda mark: _STAND_INS[mark[1]], text)


def has_marks(text: str) -> bool:
    return _MARK.search(text) is not None


def is_held_back(text: str) -> bool:
    """By the letters alone: the same words, however they are written, are always on the same side."""
    letters = " ".join(re.findall(r"\w+", text.lower().replace("ё", "е")))
    return int.from_bytes(hashlib.sha256(letters.encode()).digest()[:8], "big") % HELD_BACK_SHARE == 0


# --- To learn from ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lessons:
    """Examples to learn from and examples that judge."""

    learned: list[Example]
    held_back: list[Example]


def lessons(price_list: Sequence[ServiceInfo], city: str) -> Lessons:
    """All that is known of the meaning of messages in this business. The same text marked twice counts once, as marked
    last."""
    rows = TrainingExample.objects.filter(kind=Kind.MEANING).exclude(intent="").order_by("pk")
    by_text = {row.text: row for row in rows}
    read = [(row.is_held_back, _example(row, price_list, city)) for row in by_text.values() if row.text.strip()]
    return Lessons([each for held, each in read if not held], [each for held, each in read if held])


def _example(row: TrainingExample, price_list: Sequence[ServiceInfo], city: str) -> Example:
    return Example(
        text=unmasked(row.text),
        intents=(row.intent, *row.also),  # type: ignore[arg-type]  # the column's choices are the intents
        urgency=row.urgency,  # type: ignore[arg-type]  # so are the urgencies
        price_sensitive=row.is_price_sensitive,
        emotion=row.emotion,  # type: ignore[arg-type]  # and the emotions
        price_list=price_list,
        city=city,
        weight=WEIGHT,
    )


# --- To quote ---------------------------------------------------------------------------------------------------------


def suggest_entry(example: TrainingExample) -> KnowledgeEntry:
    """A right reply as a draft of the knowledge base: it is quoted to nobody until a person switches it on.

    Asked again, the same draft. Raises ValueError when there is no right reply."""
    if example.entry:
        return example.entry
    answer = example.right_reply or (example.reply if example.is_right else "")
    if not answer:
        raise ValueError("no right reply")
    question = " ".join(example.text.split())
    entry = KnowledgeEntry.objects.create(
        question=question[:LONGEST_ENTRY] or "Вопрос клиента",
        answer=answer,
        source="Исправленный ответ ассистента",
        is_active=False,
    )
    TrainingExample.objects.filter(pk=example.pk).update(entry=entry)
    return entry
