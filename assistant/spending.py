"""What a business's language model costs: by tokens, by calendar month of the business, under the owner's cap."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Avg, Count, Q, Sum

from assistant.engines.llm import Reply
from assistant.models import ModelCall
from tenants.business.models import BusinessSettings

KEPT_SECONDS = 5.0


def cost_kopecks(reply: Reply) -> Decimal:
    """By the prices of the settings; four places, for one call costs a fraction of a kopeck."""
    prompt = Decimal(str(settings.OPENAI_PROMPT_KOPECKS_PER_1K)) * reply.prompt_tokens
    completion = Decimal(str(settings.OPENAI_COMPLETION_KOPECKS_PER_1K)) * reply.completion_tokens
    return ((prompt + completion) / 1000).quantize(Decimal("0.0001"))


def cost_of_vectors_kopecks(tokens: int) -> Decimal:
    price = Decimal(str(settings.OPENAI_EMBEDDING_KOPECKS_PER_1K))
    return (price * tokens / 1000).quantize(Decimal("0.0001"))


def month_begin(now: datetime, zone: tzinfo) -> datetime:
    """The first moment of the calendar month, aware."""
    return now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def spent_kopecks(*, now: datetime, zone: tzinfo) -> Decimal:
    """What the calls of this calendar month cost."""
    rows = ModelCall.objects.filter(asked_at__gte=month_begin(now, zone))
    return rows.aggregate(sum=Sum("cost_kopecks"))["sum"] or Decimal(0)


_spent: dict[tuple[str, datetime], tuple[float, Decimal]] = {}  # by schema and month: a rehearsal may be of another


def has_money(business: BusinessSettings, *, now: datetime, zone: tzinfo) -> bool:
    """Whether the month's cap is not reached, as of some seconds ago: who asks the model looks at it again."""
    schema = connection.schema_name  # type: ignore[attr-defined]  # the tenants backend has it
    which = schema, month_begin(now, zone)
    found = _spent.get(which)
    if found is None or time.monotonic() - found[0] >= KEPT_SECONDS:
        found = _spent[which] = (time.monotonic(), spent_kopecks(now=now, zone=zone))
    return found[1] < business.model_cap_kopecks


def forget() -> None:
    """Drop what this process keeps."""
    _spent.clear()


@dataclass(frozen=True)
class Month:
    """The calls of one calendar month. `latency_ms` of those that were answered; None: none was."""

    begin: datetime
    calls: int
    answered: int
    tokens: int
    cost_kopecks: Decimal
    latency_ms: int | None


def months(*, now: datetime, zone: tzinfo, count: int = 6) -> list[Month]:
    """The last months that had calls, this one first and always."""
    found: list[Month] = []
    begin, end = month_begin(now, zone), now + timedelta(seconds=1)
    answered = Q(outcome=ModelCall.Outcome.ANSWERED)
    for number in range(count):
        told = ModelCall.objects.filter(asked_at__gte=begin, asked_at__lt=end).aggregate(
            calls=Count("pk"),
            answered=Count("pk", filter=answered),
            tokens=Sum("prompt_tokens") + Sum("completion_tokens"),
            cost=Sum("cost_kopecks"),
            latency=Avg("latency_ms", filter=answered),
        )
        if told["calls"] or number == 0:
            latency = None if told["latency"] is None else round(told["latency"])
            cost = told["cost"] or Decimal(0)
            found.append(Month(begin, told["calls"], told["answered"], told["tokens"] or 0, cost, latency))
        begin, end = month_begin(begin - timedelta(days=1), zone), begin
    return found
