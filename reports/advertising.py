"""What each campaign brought and cost, as values that templates only print.

A lead is a campaign's by its source and campaign marks, as everywhere in the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote_plus

from reports import facts, kpi, words
from reports.facts import Places
from reports.kpi import Slice
from reports.lists import Chosen, source_title
from reports.periods import Period
from routing import campaigns
from routing.models import Campaign


@dataclass(frozen=True)
class CampaignRow:
    """One campaign in a period. `id` None: leads or spend of marks that no campaign has."""

    id: int | None
    name: str
    marks: str  # «vk · autumn»
    is_open: bool
    clicks: str
    leads: str
    leads_url: str
    booked: str
    booked_url: str
    new_clients: str
    spend: str
    cpl: str
    cac: str
    source: str = ""
    campaign: str = ""


@dataclass(frozen=True)
class LinkView:
    """A link to copy. `target`: where it leads, for people to read. `is_main`: where the campaign leads by itself."""

    title: str
    kind: str
    url: str
    target: str
    is_main: bool


@dataclass(frozen=True)
class Board:
    rows: tuple[CampaignRow, ...]
    others: tuple[CampaignRow, ...]
    total: CampaignRow | None


def board(period: Period, places: Places, shown: Sequence[Campaign], *, now: datetime) -> Board:
    """The campaigns' figures of the period; the number of queries does not grow with them."""
    part, link = _part(period, places, now=now), Chosen("incoming", period)
    parts = kpi.by_marks(part)
    rows = tuple(_row(one, parts.get(_marks(one), kpi.nothing(now)), period, link) for one in shown)
    others = _others(parts, {_marks(one) for one in shown}, link)
    if len(rows) + len(others) < 2:
        return Board(rows, others, None)
    advertised = part.where(
        lambda lead: bool(lead.source), lambda visit: bool(visit.source), lambda row: bool(row.source)
    )
    clicks = sum(_clicks(one, period) for one in shown)
    return Board(rows, others, _figures(None, "Вся реклама", "", True, clicks, advertised, None))


def row(period: Period, places: Places, campaign: Campaign, *, now: datetime) -> CampaignRow:
    """One campaign's figures of the period."""
    part = kpi.by_marks(_part(period, places, now=now)).get(_marks(campaign), kpi.nothing(now))
    return _row(campaign, part, period, Chosen("incoming", period))


def _part(period: Period, places: Places, *, now: datetime) -> Slice:
    return kpi.cut(facts.load_world(period, places), period, now)


def _marks(campaign: Campaign) -> tuple[str, str]:
    """Source and campaign marks as the facts have them."""
    return campaign.utm_source.lower(), campaign.utm_campaign.lower()


def _row(campaign: Campaign, part: Slice, period: Period, link: Chosen) -> CampaignRow:
    source, mark = _marks(campaign)
    title, narrow = f"{source_title(source)} · {campaign.utm_campaign}", replace(link, source=source, campaign=mark)
    return _figures(campaign.pk, campaign.name, title, campaign.is_open, _clicks(campaign, period), part, narrow)


def _others(
    parts: Mapping[tuple[str, str], Slice], known: set[tuple[str, str]], link: Chosen
) -> tuple[CampaignRow, ...]:
    """Marks of advertising that belong to no campaign: somebody advertises past this page."""
    found = []
    for source, mark in sorted(marks for marks in parts if marks[0] and marks not in known):
        narrow, name = replace(link, source=source, campaign=mark), mark or "без метки кампании"
        figures = _figures(None, name, source_title(source), True, None, parts[source, mark], narrow)
        found.append(replace(figures, source=source, campaign=mark))
    return tuple(found)


def _figures(
    pk: int | None, name: str, marks: str, is_open: bool, clicks: int | None, part: Slice, link: Chosen | None
) -> CampaignRow:
    def url(figure: str, count: int) -> str:
        return replace(link, figure=figure).url() if link and count else ""

    return CampaignRow(
        id=pk,
        name=name,
        marks=marks,
        is_open=is_open,
        clicks=words.NOTHING if clicks is None else words.count(clicks),
        leads=words.count(len(part.leads)),
        leads_url=url("incoming", len(part.leads)),
        booked=words.count(len(part.booked)),
        booked_url=url("booked", len(part.booked)),
        new_clients=words.count(len(part.new_clients)),
        spend=words.written(part.spend_kopecks if part.spend else None, "money"),
        cpl=words.written(part.cpl_kopecks, "money"),
        cac=words.written(part.cac_kopecks, "money"),
    )


def _clicks(campaign: Campaign, period: Period) -> int:
    first, last = period.first.isoformat(), period.last.isoformat()
    return sum(count for day, count in campaign.clicks.items() if first <= day <= last)


def links(campaign: Campaign) -> tuple[LinkView, ...]:
    """The main link, then one for every other place the campaign knows the way to."""
    titles = dict(Campaign.Landing.choices)
    views = [
        LinkView(str(titles[campaign.landing]), campaign.landing, campaigns.link(campaign), "", is_main=True),
        *(
            LinkView(str(titles[kind]), kind, campaigns.link(campaign, kind), "", is_main=False)
            for kind in Campaign.Landing.values
            if kind != campaign.landing and campaign.addresses.get(kind)
        ),
    ]
    return tuple(replace(view, target=unquote_plus(campaigns.target(campaign, view.kind))) for view in views)
