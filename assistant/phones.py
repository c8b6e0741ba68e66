"""Telephone numbers in a message, as people in Russia write them, to E.164."""

from __future__ import annotations

import re

from assistant import lexicon
from assistant.text import Text
from assistant.understanding import PhoneSlot

_GAP = r"[\s.\-_()/\[\]{}]{0,3}"
_RUSSIAN = re.compile(
    rf"(?<![\d+])(?P<country>\+ ?[78]|8|7|\+(?=9\d{{9}}(?!\d)))?(?P<before>{_GAP})"
    rf"(?P<city>[34789]\d{{2}}[ )\]}}]{{0,2}})"
    rf"(?P<rest>(?:{_GAP}\d){{7}})(?!\d)(?!{_GAP}(?!(?:\+?7|8)?{_GAP}9\d\d)\d{{3}})"
)
_FOREIGN = re.compile(r"(?<![\d+])\+(?! ?7|8 ?9|9\d{9}(?!\d))(?P<digits>[1-9]\d{0,2}(?:[\s.\-()]{0,3}\d){7,12})(?!\d)")
# Letters typed for digits, of the same length: "79O1", "8 9I7".
_AS_DIGITS = (
    (re.compile(r"(?<=\d)[oо](?=[oо\d\s()-])|(?<=\d[oо])[oо](?=\d)"), "0"),
    (re.compile(r"(?<=\d)[il|](?=\d)"), "1"),
)
# Numbers that are counted, not called; a bare ten digits after these are no telephone.
_PAPERS = re.compile(
    r"(?:договор|заказ|чек|счет|карт|паспорт|полис|снилс|инн|огрн|накладн|трек|артикул|лицев|квитанц|заявк)[а-я]*\s*(?:номер|n)?\s*[:#]?\s*$",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:https?://|vk\.com/|ok\.ru/|t\.me/)(?!wa\.me|api\.whatsapp)\S*")
_TOKEN = re.compile(r"[а-я]+|\d+|[^\s\w]")
_USUAL_GROUPS = ((1, 3, 3, 2, 2), (4, 3, 2, 2), (3, 3, 2, 2), (1, 3, 3, 4), (1, 3, 7), (4, 7))  # however parted
_BETWEEN = frozenset(lexicon.load("spoken_numbers")["between"].split())
_NUMBERS: dict[str, list[str]] = {
    kind: words.split() for kind, words in lexicon.load("spoken_numbers").items() if kind != "between"
}
_ZEROS = frozenset(("нуля", "ноля", "нулика"))
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

    plain = _with_digits(text.plain)
    links = [found.span() for found in _LINK.finditer(plain)]
    for match in _RUSSIAN.finditer(plain):
        digits = re.sub(r"\D", "", match.group("city") + match.group("rest"))
        is_bare = not match.group("country")
        if (
            is_bare
            and (digits[0] != "9" or _PAPERS.search(plain[: match.start()]))
            and "(" not in match.group("before")
        ):
            continue
        if any(left <= match.start() < right for left, right in links):
            continue
        start = match.start()
        while not (plain[start].isdigit() or plain[start] in "+("):
            start += 1
        if re.search(r"\n", match.group("rest")):
            continue
        keep(f"+7{digits}", start, match.end())
    for match in _FOREIGN.finditer(plain):
        digits = re.sub(r"\D", "", match.group("digits"))
        if 10 <= len(digits) <= 15:
            keep(f"+{digits}", *match.span())
    for digits, start, end in _dictated(plain):
        is_other = any(left < end and start < right for _, (left, right) in found) or _PAPERS.search(plain[:start])
        if not is_other:
            keep(f"+7{digits}", start, end)
    return tuple(sorted(found, key=lambda item: item[1]))


def _with_digits(plain: str) -> str:
    for letters, digit in _AS_DIGITS:
        plain = letters.sub(digit, plain)
    return plain


def _dictated(plain: str) -> list[tuple[str, int, int]]:
    """Mobile numbers said in words, wholly or in part, or digit by digit: ten digits each and where they stand."""
    found: list[tuple[str, int, int]] = []
    run: list[tuple[str, int, int]] = []  # what kind of number, its place
    for match in [*_TOKEN.finditer(plain), None]:
        word = match.group() if match else ""
        if match and word in _ZEROS and run and run[-1][0] in ("два", "три"):
            run[-1] = ("0" * (2 if run[-1][0] == "два" else 3), run[-1][1], match.end())  # "три нуля"
            continue
        if match and (word.isdigit() or word in _HUNDREDS or word in _TENS or word in _UNITS):
            run.append((word, *match.span()))
        elif not match or not (word in _BETWEEN or (run and not word.isalnum() and word not in "?!;")):
            if len(run) >= 4:
                found += _numbers_in(run)
            run = []
    return found


def _numbers_in(run: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The telephone numbers in a row of numbers, the first that fits at each place."""
    found: list[tuple[str, int, int]] = []
    first = 0
    while first < len(run):
        taken = _ten_digits(run, first)
        if taken is None:
            first += 1
            continue
        digits, after = taken
        words = [word for word, _, _ in run[first:after]]
        groups = tuple(len(word) for word in words)
        is_whole = sum(groups) == 11 and len(set(groups)) > 1  # with its 8: "89 17 400 12 34"
        if any(word.isalpha() for word in words) or set(groups) == {1} or groups in _USUAL_GROUPS or is_whole:
            found.append((digits, run[first][1], run[after - 1][2]))
        first = after
    return found


def _ten_digits(run: list[tuple[str, int, int]], first: int) -> tuple[str, int] | None:
    """Ten digits of a mobile number read from `first` on, its 7 or 8 dropped, and the place after them."""
    digits, kind = "", ""
    number = 0
    for index in range(first, len(run)):
        word = run[index][0]
        last, kind = kind, _kind(word)
        value = 0 if kind == "digits" else _value(word)
        joins = (last, kind) in (("hundred", "ten"), ("hundred", "unit"), ("ten", "unit")) and value
        if joins and not (last == "ten" and value > 9):
            number += value
        else:
            digits += str(number) if last and last != "digits" else ""
            number = value
            digits += word if kind == "digits" else ""
        whole = digits + (str(number) if kind != "digits" else "")
        following = run[index + 1][0] if index + 1 < len(run) else ""
        may_grow = kind in ("hundred", "ten") and _kind(following) in ("ten", "unit") and _value(following) > 0
        if may_grow and not (kind == "ten" and _value(following) > 9):
            continue
        national = whole[1:] if whole[:1] in ("7", "8") and len(whole) == 11 else whole
        if len(national) == 10 and national[0] == "9":
            return national, index + 1
        if len(whole) >= 11:
            return None
    return None


def _kind(word: str) -> str:
    if word.isdigit():
        return "digits"
    return "hundred" if word in _HUNDREDS else "ten" if word in _TENS else "unit" if word in _UNITS else ""


def _value(word: str) -> int:
    return _HUNDREDS.get(word) or _TENS.get(word) or (_UNITS.index(word) if word in _UNITS else 0)
