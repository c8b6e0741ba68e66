"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from assistant import embeddings, knowledge_index, refine
from leadhub.work import handler, later
from tenants.business.models import BusinessSettings


@handler("assistant.forget_call_texts")
def forget_call_texts(day: str, *, now: datetime) -> None:
    refine.forget_call_texts(now=now)


@handler("assistant.index_knowledge")
def index_knowledge(*, now: datetime) -> None:
    knowledge_index.index_new()
    business = BusinessSettings.objects.filter(pk=1).first()  # None: the business is being set up
    if business and embeddings.is_on(business):
        later("assistant.embed_knowledge", key="")


@handler("assistant.embed_knowledge", kind="outside")
def embed_knowledge(*, now: datetime) -> None:
    embeddings.embed_entries(now=now, zone=timezone.get_current_timezone())
