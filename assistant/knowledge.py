"""Answers to common questions: found by PostgreSQL's Russian full-text search, quoted word for word or not at all.

Every line that may be asked in (an entry's question and its other wordings, a promotion, a service of the price list)
is a document. PostgreSQL stems, drops stop words and ranks; then the best must explain what was asked: a question
with a word that the entry knows nothing of is another question, and a person answers it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection
from rapidfuzz import fuzz, process

from assistant import lexicon, words
from assistant.desk import Quote
from assistant.models import KnowledgeEntry, Promotion
from assistant.text import lemma, normalise
from assistant.understanding import ServiceInfo

MIN_SCORE = 0.58  # of 1; chosen on tests/assistant/data/knowledge.yaml: below it a person is called
SIMILAR = 82  # of 100: a word this like one of the business's own is taken for it, mistyped
LONGEST_QUESTION = 500  # characters that are read
MOST_WORDS = 24
IN_ANSWER = 0.6  # a word found only in the answer counts this much
COMMON = 0.3  # what a word that fits any question counts
WEIGHTS = [0.1, 0.1, 0.3, 1.0]  # D, C, B, A: the entry's question counts over its answer

_WORD = re.compile(r"[а-яa-z]+|\d+")
_LEXICON = lexicon.load("knowledge")
_EMPTY = frozenset(_LEXICON["empty"].split())
_COMMON = frozenset(_LEXICON["common"].split())
_SAME = {word: main for main, others in _LEXICON["same"].items() for word in others.split()}
# A price list tells these things and no others, so only a question about them is answered by it.
_PRICE_LIST_TELLS = frozenset(_LEXICON["price_list_tells"].split())


@dataclass(frozen=True)
class _Document:
    """One wording that a quote answers."""

    quote: Quote
    head: str
    body: str

    @property
    def key(self) -> tuple[str, int]:
        return self.quote.source, self.quote.id


def find(question: str, *, promotions: Iterable[Promotion] = (), services: Sequence[ServiceInfo] = ()) -> Quote | None:
    """What fits a client's question best, to be quoted whole; None when nothing fits well enough.

    `promotions`: those in force; `services`: the price list as it is now. Entries of the knowledge base come first."""
    asked = _asked(question)
    if not asked:
        return None
    documents = [*_entries(), *_promotions(promotions)]
    if _PRICE_LIST_TELLS & set(asked):
        documents += _price_list(services)
    if not documents:
        return None
    heads = [" ".join(_forms(document.head)) for document in documents]
    bodies = [" ".join(_forms(document.body)) for document in documents]
    asked = _spelled_as_here(asked, " ".join((*heads, *bodies)).split())
    return _best(asked, documents, heads, bodies)


# --- What was asked ---------------------------------------------------------------------------------------------------


def _asked(question: str) -> list[str]:
    """Dictionary forms of the words that say what is asked; empty when none does."""
    forms = [form for form in _forms(normalise(question[:LONGEST_QUESTION]).plain) if form not in _EMPTY]
    return [] if set(forms) <= _COMMON else list(dict.fromkeys(forms))[:MOST_WORDS]


@lru_cache(maxsize=4096)
def _forms(said: str) -> tuple[str, ...]:
    """The words in dictionary form; «без записи» is one word, else it would be asked as «запись»."""
    spoken = _WORD.findall(said.lower().replace("ё", "е"))
    return tuple(
        f"без{_form(word)}" if before == "без" else _form(word)
        for before, word in zip(["", *spoken], spoken, strict=False)
        if word != "без"
    )


@lru_cache(maxsize=20_000)
def _form(word: str) -> str:
    form = lemma(word)
    return _SAME.get(form, form)


def _spelled_as_here(asked: list[str], vocabulary: list[str]) -> list[str]:
    """The same words, those mistyped put as the business itself writes them."""
    known = set(vocabulary)
    long = sorted(word for word in known if len(word) >= 5)
    return [word if word in known or word in _COMMON else _near(word, long) for word in asked]


def _near(word: str, vocabulary: list[str]) -> str:
    if len(word) < 5:
        return word
    found = process.extractOne(word, vocabulary, scorer=fuzz.ratio, score_cutoff=SIMILAR)
    return found[0] if found and found[0][0] == word[0] else word


# --- What may be quoted -----------------------------------------------------------------------------------------------


def _entries() -> list[_Document]:
    rows = KnowledgeEntry.objects.filter(is_active=True).values_list("pk", "question", "synonyms", "answer")
    return [
        _Document(Quote(pk, answer), head, answer)
        for pk, question, synonyms, answer in rows
        for head in (question, *synonyms)
    ]


def _promotions(promotions: Iterable[Promotion]) -> list[_Document]:
    return [
        _Document(Quote(promotion.pk, promotion.title, "promotion"), promotion.title, f"{promotion.code} акция скидка")
        for promotion in promotions
    ]


def _price_list(services: Sequence[ServiceInfo]) -> list[_Document]:
    told = " ".join(sorted(_PRICE_LIST_TELLS))
    return [
        _Document(Quote(service.id, _price_line(service), "service"), name, told)
        for service in services
        for name in (service.name, *service.synonyms)
    ]


def _price_line(service: ServiceInfo) -> str:
    price = words.price_range(service.price_kopecks, service.price_to_kopecks)
    return f"{service.name} — {price}, {words.duration(service.duration_minutes)}"


# --- Which fits -------------------------------------------------------------------------------------------------------

# Stems of each asked word (none: a stop word), then the documents that share any, by rank.
_STEMS = """
    SELECT tsvector_to_array(to_tsvector('russian', word))
    FROM unnest(%s::text[]) WITH ORDINALITY w(word, n) ORDER BY n
"""
_RANKED = """
    SELECT n, tsvector_to_array(head), tsvector_to_array(body),
           ts_rank(%s::real[], setweight(head, 'A') || setweight(body, 'B'), query, 1) AS rank
    FROM (SELECT n, to_tsvector('russian', head) AS head, to_tsvector('russian', body) AS body
          FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY d(head, body, n)) d,
         (SELECT string_agg(quote_literal(stem), '|')::tsquery AS query FROM unnest(%s::text[]) s(stem)) q
    WHERE head @@ query OR body @@ query
    ORDER BY rank DESC, n
"""


@dataclass(frozen=True)
class _Match:
    document: _Document
    head: frozenset[str]
    body: frozenset[str]
    rank: float


def _best(asked: list[str], documents: list[_Document], heads: list[str], bodies: list[str]) -> Quote | None:
    with connection.cursor() as cursor:
        cursor.execute(_STEMS, [asked + sorted(_COMMON)])
        stems = [row[0][0] if row[0] else "" for row in cursor.fetchall()]
        common = frozenset(stems[len(asked) :])
        wanted = [stem for stem in dict.fromkeys(stems[: len(asked)]) if stem]
        if not set(wanted) - common:
            return None
        cursor.execute(_RANKED, [WEIGHTS, heads, bodies, wanted])
        matches = [
            _Match(documents[n - 1], frozenset(head), frozenset(body), rank)
            for n, head, body, rank in cursor.fetchall()
        ]
    heads_with, quotes_with = _holders(matches, wanted)
    scored = [
        (_score(wanted, match, heads_with, quotes_with, common), match.rank, match.document.quote) for match in matches
    ]
    scored = sorted((row for row in scored if row[0] >= MIN_SCORE), key=lambda row: row[:2], reverse=True)
    if not scored or _is_torn(scored):
        return None
    return scored[0][2]


def _holders(matches: list[_Match], wanted: list[str]) -> tuple[Counter[str], Counter[str]]:
    """How many quotes speak of each stem in what they are asked by, and how many anywhere."""
    heads = {(stem, match.document.key) for match in matches for stem in wanted if stem in match.head}
    bodies = {(stem, match.document.key) for match in matches for stem in wanted if stem in match.body}
    return Counter(stem for stem, _ in heads), Counter(stem for stem, _ in heads | bodies)


def _score(
    wanted: list[str],
    match: _Match,
    heads_with: Counter[str],
    quotes_with: Counter[str],
    common: frozenset[str],
) -> float:
    """How well a document explains the question, 0-1: how much of what was asked it speaks of. Where every shared word
    is shared with other quotes too, the document must also be about little else."""
    weights = {stem: COMMON if stem in common else 1.0 for stem in {*wanted, *match.head}}
    shared = [stem for stem in wanted if stem in match.head or stem in match.body]
    telling = [stem for stem in shared if stem not in common]
    if not telling:
        return 0.0
    explained = sum(weights[stem] * (1 if stem in match.head else IN_ANSWER) for stem in shared)
    explained /= sum(weights[stem] for stem in wanted)
    if any((heads_with if stem in match.head else quotes_with)[stem] == 1 for stem in telling):
        return explained
    about = sum(weights[stem] for stem in match.head if stem in shared) / (sum(weights[s] for s in match.head) or 1)
    return explained * about**2


def _is_torn(scored: list[tuple[float, float, Quote]]) -> bool:
    """Two lines of the price list fit alike: which one was meant, a person asks."""
    best = scored[0]
    return best[2].source == "service" and any(
        row[2].source == "service" and row[2].id != best[2].id and row[0] >= best[0] - 0.02 for row in scored[1:]
    )
