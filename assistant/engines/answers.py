"""A model's answer made into an Understanding: checked to the letter, then joined with what we found ourselves.

The model may say what the client wants and point at words; facts stay ours. A time is what our own resolver makes of
the words, a phone what we found before hiding it, a service a line of the price list. One invented word, and the whole
answer counts for nothing. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, get_args

from assistant.dates import find_times
from assistant.engines import Request
from assistant.masking import Masked
from assistant.prompts import GEO_KINDS, SCHEMA
from assistant.understanding import (
    INTENTS,
    DateTimeSlot,
    Emotion,
    GeoSlot,
    Intent,
    NameSlot,
    PromoSlot,
    ServiceSlot,
    Slots,
    Understanding,
    Urgency,
    Zone,
)

SURE = 0.9  # a local reading this sure is not overruled
AGREED = 0.95  # most that both together are sure of
OVERRULED = 0.7  # most that a model is trusted against us: below what cancels a visit without asking
TOUCHING: tuple[Intent, ...] = ("cancel", "reschedule")
MOST_INTENTS = 4
MOST_SLOTS = 10
LONGEST_NAME = 60
_NAME = re.compile(r"[^\W\d_]+(?:[ .-]+[^\W\d_]+)*\.?")
_PROMO = re.compile(r"[\w-]{3,20}")
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")


class Invalid(Exception):
    """The answer is not what was asked for: what is wrong with it, without a word of the client's."""


def read(content: str, masked: Masked, local: Understanding, request: Request) -> Understanding:
    """The local understanding made better by a model's answer. Raises Invalid."""
    try:
        told = json.loads(_FENCE.sub("", content))
    except (ValueError, RecursionError) as error:
        raise Invalid("не JSON") from error
    return _joined(_Answer(told, masked, request), local, request)


class _Answer:
    """One answer, each part checked as it is asked for."""

    def __init__(self, told: Any, masked: Masked, request: Request) -> None:
        self.told = _fields(told, SCHEMA)
        self._slots = _fields(self.told["slots"], SCHEMA["properties"]["slots"])
        self._masked, self._request = masked, request
        self._original = masked.restore(masked.text)

    @property
    def intents(self) -> tuple[Intent, ...]:
        """All intents, the primary first."""
        several = self.told["intents"]
        if not isinstance(several, list) or len(several) > len(INTENTS):
            raise Invalid("intents")
        wanted = [_one_of(INTENTS, intent, "intent") for intent in (self.told["intent"], *several)]
        real = [intent for intent in wanted if intent not in ("other", "spam")]
        return tuple(dict.fromkeys([wanted[0], *real]))[:MOST_INTENTS]

    @property
    def confidence(self) -> float:
        value = self.told["confidence"]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise Invalid("confidence")
        return float(value)

    def flag(self, name: str) -> bool:
        if not isinstance(self.told[name], bool):
            raise Invalid(name)
        return self.told[name]

    def services(self) -> tuple[ServiceSlot, ...]:
        ids = {service.id for service in self._request.price_list}
        found = []
        for item, text in self._items("service"):
            number = item["service_id"]
            if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number not in ids):
                raise Invalid("service_id")
            found.append(ServiceSlot(text, number))
        return tuple(found)

    def times(self) -> tuple[DateTimeSlot, ...]:
        """What our own resolver makes of the words; words that it cannot read are asked about, not believed."""
        asked = self._request
        found: list[DateTimeSlot] = []
        for _, text in self._items("datetime"):
            found += find_times(text, now=asked.now, opening=asked.opening, closing=asked.closing)
        return tuple(dict.fromkeys(found))

    def names(self) -> tuple[NameSlot, ...]:
        texts = [text for _, text in self._items("name")]
        if any(len(text) > LONGEST_NAME or not _NAME.fullmatch(text) for text in texts):
            raise Invalid("name")
        return tuple(NameSlot(text) for text in texts)

    def places(self) -> tuple[GeoSlot, ...]:
        return tuple(
            GeoSlot(text, _one_of(GEO_KINDS, item["kind"], "geo"), _one_of(get_args(Zone), item["zone"], "geo"))
            for item, text in self._items("geo")
        )

    def promos(self) -> tuple[PromoSlot, ...]:
        texts = [text for _, text in self._items("promo")]
        if not all(_PROMO.fullmatch(text) for text in texts):
            raise Invalid("promo")
        return tuple(PromoSlot(text) for text in texts)

    def _items(self, kind: str) -> list[tuple[dict[str, Any], str]]:
        """The items of one kind of slot, each with the client's own words behind it."""
        items = self._slots[kind]
        if not isinstance(items, list) or len(items) > MOST_SLOTS:
            raise Invalid(kind)
        shape = SCHEMA["properties"]["slots"]["properties"][kind]["items"]
        checked = [_fields(item, shape) for item in items]
        return [(item, self._own_words(item["text"], kind)) for item in checked]

    def _own_words(self, text: Any, kind: str) -> str:
        """The stretch of the message that a span repeats; case and spaces may differ, nothing else."""
        words = text.split() if isinstance(text, str) else []
        if not words:
            raise Invalid(kind)
        pattern = r"(?<!\w)" + r"\s+".join(re.escape(word) for word in words) + r"(?!\w)"
        found = re.search(pattern, self._masked.text, re.IGNORECASE)
        if found is None:
            raise Invalid(f"{kind}: этих слов в сообщении нет")
        own = self._masked.restore(found.group())
        if own not in self._original:  # a piece of a mark
            raise Invalid(f"{kind}: этих слов в сообщении нет")
        return own


def _fields(told: Any, shape: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly the fields of its schema."""
    if not isinstance(told, dict) or set(told) != set(shape["properties"]):
        raise Invalid("поля")
    return told


def _one_of(allowed: tuple[Any, ...], value: Any, what: str) -> Any:
    if not isinstance(value, str) or value not in allowed:
        raise Invalid(what)
    return value


# --- Joining ----------------------------------------------------------------------------------------------------------


def _joined(answer: _Answer, local: Understanding, request: Request) -> Understanding:
    """Both readings as one. Everything is checked before anything is used."""
    intents, sure = answer.intents, answer.confidence
    urgency = _one_of(get_args(Urgency), answer.told["urgency"], "urgency")
    emotion = _one_of(get_args(Emotion), answer.told["emotion"], "emotion")
    price_sensitive, says_spam = answer.flag("price_sensitive"), answer.flag("is_spam")
    slots = _joined_slots(answer, local.slots)
    ours = local.intents or (local.intent,)
    if says_spam or intents[0] == "spam":
        # An ad gets no answer, so one engine alone never silences a client.
        return replace(local, reasons=("языковая модель: похоже на рекламу", *local.reasons), engine="llm")
    # What touches a visit never rides on the sureness of another intent.
    more = tuple(intent for intent in intents if intent in ours or intent not in TOUCHING)
    said = f"языковая модель: согласна, {round(sure * 100)} %"
    if local.intent == intents[0]:
        wanted, confidence = (*ours, *more), max(local.confidence, min(sure, AGREED))
    elif local.confidence >= SURE and not local.is_spam:
        wanted, confidence = (*ours, *more), local.confidence
        said = "языковая модель прочла иначе, но в словах клиента сомнений нет"
    else:
        wanted, confidence = intents, min(sure, OVERRULED)
        said = f"языковая модель прочла иначе, чем словарь, и уверена на {round(sure * 100)} %"
    return Understanding(
        intent=wanted[0],
        confidence=confidence,
        intents=_several(wanted),
        urgency="high" if "high" in (urgency, local.urgency) else "normal",  # pain that one of us saw is pain
        price_sensitive=price_sensitive,
        emotion=emotion,
        is_spam=False,
        reasons=(said, *local.reasons),
        slots=slots,
        engine="llm",
    )


def _several(wanted: tuple[Intent, ...]) -> tuple[Intent, ...]:
    real = [intent for intent in wanted[1:] if intent not in ("other", "spam")]
    return tuple(dict.fromkeys([wanted[0], *real]))[:MOST_INTENTS]


def _joined_slots(answer: _Answer, ours: Slots) -> Slots:
    """Ours stay; the model adds what we did not see, and puts a number to a service that we could not place."""
    services, times = answer.services(), answer.times()
    names, places, promos = answer.names(), answer.places(), answer.promos()
    return replace(
        ours,
        service=_services(ours.service, services),
        datetime=ours.datetime or times,
        name=ours.name or names,
        geo=ours.geo or places,
        promo=ours.promo or promos,
    )


def _services(ours: tuple[ServiceSlot, ...], theirs: tuple[ServiceSlot, ...]) -> tuple[ServiceSlot, ...]:
    found: list[ServiceSlot] = []
    for slot in ours:
        placed = next((other for other in theirs if other.service_id is not None and _same(slot, other)), None)
        found.append(replace(slot, service_id=placed.service_id) if slot.service_id is None and placed else slot)
    taken = {slot.service_id for slot in found}
    for other in theirs:
        if other.service_id in taken or any(_same(slot, other) for slot in found):
            continue
        found.append(other)
        taken.add(other.service_id)
    return tuple(found)


def _same(one: ServiceSlot, other: ServiceSlot) -> bool:
    """Whether two spans name one thing: the words of one stand in the other."""
    left, right = one.text.casefold(), other.text.casefold()
    return left in right or right in left
