"""Where a webhook's key leads: looked up once, then remembered for some seconds in each process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

from django.db import connection

from leadhub.crypto import SecretUnreadable, decrypt

REMEMBERED = 15.0  # seconds; a key that is switched off elsewhere is refused here after that
UNKNOWN_REMEMBERED = 5.0  # seconds
MOST_UNKNOWN = 2000  # guesses are forgotten rather than fill the memory

_FIND = """
SELECT h.id, h.secret, h.is_enabled, h.account_id, t.schema_name, t.slug
FROM public.tenants_hookkey h JOIN public.tenants_tenant t ON t.id = h.tenant_id
WHERE h.key = %s AND h.kind = %s AND t.closed_at IS NULL
"""
_ACCOUNT = "SELECT is_active, allowed_origins FROM {}.channels_app_channelaccount WHERE id = %s"


@dataclass(frozen=True)
class Hook:
    """One key's account. `origins`: sites whose browsers may post; empty: any."""

    id: int
    kind: str
    schema: str
    slug: str
    account_id: int
    secret: str
    is_enabled: bool
    origins: frozenset[str]


_known: dict[tuple[str, str], tuple[float, Hook]] = {}
_unknown: dict[tuple[str, str], float] = {}
_lock = Lock()


def find(kind: str, key: str) -> Hook | None:
    """The hook of a key, at most REMEMBERED seconds old; None: there is none. Raises DatabaseError."""
    name, now = (kind, key), time.monotonic()
    known = _known.get(name)
    if known and known[0] > now:
        return known[1]
    if _unknown.get(name, 0.0) > now:
        return None
    hook = _look_up(kind, key)
    with _lock:
        if hook is None:
            _known.pop(name, None)
            if len(_unknown) >= MOST_UNKNOWN:
                _unknown.clear()
            _unknown[name] = now + UNKNOWN_REMEMBERED
        else:
            _unknown.pop(name, None)
            _known[name] = (now + REMEMBERED, hook)
    return hook


def forget(key: str | None = None) -> None:
    """Look this key up again (None: every key)."""
    with _lock:
        for names in (_known, _unknown):
            for name in [name for name in names if key in (None, name[1])]:
                del names[name]


def count_refusal(hook: Hook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.tenants_hookkey SET refused = refused + 1 WHERE id = %s", (hook.id,))


def _look_up(kind: str, key: str) -> Hook | None:
    if "\x00" in key:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_FIND, (key, kind))
        found = cursor.fetchone()
        if found is None:
            return None
        pk, secret, is_enabled, account_id, schema, slug = found
        cursor.execute(_ACCOUNT.format(connection.ops.quote_name(schema)), (account_id,))
        account = cursor.fetchone()
    if account is None:
        return None
    try:
        plain = decrypt(secret) if secret else ""
    except SecretUnreadable:
        return None
    origins = frozenset(origin.strip().rstrip("/").lower() for origin in account[1] if origin.strip())
    return Hook(pk, kind, schema, slug, account_id, plain, is_enabled and account[0], origins)
