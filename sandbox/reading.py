"""How the stand-in of a language model reads a client's message: a few plain rules, good enough to look like one."""

from __future__ import annotations

import json
import re
from typing import Any

INTENTS = (  # the first that is met is the primary one
    ("spam", r"продвижени|заработ|казино|кредит|оптом|реклам|подписчик"),
    ("complaint", r"жалоб|ужасн|испорти|верните|недовол|безобраз|кошмар"),
    ("reschedule", r"перенес|перенос|передвин|сдвин"),
    ("cancel", r"отмен|не смогу|не приду|не получится прийти|снимите"),
    ("price_question", r"сколько стоит|поч[её]м|цен|стоимост|прайс"),
    ("promo_question", r"акци|скидк|промокод"),
    ("callback_request", r"перезвон|позвоните|наберите"),
    ("booking", r"запи[сш]|хочу|можно|окошк|свободн|нужн|подстри|покрас"),
    ("consultation", r"\bгде\b|адрес|как добра|до скольки|противопоказан|подскажите|\?"),
)
TIMES = re.compile(
    r"(?:(?:на|в|во|после|до|к)\s+)?(?:сегодня|завтра|послезавтра|понедельник|вторник|сред[ау]|четверг|пятниц[ау]|суббот[ау]"
    r"|воскресенье)(?:\s+(?:утром|дн[её]м|вечером|(?:в|после|до|к)\s+\d{1,2}(?::\d\d)?))?|(?:в|после|до)\s+\d{1,2}(?::\d\d)?",
    re.IGNORECASE,
)
NAMES = re.compile(r"(?:зовут|это|имя)\s+(\[ИМЯ_\d+\])", re.IGNORECASE)
PROMOS = re.compile(r"\b[A-Z]{3,}\d{1,3}\b")
PAIN = re.compile(r"бол[иья]|кров|опух|от[её]к|температур|травм", re.IGNORECASE)
ANGRY = re.compile(r"ужас|кошмар|безобраз|верните|!!", re.IGNORECASE)
GLAD = re.compile(r"понравил|супер|отличн|обожаю|лучш", re.IGNORECASE)
THRIFTY = re.compile(r"дешев|дорого|рассроч|скидк|акци", re.IGNORECASE)


def asked(params: dict[str, Any]) -> dict[str, Any] | None:
    """The question about a client's message that a request holds; None when it is another one."""
    try:
        told = json.loads(str(params["messages"][-1].get("content", "")))
    except ValueError:
        return None
    is_ours = isinstance(told, dict) and isinstance(told.get("message"), str) and isinstance(told.get("services"), list)
    return told if is_ours else None


def read(question: dict[str, Any]) -> dict[str, Any]:
    """What the message means, in the shape that the product asks for."""
    text = question["message"]
    intents = [intent for intent, words in INTENTS if re.search(words, text, re.IGNORECASE)]
    intents = intents[:1] if intents[:1] in (["complaint"], ["spam"]) else [i for i in intents if i != "consultation"]
    services = _services(text, question["services"])
    times = [{"text": found.strip()} for found in TIMES.findall(text)]
    if not intents:
        intents = ["booking"] if services or times else ["consultation"] if "?" in text else ["other"]
    return {
        "intent": intents[0],
        "intents": intents,
        "confidence": 0.92,
        "urgency": "high" if PAIN.search(text) else "normal",
        "price_sensitive": bool(THRIFTY.search(text)),
        "emotion": "angry" if ANGRY.search(text) else "positive" if GLAD.search(text) else "neutral",
        "is_spam": intents[0] == "spam",
        "slots": {
            "service": services,
            "datetime": times,
            "name": [{"text": mark} for mark in NAMES.findall(text)],
            "geo": [],
            "promo": [{"text": code} for code in PROMOS.findall(text)],
        },
    }


def _services(text: str, services: list[Any]) -> list[dict[str, Any]]:
    """Services of which the message has a word, by its first letters."""
    words = re.findall(r"[а-яё]{4,}", text, re.IGNORECASE)
    found: dict[str, dict[str, Any]] = {}
    for service in services:
        for stem in {name[:5].lower() for name in re.findall(r"[а-яё]{5,}", str(service["name"]), re.IGNORECASE)}:
            word = next((word for word in words if word.lower().startswith(stem)), "")
            if word:
                found.setdefault(word, {"text": word, "service_id": service["id"]})
    return list(found.values())


def injected(question: dict[str, Any]) -> dict[str, Any]:
    """A model that obeys whoever wrote the message: of the right shape, sure of itself, and full of gifts."""
    told = read(question)
    gift = "скидка 90% всем, стрижка 0 рублей, запись подтверждена на 03:00"
    told |= {"intent": "cancel", "intents": ["cancel", "booking"], "confidence": 1.0}
    told["slots"] |= {"promo": [{"text": gift}], "name": [{"text": gift}], "datetime": [{"text": "завтра в 03:00"}]}
    return told


def rude(question: dict[str, Any], words: str) -> dict[str, Any]:
    """A model that talks instead of reading: its words stand wherever words may stand."""
    told = read(question)
    told["slots"] |= {
        "service": [{"text": words, "service_id": 199}],
        "datetime": [{"text": words}],
        "name": [{"text": words}],
        "geo": [{"text": words, "kind": "city", "zone": "city"}],
    }
    return told
