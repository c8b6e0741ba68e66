"""What the search of the knowledge base reads instead of sentences: dictionary forms, their stems, and their index.

An entry's stems and its `tsvector` are kept with the entry and made again when its words change. PostgreSQL stems; a
stem depends on the word alone, so each process remembers those it has seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction

from assistant import lexicon
from assistant.models import KnowledgeEntry
from assistant.text import lemma

AT_ONCE = 200  # entries indexed in one transaction
MOST_STEMS = 50_000  # words whose stems a process remembers: some 8 MB
LONG_WORD = 5  # letters; shorter words are not compared with mistyped ones

_WORD = re.compile(r"[а-яa-z]+|\d+")
_LEXICON = lexicon.load("knowledge")
EMPTY_WORDS = frozenset(_LEXICON["empty"].split())
COMMON_WORDS = frozenset(_LEXICON["common"].split())
# A price list tells these things and no others, so only a question about them is answered by it.
TOLD_BY_PRICES = frozenset(_LEXICON["price_list_tells"].split())
_SAME = {word: main for main, others in _LEXICON["same"].items() for word in others.split()}


def forms(said: str) -> tuple[str, ...]:
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
    return _SAME.get(word) or _SAME.get(form, form)


_stems: dict[str, str] = {}


def stems_of(words: Sequence[str]) -> dict[str, str]:
    """Word -> its stem, "" for a stop word."""
    unseen = sorted({word for word in words if word not in _stems})
    if unseen:
        if len(_stems) + len(unseen) > MOST_STEMS:
            _stems.clear()
            unseen = sorted(set(words))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT word, tsvector_to_array(to_tsvector('russian', word)) FROM unnest(%s::text[]) word", [unseen]
            )
            _stems.update({word: stems[0] if stems else "" for word, stems in cursor.fetchall()})
    return {word: _stems[word] for word in words}


def stems_of_text(text: str) -> frozenset[str]:
    return frozenset(stems_of(forms(text)).values()) - {""}


@dataclass(frozen=True)
class Stems:
    """An entry as it is searched: the stems of each wording that it is asked by, and of its answer."""

    heads: tuple[frozenset[str], ...]
    body: frozenset[str]

    @classmethod
    def of(cls, question: str, synonyms: Sequence[str], answer: str) -> Stems:
        return cls(tuple(stems_of_text(head) for head in (question, *synonyms)), stems_of_text(answer))

    @classmethod
    def read(cls, told: str) -> Stems:
        """From the entry's column, as the database gives it."""
        kept = json.loads(told)
        return cls(tuple(frozenset(head) for head in kept["heads"]), frozenset(kept["body"]))


# --- The index -------------------------------------------------------------------------------------------------------


def index_new() -> int:
    """Index the entries whose words were changed since. Returns how many there were."""
    count = 0
    while done := _index_some():
        count += done
    return count


@transaction.atomic
def _index_some() -> int:
    fresh = KnowledgeEntry.objects.select_for_update(skip_locked=True).filter(stems__isnull=True).order_by("pk")
    rows = [_indexed(entry) for entry in fresh[:AT_ONCE]]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE assistant_knowledgeentry SET stems = %s::jsonb, search ="
                " setweight(to_tsvector('russian', %s), 'A') || setweight(to_tsvector('russian', %s), 'B')"
                " WHERE id = %s",
                rows,
            )
    return len(rows)


def _indexed(entry: KnowledgeEntry) -> tuple[str, str, str, int]:
    heads = [forms(head) for head in (entry.question, *entry.synonyms)]
    body = forms(entry.answer)
    stems = Stems.of(entry.question, entry.synonyms, entry.answer)
    kept = {
        "heads": [sorted(head) for head in stems.heads],
        "body": sorted(stems.body),
        "words": sorted({form for told in (*heads, body) for form in told if len(form) >= LONG_WORD}),
    }
    asked = " ".join(form for head in heads for form in head)
    return json.dumps(kept, ensure_ascii=False), asked, " ".join(body), entry.pk
