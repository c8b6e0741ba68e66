"""A message as a line of symbols: weekdays, months, numbers, parts of a day; what only looks like a time is masked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from assistant import lexicon
from assistant.text import Text, is_genitive


@dataclass(frozen=True)
class Line:
    text: Text
    symbols: str
    begins: list[int]  # of each symbol in `symbols`
    bounds: list[tuple[int, int]]  # of each symbol in text.plain

    @property
    def may_hold_time(self) -> bool:
        return HINT.search(self.symbols) is not None

    def plain_span(self, start: int, end: int) -> tuple[int, int]:
        """Where symbols[start:end] stands in text.plain."""
        first = bisect_right(self.begins, start) - 1
        last = bisect_right(self.begins, end - 1) - 1
        return self.bounds[first][0], self.bounds[last][1]

    def own_words(self, start: int, end: int) -> str:
        return self.text.own_words(*self.plain_span(start, end))


_TOKEN = re.compile(
    r"24/7|20\d\d-\d\d-\d\d(?!\d)|\d{1,2}:\d{2}(?!\d)|\d{1,2}[./]\d{1,2}[./](?:20)?\d{2}(?!\d)|\d{1,2}\.\d{1,2}(?![\d])|\d{1,2}/\d{1,2}(?![\d/])|\d+|[a-z]+|[а-я]+|[^\s\w]|_"
)
_SUFFIXES = {"го", "ого", "е", "ое", "его", "му", "ому", "ему", "ье", "ом"}
_COUNT_SUFFIXES = {"х", "ех", "ти", "ми", "и", "мью", "ю"}  # "до 4х", "к 5-ти": a number and no date
HINT = re.compile(
    r"\d|[A-Z]{2}|W\d|R\d|HOUR|вечер|утр|обед|работы|скорее|быстрее|раньше|срочн|сейчас|дн|день|праздник|рождеств"
    r"|каникул|asap|майск|числ|рабоч|весн|лето|летом|лета|зим|осен|открыт|закрыт|ранн|свободн|освобод|новогодн|масленниц|пасх|немедленно"
)


@cache
def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    data = lexicon.load("times")
    for symbol, forms in data["words"].items():
        for form in forms.split():
            words[form.replace("ё", "е")] = symbol
    words["час"] = words["часу"] = "HOUR1"
    for number, forms in data["numbers"].items():
        for form in forms.split():
            words[form] = str(number)
    for number, stem in data["ordinals"].items():
        for ending in ("его", "ему", "е", "ем") if number == 3 else ("го", "му", "е", "м"):
            words[stem + ending] = f"{number}@"
    return words


@cache
def _masks() -> re.Pattern[str]:
    masks = "|".join(f"(?:{mask})" for mask in lexicon.load("times")["masks"])
    return re.compile(rf"(?<!\S)(?:{masks})(?!\S)")


def line_of(text: Text, hidden: Sequence[tuple[int, int]]) -> Line:
    symbols: list[str] = []
    bounds: list[tuple[int, int]] = []
    words = _words()

    def put(symbol: str, start: int, end: int) -> None:
        symbols.append(symbol)
        bounds.append((start, end))

    for match in _TOKEN.finditer(text.plain):
        start, end = match.span()
        token = match.group()
        if any(left < end and start < right for left, right in hidden):
            put("_", start, end)
            continue
        glued = bool(bounds) and bounds[-1][1] == start
        if token[0].isdigit():
            put(_number_symbol(token), start, end)
            continue
        if not token[0].isalpha():
            put({'"': "'", "~": "~"}.get(token, token), start, end)
            continue
        if glued and symbols[-1].isdigit():
            if token in _COUNT_SUFFIXES:
                bounds[-1] = (bounds[-1][0], end)
                continue
            if token in ("м", "мин") and len(symbols) > 1 and symbols[-2].startswith("HOUR"):
                put("MIN", start, end)
                continue
            if token in _SUFFIXES and len(symbols[-1]) <= 2:
                symbols[-1] += "#"
                bounds[-1] = (bounds[-1][0], end)
                continue
            if token in ("к", "т", "тр", "тыщ"):
                put("PRICE", start, end)
                continue
        is_ending = token in _SUFFIXES or token in _COUNT_SUFFIXES
        if glued and is_ending and symbols[-1] == "-" and len(symbols) > 1 and symbols[-2].isdigit():
            symbols.pop()
            bounds.pop()
            symbols[-1] += "#" if token in _SUFFIXES else ""
            bounds[-1] = (bounds[-1][0], end)
            continue
        symbol = words.get(token)
        if symbol is None and token.startswith("пол") and (hour := words.get(token[3:], "")).endswith("@"):
            put("HALF", start, start + 3)
            put(hour, start + 3, end)
            continue
        is_tens = bool(symbols) and symbols[-1] in ("20", "30", "40", "50") and symbols[-2:-1] != ["без"]
        if symbol and symbol[0].isdigit() and is_tens and symbol != "0":
            unit = symbol.rstrip("@")
            if len(unit) == 1 and text.plain[bounds[-1][0]].isalpha():
                symbols[-1] = str(int(symbols[-1]) + int(unit)) + ("@" if symbol.endswith("@") else "")
                bounds[-1] = (bounds[-1][0], end)
                continue
        if token == "часа" and symbols and symbols[-1] in ("~", "AFTER", "UNTIL", "с", "от"):  # noqa: S105 - a word
            symbol = "HOUR1"
        put(symbol or token, start, end)
    _read_together(symbols, bounds, text.plain)
    line = _with_clocks(" ".join(symbols))
    line = _masks().sub(_masked, line)
    begins = [0]
    for symbol in symbols[:-1]:
        begins.append(begins[-1] + len(symbol) + 1)
    return Line(text, line, begins, bounds)


def _masked(found: re.Match[str]) -> str:
    return re.sub(r"\S", "_", found.group())


def _read_together(symbols: list[str], bounds: list[tuple[int, int]], plain: str) -> None:
    """Neighbours that are one thing: "после завтра" typed apart, a clock in words, "пятого" as a day of the month."""

    def join(index: int, symbol: str) -> None:
        symbols[index : index + 2] = [symbol]
        bounds[index : index + 2] = [(bounds[index][0], bounds[index + 1][1])]

    index = 0
    while index < len(symbols):
        symbol = symbols[index]
        following = symbols[index + 1] if index + 1 < len(symbols) else ""
        is_word = plain[bounds[index][0]].isalpha()
        if (symbol == "AFTER" and following == "R1" and plain[bounds[index][0] : bounds[index][1]] == "после") or (
            symbol == "по" and following == "слезавтра"
        ):
            join(index, "R2")
        elif symbol == "HALF" and following == "HOUR" and plain[bounds[index][0] : bounds[index][1]] == "пол":
            join(index, "HALFHOUR")
        elif (
            is_word
            and following in ("15", "20", "25", "30", "35", "40", "45", "50", "55")
            and symbol.isdigit()
            and 6 < int(symbol) < 24
            and plain[bounds[index + 1][0]].isalpha()
            and (index == 0 or not symbols[index - 1].isdigit())
            and (index + 2 == len(symbols) or not symbols[index + 2][0].isdigit())
        ):
            join(index, f"T{symbol}:{following}")
        elif symbol.endswith("@") and plain[: bounds[index][1]].endswith("го") and not _agrees(following):
            before = symbols[index - 1] if index else ""
            if before not in _NO_DATE_AFTER and not before.isdigit():
                symbols[index] = symbol[:-1] + "#"
        index += 1


_NO_DATE_AFTER = frozenset(
    ("HALF", "QUARTER", "BEGIN", "FINISH", "MIN", "-", *lexicon.load("times")["compared"].split())
)


def _agrees(word: str) -> bool:
    """Whether a word after "второго" is what is counted ("второго ребенка") and the ordinal no date."""
    return word.isalpha() and word.islower() and len(word) > 2 and is_genitive(word)


def sentence_around(symbols: str, start: int, end: int) -> str:
    """The sentence of the line in which symbols[start:end] stands."""
    return _clause(symbols, start, end, " .", " !", " ?", " ;", " )", " (")


def clause_around(symbols: str, start: int, end: int) -> str:
    """The part between commas in which symbols[start:end] stands."""
    return _clause(symbols, start, end, " .", " !", " ?", " ;", " )", " (", " ,", " :")


def _clause(symbols: str, start: int, end: int, *marks: str) -> str:
    left = max(
        symbols.rfind(f"{mark} ", 0, start) + (len(mark) if f"{mark} " in symbols[:start] else 0) for mark in marks
    )
    rights = [found for mark in marks if (found := symbols.find(mark, end)) >= 0]
    return symbols[max(left, 0) : min(rights, default=len(symbols))]


@cache
def context(name: str) -> re.Pattern[str]:
    """A pattern of `times.yaml` over whole symbols."""
    return re.compile(rf"(?<!\S){lexicon.load('times')[name]}(?!\S)")


def _number_symbol(token: str) -> str:
    """A number as written; a clock as T5:30, a date as D15.12 or D15.12.2026; an impossible one masked."""
    if token == "24/7":  # noqa: S105 - a token of a text, no secret
        return "_"
    if re.fullmatch(r"20\d\d-\d\d-\d\d", token):
        year, month, day = token.split("-")
        return f"D{day}.{month}.{year}"
    if ":" in token:
        hour, minute = map(int, token.split(":"))
        return f"T{token}" if hour <= 24 and minute < 60 else "_"
    if "." in token or "/" in token:
        first, second, *rest = re.split(r"[./]", token)
        if 1 <= int(first) <= 31 and 1 <= int(second) <= 12:
            return f"D{token}"
        if not rest and int(first) <= 23 and int(second) < 60 and len(second) == 2 and "." in token:
            return f"T{first}:{second}"
        return "_"
    return token


def _with_clocks(line: str) -> str:
    """Dates that are clocks after all: "в 10.10", "11.10 вечера"; lengths stay the same."""

    def clock(found: re.Match[str]) -> str:
        return f"{found.group(1)}T{found.group(2)}:{found.group(3)}"

    line = re.sub(r"(?<!\S)((?:в|во) )D(\d{1,2})\.(\d\d)(?!\S)", clock, line)
    line = re.sub(r"(?<!\S)((?:[RW]\d|M\d+|#) (?:на )?)D(\d{1,2})\.([0-5]0)(?!\S)", clock, line)
    return re.sub(r"(?<!\S)()D(\d{1,2})\.(\d\d)(?= (?:утра|вечера|дня|HOUR)(?!\S))", clock, line)
