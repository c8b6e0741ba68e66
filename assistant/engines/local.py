"""The engine that needs no key and no network: lexicons, grammar and trained weights, milliseconds a message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from assistant.dates import find_times
from assistant.engines import Request
from assistant.intents import Classifier, TrainedClassifier, Verdict
from assistant.names import find_names
from assistant.phones import find_phones
from assistant.places import find_places
from assistant.promos import find_promos
from assistant.services import find_services, is_specialist
from assistant.signs import Features, without_attacks
from assistant.text import normalise
from assistant.times.shifts import find_shift
from assistant.understanding import Slots, Understanding

WANTED = 0.3  # chance that a time is asked for, under which it is left alone; chosen on the development texts
FEW_WORDS = 1
GREETING = re.compile("здравствуйте|привет|добр(?:ый|ое|ого) (?:день|вечер|утро|дня)|пожалуйста|девушки|девочки")


@dataclass(frozen=True)
class LocalEngine:
    """Slots by lexicon and grammar, intent by a replaceable classifier."""

    classifier: Classifier = field(default_factory=TrainedClassifier)
    name: str = "local"

    def understand(self, request: Request) -> Understanding:
        features = features_of(request)
        verdict = self.classifier.classify(features)
        slots = _kept(features, verdict)
        return Understanding(
            intent=verdict.intent,
            confidence=verdict.confidence,
            intents=verdict.intents,
            urgency=verdict.urgency,
            price_sensitive=verdict.price_sensitive,
            emotion=verdict.emotion,
            is_spam=verdict.intent == "spam",
            reasons=(*verdict.reasons, *(f"время «{slot.text}»: {slot.reason}" for slot in slots.datetime)),
            slots=slots,
            engine=self.name,
        )


def features_of(request: Request) -> Features:
    """What a message holds, read without judging it."""
    cleaned, attacked = without_attacks(request.text)
    text = normalise(cleaned)
    phones = find_phones(text)
    promos = find_promos(text)
    phone_spans = [span for _, span in phones]
    shift = find_shift(text)
    hidden = [*phone_spans, *[span for _, span in promos]]
    timeless = [*hidden, shift.span] if shift else hidden
    slots = Slots(
        service=find_services(text, request.price_list, hidden=hidden),
        datetime=find_times(text, now=request.now, opening=request.opening, closing=request.closing, hidden=timeless),
        phone=tuple(slot for slot, _ in phones),
        name=find_names(text, phones=phone_spans),
        geo=find_places(text, request.city, hidden=hidden),
        promo=tuple(slot for slot, _ in promos),
        shift=shift.minutes if shift else None,
    )
    return Features(text, slots, attacked=attacked, known_client=request.known_client)


def _kept(features: Features, verdict: Verdict) -> Slots:
    """An ad has no slots; who is praised, blamed or hired is no service wanted; who asks or thanks wants no time.

    A message that is hardly more than a time ("31го, после обеда") wants it whatever else it seems to be."""
    slots = features.slots
    if verdict.intent == "spam":
        return Slots()
    if verdict.intent in ("other", "complaint"):
        slots = replace(slots, service=tuple(slot for slot in slots.service if not is_specialist(slot)))
    if slots.datetime and verdict.wants_time < WANTED and _words_beside(features.text.plain, slots) > FEW_WORDS:
        slots = replace(slots, datetime=())
    return slots


def _words_beside(plain: str, slots: Slots) -> int:
    """How many words the message has besides its times, greetings apart."""
    said = len(re.findall(r"[а-яa-z]{3,}", GREETING.sub(" ", plain)))
    return said - sum(len(re.findall(r"[^\W\d_]{3,}", slot.text)) for slot in slots.datetime)
