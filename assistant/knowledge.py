"""Answers to common questions, found by PostgreSQL's Russian full-text search."""

from __future__ import annotations

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector

from assistant.models import KnowledgeEntry

MIN_RANK = 0.05  # below it an entry shares a stray word with the question, no more
WEIGHTS = [0.1, 0.1, 0.3, 1.0]  # D, C, B, A: the entry's question counts over its answer


def find(question: str) -> tuple[int, str] | None:
    """The entry that fits a client's question best, as (id, answer); None when nothing fits well enough."""
    words = [word for word in "".join(c if c.isalnum() else " " for c in question).split() if len(word) > 2][:20]
    if not words:
        return None
    query = SearchQuery(words[0], config="russian")
    for word in words[1:]:
        query |= SearchQuery(word, config="russian")
    vector = SearchVector("question", weight="A", config="russian") + SearchVector(
        "answer", weight="B", config="russian"
    )
    best = (
        KnowledgeEntry.objects.filter(is_active=True)
        .annotate(rank=SearchRank(vector, query, weights=WEIGHTS, normalization=1))
        .filter(rank__gte=MIN_RANK)
        .order_by("-rank", "pk")
        .first()
    )
    return (best.pk, best.answer) if best else None
