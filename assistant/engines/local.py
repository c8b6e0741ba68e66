"""The engine that needs no key and no network: lexicons, grammar and trained weights, milliseconds a message."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from assistant.dates import find_times
from assistant.engines import Request
from assistant.intents import Classifier, TrainedClassifier
from assistant.names import find_names
from assistant.phones import find_phones
from assistant.places import find_places
from assistant.promos import find_promos
from assistant.services import find_services, is_specialist
from assistant.signs import Features, without_attacks
from assistant.text import normalise
from assistant.understanding import Slots, Understanding


@dataclass(frozen=True)
class LocalEngine:
    """Slots by lexicon and grammar, intent by a replaceable classifier."""

    classifier: Classifier = field(default_factory=TrainedClassifier)
    name: str = "local"

    def understand(self, request: Request) -> Understanding:
        features = features_of(request)
        verdict = self.classifier.classify(features)
        slots = _kept(features.slots, verdict.intent)
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
    hidden = [*phone_spans, *[span for _, span in promos]]
    slots = Slots(
        service=find_services(text, request.price_list, hidden=hidden),
        datetime=find_times(text, now=request.now, opening=request.opening, closing=request.closing, hidden=hidden),
        phone=tuple(slot for slot, _ in phones),
        name=find_names(text, phones=phone_spans),
        geo=find_places(text, request.city, hidden=hidden),
        promo=tuple(slot for slot, _ in promos),
    )
    return Features(text, slots, attacked=attacked, known_client=request.known_client)


def _kept(slots: Slots, intent: str) -> Slots:
    """An ad has no slots; who is praised, blamed or hired is no service wanted."""
    if intent == "spam":
        return Slots()
    if intent in ("other", "complaint"):
        return replace(slots, service=tuple(slot for slot in slots.service if not is_specialist(slot)))
    return slots
