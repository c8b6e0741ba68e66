"""Which services does a message name: Russian words matched to a price list and its synonyms.

Price list and message are turned into the same dictionary forms (and one word for each meaning), then the stretches of
the message that cover a line of the price list best are taken. Compiled once per price list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from rapidfuzz import fuzz, process

from assistant import lexicon
from assistant.text import Text, grammar, is_known, is_locative, is_nominative, is_oblique, is_past_verb, lemma, lemmas
from assistant.understanding import ServiceInfo, ServiceSlot

LONGEST_NAME = 6  # words of a message that may name one service
_LED = re.compile(
    r"(?<![а-я])(?:на|по|про|для|без|после|от|до|насчет|вместо|кроме|о|сделать|размять|промять|подправить|увеличить|хочу)\s+(?:мо[а-я]+\s+|сво[а-я]+\s+)?$"
)
_ASKED_FOR = re.compile(
    r"(?<![а-я])(?:к|ко|нуж(?:ен|на|ны)|ищу|хочу|есть|запи[а-я]+|посоветуйте|подберите|консультаци[а-я]+|прием)\s+(?:[а-я]+\s+){0,2}$"
)
_WITHOUT = "без "
_PAIR = re.compile(r"\s(?:и|плюс)\s|\+", re.IGNORECASE)
LONGEST_MEMORY = 5000  # words whose meanings a catalogue keeps
GOOD_ENOUGH = 0.5  # weighted overlap of a stretch with a line; under it the line is not meant
_WORD = re.compile(r"[а-я]+(?:-[а-я]+)*|[a-z]+|\d+d?|[.,:;!?+/\n()]")
_JOINERS = frozenset(lexicon.load("services")["joiners"].split())
_NOISE = frozenset(lexicon.load("services")["noise"].split())
_PEOPLE = frozenset({"мужской", "женский", "детский"})
_ADDRESSED = frozenset({"девочки", "девчонки", "девчата", "девушки", "мальчики", "ребята", "ребятки"})
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
    singles: frozenset[str]  # meanings that are a whole name in the list: there "губы" or "удаление" is enough
    read: dict[str, tuple[str, ...]] = field(repr=False, compare=False)  # words read already
    fields: frozenset[str]  # what the business does: medicine, fitness, beauty

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
    if _pattern("jobs").search(text.plain):
        return ()  # who looks for work names a trade and wants no service
    catalogue = _catalogue_of(price_list)
    words = [_unless_address(word, text.plain) for word in _words(text, catalogue, hidden)]
    people = {meaning for word in words for meaning in word.meanings if meaning in _PEOPLE}
    found: list[tuple[int, int, _Match]] = []
    taken = [False] * len(words)
    for score, match, first, last in _candidates(words, catalogue, people):
        if score < GOOD_ENOUGH and match.service_id is not None:
            match = _Match(None, match.head)
        first, last = _trimmed(words, first, last, match)
        if any(taken[first : last + 1]):
            continue
        if first == last and not _stands_alone(text.plain, words, first, catalogue):
            continue
        if _is_trouble(text.plain, words, first, last) or _is_bystander(text.plain, words, first, last):
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


def _unless_address(word: _Word, plain: str) -> _Word:
    """«девочки, ...»: the staff is spoken to, nobody's children are meant."""
    if word.plain not in _ADDRESSED or re.search(r"(?:для|на)\s+(?:\w+\s+)?$", plain[: word.start]):
        return word
    return replace(word, meanings=())


@dataclass(frozen=True)
class _Match:
    service_id: int | None
    head: str
    meanings: frozenset[str] = frozenset()  # of the name that fits; empty: no line of the list


def _trimmed(words: list[_Word], first: int, last: int, match: _Match) -> tuple[int, int]:
    """Without words at the edges that the name does not hold: "маме стрижку"."""
    while match.meanings and first < last and not match.meanings & set(words[first].meanings):
        first += 1
    while match.meanings and first < last and not match.meanings & set(words[last].meanings):
        last -= 1
    return first, last


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
        is_exact = meanings == variant.meanings and (
            len(meanings) > 1 or not meanings <= _weak() or meanings <= catalogue.singles
        )
        if is_exact or heads or (score >= _least(meanings) and not (meanings & variant.meanings) <= _weak()):
            if _contradicts(meanings, variant):
                return _Match(None, heads[0] if heads else min(meanings)), min(score, 0.9)
            head = heads[0] if heads else min(variant.meanings)
            return _Match(variant.service_id, head, variant.meanings), min(score, 1.0)
    if heads and _belongs(heads[0], catalogue):
        return _Match(None, heads[0]), 0.6
    lone = next(iter(meanings)) if len(meanings) == 1 else ""
    fallback = lexicon.load("services")["fallbacks"].get(lone)
    if fallback:
        match, score = _best(frozenset((fallback,)), catalogue, people)
        return match, score * 0.9
    return None, 0.0


def _belongs(head: str, catalogue: Catalogue) -> bool:
    """Whether a service that the list lacks could be asked of this business ("МРТ" of a clinic, not of a gym)."""
    return head in catalogue.meanings or any(head in _field(name) for name in catalogue.fields)


def _least(meanings: frozenset[str]) -> float:
    """How well words that are no known heads must fit: an everyday word alone hardly names a line, a rare one does."""
    if len(meanings) > 1:
        return 0.7
    return 0.85 if is_known(next(iter(meanings))) else 0.6


def _contradicts(meanings: frozenset[str], variant: _Variant) -> bool:
    """ "УЗИ почек" against a line "УЗИ сердца": both name a part, and not the same."""
    ours, theirs = (meanings - variant.meanings) & _bodies(), (variant.meanings - meanings) & _bodies()
    return bool(ours and theirs)


def _stands_alone(plain: str, words: list[_Word], index: int, catalogue: Catalogue) -> bool:
    """Whether one word ("спина", "зал", "осмотр", "косметолог") is meant as a service here and not just mentioned."""
    word = words[index]
    forms = {word.plain, *lemmas(word.plain)}
    before = plain[: word.start]
    if forms & _set("only_beside"):
        return False
    if forms & _set("helpers"):
        return _ASKED_FOR.search(before) is not None
    tags = grammar(word.plain)
    if "VERB" in tags and not tags & {"past", "impr", "1per"} and "NOUN" not in tags:
        return False  # "чем вы красите?"
    if forms & _set("rooms"):
        return not is_locative(word.plain)
    if not set(word.meanings) <= _weak() | _set("cautious"):
        return True
    left = max((other.end for other in words[:index] if other.is_break), default=0)
    right = min((other.start for other in words[index + 1 :] if other.is_break), default=len(plain))
    clause = plain[left:right]
    is_led = _LED.search(before) is not None
    if not is_led and is_oblique(word.plain):
        return False
    following = re.match(r"\s+([а-я]{4,})", plain[word.end :])
    is_described = following is not None and grammar(following.group(1)) & {"ADJF", "ADJS"}
    if is_described and set(word.meanings) & (_bodies() | _set("cautious")):
        return False  # "руки холодные" tells of them
    if set(word.meanings) & _set("cautious") or forms & _set("cautious"):
        return is_led or len(clause.split()) <= 3 or _pattern("acts").search(clause) is not None
    if not set(word.meanings) & _bodies():
        return True
    if is_led:
        return _pattern("problems").search(clause) is None
    if _pattern("problems").search(plain) and not _pattern("wishes").search(clause):
        return False
    return len(clause.split()) <= 3 or _pattern("wishes").search(plain) is not None


def _is_trouble(plain: str, words: list[_Word], first: int, last: int) -> bool:
    """Whether the thing named is what broke or hurts, not what is to be done."""
    named = {meaning for word in words[first : last + 1] for meaning in word.meanings}
    if not named & _set("troubled") or named & _set("remedies"):
        return False
    left = max((word.end for word in words[:first] if word.is_break), default=0)
    right = min((word.start for word in words[last + 1 :] if word.is_break), default=len(plain))
    return _pattern("problems").search(plain[left:right]) is not None


def _is_bystander(plain: str, words: list[_Word], first: int, last: int) -> bool:
    """A specialist who did or said something, or is thanked: "кардиолог выписал", "спасибо педиатру"."""
    if last - first > 1 or not _set("specialists") & {*words[last].meanings, *words[first].meanings}:
        return False
    left = max((word.end for word in words[:first] if word.is_break), default=0)
    right = min((word.start for word in words[last + 1 :] if word.is_break), default=len(plain))
    clause = plain[left:right]
    if _pattern("wishes").search(clause):
        return False
    if _pattern("thanks").search(plain[max(0, left - 40) : right]):
        return True
    if not is_nominative(words[last].plain):
        return False
    owned = re.search(r"(?:ваша?|мо[йя]|наша?|ваш же)\s+$", plain[: words[first].start]) is not None
    after = re.findall(r"[а-я]+", plain[words[last].end : words[last].end + 60])[:4]
    return owned or any(is_past_verb(word) for word in after) or after[:1] in (["велел"], ["велит"], ["требует"])


def is_specialist(slot: ServiceSlot) -> bool:
    """Whether the slot names a person ("массажист") and not what is done."""
    words = _WORD.findall(slot.text.lower().replace("ё", "е"))
    return len(words) == 1 and bool({words[0], *lemmas(words[0])} & _set("specialists"))


# Words of a message


def _words(text: Text, catalogue: Catalogue, hidden: Sequence[tuple[int, int]]) -> Iterable[_Word]:
    before = ""
    for found in _WORD.finditer(text.plain):
        start, end = found.span()
        plain = found.group()
        is_hidden = any(left < end and start < right for left, right in hidden)
        if is_hidden or not plain[0].isalnum() or plain in ("и", "или", "а", "плюс"):
            yield _Word(plain, start, end, (), is_break=True)
        else:
            meanings = _meanings_in(plain, catalogue)
            yield _Word(plain, start, end, _without(meanings, catalogue) if before == "без" else meanings)
        before = plain


def _meanings_in(plain: str, catalogue: Catalogue) -> tuple[str, ...]:
    """What a word may mean in this list; kept with the list, for people use the same words."""
    meanings = catalogue.read.get(plain)
    if meanings is None:
        if len(catalogue.read) >= LONGEST_MEMORY:
            catalogue.read.clear()
        meanings = catalogue.read[plain] = _read_meanings(plain, catalogue)
    return meanings


def _without(meanings: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    """What "без" before a word makes of it, when the list knows such a line ("без покрытия")."""
    return tuple(lack for lack in (f"{_WITHOUT}{m}" for m in meanings) if lack in catalogue.meanings) or meanings


def _read_meanings(plain: str, catalogue: Catalogue) -> tuple[str, ...]:
    if plain in _JOINERS or len(plain) < 2 or plain in _set("not_services"):
        return ()
    known = tuple(dict.fromkeys(_alias(form) for form in (plain, *lemmas(plain))))
    hits = tuple(m for m in known if m in catalogue.meanings or m in _heads() or m in _parts())
    if hits:
        if "NPRO" in grammar(plain) or "PREP" in grammar(plain):
            return ()
        tags = grammar(plain)
        if tags & {"VERB", "INFN"} and plain not in _heads():
            hits = tuple(m for m in hits if m in catalogue.meanings)  # "уложите" names no hair-do at a dentist's
            if "VERB" in tags and all(m in _weak() for m in hits):
                return hits if "past" in tags and set(hits) & catalogue.singles else ()
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

_LATEST: dict[int, tuple[tuple[ServiceInfo, ...], Catalogue]] = {}  # by identity: hashing a whole list costs more


def _catalogue_of(price_list: Sequence[ServiceInfo]) -> Catalogue:
    """The catalogue of a list; the same tuple object is not compared again."""
    if not isinstance(price_list, tuple):
        return compiled(tuple(price_list))
    latest = _LATEST.get(id(price_list))
    if latest is None or latest[0] is not price_list:
        if len(_LATEST) >= 512:
            _LATEST.clear()
        latest = _LATEST[id(price_list)] = (price_list, compiled(price_list))
    return latest[1]


@lru_cache(maxsize=512)
def compiled(price_list: tuple[ServiceInfo, ...]) -> Catalogue:
    """The catalogue of a price list; kept for the 512 lists used last."""
    by_meaning: dict[str, list[_Variant]] = defaultdict(list)
    typable: set[str] = set(_heads())
    singles: set[str] = set()
    for order, service in enumerate(price_list):
        for index, name in enumerate((service.name, *service.synonyms)):
            if _PAIR.search(name):
                continue  # "стрижка и борода": a message that says "и" names two lines
            forms = _forms_of(name)
            meanings = frozenset(_alias(form) for form in forms)
            if not meanings:
                continue
            typable |= {form for form in forms if len(form) >= 5}
            variant = _Variant(service.id, meanings, sum(map(_weight, meanings)), order, index == 0)
            if len(name.split()) == 1 and not meanings & (_PEOPLE | _set("never_alone")):
                singles |= meanings
            for meaning in meanings:
                by_meaning[meaning].append(variant)
    frozen = {meaning: tuple(dict.fromkeys(variants)) for meaning, variants in by_meaning.items()}
    fields = frozenset(name for name in lexicon.load("services")["fields"] if _anchors(name) & frozen.keys())
    return Catalogue(frozen, frozenset(frozen), tuple(sorted(typable)), frozenset(singles), {}, fields)


def _forms_of(name: str) -> list[str]:
    """Dictionary forms of a price list's name, without its function words."""
    forms: list[str] = []
    before = ""
    for word in _WORD.findall(name.lower().replace("ё", "е")):
        if word[0].isalnum() and word not in _NOISE:
            form = _fitting(word)
            if form not in _MASKED_VERBS:
                forms.append(f"{_WITHOUT}{_alias(form)}" if before == "без" else form)
        before = word
    return forms


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
def _set(name: str) -> frozenset[str]:
    """A word list of `services.yaml`."""
    return frozenset(lexicon.load("services")[name].split())


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![а-я]){lexicon.load('services')[name]}")


@cache
def _field(name: str) -> frozenset[str]:
    return frozenset(lexicon.load("services")["fields"][name]["heads"].split())


@cache
def _anchors(name: str) -> frozenset[str]:
    return frozenset(lexicon.load("services")["fields"][name]["anchors"].split())


@cache
def _heads() -> frozenset[str]:
    return _set("heads")


@cache
def _parts() -> frozenset[str]:
    return _set("parts")


@cache
def _weak() -> frozenset[str]:
    return _set("weak")


@cache
def _bodies() -> frozenset[str]:
    """Parts of the body and of a person: two services with different ones are different services."""
    return _set("bodies")
