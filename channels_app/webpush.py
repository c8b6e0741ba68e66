"""Web push: a word for a browser that subscribed, encrypted for it alone, through its maker's push service."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from channels_app.adapters.base import AccountBroken, ClientUnreachable, Rejected, ask, http_client
from leadhub.work import TryLater

TOKEN_LIVES = 12 * 60 * 60  # seconds; services refuse more than a day
PAUSE = timedelta(seconds=30)  # where a service names none


class NotASubscription(Exception):
    """What a browser told is no subscription that we may use; the sentence is for its user."""


def is_offered() -> bool:
    return bool(settings.VAPID_PRIVATE_KEY)


@lru_cache(maxsize=2)
def public_key(private: str) -> str:
    """What a browser subscribes with: the public half of our key, url-safe base64 of 65 bytes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = _vapid(private).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


@lru_cache(maxsize=2)
def _vapid(private: str) -> Any:
    from py_vapid import Vapid02

    return Vapid02.from_raw(private.encode())


def checked(told: Any) -> dict[str, Any]:
    """A browser's subscription, if we may post to its address: https, a known push service. Raises NotASubscription."""
    if not isinstance(told, dict) or not isinstance(told.get("keys"), dict):
        raise NotASubscription("Браузер не подписался. Попробуйте ещё раз.")
    endpoint, keys = told.get("endpoint"), told["keys"]
    if not isinstance(endpoint, str) or len(endpoint) > 1000 or not _may_post_to(endpoint):
        raise NotASubscription("Служба уведомлений этого браузера не поддерживается.")
    lengths = {"p256dh": 65, "auth": 16}
    if any(_length(keys.get(name)) != length for name, length in lengths.items()):
        raise NotASubscription("Браузер не подписался. Попробуйте ещё раз.")
    return {"endpoint": endpoint, "keys": {name: keys[name] for name in lengths}}


def _may_post_to(endpoint: str) -> bool:
    """An address comes from a browser: without a list of services it could name a machine beside ours."""
    if settings.SANDBOX_URL and endpoint.startswith(f"{settings.SANDBOX_URL}/push/"):
        return True
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    is_known = any(host == known or host.endswith(f".{known}") for known in settings.PUSH_HOSTS)
    return parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc and is_known


def _length(key: Any) -> int:
    try:
        return len(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    except (TypeError, ValueError):
        return 0


def digest(endpoint: str) -> str:
    """By what a subscription is found."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def send(subscription: Mapping[str, Any], payload: bytes, *, ttl: timedelta, is_urgent: bool, topic: str) -> str:
    """Hand a payload over to the push service; its address of the message, "" when it names none.

    `ttl`: how long it is kept for a device that is off. Of one `topic` it keeps the last.
    Raises ClientUnreachable (the subscription is over: forget it), Rejected, AccountBroken (our key), TryLater."""
    from pywebpush import WebPusher, WebPushException

    endpoint = str(subscription["endpoint"])
    parts = urlsplit(endpoint)
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        body = WebPusher(subscription).encode(payload)["body"]
    except (WebPushException, ValueError) as error:
        raise ClientUnreachable(f"ключ подписки неверен: {type(error).__name__}") from None
    claims = {"aud": origin, "sub": settings.VAPID_SUBJECT, "exp": int(time.time()) + TOKEN_LIVES}
    headers = {
        **_vapid(settings.VAPID_PRIVATE_KEY).sign(claims),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(ttl.total_seconds())),
        "Urgency": "high" if is_urgent else "normal",
        "Topic": topic,
    }
    answer = ask(http_client(origin), endpoint.removeprefix(origin), content=body, headers=headers)
    if answer.is_success:
        return answer.headers.get("Location", "")[:200]
    if answer.status_code in (404, 410):
        raise ClientUnreachable("браузер больше не подписан")
    if answer.status_code in (401, 403):
        raise AccountBroken("служба push не принимает ключ VAPID")
    if answer.status_code == 429 or answer.status_code >= 500:
        named = answer.headers.get("Retry-After", "")
        raise TryLater(
            f"push service answered {answer.status_code}",
            after=timedelta(seconds=min(int(named), 3600)) if named.isdigit() else PAUSE,
        )
    raise Rejected(f"служба push отказала: {answer.status_code}")
