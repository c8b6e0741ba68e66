"""What invented clients and staff say: templates of `phrases/*.yaml`, filled so that hardly two are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("phrases")
_GENDER = re.compile(r"\[([^|\]]+)\|([^\]]+)\]")


@dataclass(frozen=True)
class Asked:
    """A service of the price list in clients' words."""

    name: str
    weight: int
    acc: tuple[str, ...]
    nom: tuple[str, ...]


@dataclass(frozen=True)
class Phrases:
    """Everything said in one business: the common words and those of its trades."""

    common: Mapping[str, Any]
    services: tuple[Asked, ...]
    consultation: tuple[str, ...]
    complaint: tuple[str, ...]
    urgent: tuple[str, ...]

    @classmethod
    def of(cls, trades: Sequence[str]) -> Phrases:
        files = [_read(trade) for trade in trades]
        common = _read("common")
        return cls(
            common=common,
            services=tuple(
                Asked(name, told["weight"], tuple(told["acc"]), tuple(told["nom"]))
                for file in files
                for name, told in file["services"].items()
            ),
            consultation=tuple(text for file in files for text in file["consultation"]),
            complaint=(*common["complaint"], *(text for file in files for text in file["complaint"])),
            urgent=tuple(text for file in files for text in file.get("urgent", ())),
        )

    def service(self, rng: Random, names: Sequence[str] | None = None) -> Asked:
        """One that clients ask for, the popular ones more often; `names`: one of these where there are any."""
        pool = [asked for asked in self.services if names is None or asked.name in names] or list(self.services)
        return rng.choices(pool, [asked.weight for asked in pool])[0]

    def say(self, rng: Random, kind: str, *, is_woman: bool, **values: str) -> str:
        """One of the common templates of a kind («booking_when», «staff.offer»), filled."""
        found: Any = self.common
        for key in kind.split("."):
            found = found[key]
        return fill(rng.choice(found), is_woman=is_woman, **values)

    def greeting(self, rng: Random) -> str:
        return rng.choice(self.common["greetings"])


def fill(template: str, *, is_woman: bool, **values: str) -> str:
    """`[он|она]` by gender, then the placeholders."""
    return _GENDER.sub(lambda match: match[2 if is_woman else 1], template).format(**values)


def opened(greeting: str, text: str, rng: Random) -> str:
    """A greeting and the rest, with a capital as often as people take the trouble."""
    if not greeting:
        return text[:1].upper() + text[1:] if rng.random() < 0.6 else text
    return greeting + (text[:1].upper() + text[1:] if greeting.rstrip().endswith(("!", ".")) else text)


@cache
def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
