"""Telephone numbers in a message, as people in Russia write them, to E.164."""

from __future__ import annotations

import re

from assistant import lexicon
from assistant.text import Text
from assistant.understanding import PhoneSlot

_GAP = r"[\s.\-_()/]{0,3}"
_RUSSIAN = re.compile(
    rf"(?<![\d+])(?P<country>\+ ?7|8|7)?(?:{_GAP})(?P<city>\(? ?[3489]\d{{2}} ?\)?)"
    rf"(?P<rest>(?:{_GAP}\d){{7}})(?!\d)(?!{_GAP}\d{{3}})"
)
_FOREIGN = re.compile(r"(?<![\d+])\+(?!7)(?P<digits>[1-9]\d{0,2}(?:[\s.\-()]{0,3}\d){7,12})(?!\d)")
_SPOKEN = re.compile(r"(?<![а-я])(?:плюс\s+семь|восемь)(?=[\s,]+(?:девятьсот|\(?9\d\d))")
_NUMBERS: dict[str, list[str]] = {kind: words.split() for kind, words in lexicon.load("spoken_numbers").items()}
_HUNDREDS = {word: 100 * number for number, word in enumerate(_NUMBERS["hundreds"], start=1)}
_TENS = {word: 10 * number for number, word in enumerate(_NUMBERS["tens"], start=2)}
_UNITS = _NUMBERS["units"]


def find_phones(text: Text) -> tuple[tuple[PhoneSlot, tuple[int, int]], ...]:
    """Each number once, with where it stands in `text.plain`; a local number without its city code is no E.164."""
    found: list[tuple[PhoneSlot, tuple[int, int]]] = []
    seen: set[str] = set()

    def keep(e164: str, start: int, end: int) -> None:
        if e164 not in seen:
            seen.add(e164)
            found.append((PhoneSlot(text.own_words(start, end).strip(" -.("), e164), (start, end)))

    for match in _RUSSIAN.finditer(text.plain):
        digits = re.sub(r"\D", "", match.group("city") + match.group("rest"))
        is_mobile = digits[0] == "9"
        if not match.group("country") and not is_mobile and "(" not in match.group("city"):
            continue
        start = match.start()
        while not (text.plain[start].isdigit() or text.plain[start] in "+("):
            start += 1
        if re.search(r"\n", match.group("rest")):
            continue
        keep(f"+7{digits}", start, match.end())
    for match in _FOREIGN.finditer(text.plain):
        digits = re.sub(r"\D", "", match.group("digits"))
        if 10 <= len(digits) <= 15:
            keep(f"+{digits}", *match.span())
    for match in _SPOKEN.finditer(text.plain):
        spoken = _spoken(text.plain, match.end())
        if spoken:
            keep(f"+7{spoken[0]}", match.start(), spoken[1])
    return tuple(found)


def _spoken(plain: str, start: int) -> tuple[str, int] | None:
    """Ten digits said in words ("девятьсот семнадцать ...") from `start` on, and where they end."""
    digits = ""
    number = 0
    last = ""  # what kind of word the running number ended with
    end = start
    for match in re.finditer(r"[а-я]+|\d+", plain[start:]):
        word = match.group()
        if word.isdigit():
            kind, value = "digits", word
        elif word in _HUNDREDS:
            kind, value = "hundred", str(_HUNDREDS[word])
        elif word in _TENS:
            kind, value = "ten", str(_TENS[word])
        elif word in _UNITS:
            kind, value = "unit", str(_UNITS.index(word))
        else:
            break
        follows = (last, kind) in (("hundred", "ten"), ("hundred", "unit"), ("ten", "unit")) and value != "0"
        if follows and not (last == "ten" and int(value) > 9):
            number += int(value)
        else:
            digits += str(number) if last and last != "digits" else ""
            number = 0 if kind == "digits" else int(value)
            digits += value if kind == "digits" else ""
        last, end = kind, start + match.end()
        if len(digits) + (len(str(number)) if last != "digits" else 0) >= 10 and kind in ("unit", "digits"):
            break
    digits += str(number) if last and last != "digits" else ""
    return (digits, end) if len(digits) == 10 and digits[0] == "9" else None
