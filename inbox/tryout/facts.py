"""What came of a tried talk as plain values that can be kept, and how two such values differ, in Russian."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from assistant import words
from booking.models import Appointment
from contacts.models import Conversation
from inbox.models import SavedDialogue
from routing.desk import QUOTED
from routing.rehearsing import Heard
from routing.rows import Choice
from routing.scoring import INTENT_TITLES
from tenants.business.texts import catalogue
from tenants.models import Role

Facts = dict[str, Any]  # JSON, by `Check`
Check = SavedDialogue.Check

_NUMBER = r"(\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+)"
_SUM = re.compile(_NUMBER + r"(?:,(\d\d))?\s*(?:₽|руб)")
_FROM = re.compile(r"от\s+" + _NUMBER + r"\s+до\s+\d")  # «от 1 700 до 3 000 ₽»
_EMOTIONS = {"angry": "недоволен", "positive": "доволен", "neutral": "спокоен"}


def facts_of(heard: Heard, zone: ZoneInfo, *, start: datetime) -> Facts:
    """All that can be checked of one turn; times count from the day of `start`."""
    visits = _visits(heard.conversation)
    return {
        Check.MEANING: _meaning(heard.understanding),
        Check.PRICE: sums_of(heard.reply),
        Check.WHO: _who(heard),
        Check.BOOKED: [_booked(visit) for visit in visits],
        Check.REPLY: {"keys": list(heard.keys), "quoted": [f"{name} {number}" for name, number in quoted(heard)]},
        Check.TIME: [_when(visit.starts_at, zone, start) for visit in visits]
        + [_when(datetime.fromisoformat(one["start"]), zone, start) for one in heard.dialogue.get("offered", [])],
    }


def _meaning(understanding: Mapping[str, Any]) -> Facts:
    names = ("intent", "urgency", "emotion", "is_spam")
    return {name: understanding[name] for name in names if name in understanding}


def sums_of(text: str) -> list[int]:
    """Every sum in a text, in kopecks, in order."""
    found = {int(re.sub(r"\D", "", amount)) * 100 + int(rest or 0) for amount, rest in _SUM.findall(text)}
    return sorted(found | {int(re.sub(r"\D", "", amount)) * 100 for amount in _FROM.findall(text)})


def _who(heard: Heard) -> Facts | None:
    """None: the assistant goes on alone."""
    lead = heard.lead
    if lead is None or lead.owner is None:
        return None
    return {"role": lead.owner.role, "name": lead.owner.name}


def _booked(visit: Appointment) -> Facts:
    services = sorted(service.name for service in visit.services.all())
    return {"services": services, "status": visit.status, "price": visit.price_kopecks}


def _visits(conversation: Conversation | None) -> list[Appointment]:
    """What the client's talk left in the calendar: holds run out and visits of long ago are nobody's concern."""
    if conversation is None:
        return []
    rows = Appointment.objects.filter(conversation=conversation).exclude(status__in=["expired", "arrived"])
    return list(rows.select_related("staff").prefetch_related("services").order_by("starts_at", "pk"))


def _when(moment: datetime, zone: ZoneInfo, start: datetime) -> Facts:
    local = moment.astimezone(zone)
    return {"days": (local.date() - start.astimezone(zone).date()).days, "at": f"{local:%H:%M}"}


def quoted(heard: Heard) -> Iterator[tuple[str, str]]:
    """(where it stands, its number) of the business's own words in the reply: («Ответ из базы знаний», «№3»)."""
    titles = set(QUOTED.values())
    for line in heard.details("answered"):
        if line["name"] in titles:
            yield line["name"], line["value"]


# --- Words ------------------------------------------------------------------------------------------------------------


def in_words(check: str, value: Any) -> str:
    """A fact as people read it."""
    return _WORDS[check](value)


def _meaning_words(value: Facts) -> str:
    if not value:
        return "не разобрано"
    parts = [INTENT_TITLES.get(value["intent"], value["intent"])]
    parts += ["срочно"] * (value.get("urgency") == "high")
    parts += [_EMOTIONS[value["emotion"]]] * (value.get("emotion") not in (None, "neutral"))
    return ", ".join(parts)


def _who_words(value: Facts | None) -> str:
    return str(Role(value["role"]).label).lower() if value else "ведёт ассистент"


def _booked_words(value: list[Facts]) -> str:
    titles = dict(Appointment.Status.choices)
    told = (f"{', '.join(one['services'])}: {titles[one['status']]}, {words.price(one['price'])}" for one in value)
    return "; ".join(told) or "записи нет"


def _reply_words(value: Facts) -> str:
    texts = catalogue()
    titles = [texts[key].title if key in texts else key for key in value["keys"]]
    return "; ".join([*titles, *value["quoted"]]) or "ассистент молчит"


def _time_words(value: list[Facts]) -> str:
    near = {0: "в тот же день", 1: "на следующий день"}
    days = (near.get(one["days"]) or f"через {words.count(one['days'], 'день', 'дня', 'дней')}" for one in value)
    return "; ".join(f"{day} в {one['at']}" for day, one in zip(days, value, strict=True)) or "времени не названо"


_WORDS: dict[str, Callable[[Any], str]] = {
    Check.MEANING: _meaning_words,
    Check.PRICE: lambda value: ", ".join(words.price(kopecks) for kopecks in value) or "сумм нет",
    Check.WHO: _who_words,
    Check.BOOKED: _booked_words,
    Check.REPLY: _reply_words,
    Check.TIME: _time_words,
}
TITLES: dict[str, str] = {
    Check.MEANING: "смысл",
    Check.PRICE: "цена",
    Check.WHO: "кто получит",
    Check.BOOKED: "что записано",
    Check.REPLY: "каким текстом ответил",
    Check.TIME: "какое время",
}


def differences(expected: Facts, found: Facts, checks: Collection[str]) -> Iterator[str]:
    """«цена: было 1 500 ₽, стало 2 000 ₽» for each check that does not hold any more."""
    for check in Check.values:
        if check in checks and _comparable(check, expected[check]) != _comparable(check, found[check]):
            was, became = in_words(check, expected[check]), in_words(check, found[check])
            yield f"{TITLES[check]}: было «{was}», стало «{became}»"


def _comparable(check: str, value: Any) -> Any:
    """People of one role take turns: it is the role that must hold."""
    return value and value["role"] if check == Check.WHO else value


def choices(chosen: Collection[str]) -> tuple[Choice, ...]:
    """The boxes «проверять: …»."""
    return tuple(Choice(value, title, value in chosen) for value, title in Check.choices)
