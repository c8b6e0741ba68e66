"""Tell open screens that something changed: ids on a Valkey channel, which the event server passes on.

Never part of what must not be lost: a screen that missed an event reads the truth when it looks again.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.core import signing
from django.db import connection, transaction

from leadhub import rehearsal

logger = logging.getLogger(__name__)

CHANNEL = "lh:events"
TICKET_LIVES = 24 * 60 * 60  # seconds
_SALT = "channels_app.chat_ticket"


def publish(kind: str, **ids: Any) -> None:
    """After the commit, tell the current tenant's screens: {"schema", "kind", and the ids}. Never fails the caller.

    A rehearsal is told to nobody."""
    if rehearsal.is_on():
        return
    _waiting.events.append(json.dumps({"schema": connection.schema_name, "kind": kind, **ids}))
    transaction.on_commit(_send_waiting, robust=True)


class _Waiting(threading.local):
    """What this thread's transaction has to tell. Events of one that was rolled back go with the next: a screen that
    looks for nothing finds nothing new."""

    def __init__(self) -> None:
        self.events: list[str] = []


_waiting = _Waiting()


def chat_ticket(visitor: str) -> str:
    """What a visitor's browser shows the event server: `visitor` is the identity's number in the web chat."""
    return signing.dumps({"schema": connection.schema_name, "visitor": visitor}, salt=_SALT)


def read_chat_ticket(ticket: str) -> tuple[str, str] | None:
    """(schema, visitor) of a ticket: such a stream gets the events {"kind": "chat"} of that schema and visitor alone.

    None: not ours, or older than a day."""
    try:
        told = signing.loads(ticket, salt=_SALT, max_age=TICKET_LIVES)
    except signing.BadSignature:
        return None
    return told["schema"], told["visitor"]


def _send_waiting() -> None:
    """The first of a commit's hooks tells everything."""
    events, _waiting.events = list(dict.fromkeys(_waiting.events)), []
    if events:
        _send(events)


def _send(events: Sequence[str]) -> None:
    """In one round trip."""
    try:
        with _client(os.getpid()).pipeline(transaction=False) as line:
            for event in events:
                line.publish(CHANNEL, event)
            line.execute()
    except (redis.RedisError, OSError) as error:
        logger.warning("live events were not sent: %s", type(error).__name__)


@lru_cache(maxsize=1)
def _client(pid: int) -> redis.Redis:
    """One client a process: a forked worker must not share its parent's connections."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
