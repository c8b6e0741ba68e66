"""The engine that needs no key and no network: lexicons, grammar and trained weights, milliseconds a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assistant.dates import find_times
from assistant.engines import Request
from assistant.intents import Classifier, TrainedClassifier
from assistant.names import find_names
from assistant.phones import find_phones
from assistant.places import find_places
from assistant.services import find_services, is_specialist
from assistant.signs import Features, without_attacks
from assistant.text import Text, normalise
from assistant.understanding import PromoSlot, Slots, Understanding

_CODE_WORD = re.compile(
    r"(?<![а-я])(?:промокод\w*|промик\w*|купон\w*|промо-?код\w*|код(?:у|ом|овое слово)?)\s*[:«\"'(-]*\s*"
    r"(?:на\s+скидку\s*)?([a-zа-я0-9_-]{3,20})"
)
_CODE = re.compile(
    r"(?<![\w@./-])(?=[A-ZА-ЯЁ0-9-]*[A-ZА-ЯЁ]{3})(?=[A-ZА-ЯЁ-]*\d)[A-ZА-ЯЁ][A-ZА-ЯЁ0-9-]{3,19}(?![\w.-])"
)
_NO_CODE = re.compile(r"(?:covid|ковид|т\d|iphone|умц|[рp]?h?\d)", re.IGNORECASE)


@dataclass(frozen=True)
class LocalEngine:
    """Slots by lexicon and grammar, intent by a replaceable classifier."""

    classifier: Classifier = field(default_factory=TrainedClassifier)
    name: str = "local"

    def understand(self, request: Request) -> Understanding:
        features = features_of(request)
        verdict = self.classifier.classify(features)
        return Understanding(
            intent=verdict.intent,
            confidence=verdict.confidence,
            intents=verdict.intents,
            urgency=verdict.urgency,
            price_sensitive=verdict.price_sensitive,
            emotion=verdict.emotion,
            is_spam=verdict.intent == "spam",
            reasons=verdict.reasons,
            slots=_kept(features.slots, verdict.intent),
            engine=self.name,
        )


def features_of(request: Request) -> Features:
    """What a message holds, read without judging it."""
    cleaned, attacked = without_attacks(request.text)
    text = normalise(cleaned)
    phones = find_phones(text)
    promos = _promos(text)
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


def _promos(text: Text) -> Sequence[tuple[PromoSlot, tuple[int, int]]]:
    """Promo codes: what follows "промокод", or a capital word with digits (VESNA10)."""
    found: list[tuple[PromoSlot, tuple[int, int]]] = []
    for match in _CODE_WORD.finditer(text.folded):
        start, end = match.span(1)
        word = text.folded[start:end]
        written = text.original[text.starts[start] : text.ends[end - 1]] if len(text.folded) == len(text.plain) else ""
        if re.search(r"\d", word) or re.fullmatch(r"[a-z0-9_-]+", word) or (written and written.isupper()):
            position = text.original.lower().find(word)
            own = text.original[position : position + len(word)] if position >= 0 else word
            found.append((PromoSlot(own), (start, end)))
    for match in _CODE.finditer(text.original):
        word = match.group()
        if _NO_CODE.match(word) or any(slot.text == word for slot, _ in found):
            continue
        span = _plain_span(text, *match.span())
        found.append((PromoSlot(word), span))
    return found


def _plain_span(text: Text, start: int, end: int) -> tuple[int, int]:
    """Where original[start:end] stands in the plain text."""
    inside = [
        index
        for index, (left, right) in enumerate(zip(text.starts, text.ends, strict=True))
        if left >= start and right <= end
    ]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)
