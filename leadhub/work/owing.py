"""Owe a piece of work: write it in the caller's transaction, ring the workers after commit."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
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

# A timer that is asked for again as it stands is left alone: in a rush every lead asks for the same few. Not one that
# is due within so long: it may be running now, and must see that it was asked for again.
NEAR = timedelta(seconds=5)
_ROW = "(%s, %s, %s, %s::jsonb, %s, %s, %s)"
_UPSERT = """
INSERT INTO public.due_work (schema, handler, key, ids, queue, due_at, sent_at)
VALUES {rows}
ON CONFLICT (schema, handler, key) DO UPDATE SET
    ids = excluded.ids, due_at = excluded.due_at, sent_at = excluded.sent_at, queue = excluded.queue,
    version = due_work.version + 1, attempts = 0, failed_at = NULL, last_error = ''
WHERE excluded.due_at < %s OR due_work.failed_at IS NOT NULL
    OR (due_work.due_at, due_work.ids, due_work.queue, due_work.attempts)
    IS DISTINCT FROM (excluded.due_at, excluded.ids, excluded.queue, 0)
RETURNING id, schema, handler, queue, sent_at IS NOT NULL
"""
_FORGET = "DELETE FROM public.due_work WHERE (schema, handler, key) IN ({rows})"

Name = tuple[str, str, str]  # schema, handler, key: there is one row of each


class Batch:
    """What one handler owes and forgets, written in one round trip when it is done."""

    def __init__(self) -> None:
        self._depth = _savepoints()
        self._owed: dict[Name, tuple] = {}
        self._forgotten: set[Name] = set()

    def owe(self, row: tuple) -> None:
        self._owed[row[:3]] = row
        self._forgotten.discard(row[:3])

    def forget(self, name: Name) -> None:
        self._owed.pop(name, None)
        self._forgotten.add(name)

    @property
    def may_wait(self) -> bool:
        """False within a savepoint of the handler's: what is owed there goes when the savepoint is rolled back."""
        return _savepoints() == self._depth

    def write(self, *also: tuple[str, tuple]) -> None:
        """Write all of it, and run `also` (statements with their parameters) after it, in one round trip. Rows go in
        the order of their names, so that two writers never wait for each other crosswise."""
        statements = []
        if self._owed:
            rows = [self._owed[name] for name in sorted(self._owed)]
            sql = _UPSERT.format(rows=", ".join([_ROW] * len(rows)))
            statements.append((sql, (*(value for row in rows for value in row), clock.now() + NEAR)))
        if self._forgotten:
            names = sorted(self._forgotten)
            sql = _FORGET.format(rows=", ".join(["(%s, %s, %s)"] * len(names)))
            statements.append((sql, tuple(value for name in names for value in name)))
        statements += also
        if not statements:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                ";\n".join(sql for sql, _ in statements), [each for _, values in statements for each in values]
            )
            written = cursor.fetchall() if self._owed else []
        if (noted := _noted.get()) is not None:
            noted.update(row[0] for row in written)
        if due := [row[:4] for row in written if row[4]]:
            transaction.on_commit(lambda: ring(due))


_batch: ContextVar[Batch | None] = ContextVar("batch", default=None)
_noted: ContextVar[set[int] | None] = ContextVar("noted", default=None)


@contextmanager
def noted() -> Iterator[set[int]]:
    """Numbers of the rows that are written inside by this thread: what a rehearsal owes, among all that is owed."""
    written: set[int] = set()
    token = _noted.set(written)
    try:
        yield written
    finally:
        _noted.reset(token)


@contextmanager
def gathered() -> Iterator[Batch]:
    """`later()` and `forget()` only note what they were asked; the caller writes the batch in its transaction."""
    batch = Batch()
    token = _batch.set(batch)
    try:
        yield batch
    finally:
        _batch.reset(token)


def later(name: str, *ids: Any, at: datetime | None = None, key: str | None = None, schema: str | None = None) -> None:
    """Owe `name` with `ids` at the moment `at` (None: now) in the current tenant.

    The same name and key asked again moves the one row: its due time, and a fresh count of attempts.
    """
    now = clock.now()
    due = at or now
    row = (
        *_name(name, ids, key, schema),
        json.dumps(ids),
        handlers.queue_of(name),
        due,
        now if due <= now else None,
    )
    gathering = _gathering()
    batch = gathering or Batch()
    batch.owe(row)
    if gathering is None:
        batch.write()


def forget(name: str, *ids: Any, key: str | None = None, schema: str | None = None) -> None:
    """Drop owed work that is no longer wanted, if there is any."""
    gathering = _gathering()
    batch = gathering or Batch()
    batch.forget(_name(name, ids, key, schema))
    if gathering is None:
        batch.write()


def _gathering() -> Batch | None:
    batch = _batch.get()
    return batch if batch is not None and batch.may_wait else None


def _savepoints() -> int:
    return sum(1 for savepoint in connection.savepoint_ids if savepoint)


def _name(handler: str, ids: Sequence[Any], key: str | None, schema: str | None) -> Name:
    return schema or connection.schema_name, handler, key if key is not None else "-".join(str(part) for part in ids)


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


def depths(queues: Sequence[str]) -> dict[str, int]:
    """How many doorbells lie in each queue. Raises RedisError when the broker is away."""
    with _broker(os.getpid()).pipeline(transaction=False) as asked:
        for queue in queues:
            asked.llen(queue)
        return dict(zip(queues, asked.execute(), strict=True))


@lru_cache(maxsize=1)
def _broker(pid: int) -> redis.Redis:
    """One client a process: a connection does not survive a fork."""
    return redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


Due = tuple[int, str, str, str]  # id, schema, handler, queue


def ring(rows: Sequence[Due], *, together: int = 1) -> bool:
    """Tell the workers of due rows, up to so many of the pipeline's with one doorbell (the work of other queues waits
    for the outside, or is long). False: the broker is away, the dispatcher will."""
    from leadhub.work.tasks import run

    global _silent_until
    quick = [row for row in rows if row[3] == "pipeline"]
    bells = [quick[place : place + together] for place in range(0, len(quick), together)]
    bells += [[row] for row in rows if row[3] != "pipeline"]
    for place, bell in enumerate(bells):
        try:
            if time.monotonic() >= _silent_until:
                run.apply_async(([(row_id, name, schema) for row_id, schema, name, _ in bell],), queue=bell[0][3])
                continue
        except Exception as error:  # noqa: BLE001 - the client libraries raise several unrelated kinds
            _silent_until = time.monotonic() + SILENCE
            logger.warning("broker did not take due work: %s", type(error).__name__)
        _unsend([row for bell in bells[place:] for row in bell])
        return False
    return True


def _unsend(rows: Sequence[Due]) -> None:
    """Nobody was told of these: the dispatcher need not wait until they count as lost."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE public.due_work SET sent_at = NULL WHERE id = ANY(%s)", ([row[0] for row in rows],))
    except (DatabaseError, InterfaceError) as error:
        logger.warning("due work stays marked as sent: %s", type(error).__name__)
