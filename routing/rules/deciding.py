"""What a rule decides about a lead: which branch is taken, or what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from routing.rules import words
from routing.rules.shapes import Action, All, Comparison, Condition, Not, Rule, Value

Fact = Collection[str] | Decimal | timedelta | bool
# What is known of a lead by field key. Words as a collection: a lead may have several services, a night may be a
# holiday's; an unknown fact is absent or empty.
Facts = Mapping[str, Fact]


@dataclass(frozen=True)
class Met:
    """How a condition stands: met now, or not before the client has waited `waits` in all (None: not by waiting)."""

    is_met: bool
    waits: timedelta | None = None


@dataclass(frozen=True)
class Verdict:
    """What a rule came to. `branch`: number of the taken one; len(rule.branches) is the final ELSE; None: none.

    `waits`: no branch was taken yet; ask again when the client has waited so long in all without a person's answer."""

    branch: int | None
    actions: tuple[Action, ...] = ()
    waits: timedelta | None = None

    @property
    def is_taken(self) -> bool:
        return self.branch is not None


def decide(rule: Rule, facts: Facts) -> Verdict:
    """The first branch whose condition holds. A branch that only waiting separates from holding is reached: it arms its
    clock, and the final ELSE is not taken meanwhile."""
    waits: list[timedelta] = []
    for number, branch in enumerate(rule.branches):
        met = stands(branch.condition, facts)
        if met.is_met:
            return Verdict(number, branch.actions)
        if met.waits is not None:
            waits.append(met.waits)
    if waits:
        return Verdict(None, (), min(waits))
    if rule.otherwise:
        return Verdict(len(rule.branches), rule.otherwise)
    return Verdict(None)


def otherwise(rule: Rule) -> Verdict:
    """The final ELSE, for when a clock ran out and the action of its branch could not be done."""
    return Verdict(len(rule.branches), rule.otherwise) if rule.otherwise else Verdict(None)


def stands(condition: Condition, facts: Facts) -> Met:
    """Whether the condition holds now, or by waiting."""
    if isinstance(condition, Comparison):
        return _tested(condition, facts)
    if isinstance(condition, Not):
        # What waiting makes true, waiting makes false: «not later than» holds until then.
        return Met(not stands(condition.part, facts).is_met)
    parts = [stands(part, facts) for part in condition.parts]
    open_parts = [part for part in parts if not part.is_met]
    waits = [part.waits for part in open_parts if part.waits is not None]
    if isinstance(condition, All):
        if not open_parts:
            return Met(True)
        return Met(False, max(waits) if len(waits) == len(open_parts) else None)
    if len(open_parts) < len(parts):
        return Met(True)
    return Met(False, min(waits) if waits else None)


def _tested(test: Comparison, facts: Facts) -> Met:
    fact = facts.get(test.field)
    if test.operator in ("is set", "is not set"):
        return Met(_is_known(fact) == (test.operator == "is set"))
    if isinstance(fact, bool):
        field = words.field_of(test.field)
        wanted = words.choice_of(field.choices if field else (), str(test.values[0]))
        return Met((wanted is not None and (wanted.key == "yes") == fact) == (test.operator == "="))
    if isinstance(fact, (Decimal, timedelta)):
        is_met = _compares(fact, test.operator, test.values[0])
        later = test.values[0] if test.field == "response_time" and test.operator in (">", ">=") else None
        return Met(is_met, later if not is_met and isinstance(later, timedelta) else None)
    if fact is None and _is_measured(test.field):
        return Met(False)  # not known: neither more nor less
    held = {words.plain(word) for word in fact or ()}
    if test.operator == "contains":
        return Met(any(words.plain(str(test.values[0])) in word for word in held))
    meets = any(_wanted(test.field, value) & held for value in test.values)
    return Met(meets == (test.operator in ("=", "in")))


def _compares(fact: Decimal | timedelta, operator: str, value: Value) -> bool:
    if type(fact) is not type(value):
        return False
    order = (fact > value) - (fact < value)  # type: ignore[operator]  # of one type
    return {"=": order == 0, "!=": order != 0, ">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}[
        operator
    ]


@lru_cache(maxsize=4096)
def _wanted(field: str, value: Value) -> frozenset[str]:
    """The words that a value stands for: of a closed list its key, else itself and what the channel of that name is."""
    known = words.field_of(field)
    choice = words.choice_of(known.choices, str(value)) if known else None
    if choice is not None:
        return frozenset({words.plain(choice.key)})
    if field == "source":  # «источник = инстаграм» means the channel too
        channel = words.field_of("channel")
        choice = words.choice_of(channel.choices if channel else (), str(value))
        return frozenset({words.plain(str(value)), *([words.plain(choice.key)] if choice else [])})
    return frozenset({words.plain(str(value))})


def _is_measured(field: str) -> bool:
    known = words.field_of(field)
    return known is not None and known.kind in ("number", "duration", "flag")


def _is_known(fact: Fact | None) -> bool:
    return bool(fact) if isinstance(fact, Collection) else fact is not None


def fields_of(rule: Rule) -> frozenset[str]:
    """Every field that a rule asks about."""
    return frozenset(field for branch in rule.branches for field in _fields(branch.condition))


def _fields(condition: Condition) -> list[str]:
    if isinstance(condition, Comparison):
        return [condition.field]
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return [field for part in parts for field in _fields(part)]


# --- In words -------------------------------------------------------------------------------------------------------


def told(condition: Condition, facts: Facts) -> list[tuple[str, bool]]:
    """Each comparison of a condition in Russian with whether it holds, for the decision record."""
    if isinstance(condition, Comparison):
        return [(in_words(condition), _tested(condition, facts).is_met)]
    parts: Sequence[Condition] = (condition.part,) if isinstance(condition, Not) else condition.parts
    return [line for part in parts for line in told(part, facts)]


def called(rule: Rule) -> str:
    """What people call a rule: its name, else what it asks first: «источник — Instagram и клиент — новый»."""
    return rule.name or said(rule.branches[0].condition)


def said(condition: Condition, *, is_inner: bool = False) -> str:
    """«источник — Instagram и (клиент — новый или балл > 70)»."""
    if isinstance(condition, Comparison):
        return in_words(condition)
    if isinstance(condition, Not):
        return f"не ({said(condition.part)})"
    word = " и " if isinstance(condition, All) else " или "
    text = word.join(said(part, is_inner=True) for part in condition.parts)
    return f"({text})" if is_inner else text


def in_words(test: Comparison) -> str:
    """«балл > 70», «клиент — новый»."""
    field = words.field_of(test.field)
    title = field.title if field else test.field
    values = []
    for value in test.values:
        choice = words.choice_of(field.choices, str(value)) if field else None
        values.append(choice.title if choice else _plainly(value))
    signs = {"contains": "содержит", "in": "одно из", "not in": "ни одно из", "!=": "не", "=": "—"}
    if test.operator in ("is set", "is not set"):
        return f"{title} {'указан' if test.operator == 'is set' else 'не указан'}"
    return f"{title} {signs.get(test.operator, test.operator)} {', '.join(values)}"


def _plainly(value: Value) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 60} мин" if seconds % 60 == 0 and seconds >= 120 else f"{seconds} с"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
