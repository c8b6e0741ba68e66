"""The demo page of a business: what a client sees, with the chat and the form."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tenants.business.calendar import opening_hours_text
from tenants.business.models import Branch, Service
from tenants.middleware import open_page
from tenants.models import HookKey


@open_page
def demo_page(request: HttpRequest) -> HttpResponse:
    """Open to everybody, like any site of a salon; nothing on it is private."""
    keys = dict(HookKey.objects.filter(tenant=request.tenant, is_enabled=True).values_list("kind", "key"))
    branches = list(Branch.objects.filter(is_active=True))
    for branch in branches:
        branch.hours_text = opening_hours_text(branch)
    context = {
        "branches": branches,
        "services": Service.objects.filter(is_active=True),
        "webchat_key": keys.get("webchat", ""),
        "form_key": keys.get("form", ""),
    }
    return render(request, "site/demo.html", context)
