"""`/go/<code>`: a short link is followed. Public, without cookies; who followed it is not kept."""

from __future__ import annotations

import logging
import re

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from channels_app import limits
from channels_app.adapters.base import digest
from leadhub import clock
from routing import campaigns
from routing.models import Campaign

logger = logging.getLogger(__name__)

PER_MINUTE = 120  # links followed from one address of the net: many share a provider's
COUNTED_PER_MINUTE = 10  # clicks on one link from one address that count
_LANDINGS = frozenset({"", *Campaign.Landing.values})
# Who looks at a link without a person behind it: search engines, messengers' previews, monitors, scripts.
_ROBOT = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|facebookexternalhit|whatsapp/|vkshare|viber|skype|mail\.ru_bot|okhttp"
    r"|curl|wget|python|httpx|java/|go-http|libwww|headless|monitor|uptime|scan|fetch",
    re.IGNORECASE,
)


@require_safe
def go(request: HttpRequest, code: str, landing: str = "") -> HttpResponse:
    """302 to the messenger or page with the code; 404 for a link that leads nowhere (any more), 429 for too many."""
    now = clock.now()
    who, minute = digest(limits.address_of(request)), int(now.timestamp()) // limits.WINDOW
    if _times(f"go:{who}:{minute}") > PER_MINUTE:
        answer = render(request, "go/busy.html", status=429)
        answer["Retry-After"] = str(limits.WINDOW)
        return answer
    is_counted = is_person(request) and _times(f"go:{who}:{code[:8]}:{minute}") <= COUNTED_PER_MINUTE
    where = campaigns.follow(code, landing, is_counted=is_counted, now=now) if landing in _LANDINGS else ""
    if not where:
        return render(request, "go/closed.html", status=404)
    return HttpResponseRedirect(where, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def is_person(request: HttpRequest) -> bool:
    """Whether somebody pressed the link, as far as the request tells."""
    agent = request.META.get("HTTP_USER_AGENT", "")
    purpose = request.META.get("HTTP_SEC_PURPOSE", "") + request.META.get("HTTP_PURPOSE", "")
    is_ahead = "prefetch" in purpose or "preview" in purpose or "HTTP_X_MOZ" in request.META
    return request.method == "GET" and bool(agent) and not is_ahead and not _ROBOT.search(agent)


def _times(name: str) -> int:
    """How often in this minute; a cache that is away counts nothing."""
    try:
        return limits.count(name)
    except Exception as error:  # noqa: BLE001 - cache backends raise their clients' own kinds
        logger.warning("links followed are not counted: %s", type(error).__name__)
        return 0
