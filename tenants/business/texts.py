"""The catalogue of what clients read: keys, defaults, placeholders; checks and fills a business's own wording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

CATALOGUE = Path(__file__).with_name("texts.yaml")
LONGEST = 1000  # characters: the shortest limit among the messengers, with room for what the placeholders bring
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Text:
    """One entry of the catalogue. `variants` are the defaults, one to three, equal in meaning.

    `familiar`: the same for a business that says «ты»; empty where the words are the same."""

    key: str
    group: str
    title: str  # Russian, for the owner
    required: tuple[str, ...]
    optional: tuple[str, ...]
    variants: tuple[str, ...]
    familiar: tuple[str, ...] = ()

    def spoken(self, tone: str) -> tuple[str, ...]:
        """The defaults in the business's tone, "vy" or "ty"."""
        return self.familiar or self.variants if tone == "ty" else self.variants

    @property
    def placeholders(self) -> tuple[str, ...]:
        return self.required + self.optional


@cache
def catalogue() -> dict[str, Text]:
    """Every text by its key, in the order an owner reads them."""
    return {
        key: Text(
            key=key,
            group=entry["group"],
            title=entry["title"],
            required=tuple(entry.get("required", ())),
            optional=tuple(entry.get("optional", ())),
            variants=tuple(entry["text"]),
            familiar=tuple(entry.get("ty", ())),
        )
        for key, entry in _source()["texts"].items()
    }


def groups() -> dict[str, str]:
    """Group key -> its Russian title, in order."""
    return dict(_source()["groups"])


def placeholder_titles() -> dict[str, str]:
    """Placeholder -> what it is filled with, in Russian."""
    return dict(_source()["placeholders"])


def check(key: str, text: str) -> list[str]:
    """What is wrong with a business's own text for `key`, one Russian sentence each; an empty list: it may be used."""
    entry = catalogue().get(key)
    if entry is None:
        return [f"Текста с ключом «{key}» нет."]
    if not text.strip():
        return ["Текст не может быть пустым."]
    used = PLACEHOLDER.findall(text)
    errors = []
    if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
        errors.append("Фигурная скобка без пары: подстановка пишется так: {when}.")
    for name in dict.fromkeys(used):
        if name not in entry.placeholders:
            allowed = ", ".join(f"{{{name}}}" for name in entry.placeholders) or "никакие"
            errors.append(f"Подстановка {{{name}}} здесь неизвестна. Можно использовать: {allowed}.")
    for name in entry.required:
        if name not in used:
            errors.append(f"Не хватает подстановки {{{name}}} ({placeholder_titles()[name]}).")
    if len(text) > LONGEST:
        errors.append(f"Текст длиннее {LONGEST} знаков.")
    return errors


def render(text: str, params: Mapping[str, str]) -> str:
    """The text with its placeholders filled. Values are put in as they are, never read as text with placeholders.

    A placeholder without a value raises KeyError; one with an empty value leaves no double spaces behind."""
    filled = PLACEHOLDER.sub(lambda match: params[match[1]], text)
    return "\n".join(re.sub(r" {2,}", " ", line).strip(" ") for line in filled.splitlines()).strip()


@cache
def _source() -> dict:
    return yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
