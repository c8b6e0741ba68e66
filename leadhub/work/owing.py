"""Owe a piece of work: write it in the caller's transaction, ring the workers after commit."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from leadhub import clock
from leadhub.work import handlers

logger = logging.getLogger(__name__)

WAKE_CHANNEL = "lh:due"
WAKE_PAUSE = 0.02  # seconds
_woken_at = 0.0
SILENCE = 1.0  # seconds in which a process leaves a broker alone that failed: one that hangs would hold up every caller
_silent_until = 0.0

_UPSERT = """
INSERT INTO public.due_work (schema, handler, key, ids, queue, due_at, sent_at)
VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s)
ON CONFLICT (schema, handler, key) DO UPDATE SET
    ids = excluded.ids, due_at = excluded.due_at, sent_at = excluded.sent_at, queue = excluded.queue,
    version = due_work.version + 1, attempts = 0, failed_at = NULL, last_error = ''
RETURNING id
"""


def later(name: str, *ids: Any, at: datetime | None = None, key: str | None = None, schema: str | None = None) -> int:
    """Owe `name` with `ids` at the moment `at` (None: now) in the current tenant. Returns the row's id.

    The same name and key asked again moves the one row: its due time, and a fresh count of attempts.
    """
    now = clock.now()
    due = at or now
    is_due = due <= now
    queue = handlers.queue_of(name)
    params = (
        schema or connection.schema_name,
        name,
        key if key is not None else "-".join(str(part) for part in ids),
        json.dumps(ids),
        queue,
        due,
        now if is_due else None,
    )
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, params)
        row_id = cursor.fetchone()[0]
    if is_due:
        transaction.on_commit(lambda: ring([(row_id, name, queue)]))
    return row_id


def forget(name: str, *ids: Any, key: str | None = None, schema: str | None = None) -> bool:
    """Drop owed work that is no longer wanted. False when there was none (done already, or never asked)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.due_work WHERE schema = %s AND handler = %s AND key = %s",
            (schema or connection.schema_name, name, key if key is not None else "-".join(str(part) for part in ids)),
        )
        return cursor.rowcount > 0


def wake() -> None:
    """Tell the dispatcher that something is due: far cheaper than a push to Celery, for places that must be quick.

    At most one call a WAKE_PAUSE reaches the broker; whatever is missed the dispatcher finds at its next tick."""
    global _woken_at, _silent_until
    moment = time.monotonic()
    if moment - _woken_at < WAKE_PAUSE or moment < _silent_until:
        return
    _woken_at = moment
    try:
        _broker(os.getpid()).publish(WAKE_CHANNEL, b"")
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE
        logger.warning("broker did not take a wake-up: %s", type(error).__name__)


@lru_cache(maxsize=1)
def _broker(pid: int) -> redis.Redis:
    """One client a process: a connection does not survive a fork."""
    return redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def ring(rows: Sequence[tuple[int, str, str]]) -> bool:
    """Tell the workers of due rows (id, handler, queue). False: the broker is away; the dispatcher rings again."""
    from leadhub.work.tasks import run

    global _silent_until
    for place, (row_id, name, queue) in enumerate(rows):
        try:
            if time.monotonic() >= _silent_until:
                run.apply_async((row_id, name), queue=queue)
                continue
        except Exception as error:  # noqa: BLE001 - the client libraries raise several unrelated kinds
            _silent_until = time.monotonic() + SILENCE
            logger.warning("broker did not take due work: %s", type(error).__name__)
        _unsend(rows[place:])
        return False
    return True


def _unsend(rows: Sequence[tuple[int, str, str]]) -> None:
    """Nobody was told of these: the dispatcher need not wait until they count as lost."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE public.due_work SET sent_at = NULL WHERE id = ANY(%s)", ([row[0] for row in rows],))
    except (DatabaseError, InterfaceError) as error:
        logger.warning("due work stays marked as sent: %s", type(error).__name__)
