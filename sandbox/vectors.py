"""Meaning as a vector, by plain rules: words of one subject point one way, all others where a hash puts them."""

from __future__ import annotations

import hashlib
import math
import re

SIZE = 32
STEM = 4  # letters of a word that count
SUBJECTS = (
    "парк маши авто стоя джип тачк колё коле",
    "опла плат карт нали деньг рассч перев",
    "ребё ребе дети детс малы сын доч",
    "боль анес заме обез укол терп",
    "стер чист гиги дези инфе",
    "пода серт дари",
)
QUESTION_WORDS = frozenset(
    [
        "есть",
        "если",
        "можн",
        "где",
        "как",
        "что",
        "это",
        "или",
        "при",
        "для",
        "вас",
        "вам",
        "мне",
        "меня",
        "надо",
        "нуж",
    ]
)


def of(text: str) -> list[float]:
    """Always the same for the same text; of length 1."""
    found = [0.0] * SIZE
    for word in re.findall(r"[а-яё]{3,}|[a-z]{3,}", text.lower()):
        stem = word[:STEM]
        if stem in QUESTION_WORDS or word in QUESTION_WORDS:
            continue
        subject = next((each for each in SUBJECTS if stem in each.split()), "")
        for number, sign in enumerate(hashlib.sha256((subject or stem).encode()).digest()[:SIZE]):
            found[number] += (3 if subject else 1) * (1 if sign > 127 else -1)
    found[0] += 0.01
    length = math.hypot(*found)
    return [round(value / length, 7) for value in found]
