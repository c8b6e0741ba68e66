"""Answers to common questions: found by PostgreSQL's Russian full-text search, quoted word for word or not at all.

Every line that may be asked in (an entry's question and its other wordings, a promotion, a service of the price list)
is a document. PostgreSQL stems, drops stop words and ranks by the index that `knowledge_index` keeps; then the best
must explain what was asked: a question with a word that the entry knows nothing of is another question, and a person
answers it. Where the business has its questions compared by meaning too (`embeddings`), what is near in meaning
stands beside what is alike in words.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.db import connection
from rapidfuzz import fuzz, process

from assistant import words
from assistant.desk import Quote
from assistant.knowledge_index import (
    COMMON_WORDS,
    EMPTY_WORDS,
    LONG_WORD,
    TOLD_BY_PRICES,
    Stems,
    forms,
    stems_of,
    stems_of_text,
)
from assistant.models import KnowledgeEntry, Promotion
from assistant.text import normalise
from assistant.understanding import ServiceInfo

MIN_SCORE = 0.58  # of 1; chosen on tests/assistant/data/knowledge*.yaml: below it a person is called
SIMILAR = 82  # of 100: a word this like one of the business's own is taken for it, mistyped
LONGEST_QUESTION = 500  # characters that are read
MOST_WORDS = 24
MOST_CANDIDATES = 60  # entries that are looked at closely
IN_ANSWER = 0.7  # a word found only in the answer counts this much
COMMON = 0.15  # what a word that fits any question counts
CENTRAL = 0.5  # of a document's own words are spoken of: then it is about the question
RIVAL = 0.08  # documents whose scores are this close explain a question alike
MARGIN = 0.04  # by so much the nearest entry must be nearer in meaning than the next one
WEIGHTS = [0.1, 0.1, 0.3, 1.0]  # D, C, B, A: the entry's question counts over its answer
VOCABULARY_LASTS = 300.0  # seconds that a business's words are kept in a process
MOST_VOCABULARIES = 64


@dataclass(frozen=True)
class _Document:
    """One wording that a quote answers, in stems."""

    quote: Quote
    head: frozenset[str]
    body: frozenset[str]

    @property
    def key(self) -> tuple[str, int]:
        return self.quote.source, self.quote.id


def find(
    question: str,
    *,
    promotions: Iterable[Promotion] = (),
    services: Sequence[ServiceInfo] = (),
    near: Mapping[int, float] | None = None,
) -> Quote | None:
    """What fits a client's question best, to be quoted whole; None when nothing fits well enough.

    `promotions`: those in force; `services`: the price list as it is now; `near`: how near entries are in meaning, by
    id, where that was asked (-1 to 1). Entries of the knowledge base come first."""
    asked = _asked(question)
    if not asked:
        return None
    others = [*_not_indexed(), *_promotions(promotions)]
    if TOLD_BY_PRICES & set(asked):
        others += _price_list(services)
    by_word = stems_of([*asked, *sorted(COMMON_WORDS)])
    common = frozenset(by_word[word] for word in COMMON_WORDS)
    asked = [word for word in asked if by_word[word]]
    holders = _holders([by_word[word] for word in asked], others)
    spelled = _spelled_as_here(asked, {word for word in asked if holders.anywhere[by_word[word]]})
    if spelled != asked:
        by_word = stems_of(spelled)
        holders = _holders([by_word[word] for word in spelled], others)
    wanted = list(dict.fromkeys(by_word[word] for word in spelled if by_word[word]))
    telling = [stem for stem in wanted if stem not in common and not stem.isdigit()]
    if not telling:
        return None
    documents = [*_entries(telling, near or {}), *others]
    return _best(wanted, documents, holders, common, near or {})


def forget() -> None:
    """Drop what this process keeps."""
    _vocabularies.clear()


# --- What was asked ---------------------------------------------------------------------------------------------------


def _asked(question: str) -> list[str]:
    """Dictionary forms of the words that say what is asked; empty when none does."""
    said = [form for form in forms(normalise(question[:LONGEST_QUESTION]).plain) if form not in EMPTY_WORDS]
    is_telling = any(form not in COMMON_WORDS and not form.isdigit() for form in said)
    return list(dict.fromkeys(said))[:MOST_WORDS] if is_telling else []


def _spelled_as_here(asked: list[str], known: set[str]) -> list[str]:
    """The same words, those mistyped put as the business itself writes them."""
    if all(word in known or word in COMMON_WORDS or len(word) < LONG_WORD for word in asked):
        return asked
    vocabulary = [*_vocabulary(), *_fresh_words()]
    return [word if word in known or word in COMMON_WORDS else _near(word, vocabulary) for word in asked]


def _near(word: str, vocabulary: Sequence[str]) -> str:
    if len(word) < LONG_WORD:
        return word
    found = process.extractOne(word, vocabulary, scorer=fuzz.ratio, score_cutoff=SIMILAR)
    return found[0] if found and found[0][0] == word[0] else word


_WORDS = """
    SELECT DISTINCT jsonb_array_elements_text(stems->'words') FROM assistant_knowledgeentry
    WHERE is_active AND stems IS NOT NULL
"""
_vocabularies: dict[str, tuple[float, tuple[str, ...]]] = {}


def _vocabulary() -> tuple[str, ...]:
    """The longer words of the current business's own answers, as they stood some minutes ago at most."""
    schema = connection.schema_name  # type: ignore[attr-defined]  # the tenants backend has it
    found = _vocabularies.get(schema)
    if found is None or time.monotonic() - found[0] >= VOCABULARY_LASTS:
        with connection.cursor() as cursor:
            cursor.execute(_WORDS)
            found = time.monotonic(), tuple(sorted(word for (word,) in cursor.fetchall()))
        if len(_vocabularies) >= MOST_VOCABULARIES:
            _vocabularies.pop(next(iter(_vocabularies)))
        _vocabularies[schema] = found
    return found[1]


def _fresh_words() -> list[str]:
    """The same of entries that are not indexed yet."""
    rows = KnowledgeEntry.objects.filter(is_active=True, stems__isnull=True).values_list(
        "question", "synonyms", "answer"
    )
    told = " ".join(" ".join((question, *synonyms, answer)) for question, synonyms, answer in rows)
    return sorted({form for form in forms(told) if len(form) >= LONG_WORD})


# --- What may be quoted -----------------------------------------------------------------------------------------------

# Those of the index that share a word, by PostgreSQL's rank; those near in meaning.
_FOUND = """
    (SELECT id, answer, stems
     FROM assistant_knowledgeentry
     WHERE is_active AND search @@ %s::tsquery
     ORDER BY ts_rank(%s::real[], search, %s::tsquery, 1) DESC, id LIMIT %s)
    UNION
    SELECT id, answer, stems FROM assistant_knowledgeentry WHERE is_active AND stems IS NOT NULL AND id = ANY(%s)
"""
# How many entries are asked by each stem, and how many hold it anywhere; more than two are many.
_HOLDERS = """
    SELECT s,
        (SELECT count(*) FROM (SELECT FROM assistant_knowledgeentry
            WHERE is_active AND search @@ (quote_literal(s) || ':A')::tsquery LIMIT 2) heads),
        (SELECT count(*) FROM (SELECT FROM assistant_knowledgeentry
            WHERE is_active AND search @@ quote_literal(s)::tsquery LIMIT 2) anywhere)
    FROM unnest(%s::text[]) s
"""


@dataclass(frozen=True)
class _Holders:
    """How many quotes speak of each stem in what they are asked by, and how many anywhere (two stand for many)."""

    heads: Counter[str]
    anywhere: Counter[str]


def _entries(telling: list[str], near: Mapping[int, float]) -> list[_Document]:
    """Entries of the index that share a telling word with the question, or are near it."""
    query = " | ".join(f"'{stem}'" for stem in telling)  # letters and digits, see `forms`
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [query, WEIGHTS, query, MOST_CANDIDATES, list(near)])
        found = cursor.fetchall()
    return [document for pk, answer, kept in found for document in _of_entry(pk, answer, Stems.read(kept))]


def _not_indexed() -> list[_Document]:
    """Entries whose words were changed a moment ago; seldom any."""
    rows = KnowledgeEntry.objects.filter(is_active=True, stems__isnull=True)
    return [
        document
        for pk, question, synonyms, answer in rows.values_list("pk", "question", "synonyms", "answer")
        for document in _of_entry(pk, answer, Stems.of(question, synonyms, answer))
    ]


def _of_entry(pk: int, answer: str, stems: Stems) -> list[_Document]:
    return [_Document(Quote(pk, answer), head, stems.body) for head in stems.heads]


def _holders(wanted: Sequence[str], others: Sequence[_Document]) -> _Holders:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [list(dict.fromkeys(wanted))])
        rows = cursor.fetchall()
    heads = Counter({stem: count for stem, count, _ in rows})
    anywhere = Counter({stem: count for stem, _, count in rows})
    heads.update(stem for stem, _ in {(stem, one.key) for one in others for stem in one.head & heads.keys()})
    held = {(stem, one.key) for one in others for stem in (one.head | one.body) & anywhere.keys()}
    anywhere.update(stem for stem, _ in held)
    return _Holders(heads, anywhere)


def _promotions(promotions: Iterable[Promotion]) -> list[_Document]:
    return [
        _Document(
            Quote(promotion.pk, promotion.title, "promotion"),
            stems_of_text(promotion.title),
            stems_of_text(f"{promotion.code} акция скидка"),
        )
        for promotion in promotions
    ]


def _price_list(services: Sequence[ServiceInfo]) -> list[_Document]:
    told = stems_of_text(" ".join(sorted(TOLD_BY_PRICES)))
    stems_of([form for service in services for name in (service.name, *service.synonyms) for form in forms(name)])
    return [
        _Document(Quote(service.id, _price_line(service), "service"), stems_of_text(name), told)
        for service in services
        for name in (service.name, *service.synonyms)
    ]


@lru_cache(maxsize=4096)
def _price_line(service: ServiceInfo) -> str:
    price = words.price_range(service.price_kopecks, service.price_to_kopecks)
    return f"{service.name} — {price}, {words.duration(service.duration_minutes)}"


# --- Which fits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scored:
    score: float
    about: float  # how much of the document the question speaks of, 0-1
    document: _Document
    by_meaning: bool = False


def _best(
    wanted: list[str],
    documents: Sequence[_Document],
    holders: _Holders,
    common: frozenset[str],
    near: Mapping[int, float],
) -> Quote | None:
    scored = [_score(wanted, document, common) for document in documents]
    bests: dict[tuple[str, int], float] = {}
    for one in scored:
        bests[one.document.key] = max(one.score, bests.get(one.document.key, 0.0))
    top = sorted(bests.items(), key=lambda item: item[1], reverse=True)[:2]
    telling = [stem for stem in wanted if stem not in common and not stem.isdigit()]
    scored = [
        _against(next((score for key, score in top if key != one.document.key), 0.0), one, telling, holders)
        for one in scored
    ]
    scored = [_with_meaning(one, near) for one in scored]
    fit = sorted(
        (one for one in scored if one.score >= MIN_SCORE), key=lambda one: (one.score, one.about), reverse=True
    )
    if not fit or _is_torn(fit, near):
        return None
    return fit[0].document.quote


def _score(wanted: list[str], document: _Document, common: frozenset[str]) -> _Scored:
    """How well a document explains the question, 0-1: how much of what was asked it speaks of."""

    def weight(stem: str) -> float:
        return COMMON if stem in common or stem.isdigit() else 1.0

    shared = [stem for stem in wanted if stem in document.head or stem in document.body]
    if all(weight(stem) < 1 for stem in shared):
        return _Scored(0.0, 0.0, document)
    explained = sum(weight(stem) * (1 if stem in document.head else IN_ANSWER) for stem in shared)
    explained /= sum(map(weight, wanted))
    about = sum(weight(stem) for stem in document.head if stem in shared) / (sum(map(weight, document.head)) or 1)
    return _Scored(explained, about, document)


def _against(rival: float, one: _Scored, telling: Sequence[str], holders: _Holders) -> _Scored:
    """Where every word that a document shares is shared with other quotes too, and one of them (`rival` is its score)
    explains the question as well, the document must also be about little else."""
    document = one.document
    if any(holders.heads[stem] == 1 for stem in telling if stem in document.head):
        return one
    if any(holders.anywhere[stem] == 1 for stem in telling if stem in document.body - document.head):
        return one
    if one.about >= CENTRAL and rival <= one.score - RIVAL:
        return one
    return _Scored(one.score * one.about**2, one.about, document)


def _with_meaning(one: _Scored, near: Mapping[int, float]) -> _Scored:
    """The better of both readings: the least nearness that counts is worth as much as the least likeness in words."""
    quote = one.document.quote
    similarity = near.get(quote.id, -1.0) if quote.source == "entry" else -1.0
    least = settings.OPENAI_EMBEDDING_MIN_SIMILARITY
    if similarity < least:
        return one
    meaning = MIN_SCORE + (1 - MIN_SCORE) * (similarity - least) / max(1 - least, 1e-6)
    return one if meaning <= one.score else _Scored(meaning, one.about, one.document, by_meaning=True)


def _is_torn(fit: Sequence[_Scored], near: Mapping[int, float]) -> bool:
    """Two lines of the price list fit alike, or two entries are as near in meaning: which one was meant, a person
    asks."""
    best = fit[0]
    others = [one for one in fit[1:] if one.document.key != best.document.key]
    if best.by_meaning:
        nearest = near[best.document.quote.id]
        return any(near[pk] > nearest - MARGIN for pk in near if pk != best.document.quote.id)
    return best.document.quote.source == "service" and any(
        one.document.quote.source == "service" and one.score >= best.score - 0.02 for one in others
    )
