"""Whom a rule means: `queue_barbers_round_robin`, `role_senior`, `backup_manager`, «Анна Громова». Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from routing.rules import words

TargetKind = Literal["queue", "person", "role", "branch", "shift", "matrix", "backup", "previous"]

_PREFIXES: dict[str, TargetKind] = {
    "queue": "queue",
    "очередь": "queue",
    "person": "person",
    "сотрудник": "person",
    "role": "role",
    "роль": "role",
    "branch": "branch",
    "филиал": "branch",
    "shift": "shift",
    "смена": "shift",
    "matrix": "matrix",
    "матрица": "matrix",
}
_WHOLE: dict[str, TargetKind] = {
    "backup": "backup",
    "backup manager": "backup",
    "резерв": "backup",
    "резервный": "backup",
    "резервный сотрудник": "backup",
    "previous": "previous",
    "previous manager": "previous",
    "прежний": "previous",
    "прежний менеджер": "previous",
}
ROLES: dict[str, str] = {  # as tenants.business knows them
    "owner": "owner",
    "владелец": "owner",
    "senior": "senior",
    "старший": "senior",
    "manager": "manager",
    "менеджер": "manager",
    "receptionist": "receptionist",
    "администратор": "receptionist",
    "specialist": "specialist",
    "специалист": "specialist",
    "мастер": "specialist",
    "врач": "specialist",
    "marketing": "marketing",
    "маркетинг": "marketing",
    "маркетолог": "marketing",
}


SHIFTS: dict[str, str] = {
    "morning": "morning",
    "утро": "morning",
    "утренняя": "morning",
    "day": "day",
    "день": "day",
    "дневная": "day",
    "evening": "evening",
    "вечер": "evening",
    "вечерняя": "evening",
}


@dataclass(frozen=True)
class Target:
    """`key`: of a queue, a role, a branch, a named shift or a letter of the matrix, or a person's name; "" where the
    kind says it all. `strategy`: "" means the target's own."""

    kind: TargetKind
    key: str = ""
    strategy: str = ""


def target_of(text: str) -> Target:
    """The target that a rule's words name; whether there is such a person or queue is not known here."""
    plain = words.plain(text)
    if plain in _WHOLE:
        return Target(_WHOLE[plain])
    plain, strategy = _without_strategy(plain)
    if plain in _WHOLE:
        return Target(_WHOLE[plain], "", strategy)
    if plain in ROLES:
        return Target("role", ROLES[plain], strategy)
    prefix, _, rest = plain.partition(" ")
    kind = _PREFIXES.get(prefix)
    if kind == "matrix":
        return Target("matrix", (rest or "r")[:1].upper().replace("Р", "R").replace("А", "A"), strategy)
    if kind is None or not rest:
        return Target("person", plain, strategy)
    if kind == "queue":
        rest = rest.replace(" ", "_")
    known = {"role": ROLES, "shift": SHIFTS}.get(kind, {})
    return Target(kind, known.get(rest, rest), strategy)


def _without_strategy(plain: str) -> tuple[str, str]:
    """`queue barbers round robin` to the queue and the strategy it ends with."""
    for choice in words.STRATEGIES:
        for name in (words.plain(choice.key), words.plain(choice.title)):
            if plain.endswith(f" {name}"):
                return plain.removesuffix(f" {name}"), choice.key
    return plain, ""
