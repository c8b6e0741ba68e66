"""The client's or the patient's name in a message; never the staff's, never the one who is greeted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from assistant import lexicon
from assistant.text import Text, grammar, is_known, lemma, likeliest
from assistant.understanding import NameSlot

_WORD = re.compile(r"[а-я]+(?:-[а-я]+)?")
_LEADS = frozenset(lexicon.load("names")["leads"].split())
_FAMILY_ENDING = re.compile(
    r"(?:ов|ев|ин|ын|ск(?:ий|ая|ую|ого|ой)|ов[аую]|ев[аую]|ин[ауы]|ын[ау]|овой|евой|иной|ко|ук|юк|ян|швили|дзе|ман|вич|их|ых)$"
)
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
    for signature in _pattern(rf"(?<![а-я]){data['signatures']}").finditer(text.plain):
        near = list(_WORD.finditer(text.plain, max(0, signature.start() - 60), signature.start()))[-2:]
        if near and re.fullmatch(r"[\s,]*", text.plain[near[-1].end() : signature.start()]):
            keep(_named_words(text, near[0].start(), near[-1].end()))
    for absence in _pattern(rf"(?<![а-я]){data['stays_away']}").finditer(text.plain):
        for word in list(_WORD.finditer(text.plain, max(0, absence.start() - 50), absence.start()))[-5:]:
            if _is_plainly_name(text, word) and not _is_staff(text, word.start()) and is_nominative_name(word.group()):
                keep((word.start(), word.end()))
    for match in _pattern(rf"(?<![а-я]){data['writes']}\s+(?=[а-я])").finditer(text.plain):
        keep(_name_at(text, match.end(), sure=False))
    for match in _pattern(rf"(?<![а-я]){data['handles']}\s+(?=[а-я])").finditer(text.plain):
        keep(_object_at(text, match.end()))
    for match in _pattern(
        rf"(?<![а-я])(?:(?:для|за|на|моего|моей|моему|мою|мой|моя|сво\w+)\s+)?{data['relations']}\s+"
    ).finditer(text.plain):
        following = text.plain[match.end() : match.end() + 60]
        if not _pattern(r"[а-я]+\s+(?:мне\s+|нам\s+)?(?:по|на|рас)?(?:совет|рекоменд|сказал|хвал|ходит|был)").match(
            following
        ):
            keep(_name_at(text, match.end(), sure=False))
    for match in _pattern(
        r"(?<![а-я])(?:для|(?:запись|записи|прием|талон|визит|бронь)\s+(?:на|от)?)\s+(?=[а-я])"
    ).finditer(text.plain):
        keep(_patient_at(text, match.end(), is_led="для" in match.group()))
    for match in re.finditer(r"(?<![а-я])(?:это|я)\s*[,-]?\s*(?=[а-я])", text.plain):
        keep(_name_at(text, match.end(), sure=False, alone=True))
    for match in re.finditer(r"(?<![а-я])(?:запи[а-я]+)\s+(?:меня\s*,?\s*|пожалуйста\s*,?\s*)?(?=[а-я])", text.plain):
        keep(_name_at(text, match.end(), sure=False))
    for start, end in phones:
        keep(_before_phone(text, start))
        keep(_after_phone(text, end))
    for span in _segments(text):
        keep(span)
    if not found:
        keep(_alone(text))
    return tuple(NameSlot(_with_initials(text, *span)) for span in sorted(found.values()))


def _with_initials(text: Text, start: int, end: int) -> str:
    """The client's own words, "Г.П." after a surname with them."""
    initials = re.match(r"\s[А-ЯЁ]\.(?:\s?[А-ЯЁ]\.)?", text.original[text.ends[end - 1] :])
    return text.own_words(start, end) + (initials.group() if initials else "")


def _patient_at(text: Text, position: int, *, is_led: bool) -> tuple[int, int] | None:
    """Whose visit it is: "для Любови Андреевны", "запись на Кузнецову"; a given name alone may be the master's."""
    word = _WORD.match(text.plain, position)
    if word is None or not text.original[text.starts[position]].isupper():
        return None
    if is_led:
        return _name_at(text, position, sure=False)
    is_family = _is_family_name(text, word, may_be_place=True) and _FAMILY_ENDING.search(word.group())
    return (word.start(), word.end()) if is_family else None


def _segments(text: Text) -> list[tuple[int, int]]:
    """Names that stand by themselves between marks ("чистка, Эмма, суббота") or end the message; no greeted one."""
    found = []
    opening = re.match(
        r"\s*([а-я]+)\s+(?:(?:апа|абый|мо[а-я]+|наш[а-я]+)\s+)?(?:(?:на|в|с|из|к|по)\s|\d+\s*(?:год|лет|мес))",
        text.plain,
    )
    first = _WORD.match(text.plain, opening.start(1)) if opening else None
    if (
        first
        and _is_plainly_name(text, first)
        and (is_nominative_name(first.group()) or "accs" in grammar(first.group()))
    ):
        found.append(first.span())  # "Маша на 12:00, отмена", "Гришу к окулисту не поведем"
    pieces = list(re.finditer(r"[^,.;:/!?\n()]+", text.plain))
    for index, piece in enumerate(pieces):
        words = list(_WORD.finditer(text.plain, piece.start(), piece.end()))
        if not words:
            continue
        is_whole = len(words) <= 3 and not re.search(r"\d", piece.group())
        before = pieces[index - 1].group() if index else ""
        after = pieces[index + 1].group() if index + 1 < len(pieces) else ""
        if any(start < piece.end() and piece.start() < end for start, end in found):
            continue
        if re.fullmatch(r"\s*[а-я-]+(?:\s+[а-я-]+)?\s+и\s+[а-я-]+\s*", piece.group()) and all(
            _is_plainly_name(text, word) for word in words if word.group() != "и"
        ):
            found += [word.span() for word in words if word.group() != "и"]  # "Аня и Катя"
            continue
        is_surname = len(words) == 1 and _is_surname_alone(text, words[0])
        if len(words) == 1 and not (is_surname or is_nominative_name(words[0].group())):
            continue  # "Паш, ..." calls somebody
        if is_whole and (span := _named_words(text, words[0].start(), words[-1].end(), whole=True)):
            if _greets(before, is_before=True) or (index == 0 and _greets(after, is_before=False)):
                continue
            if (
                index == 0
                and not is_surname
                and (
                    len(pieces) < 2 or _pattern(r"(?<![а-я])(?:ты|тебя|тебе|давай|можешь)(?![а-я])").search(text.plain)
                )
            ):
                continue
            found.append(span)
        elif index + 1 == len(pieces) and len(words) > 1 and not _is_staff(text, words[-1].start()):
            last = words[-1]
            if is_nominative_name(last.group()) and _is_plainly_name(text, last) and words[-2].group() not in _LEADS:
                found.append((last.start(), last.end()))
    return found


def _greets(segment: str, *, is_before: bool) -> bool:
    words = segment.split()
    near = words[-2:] if is_before else words[:2]
    return any(_pattern(lexicon.load("names")["greetings"]).match(word) for word in near)


def _named_words(text: Text, start: int, end: int, *, whole: bool = False) -> tuple[int, int] | None:
    """The span from `start` to `end` (or its last word) when it is nothing but a name, with surname or patronymic."""
    words = list(_WORD.finditer(text.plain, start, end))
    end = words[-1].end() if words else end
    words = [word for index, word in enumerate(words) if index == 0 or len(word.group()) > 1]  # initials: "Валеев Р."
    names = [_is_plainly_name(text, word) for word in words]
    families = [_is_family_name(text, word, may_be_place=len(words) > 1 or whole) for word in words]
    is_all = bool(words) and all(name or family for name, family in zip(names, families, strict=True))
    if is_all and (whole or any(names)):
        return words[0].start(), end
    if not whole and words and names[-1] and not _is_staff(text, words[-1].start()):
        return words[-1].start(), words[-1].end()
    return None


def _is_surname_alone(text: Text, word: re.Match[str]) -> bool:
    """ "Борисов. 20:00 не приеду": a surname and nothing beside it."""
    plain = word.group()
    is_surname = _FAMILY_ENDING.search(plain) is not None and _is_family_name(text, word, may_be_place=True)
    return is_surname and not _is_staff(text, word.start())


def _is_family_name(text: Text, word: re.Match[str], *, may_be_place: bool = False) -> bool:
    """A capitalised surname or patronymic that is no everyday word."""
    plain = word.group()
    if len(plain) < 4 or plain in _NEVER or not text.original[text.starts[word.start()]].isupper():
        return False
    tags = grammar(plain)
    if ("Geox" in tags and not may_be_place) or "Orgn" in tags:
        return False
    return "Patr" in tags or ("Surn" in tags and (not is_known(plain) or "Surn" in likeliest(plain)))


def _object_at(text: Text, position: int) -> tuple[int, int] | None:
    """ "вычеркните Закирову", "снимите с приема Егорову Аню": a name in the accusative, no master's."""
    for match in list(re.compile(r"[а-я]+(?:-[а-я]+)?|[.,;:!?\n]").finditer(text.plain, position))[:5]:
        if not match.group()[0].isalpha():
            return None
        tags = grammar(match.group())
        is_capital = text.original[text.starts[match.start()]].isupper()
        led = re.search(r"(?<![а-я])(?:к|ко|у|с|со|от|на)\s+$", text.plain[: match.start()])
        if is_capital and not led and "accs" in tags and tags & {"Name", "Surn"} and not _is_staff(text, match.start()):
            return _name_at(text, match.start(), sure=False)
    return None


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
    """A message that is nothing but a name."""
    words = list(_WORD.finditer(text.plain))
    if 1 <= len(words) <= 3 and _is_plainly_name(text, words[0]) and not re.search(r"[!?]", text.plain):
        span = _name_at(text, words[0].start(), sure=False)
        return span if span and span[1] == words[-1].end() else None
    return None


def _is_plainly_name(text: Text, word: re.Match[str]) -> bool:
    capital = text.original[text.starts[word.start()]].isupper()
    if "Voct" in likeliest(word.group()) and word.group() not in _extra():
        return False  # "Паш, ..." calls somebody
    return word.group() not in _NEVER and is_given_name(word.group()) and (capital or not _is_common(word.group()))


def _is_staff(text: Text, start: int) -> bool:
    before = text.plain[:start]
    return _pattern(rf"(?<![а-я]){lexicon.load('names')['staff']}\s+$").search(before) is not None


@lru_cache(maxsize=20_000)
def is_nominative_name(word: str) -> bool:
    """Whether a given name stands in the nominative, as one signs: "Анна", "Айгуль"."""
    return word in _extra() or "nomn" in likeliest(word) or lemma(word) == word


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
