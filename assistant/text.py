"""A message made plain: lower case, ё as е, look-alike letters, Latin spelling and typos put right.

Every character of the plain text knows where it stands in the client's own text, so a span found in the plain
text is handed out in the client's own words.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import pymorphy3
from rapidfuzz import fuzz, process

from assistant import lexicon

LONGEST = 4000  # characters that are read; nobody books in more
_LOOKALIKES = str.maketrans("aceopxykmthbi", "асеорхукмтнви")
_LAYOUT = str.maketrans("qwertyuiop[]asdfghjkl;'zxcvbnm,.`", "йцукенгшщзхъфывапролджэячсмитьбюё")
_LATIN = [
    ("shch", "щ"), ("sch", "щ"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("tz", "ц"), ("ch", "ч"), ("sh", "ш"),
    ("yu", "ю"), ("ju", "ю"), ("iu", "ю"), ("ya", "я"), ("ja", "я"), ("yo", "е"), ("jo", "е"), ("ye", "е"),
]  # fmt: skip
_LATIN_ONE = dict(zip("abcdefghijklmnopqrstuvwxyz'", "абцдефгхийклмнопкрстувв?ызь", strict=True))
_LATIN_ONE["x"] = "кс"
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_FOLD = {
    "ё": "е",
    "ә": "э",
    "ө": "о",
    "ү": "у",
    "һ": "х",
    "ң": "н",
    "җ": "ж",
    "ғ": "г",
    "ҡ": "к",
    "ҙ": "з",
    "ҫ": "с",
    "–": "-",
    "—": "-",
    "−": "-",
    "‐": "-",
    "‑": "-",
    "«": '"',
    "»": '"',
    "“": '"',
    "”": '"',
    "’": "'",
}


@dataclass(frozen=True)
class Text:
    """A message and its plain form; `starts[i]`, `ends[i]` bound in `original` what became `plain[i]`."""

    original: str
    plain: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    folded: str  # lower case only: for promo codes, links and attacks, where Latin letters must stay

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where plain[start:end] stands in the original text."""
        return self.starts[start], self.ends[end - 1]

    def own_words(self, start: int, end: int) -> str:
        """The client's own words behind plain[start:end]."""
        left, right = self.span(start, end)
        return self.original[left:right].strip(" ,;.!?\n\t")


def normalise(message: str) -> Text:
    """Make a message plain. Never raises; of a very long message only the first LONGEST characters are read."""
    original = unicodedata.normalize("NFC", message[:LONGEST])
    chars: list[str] = []
    starts: list[int] = []
    for position, char in enumerate(original):
        if unicodedata.category(char) in ("Cf", "Mn"):
            continue
        plain = unicodedata.normalize("NFKC", char.lower())[:1] or " "
        if plain == "\n" or not plain.isspace():
            chars.append(_FOLD.get(plain, plain))
        else:
            chars.append(" ")
        starts.append(position)
    folded = "".join(chars)
    ends = [position + 1 for position in starts]
    latin = _latin_reading(folded)
    parts: list[str] = []
    out_starts: list[int] = []
    out_ends: list[int] = []
    last = 0
    for match in _WORD.finditer(folded):
        word = match.group()
        fixed = _fix(word, latin)
        if fixed == word:
            continue
        begin, end = match.span()
        parts += [folded[last:begin], fixed]
        out_starts += starts[last:begin]
        out_ends += ends[last:begin]
        size = len(fixed)
        for index in range(size):
            out_starts.append(starts[begin + index * (end - begin) // size])
            out_ends.append(
                ends[begin + (index + 1) * (end - begin) // size - 1] if index + 1 < size else ends[end - 1]
            )
        last = end
    parts.append(folded[last:])
    out_starts += starts[last:]
    out_ends += ends[last:]
    return Text(original, "".join(parts), tuple(out_starts), tuple(out_ends), folded)


# What kind of Latin a message is written in


@lru_cache(maxsize=2048)
def _latin_reading(folded: str) -> str:
    """How Latin words are to be read: "translit", "layout" (Russian typed on an English keyboard) or "" (as is)."""
    if re.search("[а-я]", folded):
        return ""
    words = [word for word in re.findall(r"[a-z';,\[\]]{2,}", folded) if re.search("[a-z]", word)][:20]
    if not words:
        return ""
    translit = sum(_is_russian(_translit(word)) for word in words) / len(words)
    layout = sum(_is_russian(word.translate(_LAYOUT)) for word in words) / len(words)
    if max(translit, layout) < 0.45:
        return ""
    return "translit" if translit >= layout else "layout"


def _is_russian(word: str) -> bool:
    return word in _vocabulary() or (len(word) > 2 and is_known(word)) or word in ("в", "на", "я", "к", "с", "и")


@lru_cache(maxsize=8192)
def _translit(word: str) -> str:
    out: list[str] = []
    index = 0
    while index < len(word):
        for latin, russian in _LATIN:
            if word.startswith(latin, index):
                out.append(russian)
                index += len(latin)
                break
        else:
            char = word[index]
            if char in "yj" and (index == 0 or (out and out[-1] in "аеиоуыэюя")):
                out.append("й")
            elif char == "j":
                out.append("ж")
            else:
                out.append(_LATIN_ONE.get(char, char))
            index += 1
    return "".join(out)


# One word


@lru_cache(maxsize=20_000)
def _fix(word: str, latin: str) -> str:
    """The word as it should have been typed; the word itself when nothing is wrong with it."""
    has_cyrillic = re.search("[а-я]", word) is not None
    if re.search("[a-z]", word):
        if has_cyrillic:
            word = word.translate(_LOOKALIKES)
        elif latin == "translit":
            word = _translit(word)
        elif latin == "layout":
            word = word.translate(_LAYOUT).replace("ё", "е")
        else:
            reading = _translit(word)
            return reading if reading in _latin_words() else word
    if re.search(r"(.)\1\1", word):
        word = re.sub(r"(.)\1\1+", r"\1", word)
    return word if len(word) < 5 or word in _vocabulary() or is_known(word) else _nearest(word)


def _nearest(word: str) -> str:
    """The closest word of the vocabulary for a typo, else the word."""
    cutoff = 82 if len(word) >= 7 else 79
    near = process.extractOne(word, _vocabulary_list(), scorer=fuzz.ratio, score_cutoff=cutoff)
    if near is None or abs(len(near[0]) - len(word)) > 2:
        return word
    if near[0][0] != word[0] and sorted(near[0][:2]) != sorted(word[:2]):
        return word
    return near[0]


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(word.replace("ё", "е") for words in lexicon.load("vocabulary").values() for word in words.split())


@cache
def _vocabulary_list() -> tuple[str, ...]:
    return tuple(sorted(word for word in _vocabulary() if len(word) >= 5))


@cache
def _latin_words() -> frozenset[str]:
    """Words that are read from Latin letters even amid Russian ones: "давайте zavtra"."""
    return frozenset(lexicon.load("vocabulary")["time"].replace("ё", "е").split())


# Russian morphology


@cache
def _morph() -> pymorphy3.MorphAnalyzer:
    logging.getLogger("pymorphy3").setLevel(logging.WARNING)  # it reports at INFO that it loaded its own files
    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=20_000)
def is_known(word: str) -> bool:
    """Whether the dictionary of Russian holds the word in this form (е stands for ё too)."""
    return bool(_morph().word_is_known(word))


@lru_cache(maxsize=20_000)
def _readings(word: str) -> tuple[tuple[str, Any, float], ...]:
    """All readings of a word, the likeliest first: dictionary form (ё as е), tag, weight. All below use them."""
    return tuple((parse.normal_form.replace("ё", "е"), parse.tag, parse.score) for parse in _morph().parse(word)[:8])


def lemma(word: str) -> str:
    """The dictionary form, ё as е."""
    return _readings(word)[0][0]


@lru_cache(maxsize=20_000)
def lemmas(word: str) -> tuple[str, ...]:
    """All likely dictionary forms, the likeliest first."""
    return tuple(dict.fromkeys(form for form, _, _ in _readings(word)[:4]))


@lru_cache(maxsize=20_000)
def grammar(word: str) -> frozenset[str]:
    """The grammemes of all readings of a word that weigh something: Name, Surn, Geox, NOUN, ADJF, VERB, INFN, ..."""
    found: set[str] = set()
    for _, tag, score in _readings(word):
        if score >= 0.05:
            found |= tag.grammemes
    return frozenset(found)


def likeliest(word: str) -> frozenset[str]:
    """The grammemes of the likeliest reading."""
    return frozenset(_readings(word)[0][1].grammemes)


def is_past_verb(word: str) -> bool:
    """Whether the likeliest reading is a verb in the past: "делала"."""
    tag = _readings(word)[0][1]
    return bool(tag.POS == "VERB" and tag.tense == "past")


def is_nominative(word: str) -> bool:
    """Whether the likeliest reading is a noun in the nominative: "врач"."""
    tag = _readings(word)[0][1]
    return bool(tag.POS == "NOUN" and tag.case == "nomn")


def is_genitive(word: str) -> bool:
    """Whether a likely reading is a masculine or neuter noun or adjective in the genitive singular: "ребенка"."""
    return any(
        score >= 0.1 and {"gent", "sing"} <= tag.grammemes and "femn" not in tag.grammemes
        for _, tag, score in _readings(word)
        if tag.POS in ("NOUN", "ADJF", "PRTF")
    )


def is_counted(word: str) -> bool:
    """Whether a word can stand after a number that counts it: "приема", "приемов", "шагах", and never without one."""
    cases = _noun_cases(word, 0.05)
    return bool(cases) and cases <= {"gent", "loct", "ablt", "accs", "gen2"} and cases != {"accs"}


def is_locative(word: str) -> bool:
    """Whether every likely reading is a noun in the prepositional case: "зале"."""
    cases = _noun_cases(word, 0.05)
    return bool(cases) and cases <= {"loct", "loc2", "datv"}


def is_oblique(word: str) -> bool:
    """Whether every likely reading is a noun in no case that a wish stands in: "кровью", "затылке", "рук"."""
    tags = [tag for _, tag, score in _readings(word) if score >= 0.1]
    return all(tag.POS == "NOUN" and tag.case in ("gent", "loct", "ablt", "loc2", "gen2") for tag in tags)


def _noun_cases(word: str, least: float) -> set[str]:
    return {str(tag.case) for _, tag, score in _readings(word) if tag.POS == "NOUN" and score >= least}
