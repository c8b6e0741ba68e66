"""Whether what this thread does is only tried: all of it is rolled back, and nobody outside may notice it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_on: ContextVar[bool] = ContextVar("rehearsal", default=False)


def is_on() -> bool:
    """True: nothing is published, and nobody is kept waiting by an advisory lock: what is tried takes nothing."""
    return _is_on.get()


@contextmanager
def in_progress() -> Iterator[None]:
    """What runs inside, in this thread alone, is a rehearsal; the caller rolls its transaction back."""
    token = _is_on.set(True)
    try:
        yield
    finally:
        _is_on.reset(token)
