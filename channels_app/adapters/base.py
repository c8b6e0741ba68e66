"""One interface to every channel: what came in becomes plain data, one text goes out.

An adapter knows HTTP and its provider's words, nothing of tenants, leads or the database.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from contacts.incoming import Incoming
from leadhub.work import TryLater

LONGEST_KEY = 128


class Unreadable(Exception):
    """A stored body that is not what the channel sends: it stays, marked broken, for a person to see."""


class Refused(Exception):
    """A post of our own widget that is turned away at once, with a Russian sentence for the person who sent it."""


class ClientUnreachable(Exception):
    """This client cannot be reached here (blocked the bot): another channel, or a call task."""


class AccountBroken(Exception):
    """The business's own token or quota failed: the account pauses and the owner is told."""


class Rejected(Exception):
    """The provider will never take this very text: a person must see it."""


class Adapter:
    """One kind of channel. `credentials` are needed to send, not to take in."""

    kind: str
    handler = "inbound"  # the due work that reads a stored event
    is_public = False  # called from browsers: CORS, and a limit for each visitor
    longest_text = 4000  # characters of one outgoing message

    def __init__(self, credentials: Mapping[str, Any] | None = None) -> None:
        self.credentials = credentials or {}

    # In

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Whether the post is the provider's own. `headers` is case-insensitive."""
        raise NotImplementedError

    def event_key(self, headers: Mapping[str, str], body: bytes) -> str:
        """The provider's number of this post, "" when it has none. Never raises: nothing is parsed for good yet."""
        raise NotImplementedError

    def check(self, body: bytes, content_type: str) -> None:
        """Raises Refused for a post that its sender can mend. Only our own widget is told so; others are kept."""

    def visitor(self, body: bytes) -> str:
        """Who sent it, as far as a limit is concerned; "" when the post does not say."""
        return ""

    def parse(self, body: bytes, content_type: str) -> list[Incoming]:
        """What happened, oldest first. Raises Unreadable."""
        raise NotImplementedError

    # Out

    def split(self, text: str) -> list[str]:
        """The text as the channel can carry it."""
        return split_text(text, self.longest_text)

    def send(self, to: str, text: str, choices: Sequence[str] = (), *, key: str) -> str:
        """Deliver one text and return the provider's number of it. `key` is ours: the same one is the same message.

        Raises ClientUnreachable, AccountBroken, Rejected, TryLater."""
        raise NotImplementedError

    can_find_sent = False  # whether the provider knows our own number of a message

    def find_sent(self, to: str, *, key: str) -> str | None:
        """Number of a message that was accepted though its answer was lost; None: it never came, or nobody can say."""
        return None


def split_text(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` characters, cut between paragraphs, lines or words where possible."""
    pieces = []
    while len(text) > limit:
        cut = max(text.rfind(mark, limit // 2, limit) for mark in ("\n\n", "\n", " "))
        cut = cut if cut > 0 else limit
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text or not pieces else pieces


def read_json(body: bytes) -> Any:
    """Raises Unreadable."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"не JSON: {type(error).__name__}") from error


def try_json(body: bytes) -> dict[str, Any]:
    """The body as a map; {} when it is none."""
    try:
        told = read_json(body)
    except Unreadable:
        return {}
    return told if isinstance(told, dict) else {}


def digest(*parts: str) -> str:
    """A fixed-length name of any strings, halves of surrogate pairs too."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def http_client(base_url: str) -> httpx.Client:
    """The process's client for a provider: connections are shared by threads, never with a forked parent."""
    return _client(base_url, os.getpid())


@lru_cache(maxsize=32)
def _client(base_url: str, pid: int) -> httpx.Client:
    is_local = (urlsplit(base_url).hostname or "") in ("localhost", "127.0.0.1", "::1")
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(settings.HTTP_READ_TIMEOUT, connect=settings.HTTP_CONNECT_TIMEOUT),
        trust_env=not is_local,  # a proxy of the environment serves the outside only
    )


def ask(client: httpx.Client, path: str, **how: Any) -> httpx.Response:
    """POST; no answer at all is TryLater. The error's own text is dropped: it may hold the address with its token."""
    try:
        return client.post(path, **how)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise TryLater(f"no answer: {type(error).__name__}") from None
