"""Rules to text: one canonical way to write each, in English or Russian; reading it back gives the same rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from routing.rules import words
from routing.rules.shapes import Action, All, Branch, Comparison, Condition, Not, Rule, Value, rewritten

_RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")


def write_rules(rules: Sequence[Rule], language: words.Language = "en", *, wide: bool = True) -> str:
    """The canonical text of rules. `wide`: each statement in one line; else a line for each IF, THEN and ELSE, as an
    editor shows it."""
    return "\n".join(_Writer(language, wide).rule(rule) for rule in rules) + ("\n" if rules else "")


def in_words_of(rule: Rule, language: words.Language) -> Rule:
    """The rule with values of closed lists in the words of a language: «ночь» for `night`, and back. What is said in
    that language already stays the word that was written."""

    def test(one: Comparison) -> Comparison:
        known = words.field_of(one.field)
        if known is None or not known.choices:
            return one
        values = tuple(
            _said_in(language, known.choices, each) if isinstance(each, str) else each for each in one.values
        )
        return replace(one, values=values)

    def action(one: Action) -> Action:
        known = words.action_of(one.name)
        if known is None or not known.choices or one.value is None:
            return one
        return replace(one, value=_said_in(language, known.choices, one.value))

    return rewritten(rule, test, action)


def _said_in(language: words.Language, choices: Sequence[words.Choice], value: str) -> str:
    choice = words.choice_of(choices, value)
    if choice is None or bool(_RUSSIAN.search(value)) == (language == "ru"):
        return value
    if language == "en":
        return choice.key
    return choice.title if _RUSSIAN.search(choice.title) else value


class _Writer:
    def __init__(self, language: words.Language, wide: bool) -> None:
        self._russian = language == "ru"
        self._break = " " if wide else "\n"

    def rule(self, rule: Rule) -> str:
        lines = [f"# {note}".rstrip() for note in rule.notes]
        if head := self._head(rule):
            lines.append(head)
        parts = []
        for number, branch in enumerate(rule.branches):
            parts.append(("" if number == 0 else f"{self._word('ELSE')} ") + self._branch(branch))
        if rule.otherwise:
            parts.append(f"{self._word('ELSE')} {self._actions(rule.otherwise)}")
        return "\n".join([*lines, self._break.join(parts)])

    def _head(self, rule: Rule) -> str:
        parts = [_quoted(rule.name)] if rule.name else []
        if rule.events:
            found = [words.event_of(key) for key in rule.events]
            parts += [self._word("ON"), ", ".join(self._named(event) for event in found if event)]
        if not rule.is_enabled:
            parts.append(self._word("OFF"))
        return " ".join([self._word("RULE"), *parts]) + ":" if parts else ""

    def _branch(self, branch: Branch) -> str:
        condition = f"{self._word('IF')} {self.condition(branch.condition)}"
        return f"{condition}{self._break}{self._word('THEN')} {self._actions(branch.actions)}"

    def _actions(self, actions: Sequence[Action]) -> str:
        return f" {self._word('AND')} ".join(self._action(action) for action in actions)

    def _action(self, action: Action) -> str:
        word = words.action_of(action.name)
        name = self._named(word) if word else action.name
        return name if action.value is None else f"{name} = {_word_or_quoted(action.value)}"

    def condition(self, condition: Condition, within: str = "") -> str:
        """`within`: the connective around it, which decides whether it needs brackets."""
        if isinstance(condition, Comparison):
            return self._test(condition)
        if isinstance(condition, Not):
            return f"{self._word('NOT')} {self.condition(condition.part, 'NOT')}"
        joint = "AND" if isinstance(condition, All) else "OR"
        text = f" {self._word(joint)} ".join(self.condition(part, joint) for part in condition.parts)
        needs = within == "NOT" or (within == "AND" and joint == "OR") or within == joint
        return f"({text})" if needs else text

    def _test(self, test: Comparison) -> str:
        known = words.field_of(test.field)
        name = self._named(known) if known else test.field
        values = [self._value(value) for value in test.values]
        negated = f"{self._word('NOT')} " if " not" in test.operator or "not " in test.operator else ""
        if test.operator in ("in", "not in"):
            return f"{name} {negated}{self._word('IN')} ({', '.join(values)})"
        if test.operator in ("is set", "is not set"):
            is_word = "" if self._russian else f"{self._word('IS')} "
            return f"{name} {is_word}{negated}{self._word('SET')}"
        operator = self._word("CONTAINS") if test.operator == "contains" else test.operator
        return f"{name} {operator} {values[0]}"

    def _value(self, value: Value) -> str:
        if isinstance(value, timedelta):
            return self._length(value)
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return _word_or_quoted(value)

    def _length(self, length: timedelta) -> str:
        """In the largest unit of which there are two at least: 60s, 2min, 24h."""
        seconds = int(length.total_seconds())
        for english, russian, unit, _ in words.UNITS:
            size = int(unit.total_seconds())
            if seconds % size == 0 and (seconds >= 2 * size or size == 1):
                return f"{seconds // size}{russian if self._russian else english}"
        raise AssertionError(length)  # every length is whole seconds

    def _word(self, keyword: str) -> str:
        return words.KEYWORDS[keyword][self._russian]

    def _named(self, thing: words.Named) -> str:
        return thing.russian if self._russian else thing.key


def _word_or_quoted(text: str) -> str:
    taken = {word.casefold() for pair in words.KEYWORDS.values() for word in pair}
    return text if _BARE.fullmatch(text) and text.casefold() not in taken else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
