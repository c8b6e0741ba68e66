"""The two admins: the agency's (`/admin/`) and the business's own (`/t/<slug>/admin/`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from tenants import access, navigation
from tenants.models import AgencyMembership

# Unfold's pages are alive by Alpine, which evaluates what stands in its attributes, and print their colours in a
# <style>. Scripts in the page itself stay forbidden here too.
_POLICY = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}
_OFFICE_ZONE = "Europe/Moscow"

View = Callable[..., HttpResponse]


class _Site(UnfoldAdminSite):
    """What both admins share: login, logout and passwords are the product's own pages; times are local."""

    index_template = "admin/start.html"

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def local(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied  # another login would not help, so none is asked for
            with timezone.override(self.zone(request)):
                response = guarded(request, *args, **kwargs)
                if hasattr(response, "render"):  # written now: the zone is gone after the view
                    response.render()
            return response

        return csp_replace(_POLICY)(local)

    def zone(self, request: HttpRequest) -> ZoneInfo:
        """Zone in which the pages tell times."""
        return ZoneInfo(_OFFICE_ZONE)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect("admin:index")
        return redirect_to_login(request.GET.get("next") or request.get_full_path(), settings.LOGIN_URL)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return LogoutView.as_view(next_page=settings.ACCOUNT_LOGOUT_REDIRECT_URL)(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("/accounts/password/change/")

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Not offered: Unfold keeps its findings by user alone, and a user may belong to several businesses."""
        raise Http404("no search")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "site_url": navigation.way_out(request)}


class AgencySite(_Site):
    """People of an agency (staff with a membership in it) and superusers."""

    site_header = index_title = "Leadhub: агентство"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if request.tenant is not None or not user.is_active or not user.is_staff:
            return False
        return user.is_superuser or AgencyMembership.objects.filter(user=user).exists()


class BusinessSite(_Site):
    """Members whose role may edit something of their business; superusers have no right of their own here."""

    site_header = index_title = "Настройки бизнеса"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.member is not None and bool(access.ADMIN_RIGHTS.get(request.member.role))

    def zone(self, request: HttpRequest) -> ZoneInfo:
        from tenants.business.models import Branch

        branch = Branch.objects.filter(is_active=True).first()
        return branch.zone if branch else super().zone(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from tenants.business import readiness

        gaps = readiness.gaps() if access.may_edit(request.member, "business", "view") else []
        return super().index(request, {"gaps": gaps, **(extra_context or {})})


agency_site = AgencySite(name="agency_admin")
business_site = BusinessSite(name="business_admin")
for _site in (agency_site, business_site):
    _site.disable_action("delete_selected")
