"""Which services does a message name: Russian words matched to a price list and its synonyms.

Price list and message are turned into the same dictionary forms (and one word for each meaning), then the stretches of
the message that cover a line of the price list best are taken. Compiled once per price list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from rapidfuzz import fuzz, process

from assistant import lexicon
from assistant.text import Text, grammar, is_known, lemma, lemmas
from assistant.understanding import ServiceInfo, ServiceSlot

LONGEST_NAME = 6  # words of a message that may name one service
GOOD_ENOUGH = 0.5  # weighted overlap of a stretch with a line; under it the line is not meant
_WORD = re.compile(r"[а-я]+(?:-[а-я]+)*|[a-z]+|\d+d?|[.,;!?+/\n]")
_JOINERS = frozenset(lexicon.load("services")["joiners"].split())
_NOISE = frozenset(lexicon.load("services")["noise"].split())
_PEOPLE = frozenset({"мужской", "женский", "детский"})
_MASKED_VERBS = frozenset(lexicon.load("services")["idle_verbs"].split())


@dataclass(frozen=True)
class _Variant:
    """One name of a line: its meanings and their weight in all."""

    service_id: int
    meanings: frozenset[str]
    weight: float
    order: int  # of the line in the price list
    is_name: bool


@dataclass(frozen=True)
class Catalogue:
    """A price list made ready to be looked up by dictionary forms."""

    by_meaning: dict[str, tuple[_Variant, ...]]
    meanings: frozenset[str]
    typable: tuple[str, ...]  # dictionary forms long enough to recognise in a typo

    def weight(self, meaning: str) -> float:
        return _weight(meaning)


@dataclass(frozen=True)
class _Word:
    plain: str
    start: int
    end: int
    meanings: tuple[str, ...]  # the first that the catalogue knows counts; empty: not about services
    is_break: bool = False


def find_services(
    text: Text, price_list: Sequence[ServiceInfo], *, hidden: Sequence[tuple[int, int]] = ()
) -> tuple[ServiceSlot, ...]:
    """The services that the message names, in its order, one slot a service.

    `hidden` are stretches of `text.plain` known to be something else. A service that the price list lacks has no id."""
    catalogue = compiled(tuple(price_list))
    words = list(_words(text, catalogue, hidden))
    people = {meaning for word in words for meaning in word.meanings if meaning in _PEOPLE}
    found: list[tuple[int, int, _Match]] = []
    taken = [False] * len(words)
    for score, match, first, last in _candidates(words, catalogue, people):
        if score < GOOD_ENOUGH and match.service_id is not None:
            match = _Match(None, match.head)
        if any(taken[first : last + 1]):
            continue
        if _is_trouble(text.plain, words, first, last, match.head):
            continue
        for index in range(first, last + 1):
            taken[index] = True
        found.append((first, last, match))
    found.sort(key=lambda item: item[0])
    slots: list[ServiceSlot] = []
    seen: set[object] = set()
    for first, last, match in found:
        key: object = match.service_id if match.service_id is not None else match.head
        if key in seen:
            continue
        seen.add(key)
        slots.append(ServiceSlot(text.own_words(words[first].start, words[last].end), match.service_id))
    return tuple(slots)


@dataclass(frozen=True)
class _Match:
    service_id: int | None
    head: str


def _candidates(words: list[_Word], catalogue: Catalogue, people: set[str]) -> list[tuple[float, _Match, int, int]]:
    """Stretches of words with the line they name best; the surest and longest first."""
    found: list[tuple[float, float, _Match, int, int]] = []
    for first, word in enumerate(words):
        if not word.meanings:
            continue
        if first + 1 < len(words) and words[first + 1].plain == "на" and set(word.meanings) & _PEOPLE:
            continue  # "маму на массаж": the person is not part of the service
        meanings: list[str] = []
        for last in range(first, min(first + LONGEST_NAME + 2, len(words))):
            current = words[last]
            if current.is_break:
                break
            if not current.meanings:
                if current.plain in _JOINERS and last + 1 < len(words) and words[last + 1].meanings:
                    continue
                break
            meanings.append(_chosen(current, catalogue, meanings))
            match, score = _best(frozenset(meanings), catalogue, people)
            if match is not None:
                covered = sum(_weight(m) for m in set(meanings))
                found.append((score * covered, score, match, first, last))
    found.sort(key=lambda item: (-round(item[0], 3), item[4] - item[3], item[3]))
    return [(score, match, first, last) for _, score, match, first, last in found]


def _chosen(word: _Word, catalogue: Catalogue, before: list[str]) -> str:
    """Of several readings the one that occurs with the words before it, else the likeliest."""
    if len(word.meanings) > 1 and before:
        together = {m for variant in catalogue.by_meaning.get(before[-1], ()) for m in variant.meanings}
        for meaning in word.meanings:
            if meaning in together:
                return meaning
    return word.meanings[0]


def _best(meanings: frozenset[str], catalogue: Catalogue, people: set[str]) -> tuple[_Match | None, float]:
    """The line that these words name best and how well (0-1); (None, 0) when they name no service at all."""
    heads = [meaning for meaning in meanings if meaning in _heads() and meaning not in _weak()]
    best: tuple[float, int, _Variant] | None = None
    own = sum(_weight(meaning) for meaning in meanings)
    for variant in {v for meaning in meanings for v in catalogue.by_meaning.get(meaning, ())}:
        common = meanings & variant.meanings
        shared = sum(_weight(meaning) for meaning in common)
        score = 2 * shared / (own + variant.weight)
        if common <= _weak() and common != variant.meanings:
            continue
        if heads and not any(head in variant.meanings for head in heads):
            continue
        score += 0.12 * len(people & variant.meanings - meanings) if people else 0
        score += 0.01 if variant.is_name else 0
        candidate = (round(score, 4), -variant.order, variant)
        if best is None or candidate[:2] > best[:2]:
            best = candidate
    if best is not None:
        score, _, variant = best
        is_exact = meanings == variant.meanings and (not meanings <= _weak() or len(meanings) > 1)
        if is_exact or heads or (score >= _least(meanings) and not (meanings & variant.meanings) <= _weak()):
            if _contradicts(meanings, variant):
                return _Match(None, heads[0] if heads else min(meanings)), min(score, 0.9)
            return _Match(variant.service_id, heads[0] if heads else min(variant.meanings)), min(score, 1.0)
    if heads:
        return _Match(None, heads[0]), 0.6
    lone = next(iter(meanings)) if len(meanings) == 1 else ""
    fallback = lexicon.load("services")["fallbacks"].get(lone)
    if fallback:
        match, score = _best(frozenset((fallback,)), catalogue, people)
        return match, score * 0.9
    return None, 0.0


def _least(meanings: frozenset[str]) -> float:
    """How well words that are no known heads must fit: an everyday word alone hardly names a line, a rare one does."""
    if len(meanings) > 1:
        return 0.7
    return 0.85 if is_known(next(iter(meanings))) else 0.6


def _contradicts(meanings: frozenset[str], variant: _Variant) -> bool:
    """ "УЗИ почек" against a line "УЗИ сердца": both name a part, and not the same."""
    ours, theirs = (meanings - variant.meanings) & _bodies(), (variant.meanings - meanings) & _bodies()
    return bool(ours and theirs)


def _is_trouble(plain: str, words: list[_Word], first: int, last: int, head: str) -> bool:
    """Whether the thing named is what broke or hurts, not what is to be done."""
    data = lexicon.load("services")
    named = {meaning for word in words[first : last + 1] for meaning in word.meanings}
    if not named & set(data["troubled"].split()) or named & {
        "удаление",
        "лечение",
        "наращивание",
        "снятие",
        "чистка",
        "коррекция",
    }:
        return False
    left = max((word.end for word in words[:first] if word.is_break), default=0)
    right = min((word.start for word in words[last + 1 :] if word.is_break), default=len(plain))
    return re.search(rf"(?<![а-я]){data['problems']}", plain[left:right]) is not None


def is_specialist(slot: ServiceSlot) -> bool:
    """Whether the slot names a person ("массажист") and not what is done."""
    words = _WORD.findall(slot.text.lower().replace("ё", "е"))
    return len(words) == 1 and bool(
        {words[0], *lemmas(words[0])} & set(lexicon.load("services")["specialists"].split())
    )


# Words of a message


def _words(text: Text, catalogue: Catalogue, hidden: Sequence[tuple[int, int]]) -> Iterable[_Word]:
    for found in _WORD.finditer(text.plain):
        start, end = found.span()
        plain = found.group()
        is_hidden = any(left < end and start < right for left, right in hidden)
        if is_hidden or not plain[0].isalnum() or plain in ("и", "или", "а", "плюс"):
            yield _Word(plain, start, end, (), is_break=True)
        else:
            yield _Word(plain, start, end, _meanings_in(plain, catalogue))


def _meanings_in(plain: str, catalogue: Catalogue) -> tuple[str, ...]:
    if plain in _JOINERS or (len(plain) < 2):
        return ()
    known = tuple(dict.fromkeys(_alias(form) for form in (plain, *lemmas(plain))))
    hits = tuple(m for m in known if m in catalogue.meanings or m in _heads() or m in _parts())
    if hits:
        if "NPRO" in grammar(plain) or "PREP" in grammar(plain):
            return ()
        if "VERB" in grammar(plain) and plain not in _heads() and all(m in _weak() for m in hits):
            return ()
        return hits
    if len(plain) >= 5 and not is_known(plain):
        near = _typo(plain, catalogue.typable)
        if near:
            return (_alias(near),)
    return ()


@lru_cache(maxsize=20_000)
def _typo(plain: str, typable: tuple[str, ...]) -> str | None:
    near = process.extractOne(plain, typable, scorer=fuzz.ratio, score_cutoff=80)
    return near[0] if near and near[0][0] == plain[0] else None


# Compiling


@lru_cache(maxsize=512)
def compiled(price_list: tuple[ServiceInfo, ...]) -> Catalogue:
    """The catalogue of a price list; kept for the 512 lists used last."""
    by_meaning: dict[str, list[_Variant]] = defaultdict(list)
    typable: set[str] = set(_heads())
    for order, service in enumerate(price_list):
        for index, name in enumerate((service.name, *service.synonyms)):
            forms = _forms_of(name)
            meanings = frozenset(_alias(form) for form in forms)
            if not meanings:
                continue
            typable |= {form for form in forms if len(form) >= 5}
            variant = _Variant(service.id, meanings, sum(map(_weight, meanings)), order, index == 0)
            for meaning in meanings:
                by_meaning[meaning].append(variant)
    frozen = {meaning: tuple(dict.fromkeys(variants)) for meaning, variants in by_meaning.items()}
    return Catalogue(frozen, frozenset(frozen), tuple(sorted(typable)))


def _forms_of(name: str) -> list[str]:
    """Dictionary forms of a price list's name, without its function words."""
    plain = name.lower().replace("ё", "е")
    forms = [_fitting(word) for word in _WORD.findall(plain) if word[0].isalnum() and word not in _NOISE]
    return [form for form in forms if form not in _MASKED_VERBS]


def _fitting(word: str) -> str:
    """The reading of a word that means something to us, else the likeliest."""
    for form in (word, *lemmas(word)):
        if form in _aliases() or form in _heads() or form in _parts():
            return form
    return lemma(word)


def _alias(form: str) -> str:
    return _aliases().get(form, form)


@lru_cache(maxsize=10_000)
def _weight(meaning: str) -> float:
    """How much a word says about which service is meant."""
    if meaning in _heads() and meaning not in _weak():
        return 2.0
    return 0.8 if meaning in _weak() else 1.2


@cache
def _aliases() -> dict[str, str]:
    data = lexicon.load("services")["aliases"]
    return {form: meaning for meaning, forms in data.items() for form in forms.split()}


@cache
def _heads() -> frozenset[str]:
    return frozenset(lexicon.load("services")["heads"].split())


@cache
def _parts() -> frozenset[str]:
    return frozenset(lexicon.load("services")["parts"].split())


@cache
def _weak() -> frozenset[str]:
    return frozenset(lexicon.load("services")["weak"].split())


@cache
def _bodies() -> frozenset[str]:
    """Parts of the body and of a person: two services with different ones are different services."""
    return frozenset(lexicon.load("services")["bodies"].split())
