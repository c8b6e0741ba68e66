"""Rules as rows of a form: whatever the text can say goes into the rows and comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import rule_rows
from routing.rule_rows import ActionRow, BranchRows, Card, Group, Row, Written, card_of, card_told, change, rule_of
from routing.rules.reading import read_rules
from routing.rules.shapes import Action, Branch, Comparison, Not, Rule
from routing.rules.writing import write_rules
from tests.routing.rules.test_notation import conditions, rules, some_actions

DEEP = "IF (score > 1 OR (score > 2 AND (score > 3 OR (score > 4 AND NOT score > 5)))) AND time = night THEN stop"


def fields(card: Card, prefix: str) -> dict[str, str]:
    """What a browser posts back of a card that it was shown, by hand: the page has a test of its own."""
    told = {f"{prefix}.name": card.name, f"{prefix}.notes": card.notes.replace("\n", "\r\n")}
    if card.is_enabled:
        told[f"{prefix}.on"] = "on"
    for number, branch in enumerate(card.branches):
        told |= _group(branch.conditions, f"{prefix}.b{number}.c") | _actions(branch.actions, f"{prefix}.b{number}")
    return told | _actions(card.otherwise, f"{prefix}.e")


def _group(group: Group, path: str) -> dict[str, str]:
    told = {f"{path}.j": group.joint, f"{path}.t": "group"}
    for number, part in enumerate(group.parts):
        place = f"{path}.{number}"
        if isinstance(part, Group):
            told |= _group(part, place)
        elif isinstance(part, Written):
            told |= {f"{place}.t": "text", f"{place}.x": part.text}
        else:
            told |= {f"{place}.t": "test", f"{place}.f": part.field, f"{place}.o": part.operator}
            for at, value in enumerate(part.values):
                if part.field == "response_time":
                    told[f"{place}.v{at}"], told[f"{place}.v{at}.u"] = value.split(" ")
                else:
                    told[f"{place}.v{at}"] = value
    return told


def _actions(rows: list[ActionRow], path: str) -> dict[str, str]:
    told = {}
    for number, row in enumerate(rows):
        told |= {f"{path}.a{number}.n": row.name, f"{path}.a{number}.v": row.value}
    return told


@settings(max_examples=200)
@given(rules.filter(lambda rule: any(rule.notes) or not rule.notes), st.sampled_from(["en", "ru"]))
def test_rows_rule_text_rule_and_the_same_rows_again(rule, language):
    card = card_of(rule)
    said, errors = rule_of(card)
    assert (said, errors) == (rule, {})
    [again] = read_rules(write_rules([said], language)).rules
    assert card_of(again) == card
    assert card_told(fields(card, "c1"), "c1", list(rule.events)) == card


CHANGES = ["add_test", "add_group", "add_action", "add_branch", "add_value", "remove", "up", "burn"]
PLACES = ["b0", "b1", "e", "b0.c", "b0.c.0", "b0.c.1", "b0.c.0.0", "b0.c.0.v1", "b0.a0", "e.a0", "b9.c", "x.y", ""]
changes_of_rows = st.lists(st.tuples(st.sampled_from(CHANGES), st.sampled_from(PLACES)), max_size=6)


@settings(max_examples=60)
@given(conditions, some_actions, changes_of_rows)
def test_no_change_of_rows_breaks_them(condition, actions, changes):
    card = card_of(Rule((Branch(condition, actions),), ()))
    for what, at in changes:
        change(card, what, at)
        rule_rows.settle(card)
    said, errors = rule_of(card)
    assert (said is None) == bool(errors)
    if said:
        assert read_rules(write_rules([said])).rules == (said,)


def test_what_nests_too_deep_for_rows_is_a_text_among_them():
    [rule] = read_rules(DEEP).rules
    inner = card_of(rule).branches[0].conditions.parts[0].parts[1].parts[1]
    assert inner == Written("балл > 3 ИЛИ балл > 4 И НЕ балл > 5")
    assert rule_of(card_of(rule)) == (rule, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("балл >", "столбец 7"),
        ("балл > 4) ТО стоп ИНАЧЕ ЕСЛИ (балл > 5", "одно условие"),
        ("", "столбец 1"),
        ("балл > 4) ТО стоп ЕСЛИ (балл > 5", "одно условие"),
        ("нетполя = 1", "столбец 1"),
    ],
)
def test_a_condition_written_as_text_is_told_what_is_wrong(text, problem):
    card = Card(branches=[BranchRows(Group("all", [Written(text)]), [ActionRow("stop")])])
    said, errors = rule_of(card)
    assert said is None
    assert problem in errors["b0.c.0"]


def test_every_unfinished_row_is_told():
    empty = Row("intent", "in", [""])
    card = Card(
        branches=[
            BranchRows(Group("all", [Row(), Row("score", ">", ["много"]), empty]), [ActionRow("assign_to", " ")]),
            BranchRows(Group("any"), []),
        ],
        otherwise=[ActionRow("letter")],
    )
    said, errors = rule_of(card)
    assert said is None
    assert set(errors) == {"b0.c.0", "b0.c.1.v0", "b0.c.2.v0", "b0.a0", "b1.c", "b1", "e.a0"}
    assert errors["b0.c.1.v0"] == "впишите число"


def test_a_word_of_the_trade_stays_the_word_that_was_written():
    [rule] = read_rules('IF customer_status = "новый" AND load > 80% AND response_time > 120s THEN stop').rules
    status, load, wait = card_of(rule).branches[0].conditions.parts
    assert (status.values, load.values, wait.values) == (["новый"], ["80"], ["2 min"])
    assert rule_of(card_of(rule))[0] == rule


def test_a_group_of_none_with_one_row_says_not():
    card = Card(branches=[BranchRows(Group("none", [Row("score", ">", ["40,5"])]), [ActionRow("stop")])])
    assert rule_of(card)[0] == Rule((Branch(Not(Comparison("score", ">", (Decimal("40.5"),))), (Action("stop"),)),))


def test_another_field_takes_what_fits_it():
    card = Card(
        branches=[
            BranchRows(
                Group("all", [Row("response_time", "contains", ["Instagram"]), Row("intent", "=", ["Instagram"])]),
                [ActionRow("priority", "Анна"), ActionRow("stop", "x")],
            )
        ]
    )
    rule_rows.settle(card)
    wait, intent = card.branches[0].conditions.parts
    assert (wait.operator, wait.values) == (">", ["Instagram min"])
    assert intent.values == [""]
    assert [row.value for row in card.branches[0].actions] == ["", ""]


def test_rows_are_added_and_taken_away_where_one_is():
    card = rule_rows.blank_card()
    assert change(card, "add_test", "b0.c") == "b0.c.1"
    assert change(card, "add_group", "b0.c") == "b0.c.2.0"
    assert change(card, "remove", "b0.c.2.1") == "b0.c.2.0"
    assert change(card, "remove", "b0.c.2.0") == "b0.c.2"
    assert change(card, "remove", "b0.c.2") == "b0.c.1"
    assert change(card, "add_branch", "") == "b1.c.0"
    assert change(card, "add_action", "e") == "e.a0"
    card.branches[1].actions[0].name = "stop"
    assert change(card, "up", "b1") == "b0"
    assert card.branches[0].actions[0].name == "stop"
    assert change(card, "remove", "b1") == "b0"
    assert change(card, "remove", "b0") == "b0"
    assert len(card.branches) == 1
