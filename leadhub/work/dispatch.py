"""The dispatcher: sends what is due and was not run, every tick, whatever happened to the broker."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.signals import connection_created

from leadhub import clock
from leadhub.work import owing

logger = logging.getLogger(__name__)

BATCH = 500
DEEP = 50  # doorbells in a queue: what was sent is not lost, the workers have not come to it yet
# Doorbells in the pipeline's queue, beside those that its workers have fetched. A message gets its answer no sooner by
# a doorbell of its own then, and each has its price: so they are gathered for a moment.
BUSY = 4
GATHER = 0.1  # seconds
TOGETHER = 8  # rows that one doorbell names at most
BEAT_EVERY = 5.0  # seconds

# An array, not a join with what was found: a join may read the whole table, all that is pending included.
DUE = """
UPDATE public.due_work SET sent_at = %(now)s
WHERE id = ANY(ARRAY(
    SELECT id FROM public.due_work
    WHERE failed_at IS NULL AND due_at <= %(now)s
      AND (sent_at IS NULL OR (sent_at < %(resend)s AND queue <> ALL(%(deep)s)))
      AND (claimed_until IS NULL OR claimed_until < %(now)s)
    ORDER BY due_at LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED))
RETURNING id, schema, handler, queue
"""


def tick(now: datetime, *, batch: int = BATCH) -> Sent:
    """Send up to `batch` due rows to their queues.

    Costs by what is due, not by how many tenants. Where the workers are far behind nothing is rung again, which would
    only lengthen their queue: of a thousand timers due at once, on a busy machine, each was rung so often that what
    fell due later came half a minute late."""
    depths = _depths()
    deep = [queue for queue, depth in depths.items() if depth > DEEP]
    with connection.cursor() as cursor:
        resend = now - settings.WORK_RESEND_AFTER
        cursor.execute(DUE, {"now": now, "resend": resend, "deep": deep, "batch": batch})
        rows = cursor.fetchall()
    is_rush = depths.get("pipeline", 0) >= BUSY
    share = sum(queue == "pipeline" for *_, queue in rows) // BUSY
    together = TOGETHER if is_rush else max(1, min(TOGETHER, share))
    return Sent(len(rows) if owing.ring(rows, together=together) else 0, is_rush)


class Sent(NamedTuple):
    """What one tick did: how many rows went (0 when the broker is away), and whether the workers are behind."""

    rows: int
    is_rush: bool


def _depths() -> dict[str, int]:
    try:
        return owing.depths(settings.WORK_QUEUES)
    except (redis.RedisError, OSError):
        return {}  # the broker is away; whoever rings will notice


def run_forever(stop: threading.Event) -> None:
    """Tick until `stop`. A database or broker that is away is waited for."""
    beat_at, ears = 0.0, Ears()
    connection_created.connect(_write_lightly, dispatch_uid="dispatcher")
    while not stop.is_set():
        try:
            sent = tick(clock.now())
            if time.monotonic() >= beat_at:
                seen("dispatcher")
                _ask_workers()
                beat_at = time.monotonic() + BEAT_EVERY
        except (DatabaseError, InterfaceError) as error:
            logger.warning("dispatcher waits for the database: %s", type(error).__name__)
            connection.close()
            stop.wait(1.0)
            continue
        if sent.is_rush:
            stop.wait(GATHER)
        elif sent.rows < BATCH:
            ears.wait(stop, settings.WORK_TICK)


def _write_lightly(connection: Any, **_: Any) -> None:
    """All that this process writes is what it told and when: a crash that loses it only makes it tell again."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


class Ears:
    """Sleeps until the next tick, or until a webhook says that something is due; a broker that is away only deafens."""

    def __init__(self) -> None:
        self._channel: redis.client.PubSub | None = None

    def wait(self, stop: threading.Event, seconds: float) -> None:
        try:
            if self._channel is None:
                self._channel = redis.from_url(settings.REDIS_URL, socket_connect_timeout=1).pubsub()
                self._channel.subscribe(owing.WAKE_CHANNEL)
            if self._channel.get_message(timeout=seconds):
                while self._channel.get_message(timeout=0):  # many wake-ups are one
                    pass
        except (redis.RedisError, OSError):
            self._channel = None
            stop.wait(max(seconds, 0.1))


def _ask_workers() -> None:
    from leadhub.work.tasks import beat

    try:
        for queue in settings.WORK_QUEUES:
            beat.apply_async((queue,), queue=queue, expires=15)
    except Exception as error:  # noqa: BLE001 - as in owing.ring
        logger.warning("broker did not take a heartbeat: %s", type(error).__name__)


def seen(name: str) -> None:
    """Note that this part is alive now (real time, not the test clock)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.heartbeat (name, seen_at) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at",
            (name,),
        )


def silent(limit: timedelta = timedelta(seconds=20)) -> list[str]:
    """Parts not seen within `limit`: what readiness reports as missing."""
    wanted = ["dispatcher", *(f"worker:{queue}" for queue in settings.WORK_QUEUES)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM public.heartbeat WHERE seen_at > clock_timestamp() - %s", (limit,))
        alive = {row[0] for row in cursor.fetchall()}
    return [name for name in wanted if name not in alive]
