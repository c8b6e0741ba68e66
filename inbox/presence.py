"""Who is writing an answer right now, so that no client is answered twice. Without the cache nobody is seen."""

from __future__ import annotations

import redis
from django.core.cache import cache
from django.db import connection

from channels_app import live
from routing import access
from routing.models import Lead
from tenants.access import Member

LASTS = 15  # seconds; the page tells again while its person goes on writing


def note_typing(lead: Lead, member: Member) -> None:
    """Tell colleagues who have the lead open that the member writes."""
    try:
        cache.set(_key(lead), (member.user.pk, access.name_of(member)), LASTS)
    except (redis.RedisError, OSError):
        return
    live.publish("typing", lead=lead.pk, user=member.user.pk)


def stop_typing(lead: Lead) -> None:
    """The answer was sent."""
    try:
        cache.delete(_key(lead))
    except (redis.RedisError, OSError):
        return


def who_types(lead: Lead, *, besides: Member) -> str:
    """Name of another person who is writing to this client; "": nobody."""
    try:
        user_id, name = cache.get(_key(lead)) or (None, "")
    except (redis.RedisError, OSError):
        return ""
    return "" if user_id == besides.user.pk else name


def _key(lead: Lead) -> str:
    return f"typing:{connection.schema_name}:{lead.pk}"
