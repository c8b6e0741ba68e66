"""What happens in a demo business, as numbers: how many write, when, from where, and how the business gets better."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

DAYS = 42  # before today
WEEKDAYS = (1.25, 1.1, 1.0, 1.05, 1.0, 0.9, 0.6)  # Monday is the busiest, as after any weekend
# Leads by local hour: morning and after work are high, a tenth comes at night.
HOURS = (1, 0.6, 0.3, 0.2, 0.2, 0.4, 0.9, 2, 4, 6.5, 7.5, 7, 6.5, 6.5, 6, 6, 6, 6.5, 7, 6.5, 5.5, 4.5, 3, 1.8)

INTENTS = {
    "booking": 52,
    "price": 13,
    "price_sensitive": 4,
    "consultation": 9,
    "promo": 5,
    "callback": 4,
    "place": 4,
    "other": 3,
    "complaint": 2,
    "spam": 4,
}
WEAK_INTENTS = {"booking": 22, "price": 24, "price_sensitive": 18, "other": 10}  # clicks that want little
KNOWN_WILL = 1.2  # who was here comes again more readily
URGENT_SHARE = 0.07  # of the leads of a clinic that treats pain


@dataclass(frozen=True)
class Source:
    """Where leads come from. `spend_rub`: a usual day's cost; `will`: how much readier to book than others."""

    name: str
    medium: str
    campaigns: tuple[str, ...]
    weight: float
    spend_rub: int
    will: float

    @property
    def is_weak(self) -> bool:
        return self.will < 0.5


DIRECT = Source("", "", ("",), 43, 0, 1.05)
SOURCES = (
    DIRECT,
    Source("yandex", "cpc", ("poisk", "brand"), 22, 1900, 1.1),
    Source("2gis", "cpc", ("karta",), 13, 700, 1.15),
    Source("vk", "cpc", ("lenta", "klipy"), 15, 2100, 0.3),  # much money, few visits: the page must show it
    Source("telegram", "post", ("kanal",), 7, 500, 0.9),
)


@dataclass(frozen=True)
class Business:
    """`leads_a_day` on an average day; `women`: their share among clients; `number` tells demo businesses apart."""

    slug: str
    number: int
    leads_a_day: float
    women: float


BUSINESSES = (
    Business("salon-ufa", 0, 9.0, 0.88),
    Business("barber-omsk", 1, 8.0, 0.14),
    Business("dental-nizhny", 2, 7.6, 0.58),
    Business("cosmo-krasnoyarsk", 3, 7.2, 0.9),
)


def leads_on(rng: Random, business: Business, day: date, age_days: int) -> int:
    """How many write on a day `age_days` ago: the weekday's share, a slow growth, and chance."""
    growth = 1.1 - 0.25 * age_days / DAYS
    return max(2, round(business.leads_a_day * WEEKDAYS[day.weekday()] * growth * rng.uniform(0.8, 1.2)))


def assistant_share(age_days: int) -> float:
    """Share of leads the assistant answers: it was switched on after the second week and took over within another."""
    if age_days > 30:
        return 0.0
    return 0.55 if age_days > 25 else 0.95


def person_delay_seconds(rng: Random, age_days: int) -> float:
    """How long a person lets a client wait in opening hours; shorter by the week, now and then for ever too long."""
    median = 420 + 9 * age_days * 2
    return min(max(rng.lognormvariate(0, 1.05) * median, 45), 5 * 3600)


def will_of(intent: str) -> float:
    """How probably a lead of an intent books when all goes well."""
    return {
        "booking": 0.7,
        "reschedule": 0.6,
        "price_question": 0.36,
        "promo_question": 0.4,
        "callback_request": 0.45,
        "consultation": 0.3,
    }.get(intent, 0.08)


def spend_rub(rng: Random, source: Source, day: date) -> int:
    """Of one campaign on one day."""
    usual = source.spend_rub / len(source.campaigns)
    return round(usual * (0.8 if day.weekday() >= 5 else 1.05) * rng.uniform(0.8, 1.2))


class NoShows:
    """One of every ten visits is missed: chance decides which, not how many."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._left: list[bool] = []

    def next(self) -> bool:
        if not self._left:
            self._left = [True] + [False] * 9
            self._rng.shuffle(self._left)
        return self._left.pop()
