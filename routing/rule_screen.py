"""The page of rules as plain values for its templates: cards, controls, words, differences between versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as made
from difflib import SequenceMatcher
from typing import Any

from routing.record import rule_title
from routing.review import Work
from routing.rule_choices import Choices, Option
from routing.rule_rows import DEEPEST, JOINTS, ActionRow, BranchRows, Card, Errors, Group, Row, Written
from routing.rules import words
from routing.rules.deciding import said
from routing.rules.shapes import Action, Rule

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Откуда",
        (
            "source",
            "channel",
            "utm",
            "utm_source",
            "utm_medium",
            "utm_campaign",
            "utm_content",
            "utm_term",
            "promo",
        ),
    ),
    ("Что нужно", ("intent", "service", "category", "urgency", "emotion", "price_sensitive")),
    ("Кто", ("customer_status", "score", "temperature", "language")),
    ("Где", ("branch", "district", "geo")),
    ("Когда", ("time", "hour", "response_time", "load")),
)
_SIGNS = {
    "=": "это",
    "!=": "не",
    "in": "одно из",
    "not in": "ни одно из",
    "contains": "содержит",
    "is set": "указано",
    "is not set": "не указано",
    ">": "больше",
    ">=": "не меньше",
    "<": "меньше",
    "<=": "не больше",
}
_MEASURED_SIGNS = {**_SIGNS, "=": "равно", "!=": "не равно"}
_UNIT_TITLES = {"d": "дн", "h": "ч", "min": "мин", "s": "с"}


@dataclass
class Shown:
    """A card of the page. `mode`: `open` with its rows, `shut` with its rule in words, `gone` until it is restored."""

    uid: str
    mode: str
    rule: Rule | None = None
    rows: Card | None = None
    errors: Errors = made(default_factory=dict)
    go_on: str = ""  # path of the row that the keyboard goes to

    @property
    def name(self) -> str:
        return (self.rows.name if self.rows else self.rule.name if self.rule else "").strip()


def card(shown: Shown, choices: Choices, text: str, works: dict[str, Work], *, may_edit: bool) -> dict[str, Any]:
    """What `_card.html` prints. `text`: of the rule, for a card that is not open."""
    told: dict[str, Any] = {"uid": shown.uid, "mode": shown.mode, "name": shown.name, "text": text}
    told |= {"may_edit": may_edit, "is_next": shown.go_on == "name"}
    if shown.rows and shown.mode == "open":
        told |= _opened(shown, shown.rows, choices)
    elif shown.rule:
        told |= {
            "is_enabled": shown.rule.is_enabled,
            "events": ", ".join(event.title for key in shown.rule.events if (event := words.event_of(key))),
            "lines": lines_of(shown.rule, choices),
            "notes": shown.rule.notes,
            "work": works.get(rule_title(shown.rule)),
            "missing": [value for value in targets_of(shown.rule) if not choices.is_known(value)],
        }
    return told


# --- In words -------------------------------------------------------------------------------------------------------


def lines_of(rule: Rule, choices: Choices) -> list[dict[str, Any]]:
    """A rule as a person says it: «если … то …» by branch."""
    lines = [
        {
            "word": "Иначе если" if number else "Если",
            "condition": said(branch.condition),
            "actions": [action_said(action, choices) for action in branch.actions],
        }
        for number, branch in enumerate(rule.branches)
    ]
    if rule.otherwise:
        actions = [action_said(action, choices) for action in rule.otherwise]
        lines.append({"word": "Иначе", "condition": "", "actions": actions})
    return lines


def action_said(action: Action, choices: Choices) -> str:
    word = words.action_of(action.name)
    if word is None or action.value is None:
        return word.title if word else action.name
    return f"{word.title}: {_value_title(word, action.value, choices)}"


def _value_title(word: words.ActionWord, value: str, choices: Choices) -> str:
    if word.value == "target":
        return choices.target_title(value)
    if word.key == "reply":
        return f"«{choices.text_title(value)}»"
    choice = words.choice_of(word.choices, value)
    return choice.title if choice else f"«{value}»"


def targets_of(rule: Rule) -> list[str]:
    """Every target that a rule names, in its order."""
    actions = [action for branch in rule.branches for action in branch.actions] + list(rule.otherwise)
    return [
        action.value
        for action in actions
        if action.value and (word := words.action_of(action.name)) and word.value == "target"
    ]


# --- As rows --------------------------------------------------------------------------------------------------------


def _opened(shown: Shown, rows: Card, choices: Choices) -> dict[str, Any]:
    controls = _Controls(shown, choices)
    count = len(rows.branches)
    return {
        "is_enabled": rows.is_enabled,
        "events": [(event.key, event.title, event.key in rows.events) for event in words.EVENTS],
        "notes": rows.notes,
        "branches": [controls.branch(branch, number, count) for number, branch in enumerate(rows.branches)],
        "otherwise": {"at": "e", "actions": controls.actions(rows.otherwise, "e")},
        "problems": len(shown.errors),
    }


class _Controls:
    """Each row with the names, choices and errors of its controls."""

    def __init__(self, shown: Shown, choices: Choices) -> None:
        self._shown = shown
        self._choices = choices

    def branch(self, branch: BranchRows, number: int, count: int) -> dict[str, Any]:
        at = f"b{number}"
        return {
            **self._place(at),
            "is_first": number == 0,
            "can_go": count > 1,
            "group": self._group(branch.conditions, f"{at}.c", 1),
            "actions": self.actions(branch.actions, at),
        }

    def actions(self, rows: Sequence[ActionRow], at: str) -> list[dict[str, Any]]:
        return [self._action(row, f"{at}.a{number}", len(rows)) for number, row in enumerate(rows)]

    def _place(self, at: str) -> dict[str, Any]:
        """Where a row stands: `at` within the card, `name` in the form, `id` on the page."""
        name = f"{self._shown.uid}.{at}"
        return {
            "at": at,
            "name": name,
            "id": name.replace(".", "-"),
            "error": self._shown.errors.get(at, ""),
            "is_next": self._shown.go_on == at,
        }

    def _part(self, part: Row | Group | Written, at: str, depth: int) -> dict[str, Any]:
        if isinstance(part, Group):
            return self._group(part, at, depth)
        if isinstance(part, Written):
            return {**self._place(at), "kind": "text", "text": part.text}
        return self._row(part, at)

    def _group(self, group: Group, at: str, depth: int) -> dict[str, Any]:
        return {
            **self._place(at),
            "kind": "group",
            "joints": [(key, title, key == group.joint) for key, title in JOINTS.items()],
            "parts": [self._part(part, f"{at}.{number}", depth + 1) for number, part in enumerate(group.parts)],
            "is_top": depth == 1,
            "can_nest": depth < DEEPEST,
        }

    def _row(self, row: Row, at: str) -> dict[str, Any]:
        known = words.field_of(row.field)
        told: dict[str, Any] = {**self._place(at), "kind": "row", "fields": _field_groups(row.field)}
        if known is None:
            return told
        signs = _MEASURED_SIGNS if known.kind in ("number", "duration") else _SIGNS
        values = [self._value(known, value, f"{at}.v{number}") for number, value in enumerate(row.values)]
        return told | {
            "title": known.title,
            "operators": [(each, signs[each], each == row.operator) for each in known.operators],
            "values": values,
            "is_list": row.operator in ("in", "not in"),
            "several": len(values) > 1,
        }

    def _value(self, known: words.Field, value: str, at: str) -> dict[str, Any]:
        told: dict[str, Any] = {**self._place(at), "value": value, "kind": known.kind, "unit": known.unit}
        if known.kind == "duration":
            number, _, unit = value.partition(" ")
            told |= {"value": number, "units": [(key, title, key == unit) for key, title in _UNIT_TITLES.items()]}
        elif known.choices:
            told["options"] = _options(known.choices, value)
        else:
            told["suggested"] = f"known-{known.key}" if self._choices.suggested.get(known.key) else ""
        return told

    def _action(self, row: ActionRow, at: str, count: int) -> dict[str, Any]:
        word = words.action_of(row.name)
        told: dict[str, Any] = {**self._place(at), "value": row.value, "can_go": count > 1 or at.startswith("e")}
        told["words"] = [(one.key, one.title, one is word) for one in words.ACTIONS]
        if word is None or word.value == "":
            return told | {"kind": ""}
        told |= {"kind": word.value, "title": word.title}
        if word.key == "reply":
            texts = list(self._choices.texts)
            if row.value and all(text.value != row.value for text in texts):
                texts.append(Option(row.value, row.value))
            told |= {"kind": "choice", "options": [(text.value, text.title, text.value == row.value) for text in texts]}
        elif word.value == "choice":
            told["options"] = _options(word.choices, row.value)
        elif word.value == "target":
            told["targets"] = self._targets(row.value)
        return told

    def _targets(self, value: str) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """Whom to choose from; what the text names in its own words stays as it is written."""
        listed = {option.value for _, options in self._choices.targets for option in options}
        groups = [
            (title, [(option.value, option.title, option.value == value) for option in options])
            for title, options in self._choices.targets
            if options
        ]
        if value and value not in listed:
            groups.insert(0, ("Сейчас", [(value, self._choices.target_title(value), True)]))
        return groups


def _options(choices: Sequence[words.Choice], value: str) -> list[tuple[str, str, bool]]:
    """A closed list; the chosen one keeps the word it was written with."""
    chosen = words.choice_of(choices, value) if value else None
    return [(value if each is chosen else each.title, each.title, each is chosen) for each in choices]


def _field_groups(chosen: str) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    known = {field.key: field for field in words.FIELDS}
    grouped = {key for _, keys in _GROUPS for key in keys}
    groups = [*_GROUPS, ("Другое", tuple(key for key in known if key not in grouped))]
    found = [
        (title, [(key, known[key].title, key == chosen) for key in keys if key in known]) for title, keys in groups
    ]
    return [(title, options) for title, options in found if options]


# --- Versions -------------------------------------------------------------------------------------------------------


def differences(before: str, after: str) -> list[tuple[str, str]]:
    """Lines with a sign: `+` came, `-` went, `` stayed; "…" for a long stretch that stayed."""
    old, new = before.splitlines(), after.splitlines()
    lines: list[tuple[str, str]] = []
    for what, start, end, begin, until in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            lines += _around(old[start:end], is_first=start == 0, is_last=end == len(old))
        else:
            lines += [("-", line) for line in old[start:end]] + [("+", line) for line in new[begin:until]]
    return lines


def _around(same: list[str], *, is_first: bool, is_last: bool) -> list[tuple[str, str]]:
    """Two lines beside each change are enough to find one's way."""
    head, tail = (0 if is_first else 2), (0 if is_last else 2)
    if len(same) <= head + tail + 1:
        return [("", line) for line in same]
    kept = [("", line) for line in same[:head]]
    return [*kept, ("", "…"), *[("", line) for line in same[len(same) - tail :]]]
