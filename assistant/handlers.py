"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from assistant import knowledge_index, refine
from leadhub.work import handler


@handler("assistant.forget_call_texts")
def forget_call_texts(day: str, *, now: datetime) -> None:
    refine.forget_call_texts(now=now)


@handler("assistant.index_knowledge")
def index_knowledge(*, now: datetime) -> None:
    knowledge_index.index_new()
