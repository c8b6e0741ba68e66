"""Which business a request speaks of (`/t/<slug>/` or an own domain), and whether its user may enter it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import get_script_prefix, set_script_prefix

from tenants import access
from tenants.models import Domain, Tenant

_PATH = re.compile(r"^/t/([a-z0-9][a-z0-9-]{0,40})(/.*)?$")
# What is served for everybody, on an own domain too.
_PUBLIC = ("/accounts/", "/static/", "/hooks/", "/healthz", "/readyz", "/go/")

Handler = Callable[[HttpRequest], HttpResponse]


class TenantByPath:
    """First in the list. `/t/<slug>/...` is served in the tenant's schema with `/t/<slug>` as script prefix, so that
    `reverse()`, redirects, the admin and DRF need to know nothing of it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before, prefix = connection.tenant, get_script_prefix()
        connection.set_schema_to_public()
        request.tenant, request.urlconf = None, settings.PUBLIC_SCHEMA_URLCONF
        try:
            if match := _PATH.match(request.path_info):
                if match[2] is None:
                    return HttpResponsePermanentRedirect(request.path + "/")
                tenant = Tenant.objects.filter(slug=match[1], closed_at=None).select_related("agency").first()
                if tenant is None:
                    return self._not_found(request)
                root = request.META.get("SCRIPT_NAME", "").rstrip("/") + "/t/" + match[1]
                request.path_info = request.META["PATH_INFO"] = match[2]
                request.META["SCRIPT_NAME"] = root
                set_script_prefix(root + "/")
                self._enter(request, tenant)
            elif not request.path_info.startswith(_PUBLIC) and (tenant := _tenant_of_host(request)):
                self._enter(request, tenant)
            return self.get_response(request)
        finally:
            # What was there before, not "public": a test that runs inside a tenant goes on in it.
            connection.set_tenant(before)
            set_script_prefix(prefix)

    def _enter(self, request: HttpRequest, tenant: Tenant) -> None:
        request.tenant, request.urlconf = tenant, settings.ROOT_URLCONF
        connection.set_tenant(tenant)

    def _not_found(self, request: HttpRequest) -> HttpResponse:
        from django.core.handlers.exception import response_for_exception

        return response_for_exception(request, Http404("no such business"))


def _tenant_of_host(request: HttpRequest) -> Tenant | None:
    host = request.META.get("HTTP_HOST", "").rsplit(":", 1)[0].lower()
    if host in ("", "localhost", "127.0.0.1", "testserver"):
        return None
    found = Domain.objects.filter(domain=host, tenant__closed_at=None).select_related("tenant").first()
    return found.tenant if found else None


def open_page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view of a tenant that needs no membership (the demo site, a calendar feed)."""
    view.is_open_page = True
    return view


class MembersOnly:
    """After AuthenticationMiddleware: a tenant is served to its members alone. Others get 404, strangers the login."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.member = None
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.tenant is None:
            return None
        if request.user.is_authenticated:
            request.member = access.member_of(request.tenant, request.user)
        if getattr(view, "is_open_page", False) or request.member:
            return None
        if request.user.is_authenticated:
            raise Http404("not a member")
        if request.path_info.startswith("/api/"):
            return HttpResponse('{"detail": "Нужен вход."}', status=401, content_type="application/json")
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
