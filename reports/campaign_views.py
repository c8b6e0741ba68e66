"""Campaigns: what they brought and cost, their links and codes, and what was spent on them."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any

import segno
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from leadhub import clock
from reports import advertising, facts, periods
from reports.campaign_forms import SOURCES, CampaignForm, SpendForm
from reports.facts import Places
from reports.page import TAB_TITLES, Tab
from reports.periods import Period, WrongPeriod
from routing import campaigns, spending
from routing.models import AdSpend, Campaign
from routing.spending import Line, NotASheet
from tenants.access import needs

SALT = "reports.spend"
SHOWN_SPEND = 60  # rows of what was said last
PERIOD = "30"
View = Callable[..., HttpResponse]


def _page(view: View) -> View:
    """For members who look after advertising, in the business's own zone."""

    @needs("campaigns")
    @never_cache
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with timezone.override(facts.load_places().zone):
            return view(request, *args, **kwargs)

    return shown


# --- Campaigns --------------------------------------------------------------------------------------------------------


@require_safe
@_page
def all_campaigns(request: HttpRequest) -> HttpResponse:
    now, places = clock.now(), facts.load_places()
    period, error = _period(request, places, now=now)
    board = advertising.board(period, places, list(Campaign.objects.all()), now=now)
    context = {
        "board": board,
        "open_rows": [row for row in board.rows if row.is_open],
        "closed_rows": [row for row in board.rows if not row.is_open],
        "period": period,
        "tabs": _tabs(period, reverse("reports:campaigns")),
        "error": error,
        "place": "reports",
    }
    return render(request, "reports/campaigns.html", context)


@require_safe
@_page
def one(request: HttpRequest, campaign_id: int) -> HttpResponse:
    now, places = clock.now(), facts.load_places()
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    period, error = _period(request, places, now=now)
    context = {
        "campaign": campaign,
        "row": advertising.row(period, places, campaign, now=now),
        "links": advertising.links(campaign),
        "first_words": campaigns.first_words(campaign.code),
        "marks": [(name, value) for name, value in campaigns.marks_of(campaign).items() if value],
        "period": period,
        "tabs": _tabs(period, reverse("reports:campaign", args=[campaign.pk])),
        "error": error,
        "place": "reports",
    }
    return render(request, "reports/campaign.html", context)


@require_http_methods(["GET", "POST"])
@_page
def new(request: HttpRequest) -> HttpResponse:
    told = {"utm_source": request.GET.get("source", "")[:120], "utm_campaign": request.GET.get("campaign", "")[:120]}
    return _edit(request, Campaign(), initial=told | {"landing": Campaign.Landing.TELEGRAM})


@require_http_methods(["GET", "POST"])
@_page
def edit(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return _edit(request, get_object_or_404(Campaign, pk=campaign_id))


def _edit(request: HttpRequest, campaign: Campaign, initial: dict[str, Any] | None = None) -> HttpResponse:
    is_new = campaign.pk is None
    form = CampaignForm(request.POST or None, instance=campaign, initial=initial)
    if request.method == "POST" and form.is_valid():
        saved = campaigns.save(form.save(commit=False), now=clock.now())
        messages.success(request, "Кампания готова: скопируйте ссылку." if is_new else "Сохранено.")
        return redirect("reports:campaign", saved.pk)
    context = {"form": form, "campaign": campaign, "is_new": is_new, "sources": SOURCES, "place": "reports"}
    status = 422 if request.method == "POST" else 200
    return render(request, "reports/campaign_form.html", context, status=status)


@require_POST
@_page
def close(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Close a campaign; again=1 opens it again."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if request.POST.get("again") == "1":
        campaigns.reopen(campaign)
        messages.success(request, "Ссылки снова работают.")
    else:
        campaigns.close(campaign, now=clock.now())
        messages.success(request, "Кампания закрыта: её ссылки больше никуда не ведут.")
    return redirect("reports:campaign", campaign.pk)


@require_safe
@_page
def qr(request: HttpRequest, campaign_id: int, kind: str) -> HttpResponse:
    """The short link as a QR code: svg for print, png for everything else; ?to=<landing> for another place."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    landing = request.GET.get("to", "")
    if kind not in ("svg", "png") or (landing and not campaign.addresses.get(landing)):
        raise Http404("no such code")
    drawn, file = segno.make(campaigns.link(campaign, landing), error="m", micro=False), io.BytesIO()
    if kind == "svg":
        drawn.save(file, kind="svg", scale=8, border=4, dark="#000", light="#fff", title=campaign.name)
    else:
        drawn.save(file, kind="png", scale=20, border=4)
    answer = HttpResponse(file.getvalue(), content_type="image/svg+xml" if kind == "svg" else "image/png")
    if "download" in request.GET:
        answer["Content-Disposition"] = f'attachment; filename="qr-{campaign.code}.{kind}"'
    return answer


@require_safe
@_page
def printed(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """A page to print and hang up."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    context = {"campaign": campaign, "link": campaigns.link(campaign), "place": "reports"}
    return render(request, "reports/campaign_print.html", context)


# --- Spend ------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@_page
def spend(request: HttpRequest) -> HttpResponse:
    """What was spent; POST says one day by hand."""
    form = SpendForm(request.POST or None, today=_today())
    if request.method == "POST" and form.is_valid():
        changed = spending.keep([form.line])
        messages.success(request, "Расход записан." if changed else "Так и было записано.")
        return redirect("reports:spend")
    return _spend(request, form, status=422 if request.method == "POST" else 200)


@require_POST
@_page
def sheet(request: HttpRequest) -> HttpResponse:
    """Read a file and show what would be kept of it; nothing is kept yet."""
    uploaded, source = request.FILES.get("file"), request.POST.get("source", "").strip()[:120]
    if uploaded is None:
        return _spend(request, error="Выберите файл CSV.", status=422)
    if uploaded.size > spending.LARGEST:
        return _spend(request, error="Файл больше 1 МБ: выгрузите период покороче.", status=422)
    try:
        read = spending.read(
            uploaded.read(), source=source, today=_today(), campaigns=list(Campaign.objects.defer("clicks"))
        )
    except NotASheet as error:
        return _spend(request, error=str(error), status=422)
    rows, names = spending.compared(read.lines), _names()
    changing = [row.line for row in rows if not row.is_same]
    context = {
        "sheet": read,
        "rows": [(row, names.get(row.line.key[1:], "")) for row in rows],
        "changing": len(changing),
        "total": sum(row.line.kopecks for row in rows),
        "sealed": _sealed(request, changing),
        "place": "reports",
    }
    return render(request, "reports/spend_preview.html", context)


@require_POST
@_page
def keep_sheet(request: HttpRequest) -> HttpResponse:
    """Keep what the preview showed."""
    try:
        lines = _unsealed(request)
    except signing.BadSignature:
        return _spend(request, error="Предпросмотр устарел: загрузите файл ещё раз.", status=422)
    changed = spending.keep(lines)
    messages.success(request, f"Расходы записаны, строк: {changed}.")
    return redirect("reports:spend")


def _spend(request: HttpRequest, form: SpendForm | None = None, *, error: str = "", status: int = 200) -> HttpResponse:
    names = _names()
    rows = AdSpend.objects.order_by("-day", "source", "campaign")[:SHOWN_SPEND]
    context = {
        "form": form or SpendForm(today=_today()),
        "rows": [(row, names.get((row.source.lower(), row.campaign.lower()), "")) for row in rows],
        "error": error,
        "has_campaigns": bool(names),
        "sources": SOURCES,
        "place": "reports",
    }
    return render(request, "reports/spend.html", context, status=status)


def _names() -> dict[tuple[str, str], str]:
    """Campaigns' names by their marks."""
    told = Campaign.objects.values_list("utm_source", "utm_campaign", "name")
    return {(source.lower(), mark.lower()): name for source, mark, name in told}


def _sealed(request: HttpRequest, lines: list[Line]) -> str:
    """The preview's lines on their way through the browser: of this business, for an hour."""
    told = [(line.day.isoformat(), line.source, line.campaign, line.kopecks) for line in lines]
    return signing.dumps([request.tenant.schema_name, told], salt=SALT, compress=True)


def _unsealed(request: HttpRequest) -> list[Line]:
    """Raises BadSignature."""
    schema, told = signing.loads(request.POST.get("sealed", ""), salt=SALT, max_age=3600)
    if schema != request.tenant.schema_name:
        raise signing.BadSignature("of another business")
    return [Line(0, date.fromisoformat(day), source, campaign, kopecks) for day, source, campaign, kopecks in told]


# --- What the address asks for ----------------------------------------------------------------------------------------


def _today() -> date:
    return clock.now().astimezone(timezone.get_current_timezone()).date()


def _period(request: HttpRequest, places: Places, *, now: datetime) -> tuple[Period, str]:
    """The period asked for; thirty days, and why, where the days make no sense."""
    today = now.astimezone(places.zone).date()
    try:
        return periods.chosen({"period": PERIOD, **request.GET.dict()}, today), ""
    except WrongPeriod as error:
        return periods.chosen({"period": PERIOD}, today), str(error)


def _tabs(period: Period, base: str) -> tuple[Tab, ...]:
    return tuple(Tab(title, f"{base}?period={key}", key == period.key) for key, title in TAB_TITLES.items())
