"""The owner's page, the lists behind its figures, and their files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from leadhub import clock
from reports import exports, facts, figures, lists, page, periods
from reports.facts import Places
from reports.figures import Figure
from reports.lists import Chosen
from reports.periods import Period, WrongPeriod
from tenants.access import needs
from tenants.business.models import StaffMember


@require_safe
@needs("reports")
def owner(request: HttpRequest) -> HttpResponse:
    """Whether money is being lost: today, and a period beside the one before it."""
    now = clock.now()
    branch_id = _number(request, "branch")
    places = facts.load_places(branch_id)
    branch_id = branch_id if branch_id in places.by_id else None
    period, error = _period(request, places, now=now)
    with timezone.override(places.zone):
        shown = page.build(period, places, branch_id=branch_id, now=now)
        context = {"page": shown, "branches": places.branches, "error": error, "place": "reports"}
        return render(request, "reports/owner.html", context)


@require_safe
@needs("reports")
def leads(request: HttpRequest) -> HttpResponse:
    """The leads or visits that a figure counted, fifty a page."""
    now = clock.now()
    places = facts.load_places(_number(request, "branch"))
    chosen, figure = _chosen(request, places, now=now)
    picked = lists.find(chosen, places, now=now)
    found = Paginator(picked, lists.PAGE).get_page(request.GET.get("page"))
    rest = figures.BY_KEY.get(figure.rest)
    with timezone.override(places.zone):
        context = {
            "figure": figure,
            "title": figure.list_title or figure.title,
            "told": lists.told(chosen, staff_name=_staff_name(chosen)),
            "chosen": chosen,
            "lines": lists.lines(list(found.object_list), places, named=_sees_clients(request)),
            "named": _sees_clients(request),
            "found": found,
            "zone_title": places.zone_title,
            "rest": rest,
            "rest_url": replace(chosen, figure=rest.key).url() if rest else "",
            "place": "reports",
        }
        return render(request, "reports/leads.html", context)


@require_safe
@needs("reports")
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same list as a CSV file; that it was taken stands in the journal."""
    now = clock.now()
    places = facts.load_places(_number(request, "branch"))
    chosen, figure = _chosen(request, places, now=now)
    picked = lists.find(chosen, places, now=now)
    exports.note(request.member, f"{figure.list_title or figure.title}, {chosen.period}", len(picked))
    body = exports.csv_lines(
        picked, places, tenant=request.tenant, of_visits=figure.of == "visits", named=_sees_clients(request)
    )
    answer = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
    name = f"{chosen.figure}-{chosen.period.first}-{chosen.period.last}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _sees_clients(request: HttpRequest) -> bool:
    return request.member.may("inbox.all")


def _staff_name(chosen: Chosen) -> str:
    if chosen.staff_id is None:
        return ""
    return StaffMember.objects.filter(pk=chosen.staff_id).values_list("name", flat=True).first() or ""


# --- What the address asks for ------------------------------------------------------------------------------------


def _period(request: HttpRequest, places: Places, *, now: datetime) -> tuple[Period, str]:
    """The period asked for; the usual one, and why, where the days make no sense."""
    today = now.astimezone(places.zone).date()
    try:
        return periods.chosen(request.GET, today), ""
    except WrongPeriod as error:
        return periods.chosen({}, today), str(error)


def _chosen(request: HttpRequest, places: Places, *, now: datetime) -> tuple[Chosen, Figure]:
    """Raises Http404 for a figure that there is not."""
    key = request.GET.get("figure", "")
    figure = figures.BY_KEY.get(key)
    if figure is None:
        raise Http404("no such figure")
    asked: dict[str, Any] = {
        name: request.GET.get(name) for name in ("source", "campaign", "channel", "hours", "stage")
    }
    period, _ = _period(request, places, now=now)
    branch_id, hour = _number(request, "branch"), _number(request, "hour")
    return (
        Chosen(
            figure=key,
            period=period,
            branch_id=branch_id if branch_id in places.by_id else None,
            hour=hour if hour in range(24) else None,
            staff_id=_number(request, "staff"),
            **asked,
        ),
        figure,
    )


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of the address; None when it is no number or too large for an id."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
