"""Promo codes in a message: VESNA10, "промокод ЛЕТО", "по УЛЫБКА сколько процентов"."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from assistant.text import Text
from assistant.understanding import PromoSlot

Span = tuple[int, int]

_CODE = r"(?:[A-ZА-ЯЁ0-9][\w-]*[A-ZА-ЯЁ0-9]|[a-z][a-z0-9_-]{2,19}|[а-яё]{2,15}\d{1,4})"
_NAMED = re.compile(
    r"(?<![а-яё])(?:промо-?\s?код\w*|промик\w*|промо|купон\w*|код(?:у|ом|е|овое\s+слово|ы)?|кодовое\s+слово|слов[ооау]м?)"
    r"(?:\s+(?:на\s+скидку|из\s+\w+|с\s+\w+|от\s+\w+|такой|у\s+меня|есть|мой|«[^»]{1,25}»))*\s*[:«\"'(—–-]*\s*(?P<code>"
    + _CODE
    + r")",
    re.IGNORECASE,
)
_CERTAIN = re.compile(
    r"(?<![\w@./-])(?=[A-ZА-ЯЁ0-9-]*[A-ZА-ЯЁ]{3})(?=[A-ZА-ЯЁ-]*\d)[A-ZА-ЯЁ][A-ZА-ЯЁ0-9-]{3,19}(?![\w-]|\.\w)"
)
_LIKELY = re.compile(r"(?<![\w@./-])(?:[A-Z]{4,15}|[A-Z]{2,12}-?\d{2,4}|[A-Z][a-z]{2,12}\d{1,4})(?![\w-]|\.\w)")
_LED = re.compile(
    r"(?<![а-яё])(?:по|за|слово|словом|с|про|код|на)\s+[«\"']?(?P<code>[A-ZА-ЯЁ]{4,15}|[A-Z]{4,15})(?![\wа-яё])"
)
_CONTEXT = re.compile(
    r"(?<![а-яё])(?:промо|скидк|процент|купон|ввест|ввод|введ|примен|сработа|работает|действ|акци|бонус|суммир|вместе"
    r"|сертифик|сгор|сжига|слово\s|что\s+(?:дает|даёт|за)|живой|подарок|привести)",
    re.IGNORECASE,
)
# Capitals that are something else: apparatus, methods, programs, words of an attack.
_OTHER = re.compile(
    r"(?:COVID|КОВИД|Т\d|IPHONE|УМЦ|H?H?\d|SMAS|BBL|IPL|PRX|TCA|HIFU|ZOOM|LPG|HIIT|TABATA|WIFI|MINDRAY|SPA|INBODY|ROOT|SELECT|DROP"
    r"|UNION|TABLE|DELETE|INSERT|WHERE|FROM|ADMIN|SYSTEM|IGNORE|PROMPT|ASSISTANT|USER|JSON|HTML|HTTP|DUET\s|PUSH|VISA|CRM|SEO|SMM"
    r"|ИНН|СНИЛС|ОМС|ДМС|УЗИ|МРТ|ЭКГ|ФГДС|СРОЧНО)[\w-]*$",
    re.IGNORECASE,
)


def find_promos(text: Text) -> tuple[tuple[PromoSlot, Span], ...]:
    """Each code once, as it is written, with where it stands in `text.plain`; no number alone is a code."""
    found: dict[str, Span] = {}
    original = text.original
    shouts = sum(map(str.isupper, original)) > 0.4 * max(1, sum(map(str.isalpha, original)))

    def keep(word: str, start: int) -> None:
        word = word.rstrip("-_")
        is_known = any(word.lower() == other.lower() for other in found)
        if len(word) >= 3 and not is_known and re.search(r"[^\W\d]", word) and not _OTHER.match(word):
            found[word] = _plain_span(text, start, start + len(word))

    for match in _NAMED.finditer(original):
        word = match.group("code")
        named = match.group().lower()
        is_written_so = (word.isupper() and not shouts) or re.search(r"[\da-zA-Z]", word)
        if is_written_so and (named.startswith(("пром", "купон", "код")) or (word.isupper() and not shouts)):
            keep(word, match.start("code"))
    for match in _CERTAIN.finditer(original):
        keep(match.group(), match.start())
    if _CONTEXT.search(original) and not shouts:
        for match in _LIKELY.finditer(original):
            keep(match.group(), match.start())
        for match in _LED.finditer(original):
            if match.group("code").isupper():
                keep(match.group("code"), match.start("code"))
    return tuple((PromoSlot(word), span) for word, span in sorted(found.items(), key=lambda item: item[1]))


def _plain_span(text: Text, start: int, end: int) -> Span:
    """Where original[start:end] stands in the plain text."""
    first, last = bisect_left(text.starts, start), bisect_right(text.ends, end)
    return (first, last) if first < last else (0, 0)
