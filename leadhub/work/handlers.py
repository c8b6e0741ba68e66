"""Which function does which due work, and how it says that trying again can help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

Kind = Literal["database", "outside"]


class TryLater(Exception):
    """The outside is busy or down: the work comes back by itself, after `after` when the provider named a time.

    `counts` False: this was no failed attempt (an agreed pause), so it never leads to giving up.
    """

    def __init__(self, reason: str, *, after: timedelta | None = None, counts: bool = True) -> None:
        super().__init__(reason)
        self.after = after
        self.counts = counts


class GiveUp(Exception):
    """Trying again cannot help: the work stays visible with this reason and waits for a person."""


@dataclass(frozen=True)
class Handler:
    name: str
    function: Callable[..., Any]
    queue: str
    kind: Kind
    max_attempts: int | None


_handlers: dict[str, Handler] = {}


def handler(
    name: str, *, queue: str | None = None, kind: Kind = "database", max_attempts: int | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register `function(*ids, now=...)` as the doer of `name`.

    kind `database`: runs in one transaction, alone with its row; the row is deleted in that same transaction. What it
    waits for (a conversation) may have changed the row meanwhile, so it looks at the world, not at why it was called.
    kind `outside`: its row is claimed by a lease and the function runs without a transaction (it may call HTTP), so
    it must be safe to run twice.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in _handlers and _handlers[name].function is not function:
            raise ValueError(f"two handlers are called {name}")
        _handlers[name] = Handler(
            name, function, queue or ("http" if kind == "outside" else "pipeline"), kind, max_attempts
        )
        return function

    return register


def find(name: str) -> Handler:
    """The handler of that name. Raises GiveUp when no code knows it (an old row after a rename)."""
    try:
        return _handlers[name]
    except KeyError:
        raise GiveUp(f"no handler is called {name}") from None


def queue_of(name: str) -> str:
    """Queue of a handler; `pipeline` for one not loaded here (the dispatcher imports no rooms)."""
    known = _handlers.get(name)
    return known.queue if known else "pipeline"
