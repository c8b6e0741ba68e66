"""Ready rules to take over. Which there are is told from above by `offer()`: packs know trades, this room rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from routing.rules.reading import read_rules
from routing.rules.shapes import Action, Comparison, Rule, rewritten

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

    def test(one: Comparison) -> Comparison:
        return replace(
            one, values=tuple(places.get(value, value) if isinstance(value, str) else value for value in one.values)
        )

    def action(one: Action) -> Action:
        return replace(one, value=places.get(one.value, one.value) if one.value else None)

    return [rewritten(rule, test, action) for rule in read_rules(template.text).rules]
