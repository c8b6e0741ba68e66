"""Ready rules of the packs: every one reads, fits the form, and names nobody that a business would not have."""

from __future__ import annotations

import pytest

from agency.demo.businesses import publish_ready
from agency.packs import load_business
from agency.packs.rule_templates import base_text, templates_of
from agency.packs.shapes import TRADES
from routing import gallery, rule_rows
from routing.models import RuleSet
from routing.rules import words
from routing.rules.reading import read_rules
from routing.rules.targets import target_of
from routing.rules.writing import write_rules
from routing.rulesets import actions_of

EVERYBODYS = {"matrix", "previous", "backup", "shift"}  # what every business has
every_template = pytest.mark.parametrize(
    "template", {one.key: one for trade in TRADES for one in templates_of(trade)}.values(), ids=lambda one: one.key
)
ANSWERS = {
    "person": "Анна",
    "people": "role_receptionist",
    "queue": "queue_masters",
    "source": "Instagram",
    "branch": "Весна на Ленина",
    "service": "Маникюр",
}


@every_template
def test_it_is_the_same_as_text_and_as_rows_in_both_languages(template):
    rules = gallery.fill(template, {ask.key: ANSWERS[ask.kind] for ask in template.asks})
    assert rules
    for rule in rules:
        assert rule.name, "the review counts by name"
        assert rule_rows.rule_of(rule_rows.card_of(rule)) == (rule, {})
        for language in ("ru", "en"):
            assert read_rules(write_rules([rule], language)).rules == (rule,)
    assert "{" not in write_rules(rules)


@every_template
def test_it_names_only_whom_it_asks_for_or_everybody_has(template):
    for rule in read_rules(template.text).rules:
        for action in actions_of(rule):
            word = words.action_of(action.name)
            if word.value == "target" and not action.value.startswith("{"):
                assert target_of(action.value).kind in EVERYBODYS, action


@every_template
def test_nothing_is_added_until_everything_is_chosen(template):
    for ask in template.asks:
        answers = {other.key: "x" for other in template.asks if other is not ask}
        with pytest.raises(gallery.NotAnswered, match=ask.title.lower()):
            gallery.fill(template, answers)


@pytest.mark.parametrize("trade", TRADES)
def test_what_is_published_unasked_gives_nobody_a_lead(trade):
    rules = read_rules(base_text(trade)).rules
    assert rules
    assert not {action.name for rule in rules for action in actions_of(rule)} - {"tag", "priority"}


def test_a_trade_sees_its_own():
    assert "triage" in {one.key for one in templates_of("dental")}
    assert "triage" not in {one.key for one in templates_of("fitness")}


def test_a_demo_shows_rules_at_work_once(salon, clock):
    pack = load_business("salon-ufa")
    for _ in range(2):
        publish_ready(pack, now=clock.now())
    version = RuleSet.objects.get()
    assert (version.status, version.published_by) == ("published", "Leadhub")
    assert read_rules(version.text).rules == read_rules(base_text("salon")).rules
