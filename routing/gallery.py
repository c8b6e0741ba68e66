"""Ready rules to take over. Which there are is told from above by `offer()`: packs know trades, this room rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from routing.rules.reading import read_rules
from routing.rules.shapes import Action, Branch, Comparison, Condition, Not, Rule

AskKind = Literal["person", "people", "queue", "source", "branch", "service", "category", "promo", "district"]


class NotAnswered(ValueError):
    """Something that a template asks for was not chosen; the message says what, in Russian."""


@dataclass(frozen=True)
class Ask:
    """What the owner chooses when taking a template over; `{key}` stands for it in the text."""

    key: str
    title: str
    kind: AskKind


@dataclass(frozen=True)
class Template:
    """Rules in the notation, with what they do in a sentence. `is_base`: good for everybody of the trade as it is."""

    key: str
    title: str
    about: str
    text: str
    asks: tuple[Ask, ...] = ()
    is_base: bool = False


_sources: list[Callable[[str], Sequence[Template]]] = []


def offer(source: Callable[[str], Sequence[Template]]) -> None:
    """Register where templates of a trade come from."""
    if source not in _sources:
        _sources.append(source)


def templates_for(trade: str) -> list[Template]:
    return [template for source in _sources for template in source(trade)]


def fill(template: Template, answers: Mapping[str, str]) -> list[Rule]:
    """The template's rules with what was chosen in its places. Raises NotAnswered."""
    for ask in template.asks:
        if not answers.get(ask.key, "").strip():
            raise NotAnswered(f"Выберите: {ask.title.lower()}.")
    places = {f"{{{ask.key}}}": answers[ask.key] for ask in template.asks}
    return [_filled(rule, places) for rule in read_rules(template.text).rules]


def _filled(rule: Rule, places: Mapping[str, str]) -> Rule:
    branches = tuple(Branch(_condition(one.condition, places), _actions(one.actions, places)) for one in rule.branches)
    return replace(rule, branches=branches, otherwise=_actions(rule.otherwise, places))


def _actions(actions: Sequence[Action], places: Mapping[str, str]) -> tuple[Action, ...]:
    return tuple(Action(one.name, places.get(one.value, one.value) if one.value else None) for one in actions)


def _condition(condition: Condition, places: Mapping[str, str]) -> Condition:
    if isinstance(condition, Comparison):
        values = tuple(places.get(one, one) if isinstance(one, str) else one for one in condition.values)
        return replace(condition, values=values)
    if isinstance(condition, Not):
        return Not(_condition(condition.part, places))
    return replace(condition, parts=tuple(_condition(part, places) for part in condition.parts))
