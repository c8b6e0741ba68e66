"""Every channel by its kind, and the errors that an adapter speaks with."""

from __future__ import annotations

from functools import cache

from channels_app.adapters.base import AccountBroken, Adapter, ClientUnreachable, Refused, Rejected, Unreadable
from channels_app.adapters.form import Form
from channels_app.adapters.smsc import Smsc
from channels_app.adapters.telegram import Telegram
from channels_app.adapters.webchat import Webchat
from channels_app.models import ChannelAccount

__all__ = [
    "AccountBroken",
    "Adapter",
    "ClientUnreachable",
    "Refused",
    "Rejected",
    "Unreadable",
    "inbound",
    "of",
    "register",
]

_kinds: dict[str, type[Adapter]] = {}


def register(adapter: type[Adapter]) -> type[Adapter]:
    """Make a kind known. A room above registers the outside callers that are its own business (CRM, payments)."""
    _kinds[str(adapter.kind)] = adapter
    inbound.cache_clear()
    return adapter


def of(account: ChannelAccount) -> Adapter:
    """The account's adapter with its credentials. Raises LookupError for a kind that has none."""
    return _kinds[account.kind](account.credentials)


@cache
def inbound(kind: str) -> Adapter | None:
    """The adapter that takes in posts of a kind; it knows no credentials. None: there is no such kind."""
    return _kinds[kind]() if kind in _kinds else None


for _adapter in (Telegram, Form, Webchat, Smsc):
    register(_adapter)
