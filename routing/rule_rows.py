"""A rule as the rows of a form, and back. Pure.

A condition is shown as groups of rows within one another. What nests deeper than a person can follow stays a piece of
text among the rows, so whatever the text can say survives the form. Values keep the words they were written with.

Every row has a path: `b0` is the first branch, `b0.c` its conditions, `b0.c.1.0` a row within the second of them,
`b0.a0` its first action, `e.a0` the first action of the final ELSE. Fields of the form are named by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from routing.rules import words
from routing.rules.reading import read_rules
from routing.rules.shapes import Action, All, Any, Branch, Comparison, Condition, Not, Operator, Rule, Value
from routing.rules.writing import write_rules

DEEPEST = 3  # groups within one another, the first one counted
MOST = 60  # rows of one kind in one place: a form with more was not made by our page
Joint = Literal["all", "any", "none", "not_all"]
JOINTS: dict[Joint, str] = {
    "all": "все эти условия",
    "any": "хотя бы одно из условий",
    "none": "ни одно из условий",
    "not_all": "не все эти условия",
}
_NUMBER = re.compile(r"-?\d{1,60}(?:[.,]\d{1,60})?")
_SEVERAL = ("in", "not in")
_NONE = ("is set", "is not set")


@dataclass
class Row:
    """One comparison as it stands in the form, finished or not. A length of time is «60 s» in `values`."""

    field: str = ""
    operator: str = ""
    values: list[str] = made(default_factory=list)


@dataclass
class Written:
    """A condition that rows cannot show: its text."""

    text: str = ""


@dataclass
class Group:
    joint: Joint = "all"
    parts: list[Row | Group | Written] = made(default_factory=list)


@dataclass
class ActionRow:
    name: str = ""
    value: str = ""


@dataclass
class BranchRows:
    conditions: Group
    actions: list[ActionRow]


@dataclass
class Card:
    """One rule of the form."""

    name: str = ""
    is_enabled: bool = True
    events: list[str] = made(default_factory=list)
    branches: list[BranchRows] = made(default_factory=list)
    otherwise: list[ActionRow] = made(default_factory=list)
    notes: str = ""


Errors = dict[str, str]  # path of a row -> what is missing there, in Russian


def blank_card() -> Card:
    """A rule to be filled in."""
    return Card(branches=[BranchRows(Group("all", [Row()]), [ActionRow()])])


# --- Rule to rows ---------------------------------------------------------------------------------------------------


def card_of(rule: Rule) -> Card:
    """The rows that show a rule; `rule_of()` gives it back."""
    return Card(
        rule.name,
        rule.is_enabled,
        list(rule.events),
        [BranchRows(_top(branch.condition), _action_rows(branch.actions)) for branch in rule.branches],
        _action_rows(rule.otherwise),
        "\n".join(rule.notes),
    )


def _action_rows(actions: tuple[Action, ...]) -> list[ActionRow]:
    return [ActionRow(action.name, action.value or "") for action in actions]


def _top(condition: Condition) -> Group:
    shown = _part(condition, 1)
    return shown if isinstance(shown, Group) else Group("all", [shown])


def _part(condition: Condition, depth: int) -> Row | Group | Written:
    if isinstance(condition, Comparison):
        return Row(condition.field, condition.operator, [_shown(value) for value in condition.values])
    if depth > DEEPEST:
        return Written(condition_text(condition))
    joint: Joint
    if isinstance(condition, Not):
        inner = condition.part
        joint = "not_all" if isinstance(inner, All) else "none"
        parts = inner.parts if isinstance(inner, (All, Any)) else (inner,)
    else:
        joint, parts = ("all" if isinstance(condition, All) else "any"), condition.parts
    return Group(joint, [_part(part, depth + 1) for part in parts])


def _shown(value: Value) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        for unit, _, length, _ in words.UNITS:
            size = int(length.total_seconds())
            if seconds % size == 0 and (seconds >= 2 * size or size == 1):
                return f"{seconds // size} {unit}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def condition_text(condition: Condition, language: words.Language = "ru") -> str:
    """A condition in the notation, without IF and THEN."""
    start, end = f"{words.KEYWORDS['IF'][language == 'ru']} ", f" {words.KEYWORDS['THEN'][language == 'ru']} "
    text = write_rules([Rule((Branch(condition, (Action("stop"),)),))], language)
    return text.removeprefix(start).rpartition(end)[0]


# --- Rows to rule ---------------------------------------------------------------------------------------------------


def rule_of(card: Card) -> tuple[Rule | None, Errors]:
    """The rule that the rows say, or what is missing where: never both."""
    errors: Errors = {}
    branches = []
    for number, branch in enumerate(card.branches):
        condition = _group_said(branch.conditions, f"b{number}.c", errors)
        actions = _actions_said(branch.actions, f"b{number}", errors)
        if not branch.actions:
            errors[f"b{number}"] = "добавьте действие"
        if condition is not None:
            branches.append(Branch(condition, actions))
    otherwise = _actions_said(card.otherwise, "e", errors)
    if not card.branches:
        errors["b0"] = "добавьте условие"
    events = tuple(dict.fromkeys(key for key in card.events if words.event_of(key)))
    if errors:
        return None, errors
    notes = tuple(line.strip() for line in card.notes.split("\n")) if card.notes.strip() else ()
    name = card.name if card.name.strip() else ""
    return Rule(tuple(branches), otherwise, name, events, card.is_enabled, notes), {}


def _group_said(group: Group, path: str, errors: Errors) -> Condition | None:
    """None: something within it is missing."""
    if not group.parts:
        errors[path] = "добавьте условие"
        return None
    found = [_part_said(part, f"{path}.{number}", errors) for number, part in enumerate(group.parts)]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        return None
    is_any = group.joint in ("any", "none")
    joined = _joined(Any if is_any else All, parts)
    return Not(joined) if group.joint in ("none", "not_all") else joined


def _joined(kind: type[All] | type[Any], parts: list[Condition]) -> Condition:
    """As the reader of the text joins: one part is itself, parts of the same kind are taken in."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _part_said(part: Row | Group | Written, path: str, errors: Errors) -> Condition | None:
    if isinstance(part, Group):
        return _group_said(part, path, errors)
    if isinstance(part, Written):
        return _written_said(part, path, errors)
    known = words.field_of(part.field)
    if known is None:
        errors[path] = "выберите, что сравнить"
        return None
    operator = next((each for each in known.operators if each == part.operator), None)
    if operator is None:
        errors[path] = "выберите, как сравнить"
        return None
    values: list[Value] = []
    for number, told in enumerate(part.values[: _room(operator)]):
        value = _value_said(known, told)
        if value is None:
            errors[f"{path}.v{number}"] = _WANTED[known.kind]
        else:
            values.append(value)
    if not part.values and operator not in _NONE:
        errors[f"{path}.v0"] = _WANTED[known.kind]
    return Comparison(known.key, operator, tuple(values)) if not _wrong_in(errors, path) else None


_WANTED = {
    "text": "впишите значение",
    "choice": "выберите значение",
    "flag": "выберите да или нет",
    "number": "впишите число",
    "duration": "впишите целое число и единицу, не меньше секунды",
}


def _room(operator: Operator) -> int:
    """How many values it takes."""
    return 0 if operator in _NONE else MOST if operator in _SEVERAL else 1


def _wrong_in(errors: Errors, path: str) -> bool:
    return any(each == path or each.startswith(f"{path}.") for each in errors)


def _value_said(known: words.Field, told: str) -> Value | None:
    if known.kind == "number":
        plain = "".join(told.split()).removesuffix("%")
        return Decimal(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else None
    if known.kind == "duration":
        number, _, unit = told.strip().partition(" ")
        return _length_said(number, unit)
    if known.choices:
        return told if words.choice_of(known.choices, told) else None
    return told if told.strip() else None


def _length_said(number: str, unit: str) -> timedelta | None:
    if not _NUMBER.fullmatch(number):
        return None
    try:
        length = words.length_of(Decimal(number.replace(",", ".")), unit)
    except OverflowError:
        return None
    return length if length and length.total_seconds() >= 1 and not length.microseconds else None


def _written_said(part: Written, path: str, errors: Errors) -> Condition | None:
    """A condition written as text, in either language."""
    head = "IF ("
    read = read_rules(f"{head}{part.text}\n) THEN stop")
    if read.errors:
        error = read.errors[0]
        column = max(error.column - len(head), 1) if error.line == 1 else len(part.text) + 1
        errors[path] = f"столбец {column}: {error.message}"
        return None
    if len(read.rules) != 1 or len(read.rules[0].branches) != 1 or read.rules[0].otherwise:
        errors[path] = "здесь пишется одно условие"
        return None
    return read.rules[0].branches[0].condition


def _actions_said(rows: list[ActionRow], path: str, errors: Errors) -> tuple[Action, ...]:
    actions = []
    for number, row in enumerate(rows):
        word = words.action_of(row.name)
        place = f"{path}.a{number}"
        if word is None:
            errors[place] = "выберите действие"
        elif word.value == "":
            actions.append(Action(word.key))
        elif not row.value.strip() or (word.value == "choice" and not words.choice_of(word.choices, row.value)):
            errors[place] = {"target": "выберите, кому", "choice": "выберите значение"}.get(
                word.value, "впишите значение"
            )
        else:
            actions.append(Action(word.key, row.value))
    return tuple(actions)


# --- Form to rows ---------------------------------------------------------------------------------------------------


def card_told(data: Mapping[str, str], prefix: str, events: list[str]) -> Card:
    """The card that a posted form tells, as far as it tells. `data`: every field by its name; `prefix`: the card's."""
    branches = []
    while len(branches) < MOST and f"{prefix}.b{len(branches)}.c.j" in data:
        path = f"{prefix}.b{len(branches)}"
        branches.append(BranchRows(_group_told(data, f"{path}.c", 1), _actions_told(data, path)))
    return Card(
        _line(data.get(f"{prefix}.name", "")),
        f"{prefix}.on" in data,
        events,
        branches,
        _actions_told(data, f"{prefix}.e"),
        data.get(f"{prefix}.notes", "").replace("\r\n", "\n").replace("\r", "\n"),
    )


def _group_told(data: Mapping[str, str], path: str, depth: int) -> Group:
    joint = next((each for each in JOINTS if each == data.get(f"{path}.j")), "all")
    group = Group(joint)
    while len(group.parts) < MOST and (kind := data.get(f"{path}.{len(group.parts)}.t")):
        place = f"{path}.{len(group.parts)}"
        if kind == "group" and depth < DEEPEST:
            group.parts.append(_group_told(data, place, depth + 1))
        elif kind == "text":
            group.parts.append(Written(_line(data.get(f"{place}.x", ""))))
        else:
            group.parts.append(_test_told(data, place))
    return group


def _test_told(data: Mapping[str, str], path: str) -> Row:
    test = Row(data.get(f"{path}.f", ""), data.get(f"{path}.o", ""))
    while len(test.values) < MOST and f"{path}.v{len(test.values)}" in data:
        place = f"{path}.v{len(test.values)}"
        value = _line(data[place])
        test.values.append(f"{value.strip()} {data[f'{place}.u']}" if f"{place}.u" in data else value)
    return test


def _actions_told(data: Mapping[str, str], path: str) -> list[ActionRow]:
    rows: list[ActionRow] = []
    while len(rows) < MOST and f"{path}.a{len(rows)}.n" in data:
        place = f"{path}.a{len(rows)}"
        rows.append(ActionRow(data[f"{place}.n"], _line(data.get(f"{place}.v", ""))))
    return rows


def _line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text)


# --- What is done to rows -------------------------------------------------------------------------------------------


def settle(card: Card) -> None:
    """Make operators and values fit the fields that were chosen, as the form is shown again after a choice."""
    for branch in card.branches:
        _settle_group(branch.conditions)
        _settle_actions(branch.actions)
    _settle_actions(card.otherwise)


def _settle_group(group: Group) -> None:
    for part in group.parts:
        if isinstance(part, Group):
            _settle_group(part)
        elif isinstance(part, Row):
            _settle_test(part)


def _settle_test(test: Row) -> None:
    known = words.field_of(test.field)
    if known is None:
        test.operator, test.values = "", []
        return
    if test.operator not in known.operators:
        test.operator = known.operators[0]
    room = _room(next(each for each in known.operators if each == test.operator))
    test.values = test.values[:room]
    if known.kind == "duration":
        test.values = [value if " " in value else f"{value} min" for value in test.values]
    elif known.choices:
        test.values = [value if words.choice_of(known.choices, value) else "" for value in test.values]
    if room and not test.values:
        test.values = [" min" if known.kind == "duration" else ""]


def _settle_actions(rows: list[ActionRow]) -> None:
    for row in rows:
        word = words.action_of(row.name)
        is_chosen = word is not None and word.value == "choice"
        if word is None or word.value == "" or (is_chosen and not words.choice_of(word.choices, row.value)):
            row.value = ""


def change(card: Card, what: str, at: str) -> str:
    """Do one thing to the rows: `add_test`, `add_group`, `add_action`, `add_branch`, `add_value`, `remove`, `up`.

    Returns the path of the row to go on from; "" where there is none. What cannot be done is left undone."""
    if what == "add_branch":
        card.branches.append(BranchRows(Group("all", [Row()]), [ActionRow()]))
        return f"b{len(card.branches) - 1}.c.0"
    if what == "add_action":
        rows = _actions_at(card, at)
        rows.append(ActionRow())
        return f"{at}.a{len(rows) - 1}"
    if what == "up":
        number = int(at.removeprefix("b")) if re.fullmatch(r"b\d{1,3}", at) else 0
        if 0 < number < len(card.branches):
            card.branches.insert(number - 1, card.branches.pop(number))
            return f"b{number - 1}"
        return at
    if what in ("add_test", "add_group"):
        found = _at(card, at)
        if not isinstance(found, Group):
            return ""
        found.parts.append(Row() if what == "add_test" else Group("any", [Row(), Row()]))
        return f"{at}.{len(found.parts) - 1}" + ("" if what == "add_test" else ".0")
    if what == "add_value":
        found = _at(card, at)
        if not isinstance(found, Row):
            return ""
        found.values.append("")
        return f"{at}.v{len(found.values) - 1}"
    return _remove(card, at) if what == "remove" else ""


def _remove(card: Card, at: str) -> str:
    parent, _, last = at.rpartition(".")
    if not parent:
        number = int(last.removeprefix("b")) if re.fullmatch(r"b\d{1,3}", last) else 0
        if 0 < number < len(card.branches):
            del card.branches[number]
        return f"b{max(number - 1, 0)}"
    number = int(re.sub(r"\D", "", last)[:3] or 0)
    rows: list = []
    if last.startswith("a"):
        rows = _actions_at(card, parent)
    elif isinstance(found := _at(card, parent), Row):
        rows = found.values
    elif isinstance(found, Group):
        rows = found.parts
    if number < len(rows):
        del rows[number]
    if not rows:
        return parent
    return f"{parent}.{last[0] if last[0] in 'av' else ''}{max(number - 1, 0)}"


def _at(card: Card, path: str) -> Group | Row | Written | None:
    """The row of that path, None where there is none."""
    match = re.fullmatch(r"b(\d{1,3})\.c((?:\.\d{1,3})*)", path)
    if match is None or int(match[1]) >= len(card.branches):
        return None
    found: Group | Row | Written = card.branches[int(match[1])].conditions
    for number in map(int, match[2].split(".")[1:]):
        if not isinstance(found, Group) or number >= len(found.parts):
            return None
        found = found.parts[number]
    return found


def _actions_at(card: Card, path: str) -> list[ActionRow]:
    match = re.fullmatch(r"b(\d{1,3})", path)
    if match and int(match[1]) < len(card.branches):
        return card.branches[int(match[1])].actions
    return card.otherwise if path == "e" else []
