"""The grammar of times: phrases of the symbol line to pieces (days, clocks, stretches), leftmost and longest first.

The patterns are data (`lexicon/time_grammar.yaml`); each names the method of `Reader` that builds its piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from assistant import lexicon
from assistant.times.clocks import ClockReader
from assistant.times.days import DayReader
from assistant.times.line import HINT
from assistant.times.shapes import (
    Clock,
    Piece,
)

Build = Callable[["Reader", "re.Match[str]"], "Piece | None"]


@cache
def _patterns() -> list[tuple[str, Build]]:
    """The rules in their order, their pieces filled in."""
    data = lexicon.load("time_grammar")
    pieces: dict[str, str] = {}

    def filled(pattern: str) -> str:
        return re.sub(r"%([A-Z_]+)%", lambda found: pieces[found.group(1)], pattern)

    for name, pattern in data["pieces"].items():
        pieces[name] = filled(pattern)
    rules: list[tuple[str, Build]] = [(pattern, getattr(Reader, name)) for name, pattern in data["rules"]]
    rules += [(pattern, _part(start, end)) for start, end, pattern in data["parts"]]
    rules += [(pattern, getattr(Reader, name)) for name, pattern in data["clocks"]]
    return [(filled(pattern), build) for pattern, build in rules]


@cache
def _grammar() -> list[tuple[re.Pattern[str], Build]]:
    """The rules, compiled, in their order."""
    return [(re.compile(rf"(?<!\S)(?:{pattern})(?!\S)"), build) for pattern, build in _patterns()]


@cache
def _words() -> tuple[frozenset[str], tuple[str, ...]]:
    """Russian words that the rules name, and beginnings of words where a rule goes on with any ending."""
    whole: set[str] = set()
    begun: set[str] = set()
    for pattern, _ in _patterns():
        for found in re.finditer(r"(?<!\\)[а-яa-z]+", pattern):
            word, following = found.group(), pattern[found.end() : found.end() + 1]
            if following in ("", " ", "|", ")", "'", "$"):
                whole.add(word)
            elif following == "?":
                whole |= {word, word[:-1]}
            else:
                begun.add(word)
    return frozenset(whole), tuple(sorted(word for word in begun if len(word) > 1))


@lru_cache(maxsize=20_000)
def _may_be_said(symbol: str) -> bool:
    """Whether a symbol can be part of any rule; a plain word that none names cannot."""
    whole, begun = _words()
    return not symbol.isalpha() or not symbol.islower() or symbol in whole or symbol.startswith(begun)


def _stretches(symbols: str) -> list[tuple[int, int]]:
    """The parts of a line worth reading: symbols of the rules in a row and two more, with a sign of time among them."""
    found: list[tuple[int, int]] = []
    start, position, after = -1, 0, 0
    for symbol in symbols.split(" "):
        end = position + len(symbol)
        if _may_be_said(symbol):
            start, after = (position if start < 0 else start), 0
        elif start >= 0:
            after += 1
            if after > 2:
                found.append((start, end))
                start = -1
        position = end + 1
    if start >= 0:
        found.append((start, len(symbols)))
    return [(first, last) for first, last in found if HINT.search(symbols, first, last)]


def _part(start: str | None, end: str | None) -> Build:
    """A part of the day; None is the opening or the closing hour."""
    first, last = _minute(start), _minute(end)

    def build(reader: Reader, found: re.Match[str]) -> Piece | None:
        left = reader.hours.opening if first is None else first
        right = reader.hours.closing if last is None else last
        if right <= left:
            left, right = first or 9 * 60, last or 21 * 60
        return Piece(*found.span(), clocks=[Clock(left, right, "part")])

    return build


def _minute(clock: str | None) -> int | None:
    return None if clock is None else int(clock[:2]) * 60 + int(clock[3:])


class Reader(DayReader, ClockReader):
    """One message's symbols being read at one moment."""

    def pieces(self) -> list[Piece]:
        """All phrases of the grammar, the leftmost and longest first, none overlapping."""
        found: list[tuple[int, int, int, Piece]] = []
        for first, last in _stretches(self.line.symbols):
            for order, (pattern, build) in enumerate(_grammar()):
                for match in pattern.finditer(self.line.symbols, first, last):
                    piece = build(self, match)
                    if piece is not None:
                        found.append((piece.start, -piece.end, order, piece))
        pieces: list[Piece] = []
        for _, _, _, piece in sorted(found, key=lambda item: item[:3]):
            if not pieces or piece.start >= pieces[-1].end:
                pieces.append(piece)
        return pieces
