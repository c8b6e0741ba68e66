"""What every template of the product may print about where and who one is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def member(request: HttpRequest) -> dict[str, Any]:
    tenant = getattr(request, "tenant", None)
    return {"tenant": tenant, "member": getattr(request, "member", None), "events_url": events_url(request)}


def events_url(request: HttpRequest) -> str:
    """Address of the tenant's event stream as this browser reaches it; empty outside a tenant."""
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return ""
    return f"{events_origin(request)}/t/{tenant.slug}/events/"


def events_origin(request: HttpRequest) -> str:
    """Scheme, host and port of the event server; empty: the page's own origin (behind a proxy)."""
    base = settings.EVENTS_URL
    if base.startswith("//:"):  # a bare machine: the same host, the next port
        return f"{request.scheme}://{request.get_host().rsplit(':', 1)[0]}:{base[3:]}"
    return base
