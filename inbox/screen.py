"""What every view of a receptionist's screen needs: who may, the branch's time zone, one way to answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from routing import config as configs
from routing.queries import VIEWS
from tenants.access import Member, needs

View = Callable[..., HttpResponse]


def screen(ability: str) -> Callable[[View], View]:
    """Let a view in for members with the ability, in the zone of the reader's branch; nothing of it is cached."""

    def wrap(view: View) -> View:
        @needs(ability)
        @never_cache
        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with timezone.override(zone_of(request.member)):
                return view(request, *args, **kwargs)

        return shown

    return wrap


def zone_of(member: Member) -> ZoneInfo:
    """The reader's branch's, else the first branch's."""
    branches = configs.load().branches
    own = member.staff.branch_id if member.staff else None
    return next((branch for branch in branches if branch.pk == own), branches[0]).zone


def listing(request: HttpRequest) -> tuple[str, str]:
    """(view, query) of the list: of this request, or of the page that an htmx request was made from."""
    told = request.GET
    if request.htmx and "view" not in told and "q" not in told and request.htmx.current_url:
        page = parse_qs(urlsplit(request.htmx.current_url).query)
        told = {name: values[-1] for name, values in page.items()}
    view = told.get("view", "all")
    return view if view in VIEWS else "all", told.get("q", "").replace("\x00", "").strip()[:80]


def whole_number(text: str | None) -> int | None:
    """An id or a count out of a form; None for anything else."""
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
