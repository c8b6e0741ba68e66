"""Questions compared with the knowledge base by meaning: vectors of a server that makes them, near ones by id.

Off until the owner switches it on; then a question that the text search finds nothing for leaves us, masked, and so do
the answers of the base. Whatever fails, the text search stands. Vectors are kept as plain arrays; where the database
has pgvector it compares them, else plain SQL does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from assistant import cues, refine, spending
from assistant.engines import llm
from assistant.masking import mask
from assistant.models import KnowledgeEntry, ModelCall
from assistant.signs import without_attacks
from assistant.understanding import ServiceInfo, Understanding
from leadhub.work import GiveUp, TryLater
from tenants.business.models import BusinessSettings

logger = logging.getLogger(__name__)

ASKING = frozenset(["consultation", "other", "price_question", "promo_question"])  # intents that the base may answer
FEWEST_WORDS = 2
LONGEST = 1000  # characters of a question or an entry that are compared
AT_ONCE = 64  # entries in one request
PATIENCE = 30.0  # seconds for entries: nobody waits for them
NEAREST = 5  # entries that are looked at
AGAIN_OVER_CAP = timedelta(days=1)
VERSION = "смысл"  # what a call's record names instead of a version of instructions


@dataclass(frozen=True)
class Nearness:
    """How near entries are to a question, by id, -1 to 1; `note`: for people, what came of asking."""

    near: Mapping[int, float] = field(default_factory=dict)
    note: str = ""


def is_on(business: BusinessSettings) -> bool:
    """Whether the owner and the installation both want it. Asks no database."""
    has_key = bool(business.model_secret or settings.OPENAI_API_KEY)
    return bool(business.compares_meaning and settings.OPENAI_EMBEDDING_MODEL and has_key)


def wanted(understanding: Understanding, business: BusinessSettings, *, text: str) -> bool:
    """Whether this message may be a question that is worth comparing; asked where the text search found nothing.

    Never what must not wait, nor what holds orders to a machine."""
    if not is_on(business) or not ASKING & set(understanding.intents or [understanding.intent]):
        return False
    if understanding.urgency == "high" or cues.in_danger(text) or cues.wants_person(text) or without_attacks(text)[1]:
        return False
    if sum(word[0].isalpha() for word in cues.tokens(text)) < FEWEST_WORDS:
        return False
    return KnowledgeEntry.objects.filter(is_active=True, vector_model=settings.OPENAI_EMBEDDING_MODEL).exists()


def compare(
    question: str,
    *,
    business: BusinessSettings,
    price_list: Sequence[ServiceInfo],
    now: datetime,
    zone: ZoneInfo,
    seconds: float,
    message_id: int | None = None,
    names: Iterable[str] = (),
) -> Nearness:
    """How near the entries are to a question in meaning; nothing near where the server is late, errs or costs too much.

    Calls HTTP: never inside a transaction. `names` are those by which the client is known."""
    endpoint = _endpoint(business)
    if endpoint is None or spending.spent_kopecks(now=now, zone=zone) >= business.model_cap_kopecks:
        return Nearness()
    masked = mask(question[:LONGEST], names=names, keep=refine.trade_words(tuple(price_list)))
    found = llm.embed([masked.text], endpoint=endpoint, seconds=min(seconds, settings.OPENAI_EMBEDDING_TIMEOUT))
    if found is None:
        return Nearness(note="не спрошен: перерыв после сбоев")
    _record(found, masked.text, endpoint, message_id=message_id, now=now)
    if found.outcome != ModelCall.Outcome.ANSWERED:
        return Nearness(note=f"{ModelCall.Outcome(found.outcome).label}, искали только по словам")
    near = _nearest(found.vectors[0], endpoint.model)
    return Nearness(near, f"ближайшая запись: {max(near.values()):.2f}".replace(".", ",") if near else "записей нет")


def _endpoint(business: BusinessSettings) -> llm.Endpoint | None:
    endpoint = refine.endpoint_of(business)
    return replace(endpoint, model=settings.OPENAI_EMBEDDING_MODEL) if endpoint else None


def _record(
    found: llm.Vectors, request: str, endpoint: llm.Endpoint, *, message_id: int | None = None, now: datetime
) -> None:
    call = ModelCall(
        message_id=message_id,
        asked_at=now,
        outcome=found.outcome,
        model=endpoint.model[:80],
        prompt_version=VERSION,
        request=request,
        latency_ms=found.latency_ms,
        prompt_tokens=found.tokens,
        cost_kopecks=spending.cost_of_vectors_kopecks(found.tokens),
    )
    refine.record(call, now=now)


# --- Which are near ---------------------------------------------------------------------------------------------------

_BY_PGVECTOR = """
    SELECT id, 1 - (vector::vector <=> %s::real[]::vector) FROM assistant_knowledgeentry
    WHERE is_active AND vector_model = %s AND array_length(vector, 1) = %s ORDER BY 2 DESC LIMIT %s
"""
_BY_SQL = """
    SELECT id, (SELECT sum(mine * theirs) FROM unnest(vector, %s::real[]) pair(mine, theirs))
    FROM assistant_knowledgeentry
    WHERE is_active AND vector_model = %s AND array_length(vector, 1) = %s ORDER BY 2 DESC LIMIT %s
"""


def _nearest(vector: Sequence[float], model: str) -> dict[int, float]:
    """The nearest entries whose vectors the same model made."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_PGVECTOR if has_pgvector() else _BY_SQL, [list(vector), model, len(vector), NEAREST])
        return {pk: float(similarity) for pk, similarity in cursor.fetchall()}


def has_pgvector() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regtype('vector') IS NOT NULL")
        return bool(cursor.fetchone()[0])


# --- The base's own vectors -------------------------------------------------------------------------------------------


def embed_entries(*, now: datetime, zone: ZoneInfo) -> int:
    """Have the vectors made that are missing or another model's. Returns how many. Calls HTTP, holds no transaction.

    Raises TryLater when the server fails or the month's cap is reached, GiveUp when it refuses the key or the model."""
    business = BusinessSettings.load()
    endpoint = _endpoint(business)
    if not is_on(business) or endpoint is None:
        return 0
    if not llm.get_ready(wait=PATIENCE):
        raise TryLater("the client library is not loaded yet")
    count = 0
    while entries := list(_without_vector(endpoint.model)[:AT_ONCE]):
        if spending.spent_kopecks(now=now, zone=zone) >= business.model_cap_kopecks:
            raise TryLater("the month's cap is reached", after=AGAIN_OVER_CAP, counts=False)
        found = llm.embed([_said_by(entry) for entry in entries], endpoint=endpoint, seconds=PATIENCE)
        if found is None:
            raise TryLater("the server has a rest")
        _record(found, f"Записей базы знаний: {len(entries)}", endpoint, now=now)
        if found.outcome == "forbidden":
            raise GiveUp("Сервер не принимает ключ или модель для поиска по смыслу.")
        if found.outcome != "answered":
            raise TryLater(f"vectors of entries: {found.outcome}")
        for entry, vector in zip(entries, found.vectors, strict=True):
            count += _keep(entry, vector, endpoint.model)
    return count


def _without_vector(model: str) -> QuerySet[KnowledgeEntry]:
    return KnowledgeEntry.objects.filter(Q(vector__isnull=True) | ~Q(vector_model=model), is_active=True).order_by("pk")


def _said_by(entry: KnowledgeEntry) -> str:
    return "\n".join((entry.question, *entry.synonyms, entry.answer))[:LONGEST]


def _keep(entry: KnowledgeEntry, vector: Sequence[float], model: str) -> int:
    """Unless the entry was changed while it was asked about: then it is asked about again."""
    same = KnowledgeEntry.objects.filter(
        pk=entry.pk, question=entry.question, answer=entry.answer, synonyms=entry.synonyms
    )
    return same.update(vector=list(vector), vector_model=model)
