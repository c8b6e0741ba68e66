"""A visit moved by so much from where it stands: «на час позже», «подвиньте на полчасика», «дня на два пораньше»."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from assistant import lexicon
from assistant.text import Text

HOUR, DAY = 60, 24 * 60
_MINUTES = {"мин": 1, "час": HOUR, "ден": DAY, "дн": DAY, "сут": DAY, "нед": 7 * DAY, "мес": 30 * DAY}
_NUMBERS: dict[str, float] = {"полтора": 1.5, "полторы": 1.5, "пару": 2, "пары": 2, "пол": 0.5}
_NUMBER = r"\d{1,2}(?:[.,]5)?|[а-я]{2,12}"
_UNIT = r"мин(?:ут\w*)?|час(?:а|ов|ик|ика|иков|ок|очек)?|ден(?:ь|ек)|дн(?:я|ей)|сут(?:ки|ок)|недел\w*|нед|мес(?:яц\w*)?"
_BEFORE = r"(?:по)?раньше|(?:по)?ранее|назад"
_AFTER = r"(?:по)?позже|(?:по)?позднее|вперед|дальше"
_SIZE = rf"(?:(?P<half>полчас\w*|пол\s+часа)|(?:(?P<number>{_NUMBER})\s*)?(?P<unit>{_UNIT}))"
_TURNED = rf"(?P<turned>{_UNIT})\s+(?:так\s+|эдак\s+)?на\s+(?P<count>{_NUMBER})"
_SAID = re.compile(
    rf"(?<![а-я])(?:(?P<before>{_BEFORE}|{_AFTER})[\s,]+(?:(?:немного|чуть|так|где-то|примерно)[\s,]+){{0,2}})?(?:{_TURNED}|(?:на|плюс)\s+{_SIZE})"
    rf"(?:\s+(?P<after>{_BEFORE}|{_AFTER}))?(?![а-я]|\s+(?:дня|ночи))|(?<![а-я])(?P<bare>час|сутки|неделю|месяц)\s+(?P<ahead>вперед)(?![а-я])"
)


@dataclass(frozen=True)
class Shift:
    """`minutes` later than the visit stands, negative for earlier; a month counts 30 days."""

    minutes: int
    span: tuple[int, int]  # in `text.plain`


def find_shift(text: Text) -> Shift | None:
    """The first shift said; without «позже» or «раньше» only beside a verb of moving, and then later.

    «Перенесите на час» names one o'clock and is none."""
    for found in _SAID.finditer(text.plain):
        size = _size(found)
        direction = found["before"] or found["after"] or found["ahead"]
        if size and (direction or _is_moved(text.plain, found)):
            is_earlier = bool(direction and re.fullmatch(_BEFORE, direction))
            return Shift(-size if is_earlier else size, found.span())
    return None


def _size(found: re.Match[str]) -> int:
    """Minutes, 0 when the words are no amount."""
    if found["half"]:
        return HOUR // 2
    unit = found["unit"] or found["turned"] or found["bare"]
    said = found["number"] or found["count"]
    minutes = next(value for begins, value in _MINUTES.items() if unit.startswith(begins))
    if not said:
        return 0 if unit.startswith("мин") else minutes
    number = float(said.replace(",", ".")) if said[0].isdigit() else _numbers().get(said, 0)
    return round(number * minutes)


def _is_moved(plain: str, found: re.Match[str]) -> bool:
    """Whether a verb of moving stands in the same sentence; "перенести" is said of clocks and weeks too."""
    start = max(plain.rfind(mark, 0, found.start()) for mark in ".!?\n") + 1
    sentence = plain[start : found.end() + 30]
    if re.search(r"(?<![а-я])(?:с|пере|по|подо|ото)?двин|(?<![а-я])смест|(?<![а-я])переед", sentence):
        return True
    is_clock_or_week = found["unit"] in ("час", "неделю") and not found["number"]
    return not is_clock_or_week and re.search(r"(?<![а-я])(?:перен[ео]с|отлож)", sentence) is not None


@cache
def _numbers() -> dict[str, float]:
    words = {
        form: float(number) for number, forms in lexicon.load("times")["numbers"].items() for form in forms.split()
    }
    return {**words, **_NUMBERS}
