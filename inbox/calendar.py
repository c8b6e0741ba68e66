"""The day's calendar: who comes to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from booking import actions
from booking import queries as booking_queries
from booking.models import Appointment
from inbox.day import day_view, visit_view, visits_of
from inbox.screen import screen, whole_number
from leadhub import clock
from routing import config as configs
from routing import queries, visits
from routing.card_rows import OpeningDay, OpeningView
from routing.cards import read_value, short_name, value_of
from routing.rows import Choice
from tenants.access import Member
from tenants.business.models import Branch

FARTHEST = timedelta(days=366 * 3)
MOVE_DAYS = 14


@require_GET
@screen("calendar")
def day(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    branch = _branch(request)
    today = now.astimezone(branch.zone).date()
    chosen = _day(request.GET.get("day"), today)
    branches = configs.load().branches
    context = {
        "calendar": day_view(request.member, branch, chosen, now=now),
        "today": today,
        "branch": branch,
        "branches": [Choice(str(each.pk), each.name, each.pk == branch.pk) for each in branches],
        "place": "calendar",
        "shift": queries.shift_of(request.member, now=now),
    }
    return render(request, "calendar/day.html", context)


@require_POST
@screen("calendar")
def arrived(request: HttpRequest, visit_id: int) -> HttpResponse:
    return _act(request, visit_id, lambda visit, now: actions.mark_arrived(visit, now=now), "Отмечено: клиент пришёл.")


@require_POST
@screen("calendar")
def no_show(request: HttpRequest, visit_id: int) -> HttpResponse:
    return _act(request, visit_id, lambda visit, now: actions.mark_no_show(visit, now=now), "Отмечено: не пришёл.")


@require_POST
@screen("calendar")
def confirm(request: HttpRequest, visit_id: int) -> HttpResponse:
    return _act(request, visit_id, lambda visit, now: actions.confirm(visit, now=now), "Визит подтверждён.")


@require_POST
@screen("calendar")
def cancel(request: HttpRequest, visit_id: int) -> HttpResponse:
    why = " ".join(request.POST.get("reason", "").split())[:150]
    return _act(
        request,
        visit_id,
        lambda visit, now: visits.cancel(visit, by=request.member, why=why, now=now),
        "Запись отменена, клиенту отправлено сообщение.",
    )


@require_http_methods(["GET", "POST"])
@screen("calendar")
def move(request: HttpRequest, visit_id: int) -> HttpResponse:
    """Other times for a visit; POST takes one of them."""
    visit = _visit(request.member, visit_id)
    if request.method == "POST":
        chosen = read_value(request.POST.get("opening", ""))
        if chosen is None:
            messages.error(request, "Выберите время.")
            return redirect("calendar:move", visit.pk)
        staff_id, branch_id, start = chosen
        if not request.member.may("inbox.all") and staff_id != visit.staff_id:
            raise PermissionDenied("only the desk gives a visit to somebody else")
        try:
            visits.move(visit, staff_id, branch_id, start, by=request.member, now=clock.now())
        except actions.Taken:
            messages.error(request, "Это время только что заняли. Выберите другое.")
            return redirect("calendar:move", visit.pk)
        except actions.Impossible as refusal:
            messages.error(request, str(refusal))
            return _back(visit)
        messages.success(request, "Запись перенесена, клиенту отправлено сообщение.")
        return _back(_visit(request.member, visit_id))
    return _move_page(request, visit)


def _move_page(request: HttpRequest, visit: Appointment) -> HttpResponse:
    now = clock.now()
    if not visit.is_expected:
        messages.error(request, f"Перенести нельзя: {visit.get_status_display()}.")
        return _back(visit)
    today = now.astimezone(visit.branch.zone).date()
    first = max(_day(request.GET.get("day"), visit.starts_at.astimezone(visit.branch.zone).date()), today)
    own = request.member.staff.pk if not request.member.may("inbox.all") else None
    staff_id = own or whole_number(request.GET.get("staff", str(visit.staff_id)))
    found = booking_queries.day_openings(
        [service.pk for service in visit.services.all()],
        now=now,
        first_day=first,
        days=MOVE_DAYS,
        branch=visit.branch,
        staff_id=staff_id,
        moving_id=visit.pk,
    )
    days = [
        OpeningDay(
            each.day,
            queries.day_words(each.day, today),
            tuple(OpeningView(value_of(free), free.start, short_name(free.staff_name)) for free in each.openings),
        )
        for each in found
        if each.openings
    ][:3]
    context = {
        "visit": visit_view(visit, request.member, now=now),
        "days": days,
        "first": first,
        "is_any_staff": staff_id is None,
        "may_choose_staff": own is None,
        "back_url": _day_url(visit),
        "place": "calendar",
        "shift": queries.shift_of(request.member, now=now),
    }
    return render(request, "calendar/move.html", context)


def _act(
    request: HttpRequest, visit_id: int, verb: Callable[[Appointment, datetime], object], done: str
) -> HttpResponse:
    visit = _visit(request.member, visit_id)
    try:
        verb(visit, clock.now())
    except actions.Taken:
        messages.error(request, "На это время уже записан другой клиент.")
    except actions.Impossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return _back(visit)


def _visit(member: Member, visit_id: int) -> Appointment:
    """Raises Http404 for what the member may not see."""
    visit = visits_of(member).filter(pk=visit_id).first()
    if visit is None:
        raise Http404("not the member's to see")
    return visit


def _back(visit: Appointment) -> HttpResponse:
    return redirect(_day_url(visit))


def _day_url(visit: Appointment) -> str:
    local = visit.starts_at.astimezone(visit.branch.zone).date()
    return f"{reverse('calendar:day')}?day={local.isoformat()}&branch={visit.branch_id}"


def _branch(request: HttpRequest) -> Branch:
    """The branch asked for, else the reader's own, else the first."""
    branches = configs.load().branches
    staff = request.member.staff
    wanted = whole_number(request.GET.get("branch")) or (staff.branch_id if staff else None)
    return next((branch for branch in branches if branch.pk == wanted), branches[0])


def _day(text: str | None, default: date) -> date:
    """A day out of an address; the default for none, a wrong one, or one that no calendar holds."""
    try:
        told = parse_date(text or "")
    except ValueError:
        told = None
    return told if told and abs(told - default) < FARTHEST else default
