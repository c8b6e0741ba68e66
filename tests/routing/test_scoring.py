"""The score is the sum of its named parts, clamped, and says why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.scoring import Facts, Weights, score, summary

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
WEIGHTS = Weights()
BOOKING = Facts(intent="booking", channel="telegram", last_client_at=NOW)


def points(result, key):
    return next((part.points for part in result.parts if part.key == key), None)


def test_fresh_booking_from_telegram_of_a_new_client_is_hot():
    result = score(BOOKING, WEIGHTS, now=NOW)
    assert [(part.key, part.points) for part in result.parts] == [
        ("recency", 20),
        ("intent", 40),
        ("channel", 13),
        ("ltv", 5),
    ]
    assert (result.total, result.temperature) == (78, "hot")
    assert summary(result.parts) == "намерение 40 + свежесть 20 + канал 13 + ценность 5"


@pytest.mark.parametrize(("hours", "expected"), [(0, 20), (2, 10), (4, 5), (6, 2), (48, 0), (-1, 20)])
def test_recency_halves_every_two_hours_and_a_message_from_the_future_is_fresh(hours, expected):
    facts = replace(BOOKING, last_client_at=NOW - timedelta(hours=hours))
    assert points(score(facts, WEIGHTS, now=NOW), "recency") == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 5),
        ({"price_kopecks": 500_000}, 9),
        ({"price_kopecks": 9_000_000}, 13),
        ({"past_visits": 1}, 12),
        ({"past_visits": 9, "past_revenue_kopecks": 2_500_000}, 16),
        ({"past_visits": 99, "past_revenue_kopecks": 99_000_000}, 20),
        ({"is_vip": True}, 20),
    ],
)
def test_value_of_a_client(changes, expected):
    assert points(score(replace(BOOKING, **changes), WEIGHTS, now=NOW), "ltv") == expected


def test_modifiers_add_and_take():
    facts = replace(BOOKING, is_urgent=True, from_ad=True, has_promo=True, is_price_sensitive=True)
    result = score(facts, WEIGHTS, now=NOW)
    assert {part.key: part.points for part in result.parts if not part.limit} == {
        "urgency": 20,
        "ad": 10,
        "promo": 5,
        "price": -5,
    }
    assert result.total == 100
    assert summary(result.parts).endswith("− важна цена 5")


def test_spam_is_worth_nothing_by_intent_and_thresholds_are_the_tenants():
    spam = score(replace(BOOKING, intent="spam"), WEIGHTS, now=NOW)
    assert points(spam, "intent") == 0
    assert score(BOOKING, replace(WEIGHTS, hot_from=79), now=NOW).temperature == "warm"
    assert score(BOOKING, replace(WEIGHTS, hot_from=90, warm_from=80), now=NOW).temperature == "cold"


@given(
    intent=st.sampled_from([name for name, _ in WEIGHTS.intent] + ["never heard of"]),
    channel=st.sampled_from([name for name, _ in WEIGHTS.channel] + ["pigeon"]),
    age=st.timedeltas(min_value=timedelta(days=-2), max_value=timedelta(days=400)),
    price=st.integers(0, 10**9),
    visits=st.integers(0, 500),
    revenue=st.integers(0, 10**10),
    flags=st.tuples(*[st.booleans()] * 5),
)
def test_any_lead_scores_0_to_100_and_the_parts_are_the_score(intent, channel, age, price, visits, revenue, flags):
    facts = Facts(intent, channel, NOW - age, price, visits, revenue, *flags)
    result = score(facts, WEIGHTS, now=NOW)
    assert 0 <= result.total <= 100
    assert result.total == max(0, min(100, sum(part.points for part in result.parts)))
    assert all(0 <= part.points <= part.limit for part in result.parts if part.limit)
    assert all(part.reason for part in result.parts)
