"""What one client message means: the value every engine returns and everything later reads.

Plain data, no database. Times are naive local time of the branch; intervals are half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

Intent = Literal[
    "booking",
    "cancel",
    "reschedule",
    "price_question",
    "promo_question",
    "callback_request",
    "consultation",
    "complaint",
    "spam",
    "other",
]
Urgency = Literal["high", "normal"]
Emotion = Literal["angry", "neutral", "positive"]
Grain = Literal["minute", "approx", "part", "day", "week", "month", "range", "asap"]
Zone = Literal["city", "suburb", "outside"]

INTENTS: tuple[Intent, ...] = (
    "booking",
    "cancel",
    "reschedule",
    "price_question",
    "promo_question",
    "callback_request",
    "consultation",
    "complaint",
    "spam",
    "other",
)


@dataclass(frozen=True)
class ServiceInfo:
    """One line of a price list, as the engines need it. `id` is the tenant's row id, or the line's number in a pack."""

    id: int
    name: str
    synonyms: tuple[str, ...] = ()
    category: str = ""
    duration_minutes: int = 60
    price_kopecks: int = 0
    price_to_kopecks: int | None = None  # None: a fixed price; else the price runs from price_kopecks up to this


@dataclass(frozen=True)
class Interval:
    """One reading of a time: [start, end). A point has end == start; end None only with grain asap."""

    start: datetime
    end: datetime | None
    grain: Grain


@dataclass(frozen=True)
class DateTimeSlot:
    """A time that the client wants. `text` is the client's own words."""

    text: str
    start: datetime
    end: datetime | None
    grain: Grain
    windows: tuple[Interval, ...] = ()  # the exact list when the wish is several pieces
    exclude: tuple[Interval, ...] = ()  # times the client ruled out
    alternatives: tuple[Interval, ...] = ()  # other readings; not empty means: ask with one tap, never book silently
    approx: bool = False
    reason: str = ""  # how the words were read, in Russian; shown with the reasons of the whole and not in the slot


@dataclass(frozen=True)
class ServiceSlot:
    text: str
    service_id: int | None  # None: the words name a service that the price list does not hold


@dataclass(frozen=True)
class PhoneSlot:
    text: str
    e164: str


@dataclass(frozen=True)
class NameSlot:
    text: str


@dataclass(frozen=True)
class GeoSlot:
    text: str
    kind: str  # district, suburb, city, street
    zone: Zone


@dataclass(frozen=True)
class PromoSlot:
    text: str


@dataclass(frozen=True)
class Slots:
    service: tuple[ServiceSlot, ...] = ()
    datetime: tuple[DateTimeSlot, ...] = ()
    phone: tuple[PhoneSlot, ...] = ()
    name: tuple[NameSlot, ...] = ()
    geo: tuple[GeoSlot, ...] = ()
    promo: tuple[PromoSlot, ...] = ()
    shift: int | None = None  # minutes by which a visit is to move, negative for earlier; for the dialogue, not printed


@dataclass(frozen=True)
class Understanding:
    """What a message says, how sure the engine is (0-1), and why."""

    intent: Intent
    confidence: float
    intents: tuple[Intent, ...] = ()
    urgency: Urgency = "normal"
    price_sensitive: bool = False
    emotion: Emotion = "neutral"
    is_spam: bool = False
    reasons: tuple[str, ...] = ()
    slots: Slots = field(default_factory=Slots)
    engine: str = "local"

    def to_json(self) -> dict[str, Any]:
        """The object as stored with a message and printed by `manage.py understand`; empty slots are left out."""
        data = asdict(self)
        data["intents"] = list(self.intents or (self.intent,))
        data["reasons"] = list(self.reasons)
        data["slots"] = {
            kind: [_plain(item) for item in items] for kind, items in data["slots"].items() if items and kind != "shift"
        }
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Understanding:
        """What `to_json()` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        plain = {name: data[name] for name in _PLAIN}
        told = data.get("slots", {})
        slots = Slots(
            service=tuple(ServiceSlot(**one) for one in told.get("service", ())),
            datetime=tuple(_time(DateTimeSlot, one) for one in told.get("datetime", ())),
            phone=tuple(PhoneSlot(**one) for one in told.get("phone", ())),
            name=tuple(NameSlot(**one) for one in told.get("name", ())),
            geo=tuple(GeoSlot(**one) for one in told.get("geo", ())),
            promo=tuple(PromoSlot(**one) for one in told.get("promo", ())),
        )
        lists = {"intents": tuple(data["intents"]), "reasons": tuple(data["reasons"])}
        return cls(**{**plain, **lists, "slots": slots})


_PLAIN = ("intent", "confidence", "urgency", "price_sensitive", "emotion", "is_spam", "engine")
_TimeLike = TypeVar("_TimeLike", DateTimeSlot, Interval)


def _time(kind: type[_TimeLike], told: Mapping[str, Any]) -> _TimeLike:
    """A slot or one of its readings: moments out of their ISO form."""
    values = dict(told)
    for name in ("start", "end"):
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in ("windows", "exclude", "alternatives"):
        if name in values:
            values[name] = tuple(_time(Interval, one) for one in values[name])
    return kind(**values)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """One slot as JSON: minutes-precise ISO times, no empty optional keys."""
    plain: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, datetime):
            plain[key] = value.isoformat(timespec="minutes")
        elif isinstance(value, (tuple, list)):
            if value:
                plain[key] = [_plain(part) for part in value]
        elif key == "reason" or (key == "approx" and not value):
            continue
        else:
            plain[key] = value
    return plain
