"""What the form of rules offers to choose from: the business's own people, queues, branches, services, texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.models import Promotion
from routing.models import AdSpend, Queue
from routing.rules import words
from routing.rules.targets import SHIFTS, Target, TargetKind, target_of
from tenants.business.models import Branch, Service, StaffMember
from tenants.business.texts import catalogue
from tenants.models import Role

_SOURCES = ("Instagram", "Telegram", "WhatsApp", "ВКонтакте", "MAX", "сайт", "звонок")
_SAID = frozenset({"name", "business"})  # what a rule's reply can fill in
_LETTERS = {"R": "кто делает (R)", "A": "кто отвечает (A)", "C": "с кем советуются (C)", "I": "кого извещают (I)"}
_SHIFTS = {"morning": "утренняя смена", "day": "дневная смена", "evening": "вечерняя смена"}


@dataclass(frozen=True)
class Option:
    """`value` as it stands in a rule."""

    value: str
    title: str


@dataclass(frozen=True)
class Choices:
    """Whom a rule can name, by group; texts that a reply can be; words that fields of free text are known to have."""

    targets: Sequence[tuple[str, Sequence[Option]]]
    texts: Sequence[Option]
    suggested: Mapping[str, Sequence[str]]  # field key -> values

    def target_title(self, value: str) -> str:
        """How a target is called on a screen; its own words where the business has nobody of that name."""
        wanted = target_of(value)
        plain = Target(wanted.kind, wanted.key)
        for _, options in self.targets:
            for option in options:
                if target_of(option.value) == plain:
                    strategy = words.choice_of(words.STRATEGIES, wanted.strategy) if wanted.strategy else None
                    return f"{option.title}, {strategy.title}" if strategy else option.title
        return f"{value} (нет такого)"

    def is_known(self, value: str) -> bool:
        """Whether the business has whom the words name."""
        return not self.target_title(value).endswith("(нет такого)")

    def text_title(self, key: str) -> str:
        return next((text.title for text in self.texts if text.value == key), key)


def load_choices() -> Choices:
    """The current tenant's, in seven queries."""
    people = list(StaffMember.objects.filter(is_active=True).values_list("name", "role"))
    branches = list(Branch.objects.filter(is_active=True))
    services = list(Service.objects.values_list("name", "category"))
    spend = list(AdSpend.objects.values_list("source", "campaign").distinct())
    roles = {role for _, role in people}
    return Choices(
        targets=[
            ("Очереди", [Option(f"queue_{key}", name) for key, name in Queue.objects.values_list("key", "name")]),
            ("Сотрудники", [Option(_unmistakable(name, "person", "сотрудник"), name) for name, _ in people]),
            ("Роли", [Option(f"role_{role}", f"все: {role.label.lower()}") for role in Role if role.value in roles]),
            ("Филиалы", [Option(f"филиал {branch.name}", branch.name) for branch in branches]),
            ("Смены", [Option(f"shift_{key}", _SHIFTS[key]) for key in dict.fromkeys(SHIFTS.values())]),
            ("Матрица", [Option(f"matrix_{letter}", title) for letter, title in _LETTERS.items()]),
            ("Другие", [Option("previous", "прежний менеджер клиента"), Option("backup", "резервный сотрудник")]),
        ],
        texts=[Option(text.key, text.title) for text in catalogue().values() if set(text.required) <= _SAID],
        suggested={
            "source": _once([*_SOURCES, *(source for source, _ in spend)]),
            "utm_source": _once(source for source, _ in spend),
            "utm_campaign": _once(campaign for _, campaign in spend),
            "promo": _once(Promotion.objects.values_list("code", flat=True)),
            "service": _once(name for name, _ in services),
            "category": _once(category for _, category in services),
            "branch": [branch.name for branch in branches],
            "district": _once(district for branch in branches for district in branch.districts),
        },
    )


def _unmistakable(name: str, kind: TargetKind, prefix: str) -> str:
    """A person's name alone, unless it would be read as something else."""
    return name if target_of(name) == Target(kind, words.plain(name)) else f"{prefix} {name}"


def _once(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value}, key=str.casefold)
