"""Doorbells of this room: each names a verb."""

from __future__ import annotations

import os
import threading
from datetime import datetime

from django.utils import timezone

from assistant import embeddings, knowledge_index, refine
from assistant.learning import versions
from leadhub.work import handler, later
from tenants.business.models import BusinessSettings

LOW_PRIORITY = 15  # of 19, as `nice` counts


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


@handler("assistant.train", kind="outside", queue="bulk", max_attempts=3)
def train(version_id: int, *, now: datetime) -> None:
    """Safe to run twice: a version that is done stays as it is."""
    _step_aside()
    versions.run(version_id)


@handler("assistant.renew_version", kind="outside", queue="bulk", max_attempts=3)
def renew_version(*, now: datetime) -> None:
    _step_aside()
    versions.renew(now=now)


def _step_aside() -> None:
    """The work of clients goes first: on Linux a thread has a priority of its own. The threads of this queue do
    nothing but long jobs, so this one keeps it."""
    if threading.current_thread() is not threading.main_thread():
        ours = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, ours, max(LOW_PRIORITY, os.getpriority(os.PRIO_PROCESS, ours)))
