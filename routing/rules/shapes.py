"""What a rule is: conditions, actions, branches. Plain values; two rules that mean the same text are equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

Operator = Literal["=", "!=", ">", "<", ">=", "<=", "contains", "in", "not in", "is set", "is not set"]
Value = str | Decimal | timedelta


@dataclass(frozen=True)
class Comparison:
    """One comparison: `field operator value`; `in` takes several values, `is set` none."""

    field: str
    operator: Operator
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Not:
    part: Condition


@dataclass(frozen=True)
class All:
    parts: tuple[Condition, ...]  # two at least


@dataclass(frozen=True)
class Any:
    parts: tuple[Condition, ...]  # two at least


Condition = Comparison | Not | All | Any


@dataclass(frozen=True)
class Action:
    """What is done: `name = value`; value None where the action needs none (`stop`)."""

    name: str
    value: str | None = None


@dataclass(frozen=True)
class Branch:
    condition: Condition
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Rule:
    """IF branch ELSE IF branch ... ELSE otherwise. `events` empty: a new lead and new facts; `notes`: its comments."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Action, ...] = ()
    name: str = ""
    events: tuple[str, ...] = ()
    is_enabled: bool = True
    notes: tuple[str, ...] = ()


def rewritten(rule: Rule, test: Callable[[Comparison], Comparison], action: Callable[[Action], Action]) -> Rule:
    """The rule with each of its comparisons and actions put through these."""

    def condition(part: Condition) -> Condition:
        if isinstance(part, Comparison):
            return test(part)
        if isinstance(part, Not):
            return Not(condition(part.part))
        return replace(part, parts=tuple(map(condition, part.parts)))

    branches = tuple(Branch(condition(one.condition), tuple(map(action, one.actions))) for one in rule.branches)
    return replace(rule, branches=branches, otherwise=tuple(map(action, rule.otherwise)))
