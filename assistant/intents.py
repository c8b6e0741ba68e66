"""What does the client want: the trained weights of all signs, decided into one verdict with its reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from assistant.model import Model, lanes_of, length, place_of, shipped
from assistant.signs import Features, Signs, pieces, regex, short, word_form
from assistant.understanding import INTENTS, Emotion, Intent, Urgency

LABELS: dict[str, str] = {
    "booking": "запись",
    "cancel": "отмена",
    "reschedule": "перенос",
    "price_question": "вопрос о цене",
    "promo_question": "вопрос об акциях",
    "callback_request": "просьба позвонить",
    "consultation": "консультация",
    "complaint": "жалоба",
    "spam": "спам",
    "other": "другое",
}
AT_A_TIME: frozenset[Intent] = frozenset(("booking", "cancel", "reschedule", "callback_request"))
# Chances from which on a thing is said to be so; chosen on the development texts.
SPAM = 0.6  # a lost client costs more than a read advertisement
ALSO = 0.3
URGENT = 0.4
URGENT_BY_WORDS = 0.12  # words of pain need less
URGENT_BY_SEVERE_PAIN = 0.02
PRICE_SENSITIVE = 0.5
STRONG_FEELING = 0.45
TELLING = 0.25  # a word that moves the score of an intent by this is told as a reason


@dataclass(frozen=True)
class Verdict:
    """What a classifier says of a message; `reasons` are Russian and name what was seen."""

    intent: Intent
    confidence: float
    intents: tuple[Intent, ...]
    urgency: Urgency
    price_sensitive: bool
    emotion: Emotion
    reasons: tuple[str, ...]
    wants_time: float = 1.0  # 0-1: the chance that a time in the message is one that the client asks for


class Classifier(Protocol):
    def classify(self, features: Features) -> Verdict: ...


@dataclass(frozen=True)
class TrainedClassifier:
    """Decides by a model's weights: the shipped ones, or a tenant's."""

    model: Model = field(default_factory=shipped)

    def classify(self, features: Features) -> Verdict:
        signs = Signs(features)
        scores = self.model.scores(signs.blocks)
        chances = _chances(lanes_of("intent", scores), self.model.heat)
        emotion = _emotion(scores)
        intents = _intents(chances, scores, features, is_angry=emotion == "angry")
        lead = intents[0]
        is_urgent = lead != "spam" and _is_urgent(scores, signs)
        if lead == "spam":
            emotion = "neutral"
        is_sensitive = lead not in ("spam", "complaint") and (
            _chance(scores[place_of("price_sensitive")]) >= PRICE_SENSITIVE
            or ("promo_question" in intents and not _only_gives_code(signs))
        )
        return Verdict(
            lead,
            round(chances[lead], 2),
            intents,
            "high" if is_urgent else "normal",
            is_sensitive,
            emotion,
            tuple(self._reasons(signs, intents, chances, is_urgent=is_urgent, is_sensitive=is_sensitive)),
            1.0 if AT_A_TIME & set(intents) else sum(chances[intent] for intent in AT_A_TIME),
        )

    def _reasons(
        self,
        signs: Signs,
        intents: Sequence[Intent],
        chances: Mapping[str, float],
        *,
        is_urgent: bool,
        is_sensitive: bool,
    ) -> list[str]:
        """Rules that spoke for what was chosen, then the words that told most."""
        reasons = []
        for intent in intents:
            said = [spoken.reason for spoken in signs.spoken if spoken.intent == intent and spoken.weight > 0]
            reasons += [f"{LABELS[intent]}: {reason}" for reason in said[:3]]
        telling = self._telling_words(signs, intents[0], chances)
        if telling:
            reasons.append(f"{LABELS[intents[0]]}: так обычно пишут — {', '.join(f'«{word}»' for word in telling)}")
        if is_urgent:
            reasons.append(f"срочно: «{signs.urgent_words}»" if signs.urgent_words else "срочно: описан острый случай")
        if is_sensitive:
            reasons.append("цена важна")
        if signs.features.attacked:
            reasons.append("в тексте была команда для машины, она не выполняется")
        return reasons or ["ничего узнаваемого"]

    def _telling_words(self, signs: Signs, intent: str, chances: Mapping[str, float]) -> list[str]:
        """The up to three words that speak loudest for the intent and against its nearest rival."""
        rival = max((other for other in INTENTS if other != intent), key=lambda other: chances[other])
        ours, theirs = place_of("intent", intent), place_of("intent", rival)
        of_chars, of_words = (length(block, len(signs.blocks[block])) for block in ("chars", "words"))
        told: dict[str, float] = {}
        for token in signs.tokens[:80]:
            if len(token) > 2 and token[0].isalpha() and token not in told:
                told[token] = self.model.margin("chars", pieces(token), ours, theirs) * of_chars
                told[token] += self.model.margin("words", (word_form(token),), ours, theirs) * of_words
        loudest = sorted((token for token, value in told.items() if value >= TELLING), key=lambda token: -told[token])
        return [short(token) for token in loudest[:3]]


def _intents(
    chances: Mapping[str, float], scores: Sequence[float], features: Features, *, is_angry: bool
) -> tuple[Intent, ...]:
    """The leading intent and the others that the message holds.

    A known client's message is never spam, nor is a request that an attack stands beside."""
    slots = features.slots
    is_client = features.known_client or (features.attacked and (slots.service or slots.datetime))
    if chances["spam"] >= SPAM and not is_client:
        return ("spam",)
    lead = max((intent for intent in INTENTS if intent != "spam"), key=lambda intent: chances[intent])
    if lead == "other":
        return ("other",)
    beside = {
        intent: _chance(scores[place_of(f"also {intent}")])
        for intent in INTENTS
        if intent not in ("spam", "other", lead)
    }
    if is_angry and lead in ("cancel", "reschedule"):
        beside["complaint"] = 1.0  # who cancels in anger says at whom
    also = [intent for intent, chance in beside.items() if chance >= ALSO]
    return (lead, *sorted(also, key=lambda intent: -beside[intent]))


def _is_urgent(scores: Sequence[float], signs: Signs) -> bool:
    """The weights say so; where words of pain stand, even when the weights are rather against it."""
    enough = URGENT_BY_WORDS if signs.urgent_words else URGENT
    if regex("severe_pain").search(signs.urgent_words):
        enough = URGENT_BY_SEVERE_PAIN
    return _chance(scores[place_of("urgent")]) >= enough


def _emotion(scores: Sequence[float]) -> Emotion:
    chances = _chances(lanes_of("emotion", scores))
    if chances["angry"] >= max(STRONG_FEELING, chances["positive"]):
        return "angry"
    return "positive" if chances["positive"] >= STRONG_FEELING else "neutral"


def _only_gives_code(signs: Signs) -> bool:
    """A promo code given with a booking does not make the client price-sensitive."""
    rest = re.sub(r"промокод\w*|код\w*", " ", signs.plain)
    return bool(signs.features.slots.promo) and regex("price_sensitive").search(rest) is None


def _chances(scores: Mapping[str, float], heat: float = 1.0) -> dict[str, float]:
    """Scores as chances that sum to 1."""
    top = max(scores.values())
    raised = {label: math.exp((score - top) / heat) for label, score in scores.items()}
    total = sum(raised.values())
    return {label: value / total for label, value in raised.items()}


def _chance(score: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
