"""The client's or the patient's name in a message; never the staff's, never the one who is greeted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from assistant import lexicon
from assistant.text import Text, grammar, is_known, lemma
from assistant.understanding import NameSlot

_WORD = re.compile(r"[а-я]+(?:-[а-я]+)?")
_NEVER = frozenset(lexicon.load("names")["never"].split())


def find_names(text: Text, *, phones: Sequence[tuple[int, int]] = ()) -> tuple[NameSlot, ...]:
    """Names in their order, a surname and patronymic with them; `phones` are where the telephone numbers stand."""
    found: dict[str, tuple[int, int]] = {}

    def keep(span: tuple[int, int] | None) -> None:
        if span and not any(span[0] < end and start < span[1] for start, end in found.values()):
            found[text.own_words(*span)] = span

    data = lexicon.load("names")
    for match in _pattern(rf"(?<![а-я]){data['introductions']}\s*[:,-]?\s*").finditer(text.plain):
        is_sure = "зовут" in match.group() or re.search(r"им[яе]|фио|фамил", match.group()) is not None
        keep(_name_at(text, match.end(), sure=is_sure))
    for match in _pattern(
        rf"(?<![а-я])(?:(?:для|за|на|моего|моей|моему|мою|мой|моя|сво\w+)\s+)?{data['relations']}\s+"
    ).finditer(text.plain):
        keep(_name_at(text, match.end(), sure=False))
    for match in re.finditer(r"(?<![а-я])(?:это|я)\s*[,-]?\s*(?=[а-я])", text.plain):
        keep(_name_at(text, match.end(), sure=False, alone=True))
    for match in re.finditer(r"(?<![а-я])(?:запи[а-я]+)\s+(?:меня\s*,?\s*|пожалуйста\s*,?\s*)?(?=[а-я])", text.plain):
        keep(_name_at(text, match.end(), sure=False))
    for start, end in phones:
        keep(_before_phone(text, start))
        keep(_after_phone(text, end))
    if not found:
        keep(_alone(text))
    spans = sorted(found.values())
    return tuple(NameSlot(text.own_words(*span)) for span in spans)


def _name_at(text: Text, position: int, *, sure: bool, alone: bool = False) -> tuple[int, int] | None:
    """The name that begins at `position`: any word after "меня зовут", else only a known given name."""
    match = _WORD.match(text.plain, position)
    if match is None or match.group() in _NEVER:
        return None
    word = match.group()
    capital = text.original[text.starts[match.start()]].isupper()
    named = is_given_name(word)
    if sure:
        if not named and not capital and (is_known(word) and not {"Name", "Surn"} & grammar(word)):
            return None
    elif not (named and (capital or not _is_common(word))) and not (capital and "Surn" in grammar(word) and not alone):
        return None
    end = match.end()
    for _ in range(2):
        following = re.compile(r"\s+([а-я]+(?:-[а-я]+)?)").match(text.plain, end)
        if not following or following.group(1) in _NEVER:
            break
        tags = grammar(following.group(1))
        is_capital = text.original[text.starts[following.start(1)]].isupper()
        if not (is_capital and tags & {"Surn", "Patr", "Name"}) and "Patr" not in tags:
            break
        end = following.end()
    return match.start(), end


def _before_phone(text: Text, start: int) -> tuple[int, int] | None:
    """ "Анна, 8999...": the name that stands right before a telephone number."""
    head = text.plain[:start]
    match = re.search(
        r"([а-я]+(?:-[а-я]+)?(?:\s+[а-я]+(?:-[а-я]+)?)?)\s*[,.:;(-]?\s*(?:(?:мой\s+)?(?:тел|телефон|номер|т)\w*\s*[.:]?\s*)?\+?\(?\s*$",
        head,
    )
    if match is None:
        return None
    words = list(_WORD.finditer(text.plain, match.start(1), match.end(1)))
    for word in words:
        if _is_plainly_name(text, word) and not _is_staff(text, word.start()):
            return _name_at(text, word.start(), sure=False)
    return None


def _after_phone(text: Text, end: int) -> tuple[int, int] | None:
    match = re.compile(r"\s*[,.;:)-]?\s*(?:это\s+)?([а-я]+)").match(text.plain, end)
    if match is None:
        return None
    word = _WORD.match(text.plain, match.start(1))
    return _name_at(text, match.start(1), sure=False) if word and _is_plainly_name(text, word) else None


def _alone(text: Text) -> tuple[int, int] | None:
    """A message that is nothing but a name, or that is signed with one."""
    words = list(_WORD.finditer(text.plain))
    if 1 <= len(words) <= 3 and _is_plainly_name(text, words[0]) and not re.search(r"[!?]", text.plain):
        span = _name_at(text, words[0].start(), sure=False)
        return span if span and span[1] == words[-1].end() else None
    if (
        len(words) > 1
        and _is_plainly_name(text, words[-1])
        and re.search(r"[.!\n,]\s*$", text.plain[: words[-1].start()])
    ):
        return None if _is_staff(text, words[-1].start()) else (words[-1].start(), words[-1].end())
    return None


def _is_plainly_name(text: Text, word: re.Match[str]) -> bool:
    capital = text.original[text.starts[word.start()]].isupper()
    return word.group() not in _NEVER and is_given_name(word.group()) and (capital or not _is_common(word.group()))


def _is_staff(text: Text, start: int) -> bool:
    before = text.plain[:start]
    return _pattern(rf"(?<![а-я]){lexicon.load('names')['staff']}\s+$").search(before) is not None


@lru_cache(maxsize=20_000)
def is_given_name(word: str) -> bool:
    """Whether the word is a given name in any case: "Ивана", "Айгуль"."""
    return (is_known(word) and "Name" in grammar(word)) or lemma(word) in _extra() or word in _extra()


@lru_cache(maxsize=20_000)
def _is_common(word: str) -> bool:
    """Whether the word is also an everyday word ("вера", "роза", "майя" is not)."""
    return word not in _extra() and bool(
        grammar(word) & {"inan", "VERB", "ADJF", "ADVB", "INFN", "PREP", "CONJ", "PRCL", "NPRO"}
    )


@cache
def _extra() -> frozenset[str]:
    return frozenset(lexicon.load("names")["extra"].split())


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
