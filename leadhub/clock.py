"""The one clock. Everything that needs the time is given it; only edges (views, task entries) ask here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from django.conf import settings

_standing: ContextVar[datetime | None] = ContextVar("standing", default=None)
_offset = timedelta(0)
_file_stamp: int | None = None


def now() -> datetime:
    """The current moment, aware, UTC; moved by `LEADHUB_CLOCK_FILE` (seconds in a file) in tests and rehearsals."""
    return _standing.get() or datetime.now(UTC) + offset()


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """For what runs inside, in this thread alone, it is `moment` (aware): a rehearsal of another hour."""
    token = _standing.set(moment)
    try:
        yield
    finally:
        _standing.reset(token)


def offset() -> timedelta:
    """How far this clock runs ahead of the machine's. Zero in production."""
    global _offset, _file_stamp
    if settings.CLOCK_FILE:
        try:
            stamp = os.stat(settings.CLOCK_FILE).st_mtime_ns
        except FileNotFoundError:
            return timedelta(0)
        if stamp != _file_stamp:
            with open(settings.CLOCK_FILE) as file:
                _offset = timedelta(seconds=float(file.read().strip() or 0))
            _file_stamp = stamp
        return _offset
    return timedelta(0)
