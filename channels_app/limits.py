"""How often one visitor, and one address of the net, may post to a public hook."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from channels_app.adapters.base import digest
from channels_app.hooks import Hook
from leadhub import clock

logger = logging.getLogger(__name__)

WINDOW = 60  # seconds


def seconds_to_wait(request: HttpRequest, found: Hook, visitor: str) -> int:
    """0: the post may pass. A cache that is away lets everybody pass."""
    minute, gone = divmod(clock.now().timestamp(), WINDOW)
    wait = int(WINDOW - gone) + 1
    counted = [(f"{found.id}:{digest(address_of(request))}", settings.HOOK_ADDRESS_PER_MINUTE)]
    if visitor:
        counted.append((f"{found.id}:{visitor}", settings.HOOK_VISITOR_PER_MINUTE))
    try:
        return wait if any(count(f"hook:{name}:{int(minute)}") > most for name, most in counted) else 0
    except Exception as error:  # noqa: BLE001 - cache backends raise their clients' own kinds
        logger.warning("posts are not counted: %s", type(error).__name__)
        return 0


def address_of(request: HttpRequest) -> str:
    """The caller's address; behind our own proxy the one that the proxy saw."""
    if settings.SECURE_PROXY_SSL_HEADER and (told := request.META.get("HTTP_X_FORWARDED_FOR")):
        return told.rsplit(",", 1)[-1].strip()
    return request.META.get("REMOTE_ADDR", "")


def count(name: str) -> int:
    """How many times this name was counted, now included; forgotten after two windows. Raises what the cache raises."""
    try:
        return cache.incr(name)
    except ValueError:  # the first of its minute
        return 1 if cache.add(name, 1, WINDOW * 2) else cache.incr(name)
