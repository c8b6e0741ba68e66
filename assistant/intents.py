"""What does the client want: rules over the plain text and the slots found, weighed into intents.

Rules stand in `lexicon/intents.yaml`. `RuleClassifier` is the first behind `Classifier`; a trained one, given
the same features, can take its place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from assistant import lexicon
from assistant.text import Text
from assistant.understanding import INTENTS, Emotion, Intent, Slots, Urgency

SURE = 0.5  # from this weight on an intent is one of the message's
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
# When several are meant, what is to be done first leads; questions follow it.
ORDER: tuple[Intent, ...] = (
    "cancel",
    "reschedule",
    "complaint",
    "callback_request",
    "booking",
    "promo_question",
    "price_question",
    "consultation",
    "other",
)


@dataclass(frozen=True)
class Features:
    """What a classifier may look at."""

    text: Text
    slots: Slots
    attacked: bool = False  # an attack on the machine was cut out of the text
    has_past_times: bool = False
    known_client: bool = False


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


class Classifier(Protocol):
    def classify(self, features: Features) -> Verdict: ...


@dataclass
class _Sum:
    """Evidence for the intents, gathered."""

    chance: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    why: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    strongest: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # the weightiest single rule

    def add(self, intent: str, weight: float, reason: str) -> None:
        self.strongest[intent] = max(self.strongest[intent], weight)
        if weight >= 0:
            self.chance[intent] = 1 - (1 - self.chance[intent]) * (1 - weight)
        else:
            self.chance[intent] = max(0.0, self.chance[intent] + weight)
        self.why[intent].append(reason)


class RuleClassifier:
    """Weighted rules; milliseconds, no training."""

    def classify(self, features: Features) -> Verdict:
        plain, slots = features.text.plain, features.slots
        evidence = _Sum()
        for intent, weight, reason, found in _matches(plain):
            evidence.add(intent, weight, f"{reason}: «{_short(found)}»")
        _weigh_slots(evidence, features)
        urgency, urgent_word = _urgency(plain)
        if urgent_word:
            evidence.add("consultation", 0.5, f"говорит о симптоме: «{urgent_word}»")
        spam, spam_reasons = _spam(features, evidence)
        for reason in spam_reasons:
            evidence.add("spam", spam, reason)
        intents = _chosen(evidence, features, urgent=urgency == "high")
        if intents[0] == "spam" and features.known_client:
            intents = ("other",)
        lead = intents[0]
        if lead in ("cancel", "reschedule", "spam"):
            urgency = "normal"
        emotion = _emotion(plain, features.text.original, intents)
        sensitive = lead not in ("spam", "complaint") and (
            _search("price_sensitive", plain) is not None or "promo_question" in intents
        )
        if sensitive and "promo_question" not in intents and _only_gives_code(plain, slots):
            sensitive = False
        reasons = [f"{LABELS[meant]}: {reason}" for meant in intents for reason in evidence.why[meant][:3]]
        if urgency == "high":
            reasons.append(f"срочно: «{urgent_word}»")
        if sensitive:
            reasons.append("цена важна")
        if features.attacked:
            reasons.append("в тексте была команда для машины, она не выполняется")
        if not reasons:
            reasons.append("ничего узнаваемого")
        return Verdict(
            lead, _confidence(evidence, intents, features), intents, urgency, sensitive, emotion, tuple(reasons)
        )


# Evidence


def _matches(plain: str) -> Iterable[tuple[str, float, str, str]]:
    for intent, weight, reason, pattern in _rules():
        found = pattern.search(plain)
        if found:
            yield intent, weight, reason, found.group()


def _weigh_slots(evidence: _Sum, features: Features) -> None:
    """A booking without the word: a service and a time; a phone left; and what questions take away from it."""
    slots, chance = features.slots, evidence.chance
    plain = features.text.plain
    asks = max(chance["price_question"], chance["consultation"], chance["promo_question"])
    acts = max(chance["cancel"], chance["reschedule"], chance["complaint"])
    if slots.service and slots.datetime and acts < SURE:
        is_question = asks >= 0.7 and not _asks_for_visit(plain)
        evidence.add("booking", 0.35 if is_question else 0.8, "названы услуга и время")
    elif slots.datetime and acts < SURE:
        evidence.add("booking", 0.66 if asks < SURE else 0.3, "названо время")
    elif slots.service and acts < SURE and asks < SURE:
        if re.match(r"(?:[^.!?]*[.!,]\s+)?(?:а\s+)?(?:у вас\s+)?есть\s", plain) and "?" in plain:
            evidence.add("consultation", 0.6, "спрашивает, есть ли услуга")
        elif _regex("positive").search(plain) and chance["booking"] < SURE:
            evidence.add("other", 0.75, "хвалит")
        else:
            evidence.add("booking", 0.45, "названа услуга")
    if slots.phone and acts < SURE:
        if chance["booking"] < 0.4 and asks < SURE and chance["callback_request"] < SURE:
            evidence.add("callback_request", 0.45, "оставлен телефон")
        elif chance["booking"] >= 0.4:
            evidence.add("booking", 0.4, "оставлен телефон")
    if slots.promo and chance["booking"] < SURE and asks < SURE:
        evidence.add("promo_question", 0.5, "назван промокод")
    if slots.name and not slots.phone and chance["booking"] >= 0.3:
        evidence.add("booking", 0.2, "названо имя")
    if "?" in plain and not slots.datetime and asks < SURE and acts < SURE and chance["booking"] < SURE:
        evidence.add("consultation", 0.5 if len(re.findall(r"[а-я]{2,}", plain)) > 2 else 0.3, "задан вопрос")
    if _regex("positive").search(plain) and not slots.datetime and evidence.strongest["booking"] < 0.55:
        chance["booking"] *= 0.6
        evidence.add("other", 0.7, "хвалит")
    if slots.geo and not slots.service and not slots.datetime and "?" in plain and asks < SURE:
        evidence.add("consultation", 0.5, "вопрос о месте")


def _urgency(plain: str) -> tuple[Urgency, str]:
    """High for pain, bleeding, swelling, trauma, reactions and fever; the word that said so."""
    cleaned = _regex("not_urgent").sub(" ", plain)
    found = _regex("urgent").search(cleaned)
    if found is None:
        return "normal", ""
    data = lexicon.load("intents")
    if re.search(data["chronic"], plain) and not _regex("acute").search(cleaned):
        return "normal", ""
    return "high", _short(found.group())


def _spam(features: Features, evidence: _Sum) -> tuple[float, list[str]]:
    """How surely the message is an ad, a scam or nothing but an attack."""
    text = f"{features.text.plain}\n{features.text.folded}"
    chance, reasons = 0.0, []
    for weight, pattern in _spam_rules():
        found = pattern.search(text)
        if found:
            chance = 1 - (1 - chance) * (1 - weight)
            reasons.append(f"похоже на рекламу: «{_short(found.group())}»")
    real = max((evidence.chance[intent] for intent in INTENTS if intent not in ("spam", "other")), default=0.0)
    if features.attacked and real < 0.6 and not features.slots.service:
        return 0.9, ["только команда для машины, без просьбы клиента"]
    if chance < 0.5:
        return 0.0, []
    if chance < 0.85 and real >= 0.8:
        return 0.0, []
    for intent in INTENTS:
        if intent != "spam":
            evidence.chance[intent] *= 0.35
    return chance, reasons


# Choosing


def _chosen(evidence: _Sum, features: Features, *, urgent: bool) -> tuple[Intent, ...]:
    """The message's intents, the leading one first."""
    chance = evidence.chance
    plain = features.text.plain
    if chance["spam"] >= SURE:
        return ("spam",)
    strong: list[Intent] = [intent for intent in ORDER if chance[intent] >= SURE and intent != "other"]
    best = max((intent for intent in ORDER if intent != "other"), key=lambda intent: chance[intent])
    if not strong:
        if chance[best] >= 0.4 and chance[best] >= chance["other"] - 0.25:
            return (best,)
        return ("other",)
    if chance["other"] >= 0.8 and max(chance[intent] for intent in strong) <= chance["other"]:
        return ("other",)
    if "cancel" in strong and "reschedule" in strong:
        has_order = re.search(r"(?<![а-я])(?:отмен\w+|сним\w+|убер\w+|удал\w+)", plain)
        strong.remove("cancel" if not has_order else "reschedule")
    if "complaint" in strong and strong[0] in ("cancel", "reschedule") and not _orders(plain):
        strong.remove(strong[0])
    if "complaint" in strong:
        strong = [i for i in strong if i in ("complaint", "cancel", "reschedule", "callback_request")]
        if "callback_request" in strong and chance["callback_request"] < 0.85:
            strong.remove("callback_request")
    if "cancel" in strong or "reschedule" in strong:
        wants_new = "cancel" in strong and re.search(
            r"(?<![а-я])(?:и|но|а|лучше|потом|заодно|вместо\w*)\s[^.!?]*(?:запиш|записать|можно\s+(?:записать|на)|хочу\s+на)",
            plain,
        )
        strong = [i for i in strong if i != "booking" or wants_new]
        strong = [i for i in strong if i not in ("consultation",) or chance[i] >= 0.8]
    if "booking" in strong:
        strong = _without_leading_questions(strong, chance, plain, urgent, features)
    if (
        "promo_question" in strong
        and "price_question" in strong
        and not re.search(r"(?<![а-я])(?:сколько|цен|стоимост|прайс|почем)", plain)
    ):
        strong.remove("price_question")
    if (
        "consultation" in strong
        and len(strong) > 1
        and min(chance["consultation"], evidence.strongest["consultation"]) < 0.75
    ):
        strong.remove("consultation")
    if len(strong) > 1 and "price_question" in strong and evidence.strongest["price_question"] < 0.6:
        strong.remove("price_question")
    if "callback_request" in strong and "booking" in strong and not _asks_for_visit(plain):
        strong.remove("booking")
    return tuple(strong) or ("other",)


def _without_leading_questions(
    strong: list[Intent], chance: dict[str, float], plain: str, urgent: bool, features: Features
) -> list[Intent]:
    """Beside a booking keep only the questions that need their own answer; a weak booking gives way to a question."""
    is_weak = not _asks_for_visit(plain) and not features.slots.datetime
    for intent in ("price_question", "promo_question", "consultation"):
        if intent in strong and is_weak and chance[intent] >= 0.58:
            return [i for i in strong if i != "booking"]
    if "consultation" in strong and (chance["consultation"] < 0.8 or (urgent and chance["consultation"] < 0.9)):
        strong = [i for i in strong if i != "consultation"]
    asks_medical = re.search(r"(?<![а-я])можно\s+ли\s+(?:\S+\s+){0,4}(?:при|если|беремен|кормящ|после|во время)", plain)
    if asks_medical and "consultation" in strong and not re.search(r"(?<![а-я])запи[шс]", plain):
        strong = [i for i in strong if i != "booking"]
    return strong


def _asks_for_visit(plain: str) -> bool:
    words = r"запи[шс]\w+|окош\w+|свобод\w+|прийти|подойти|попасть|приехать|приду|примите|ближайш\w+"
    return re.search(rf"(?<![а-я])(?:{words})", plain) is not None


def _orders(plain: str) -> bool:
    return (
        re.search(
            r"(?<![а-я])(?:отмен(?:ите|и|яю|ить|яйте)|убер(?:ите|и)|сним(?:ите|и)|удал(?:ите|и)|перенес(?:ите|и|ти)|вычеркн\w+)",
            plain,
        )
        is not None
    )


def _confidence(evidence: _Sum, intents: tuple[Intent, ...], features: Features) -> float:
    """How often such a verdict is right: the lead of the first intent over those not chosen, hand-set."""
    chance = evidence.chance
    best = chance[intents[0]]
    if intents == ("other",):
        rest = max(chance[intent] for intent in INTENTS if intent != "other")
        best = max(best, 0.45 if len(features.text.plain.split()) > 4 else 0.6)
        return round(max(0.3, min(0.92, best * (1 - 0.6 * rest) + 0.1)), 2)
    rivals = [chance[intent] for intent in INTENTS if intent not in intents and intent != "other"]
    gap = best - max(rivals, default=0.0)
    value = 0.55 * best + 0.3 * max(0.0, gap) + 0.12
    if len(intents) > 1:
        value -= 0.05
    return round(max(0.3, min(0.97, value)), 2)


def _emotion(plain: str, original: str, intents: tuple[Intent, ...]) -> Emotion:
    if "spam" in intents:
        return "neutral"
    angry = _regex("angry").search(plain)
    positive = _regex("positive").search(re.sub(r"не (?:понравил\w+|очень|рекомендую)", " ", plain))
    letters = [char for char in original if char.isalpha()]
    shouts = len(letters) > 14 and sum(char.isupper() for char in letters) / len(letters) > 0.8
    if angry or ("complaint" in intents and (shouts or "!!" in original)):
        return "angry" if not (positive and "complaint" not in intents) else "positive"
    if positive and "complaint" not in intents:
        return "positive"
    return "neutral"


def _only_gives_code(plain: str, slots: Slots) -> bool:
    """A promo code given with a booking does not make the client price-sensitive."""
    rest = re.sub(r"промокод\w*|код\w*", " ", plain)
    return bool(slots.promo) and _search("price_sensitive", rest) is None


# Rules, compiled once


@cache
def _rules() -> list[tuple[str, float, str, re.Pattern[str]]]:
    return [
        (intent, weight, reason, _compiled(pattern))
        for intent, weight, reason, pattern in lexicon.load("intents")["rules"]
    ]


@cache
def _spam_rules() -> list[tuple[float, re.Pattern[str]]]:
    return [(weight, _compiled(pattern)) for weight, pattern in lexicon.load("intents")["spam"]]


@cache
def _regex(name: str) -> re.Pattern[str]:
    value = lexicon.load("intents")[name]
    return _compiled(value if isinstance(value, str) else "|".join(f"(?:{pattern})" for pattern in value))


def _search(name: str, plain: str) -> re.Match[str] | None:
    return _regex(name).search(plain)


def _compiled(pattern: str) -> re.Pattern[str]:
    """`^` is the start of a word, `_` up to three words in between, a blank any white space or comma."""
    pattern = pattern.replace("[^", "\0").replace("^", r"(?<![а-яa-z0-9])").replace("\0", "[^")
    pattern = pattern.replace("(?:_)", "_").replace("_?", "_").replace("_", r"(?:[^\s.!?]+\s+){0,3}?")
    return re.compile(re.sub(r"(?<![\\\[]) ", r"[\\s,]+", pattern))


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 40 else f"{words[:39]}…"


@cache
def _attacks() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in lexicon.load("intents")["attacks"]), re.IGNORECASE)


def without_attacks(message: str) -> tuple[str, bool]:
    """The message with orders to the machine, scripts and SQL blanked out (lengths stay); whether there were any."""
    cleaned = _attacks().sub(lambda found: " " * len(found.group()), message)
    return cleaned, cleaned != message
