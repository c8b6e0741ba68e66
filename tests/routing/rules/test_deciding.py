"""What rules decide: branches in order, clocks that waiting arms, and the final ELSE."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from routing.rules.deciding import decide, otherwise, told
from routing.rules.reading import read_rules
from routing.ruling import plan
from tests.routing.rules.test_notation import TRADES_OWN

WAITED = timedelta(seconds=20)
LEAD = {
    "source": ("instagram", "летняя акция"),
    "channel": ("instagram",),
    "service": ("Мужская стрижка", "стрижка"),
    "customer_status": ("new",),
    "time": ("business_hours", "weekday"),
    "score": Decimal(72),
    "price_sensitive": False,
    "response_time": WAITED,
}


def rule_of(text):
    read = read_rules(text)
    assert read.errors == ()
    [rule] = read.rules
    return rule


def done(text, **facts):
    verdict = decide(rule_of(text), LEAD | facts)
    return [f"{action.name}={action.value}" for action in verdict.actions]


@pytest.mark.parametrize("said", ["least_loaded", '"наименее занятому"', '"Наименее_занятому"'])
def test_an_order_is_the_same_in_whichever_words(said):
    wanted = plan([rule_of(f"IF score > 1 THEN strategy = {said}")], LEAD, "new_lead")
    assert wanted.strategy == "least_loaded"


def test_the_trades_own_rule_runs():
    rule = rule_of(TRADES_OWN)
    assert decide(rule, LEAD).actions[0].value == "queue_barbers_round_robin"
    other = LEAD | {"customer_status": ("repeat",)}
    waiting = decide(rule, other)
    assert (waiting.branch, waiting.waits) == (None, timedelta(seconds=60))  # no ELSE while its clock runs
    late = decide(rule, other | {"response_time": timedelta(seconds=61)})
    assert (late.branch, late.actions[0].value) == (1, "backup_manager")
    assert otherwise(rule).actions[0].value == "Перезвонить"  # when the backup could not be given it


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("source = Instagram", True),
        ("source = инста", True),
        ("source = ИНСТАГРАМ OR source = x", True),
        ('source = "Летняя акция"', True),
        ("source != instagram", False),
        ("source = telegram", False),
        ("channel IN (telegram, инстаграм)", True),
        ("channel NOT IN (telegram, vk)", True),
        ("service CONTAINS стриж", True),
        ("service = стриж", False),
        ("customer_status = новый", True),
        ("customer_status = VIP", False),
        ("time = будни AND time = рабочее", True),
        ("NOT time = ночь", True),
        ("score >= 72 AND score < 72.5", True),
        ("score != 72", False),
        ("price_sensitive = нет", True),
        ("price_sensitive = да", False),
        ("price_sensitive != да", True),
        ("promo IS SET", False),
        ("промокод НЕ ЗАДАН", True),
        ("promo != VESNA10", True),
        ("load > 10", False),  # nobody knows the load: neither more
        ("load <= 10", False),  # nor less
        ("response_time < 30s", True),
        ("NOT response_time > 30s", True),
        ("response_time > 10s", True),
    ],
)
def test_conditions(condition, holds):
    assert bool(done(f"IF {condition} THEN stop")) is holds


@pytest.mark.parametrize(
    ("condition", "waits"),
    [
        ("response_time > 60s", 60),
        ("response_time >= 2min AND score > 70", 120),
        ("response_time > 60s AND score > 80", None),  # waiting alone does not make it hold
        ("response_time > 60s OR response_time > 5min", 60),
        ("response_time > 60s AND response_time > 5min", 300),
        ("response_time > 60s OR score > 80", 60),
        ("NOT response_time < 60s", None),  # told by > and >=, which arm clocks
        ("score > 80", None),
    ],
)
def test_what_a_branch_waits_for(condition, waits):
    verdict = decide(rule_of(f"IF {condition} THEN stop ELSE tag = end"), LEAD)
    if waits is None:
        assert (verdict.branch, verdict.waits) == (1, None)
    else:
        assert (verdict.branch, verdict.waits) == (None, timedelta(seconds=waits))


def test_the_earliest_clock_of_several_branches_is_armed():
    rule = rule_of("IF response_time > 5min THEN stop ELSE IF response_time > 60s THEN tag = late")
    assert decide(rule, LEAD).waits == timedelta(seconds=60)
    late = LEAD | {"response_time": timedelta(minutes=6)}
    assert decide(rule, late).branch == 0


def test_a_rule_that_nothing_matches_does_nothing():
    verdict = decide(rule_of("IF score > 80 THEN stop"), LEAD)
    assert (verdict.is_taken, verdict.actions, verdict.waits) == (False, (), None)
    assert not otherwise(rule_of("IF score > 80 THEN stop")).is_taken


def test_conditions_are_told_in_words():
    rule = rule_of("IF channel = инстаграм AND NOT (score > 80 OR promo IS SET) AND response_time > 2min THEN stop")
    assert told(rule.branches[0].condition, LEAD) == [
        ("канал — Instagram", True),
        ("балл > 80", False),
        ("промокод указан", False),
        ("сколько клиент ждёт ответа человека > 2 мин", False),
    ]
