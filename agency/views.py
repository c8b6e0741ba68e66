"""Pages outside a business: where to go after the sign-in, and an agency's list of businesses."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agency import queries
from leadhub import clock
from tenants import access
from tenants.models import AgencyMembership, Tenant


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """People of an agency see its list, a person of one business goes straight in, others choose."""
    if AgencyMembership.objects.filter(user=request.user).exists():
        return redirect("agency:list")
    own = access.tenants_of(request.user)
    if len(own) == 1:
        return redirect(f"/t/{own[0].tenant.slug}/")
    return render(request, "agency/choose.html", {"businesses": own})


@login_required
def tenants_list(request: HttpRequest) -> HttpResponse:
    """Businesses of the reader's agencies, 50 a page; 404 for people of no agency."""
    agencies = AgencyMembership.objects.filter(user=request.user).values_list("agency_id", flat=True)
    if not agencies:
        raise Http404("no agency")
    tenants = Tenant.objects.filter(agency_id__in=list(agencies), closed_at=None).select_related("agency")
    page = Paginator(tenants.order_by("name"), 50).get_page(request.GET.get("page"))
    rows = queries.tenant_rows(list(page), now=clock.now())
    return render(request, "agency/list.html", {"rows": rows, "page": page, "now": clock.now()})
