"""The lead score: 0-100 as a sum of named parts, each with its reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

Temperature = Literal["hot", "warm", "cold"]

DEAR_AMONG_TEN = 9  # nine services of ten cost no more than what counts as dear
LOYAL_VISITS = 10  # a client who paid for so many middling visits brought as much as anybody
CALLS = frozenset({"mango", "uis", "zadarma"})  # kinds of channels that are a telephone

INTENT_TITLES = {
    "booking": "хочет записаться",
    "callback_request": "просит перезвонить",
    "reschedule": "переносит визит",
    "price_question": "спрашивает цену",
    "promo_question": "спрашивает об акции",
    "cancel": "отменяет визит",
    "consultation": "просит совета",
    "complaint": "жалуется",
    "spam": "реклама",
    "other": "другое",
}
CHANNEL_TITLES = {
    "call": "звонок",
    "form": "форма на сайте",
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "max": "MAX",
    "instagram": "Instagram",
    "vk": "ВКонтакте",
    "webchat": "чат на сайте",
    "email": "почта",
}


@dataclass(frozen=True)
class Weights:
    """Points of each part and the thresholds; the tenant's ScorePolicy as plain values."""

    recency_max: int = 20
    recency_half_life: timedelta = timedelta(hours=2)
    intent: tuple[tuple[str, int], ...] = (
        ("booking", 40),
        ("callback_request", 35),
        ("reschedule", 30),
        ("price_question", 25),
        ("promo_question", 22),
        ("cancel", 20),
        ("consultation", 18),
        ("complaint", 8),
        ("other", 8),
        ("spam", 0),
    )
    channel: tuple[tuple[str, int], ...] = (
        ("call", 20),
        ("form", 15),
        ("whatsapp", 14),
        ("telegram", 13),
        ("max", 13),
        ("instagram", 12),
        ("vk", 12),
        ("webchat", 12),
        ("email", 8),
    )
    ltv_new: int = 5
    ltv_price_max: int = 8
    ltv_repeat_min: int = 12
    ltv_max: int = 20
    high_urgency: int = 20
    ad_utm: int = 10
    promo: int = 5
    price_sensitive: int = 5
    hot_from: int = 70
    warm_from: int = 40
    # What is much money here follows from the business's own prices (`price_scale`); these serve where it has none.
    dear_kopecks: int = 1_000_000  # a service of this price and more gives the whole price part
    loyal_kopecks: int = 5_000_000  # a past revenue of this and more gives all that a repeat client can have


@dataclass(frozen=True)
class Facts:
    """What is known of a lead when it is scored."""

    intent: str
    channel: str
    last_client_at: datetime
    price_kopecks: int = 0  # of the service asked for; 0: none known
    past_visits: int = 0
    past_revenue_kopecks: int = 0
    is_vip: bool = False
    is_urgent: bool = False
    from_ad: bool = False
    has_promo: bool = False
    is_price_sensitive: bool = False


@dataclass(frozen=True)
class Part:
    """One named part. `limit` 0: a modifier, which may be negative."""

    key: str
    title: str
    points: int
    limit: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Score:
    total: int  # 0-100
    temperature: Temperature
    parts: tuple[Part, ...]


def score(facts: Facts, weights: Weights, *, now: datetime) -> Score:
    """Score a lead. The parts may sum past 100 or below 0; the total is clamped."""
    parts = [
        Part("recency", "свежесть", *_recency(facts, weights, now)),
        _intent(facts, weights),
        _channel(facts, weights),
        _ltv(facts, weights),
        *_modifiers(facts, weights),
    ]
    total = max(0, min(100, sum(part.points for part in parts)))
    return Score(total, temperature(total, weights), tuple(parts))


def price_scale(prices: Iterable[int], weights: Weights) -> Weights:
    """The weights with what counts as dear, and as a loyal client's revenue, by a business's own prices in kopecks."""
    paid = sorted(price for price in prices if price > 0)
    if not paid:
        return weights
    dear = paid[-(-len(paid) * DEAR_AMONG_TEN // 10) - 1]
    return replace(weights, dear_kopecks=dear, loyal_kopecks=LOYAL_VISITS * paid[len(paid) // 2])


def temperature(total: int, weights: Weights) -> Temperature:
    if total >= weights.hot_from:
        return "hot"
    return "warm" if total >= weights.warm_from else "cold"


def summary(parts: Sequence[Part]) -> str:
    """One line that explains a score: the parts that weighed most first."""
    told = sorted((part for part in parts if part.points), key=lambda part: -abs(part.points))
    text = " + ".join(f"{part.title} {part.points}" for part in told if part.points > 0)
    minus = "".join(f" − {part.title} {-part.points}" for part in told if part.points < 0)
    return text + minus


@dataclass(frozen=True)
class Move:
    """How one part of a score changed; `reason` is the newer one, "" for a modifier that no longer holds."""

    key: str
    title: str
    before: int
    after: int
    reason: str


def moves(before: Sequence[Part], after: Sequence[Part]) -> tuple[Move, ...]:
    """The parts whose points differ, the largest difference first."""
    old, new = {part.key: part for part in before}, {part.key: part for part in after}
    found = [
        Move(
            key,
            (new.get(key) or old[key]).title,
            old[key].points if key in old else 0,
            new[key].points if key in new else 0,
            new[key].reason if key in new else "",
        )
        for key in dict.fromkeys([*new, *old])
    ]
    changed = [move for move in found if move.before != move.after]
    return tuple(sorted(changed, key=lambda move: -abs(move.after - move.before)))


def ages_at(facts: Facts, weights: Weights, *, now: datetime) -> datetime | None:
    """When freshness has next halved since the last message; None: nothing is left of it to lose."""
    age = max(now - facts.last_client_at, timedelta(0))
    if round(weights.recency_max * 0.5 ** (age / weights.recency_half_life)) == 0:
        return None
    return facts.last_client_at + weights.recency_half_life * (age // weights.recency_half_life + 1)


def _recency(facts: Facts, weights: Weights, now: datetime) -> tuple[int, int, str]:
    """A message "from the future" (a provider's clock runs ahead of ours) is fresh."""
    age = max(now - facts.last_client_at, timedelta(0))
    points = round(weights.recency_max * 0.5 ** (age / weights.recency_half_life))
    minutes = int(age.total_seconds() // 60)
    reason = "написал только что" if minutes < 5 else f"написал {_ago(minutes)} назад"
    return points, weights.recency_max, reason


def _ago(minutes: int) -> str:
    if minutes < 60:
        return f"{minutes} мин"
    return f"{minutes // 60} ч" if minutes < 48 * 60 else f"{minutes // 1440} дн."


def _intent(facts: Facts, weights: Weights) -> Part:
    points = dict(weights.intent)
    limit = max(points.values(), default=0)
    return Part(
        "intent", "намерение", points.get(facts.intent, 0), limit, INTENT_TITLES.get(facts.intent, facts.intent)
    )


def _channel(facts: Facts, weights: Weights) -> Part:
    points = dict(weights.channel)
    limit = max(points.values(), default=0)
    channel = "call" if facts.channel in CALLS else facts.channel
    return Part("channel", "канал", points.get(channel, 0), limit, CHANNEL_TITLES.get(channel, channel))


def _ltv(facts: Facts, weights: Weights) -> Part:
    """What this client may bring: VIP, a past of visits, or the price of what is asked for."""
    if facts.is_vip:
        points, reason = weights.ltv_max, "VIP"
    elif facts.past_visits:
        share = min(facts.past_revenue_kopecks / max(weights.loyal_kopecks, 1), 1)
        points = round(weights.ltv_repeat_min + (weights.ltv_max - weights.ltv_repeat_min) * share)
        reason = f"был у нас: {facts.past_visits}, принёс {facts.past_revenue_kopecks // 100} ₽"
    else:
        share = min(facts.price_kopecks / max(weights.dear_kopecks, 1), 1)
        points = weights.ltv_new + round(weights.ltv_price_max * share)
        reason = f"новый, услуга от {facts.price_kopecks // 100} ₽" if facts.price_kopecks else "новый клиент"
    return Part("ltv", "ценность", min(points, weights.ltv_max), weights.ltv_max, reason)


def _modifiers(facts: Facts, weights: Weights) -> list[Part]:
    applied = [
        (facts.is_urgent, "urgency", "срочность", weights.high_urgency, "боль, кровь, отёк или реакция"),
        (facts.from_ad, "ad", "реклама", weights.ad_utm, "пришёл с рекламы"),
        (facts.has_promo, "promo", "промокод", weights.promo, "назвал промокод"),
        (facts.is_price_sensitive, "price", "важна цена", -weights.price_sensitive, "ищет дешевле"),
    ]
    return [Part(key, title, points, 0, reason) for holds, key, title, points, reason in applied if holds]
