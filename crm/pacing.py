"""Not more requests than a portal takes: its leaky bucket, mirrored in Valkey for all workers of this installation.

The portal counts per source address: 2 requests a second leak out, above 50 it refuses. We stay below, and refuse
ourselves with the moment when there is room, each waiting caller half a second after the one before.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

import redis
from django.conf import settings
from django.db import connection

from leadhub.work import TryLater

logger = logging.getLogger(__name__)

LEAK_PER_SECOND = 2
START_BELOW = 40  # a push begins below this level
GO_ON_BELOW = 47  # and one that began may go on to this one
BRIM = 50
AT_ONCE = 2  # pushes to one portal at the same time: a portal that hangs must not hold every worker
AGAIN = timedelta(seconds=1)  # the soonest turn of one that has to wait

_POUR = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local told = redis.call('HMGET', KEYS[1], 'level', 'at', 'turn')
local leak, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local level = math.max(0, (tonumber(told[1]) or 0) - (now - (tonumber(told[2]) or now)) * leak)
local wait = 0
if level + 1 <= limit then
  level = level + 1
else
  local turn = math.max(now + (level + 1 - limit) / leak, (tonumber(told[3]) or 0) + 1 / leak)
  turn = math.min(turn, now + 60)
  redis.call('HSET', KEYS[1], 'turn', string.format('%.3f', turn))
  wait = turn - now
end
redis.call('HSET', KEYS[1], 'level', string.format('%.3f', level), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 120)
return string.format('%.3f', wait)
"""
_TURN = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local turn = math.max(now + tonumber(ARGV[2]), (tonumber(redis.call('HGET', KEYS[1], 'turn')) or 0) + 1 / ARGV[1])
turn = math.min(turn, now + 60)
redis.call('HSET', KEYS[1], 'turn', string.format('%.3f', turn))
redis.call('EXPIRE', KEYS[1], 120)
return string.format('%.3f', turn - now)
"""
_FILL = """
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'level', ARGV[1], 'at', string.format('%.6f', tonumber(t[1]) + tonumber(t[2]) / 1000000))
redis.call('EXPIRE', KEYS[1], 120)
"""


def pour(domain: str, *, below: int) -> None:
    """Count one request. Raises TryLater with the wait when the bucket is full."""
    try:
        wait = float(_client(os.getpid()).eval(_POUR, 1, key(domain), LEAK_PER_SECOND, below))
    except (redis.RedisError, OSError) as error:
        logger.warning("requests to a portal are not counted: %s", type(error).__name__)
        return
    if wait > 0:
        raise TryLater("очередь к Битрикс24", after=timedelta(seconds=wait), counts=False)


def next_turn(domain: str) -> timedelta:
    """How long one more has to wait: those who wait come back one after another, not all at the same moment."""
    try:
        wait = _client(os.getpid()).eval(_TURN, 1, key(domain), LEAK_PER_SECOND, AGAIN.total_seconds())
        return timedelta(seconds=float(wait))
    except (redis.RedisError, OSError) as error:
        logger.warning("turns at a portal are not kept: %s", type(error).__name__)
        return AGAIN


def fill(domain: str, level: int = BRIM) -> None:
    """The portal says that its bucket is full: others pour into it too."""
    try:
        _client(os.getpid()).eval(_FILL, 1, key(domain), level)
    except (redis.RedisError, OSError) as error:
        logger.warning("a portal's bucket was not noted: %s", type(error).__name__)


def forget(domain: str) -> None:
    """As if nothing had been sent yet."""
    _client(os.getpid()).delete(key(domain))


def key(domain: str) -> str:
    return f"lh:crm:bucket:{domain}"


@contextmanager
def turn(domain: str, contact_id: int) -> Iterator[None]:
    """Alone with this contact (two leads of one person must not make two cards of that person), and one of few with
    this portal. Raises TryLater. Held by the database session, so a worker that dies lets go."""
    person = f"contact {connection.schema_name} {contact_id}"
    slots = [f"portal {domain} {slot}" for slot in range(AT_ONCE)]
    held: list[str] = []
    try:
        if _lock(person):
            held.append(person)
            held += islice(filter(_lock, slots), 1)  # the first that is free
        if len(held) < 2:
            raise TryLater("очередь к Битрикс24", after=next_turn(domain), counts=False)
        yield
    finally:
        for name in reversed(held):
            _unlock(name)


def _lock(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_number(name)])
        return cursor.fetchone()[0]


def _unlock(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_number(name)])


def _number(name: str) -> int:
    return int.from_bytes(blake2b(f"crm {name}".encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=1)
def _client(pid: int) -> redis.Redis:
    """One client a process: a forked worker must not share its parent's connections."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
