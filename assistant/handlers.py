"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from assistant import refine
from leadhub.work import handler


@handler("assistant.forget_call_texts")
def forget_call_texts(day: str, *, now: datetime) -> None:
    refine.forget_call_texts(now=now)
