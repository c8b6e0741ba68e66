"""The owner's page as values that templates only print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.urls import reverse
from django.utils import formats

from reports import breaches, facts, kpi, words
from reports.breaches import Breach
from reports.facts import Places, World, Worth
from reports.figures import BY_KEY, FIGURES, TODAY, Figure
from reports.kpi import Slice, Spread
from reports.lists import Chosen, channel_title, day_period, source_title
from reports.periods import CHOICES, DAY, Period
from routing import duties
from tenants.business.models import Stage

TAB_TITLES = {"today": "Сегодня", "7": "7 дней", "30": "30 дней"}
STEP_TITLES = {
    "incoming": "Обратились",
    "answered": "Получили ответ",
    "offered": "Предложено время",
    "booked": "Записались",
    "came": "Пришли",
}
PERSON_TARGET_SECONDS = 180


@dataclass(frozen=True)
class FigureView:
    key: str
    title: str
    value: str
    detail: str  # «12 из 28», empty where there is no whole
    before: tuple[tuple[str, str], ...]  # (when, how much) to compare with
    target: str
    is_missed: bool
    how: str
    url: str


@dataclass(frozen=True)
class Cell:
    """A number of a table: raw for plots, written for people; `url` opens what is behind it."""

    text: str
    raw: float | None = None
    url: str = ""
    is_bad: bool = False


@dataclass(frozen=True)
class TableRow:
    title: str
    cells: tuple[Cell, ...]
    key: str = ""  # an ISO day, an hour
    url: str = ""
    kind: str = ""  # channel kind, for its icon
    is_inner: bool = False  # a part of the row above
    note: str = ""


@dataclass(frozen=True)
class FunnelStep:
    title: str
    count: str
    share: str
    lost: str  # how many did not come so far from the step before; empty for the first
    width: float  # per cent of the widest
    url: str


@dataclass(frozen=True)
class Column:
    """One day of the bars: heights in per cent of the tallest day."""

    title: str
    x: float
    width: float
    came_y: float
    came: float
    missed_y: float
    missed: float
    url: str


@dataclass(frozen=True)
class Tab:
    title: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class OwnerPage:
    period: Period
    zone_title: str
    now: datetime  # in the zone
    tabs: tuple[Tab, ...]
    branch_id: int | None
    today: tuple[FigureView, ...]
    figures: tuple[FigureView, ...]
    compared_with: str
    answer_table: tuple[TableRow, ...]
    hours: tuple[TableRow, ...]
    days: tuple[TableRow, ...]
    funnel: tuple[FunnelStep, ...]
    money: tuple[TableRow, ...]
    work: tuple[TableRow, ...]
    channels: tuple[TableRow, ...]
    visit_bars: tuple[Column, ...]
    visit_peak: int
    visit_days: tuple[TableRow, ...]
    people: tuple[TableRow, ...]
    breaches: tuple[TableRow, ...]
    has_spend: bool
    has_year: bool
    is_empty: bool


def build(period: Period, places: Places, *, branch_id: int | None, now: datetime) -> OwnerPage:
    """Everything the page shows; the number of queries does not grow with the number of leads."""
    today = Period(now.astimezone(places.zone).date(), now.astimezone(places.zone).date(), "today")
    around_today = Period(today.first - DAY, today.last)
    world = facts.load_world(Period(period.before.first, period.last), places, branch_id)
    includes_today = period.before.first <= around_today.first and period.last == today.last
    today_world = world if includes_today else facts.load_world(around_today, places, branch_id)
    part = kpi.cut(world, period, now)
    taken = facts.load_taken(period, places, branch_id)
    worth = facts.load_worth(now, branch_id)
    has_year = any(each.year_clients for each in worth.values())
    link = Chosen("incoming", period, branch_id)
    return OwnerPage(
        period=period,
        zone_title=places.zone_title,
        now=now.astimezone(places.zone),
        tabs=_tabs(period, branch_id),
        branch_id=branch_id,
        today=_today_figures(today_world, today, replace(link, period=today), places, now=now),
        figures=_period_figures(world, period, link, now=now, skip=TODAY if period.key == "today" else ()),
        compared_with=_compared_with(period),
        answer_table=_answer_table(part, link),
        hours=_hours(part, link),
        days=_days(part, period, link),
        funnel=_funnel(part, link),
        money=_money(part, worth, link, has_year=has_year),
        work=_by_sources(part, link),
        channels=_by_channels(part, link),
        visit_bars=_visit_bars(part, period, link),
        visit_peak=max((len(day.arrived) + len(day.no_shows) for _, day in kpi.by_day(part, period)), default=0),
        visit_days=_visit_days(part, period, link),
        people=_people(taken, link),
        breaches=_breaches(breaches.load(period, places, branch_id), link),
        has_spend=bool(part.spend),
        has_year=has_year,
        is_empty=not part.leads and not part.visits,
    )


def _tabs(period: Period, branch_id: int | None) -> tuple[Tab, ...]:
    branch = f"&branch={branch_id}" if branch_id else ""
    base = reverse("reports:owner")
    return tuple(Tab(TAB_TITLES[key], f"{base}?period={key}{branch}", key == period.key) for key in CHOICES)


# --- Figures ------------------------------------------------------------------------------------------------------


def _figure(
    figure: Figure, part: Slice, before: tuple[tuple[str, str], ...], link: Chosen, *, is_running: bool = False
) -> FigureView:
    value = figure.value(part)
    counted, whole = figure.part(part) if figure.part else (0, 0)
    return FigureView(
        key=figure.key,
        title=figure.title,
        value=words.written(value, figure.unit),
        detail=f"{words.count(counted)} из {words.count(whole)}" if whole else "",
        before=before,
        target=figure.target.told(figure.unit) if figure.target else "",
        is_missed=bool(figure.target and figure.target.is_missed_by(value)) and not (is_running and figure.ripens),
        how=figure.how,
        url=replace(link, figure=figure.key).url(),
    )


def _today_figures(
    world: World, today: Period, link: Chosen, places: Places, *, now: datetime
) -> tuple[FigureView, ...]:
    """Today so far, beside all of yesterday and yesterday as it stood at this hour."""
    part = kpi.cut(world, today, now)
    yesterday = kpi.cut(world, today.before, now)
    then = kpi.cut(world, today.before, now - DAY, is_past=True)
    hour = words.hour_and_minute(now.astimezone(places.zone))
    views = []
    for key in TODAY:
        figure = BY_KEY[key]
        before = (
            ("вчера", words.written(figure.value(yesterday), figure.unit)),
            (f"вчера к {hour}", words.written(figure.value(then), figure.unit)),
        )
        views.append(_figure(figure, part, before, link, is_running=True))
    return tuple(views)


def _period_figures(
    world: World, period: Period, link: Chosen, *, now: datetime, skip: Iterable[str]
) -> tuple[FigureView, ...]:
    """The period beside the one before it, as that one was known when it was as old."""
    part = kpi.cut(world, period, now)
    then = kpi.cut(world, period.before, now - DAY * period.length, is_past=True)
    return tuple(
        _figure(figure, part, (("было", words.written(figure.value(then), figure.unit)),), link)
        for figure in FIGURES
        if figure.key not in skip and not (figure.needs_spend and not part.spend)
    )


def _compared_with(period: Period) -> str:
    return (
        f"«Было»: {period.before}, по состоянию на тот же час" if period.key != "custom" else f"«Было»: {period.before}"
    )


# --- Time to respond ----------------------------------------------------------------------------------------------


def _spread_cells(found: Spread, target: float, url: str) -> tuple[Cell, ...]:
    return (
        Cell(words.count(found.count), found.count, url if found.count else ""),
        _seconds(found.median, target),
        _seconds(found.p90),
    )


def _seconds(value: float | None, target: float | None = None, url: str = "") -> Cell:
    is_bad = target is not None and value is not None and value > target
    return Cell(words.written(value, "seconds"), value, url, is_bad)


def _answer_table(part: Slice, link: Chosen) -> tuple[TableRow, ...]:
    rows = []
    for title, hours in (("Все заявки", None), ("В рабочие часы", "working"), ("Вне рабочих часов", "night")):
        leads = [lead for lead in part.leads if hours is None or lead.is_working == (hours == "working")]
        found = kpi.answers(leads)
        narrow = replace(link, hours=hours)
        rows.append(
            TableRow(
                title,
                _spread_cells(found.assistant, 3, replace(narrow, figure="answer_assistant").url())
                + _spread_cells(found.person, PERSON_TARGET_SECONDS, replace(narrow, figure="answer_person").url()),
            )
        )
    return tuple(rows)


def _hours(part: Slice, link: Chosen) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(
            f"{hour}:00",
            (
                _seconds(found.assistant.median),
                _seconds(found.person.median),
                Cell(words.count(count), count, replace(link, hour=hour).url() if count else ""),
            ),
            key=str(hour),
        )
        for hour, count, found in kpi.answers_by_hour(part.leads)
    )


# --- Days ---------------------------------------------------------------------------------------------------------


def _day_title(day: date) -> str:
    return formats.date_format(day, "D, j b").lower()


def _days(part: Slice, period: Period, link: Chosen) -> tuple[TableRow, ...]:
    """What the issue of a day is: oldest first, as the plot reads."""
    rows = []
    for day, own in kpi.by_day(part, period):
        narrow = replace(link, period=day_period(day))
        rows.append(
            TableRow(
                _day_title(day),
                (
                    _counted(len(own.leads), narrow, "incoming"),
                    _counted(len(own.booked), narrow, "booked"),
                    _seconds(kpi.answers(own.leads).everybody.median, 3),
                    _counted(len(own.missed), narrow, "missed", is_bad=bool(own.missed)),
                    _share(own.confirmed_share, narrow, "confirmed"),
                    _share(own.no_show_share, narrow, "no_show"),
                    Cell(words.money(own.revenue_kopecks), own.revenue_kopecks / 100),
                ),
                key=day.isoformat(),
            )
        )
    return tuple(rows)


def _counted(count: int, link: Chosen, figure: str, *, is_bad: bool = False) -> Cell:
    return Cell(words.count(count), count, replace(link, figure=figure).url() if count else "", is_bad)


def _share(value: float | None, link: Chosen, key: str) -> Cell:
    target = BY_KEY[key].target
    is_bad = bool(target and target.is_missed_by(value))
    return Cell(words.written(value, "percent"), value, replace(link, figure=key).url() if value else "", is_bad)


def _visit_bars(part: Slice, period: Period, link: Chosen) -> tuple[Column, ...]:
    days = kpi.by_day(part, period)
    peak = max((len(own.arrived) + len(own.no_shows) for _, own in days), default=0)
    if not peak:
        return ()
    step = 100 / len(days)
    columns = []
    for number, (day, own) in enumerate(days):
        came, missed = len(own.arrived) / peak * 100, len(own.no_shows) / peak * 100
        columns.append(
            Column(
                title=f"{_day_title(day)}: пришли {len(own.arrived)}, не пришли {len(own.no_shows)}",
                x=round(number * step + step * 0.12, 3),
                width=round(step * 0.76, 3),
                came_y=round(100 - came, 2),
                came=round(came, 2),
                missed_y=round(100 - came - missed, 2),
                missed=round(missed, 2),
                url=replace(link, figure="no_show", period=day_period(day)).url() if own.no_shows else "",
            )
        )
    return tuple(columns)


def _visit_days(part: Slice, period: Period, link: Chosen) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(
            _day_title(day),
            (
                _counted(len(own.arrived), replace(link, period=day_period(day)), "arrived"),
                _counted(len(own.no_shows), replace(link, period=day_period(day)), "no_show"),
                _share(own.no_show_share, replace(link, period=day_period(day)), "no_show"),
            ),
            key=day.isoformat(),
        )
        for day, own in kpi.by_day(part, period)
        if own.arrived or own.no_shows
    )


# --- Funnel -------------------------------------------------------------------------------------------------------


def _funnel(part: Slice, link: Chosen) -> tuple[FunnelStep, ...]:
    steps, before = [], None
    for step in kpi.funnel(part):
        lost = before.count - step.count if before else 0
        steps.append(
            FunnelStep(
                title=STEP_TITLES[step.key],
                count=words.count(step.count),
                share=words.written(step.of_all, "percent"),
                lost=f"\u2212{words.count(lost)}" if lost else "",
                width=round((step.of_all or 0) * 100, 2),
                url=replace(link, figure=step.key).url(),
            )
        )
        before = step
    return tuple(steps)


# --- Sources ------------------------------------------------------------------------------------------------------


def _money(part: Slice, worth: dict[str, Worth], link: Chosen, *, has_year: bool) -> tuple[TableRow, ...]:
    """What every source costs and brings; campaigns stand under their source; the last row is all of it."""
    rows = []

    def row(title: str, part: Slice, worth: Worth | None, link: Chosen) -> TableRow:
        return _money_row(title, part, worth, link, has_year=has_year)

    for source, own in kpi.by_source(part):
        rows.append(row(source_title(source), own, worth.get(source), replace(link, source=source)))
        campaigns = kpi.by_campaign(own) if source else []
        if len(campaigns) > 1:
            rows += [
                replace(
                    row(campaign or "без кампании", inner, None, replace(link, source=source, campaign=campaign)),
                    is_inner=True,
                )
                for campaign, inner in campaigns
            ]
    if len(rows) > 1:
        rows.append(row("Всего", part, kpi.all_worth(worth), link))
    return tuple(rows)


def _money_row(title: str, part: Slice, worth: Worth | None, link: Chosen, *, has_year: bool) -> TableRow:
    ltv = worth.kopecks / worth.clients if worth and worth.clients else None
    in_year = worth.year_kopecks / worth.year_clients if worth and worth.year_clients else None
    year = (_money_cell(in_year),) if has_year else ()
    is_losing = part.cac_kopecks is not None and ltv is not None and part.cac_kopecks > ltv
    is_wasted = bool(part.spend_kopecks) and not part.new_clients
    return TableRow(
        title,
        (
            _counted(len(part.leads), link, "incoming"),
            _counted(len(part.booked), link, "booked"),
            Cell(words.written(part.conversion, "percent"), part.conversion),
            _counted(len(part.new_clients), link, "new_clients"),
            _money_cell(part.revenue_kopecks),
            _money_cell(part.spend_kopecks if part.spend else None),
            _money_cell(part.cpl_kopecks),
            _money_cell(part.cac_kopecks, is_bad=is_losing),
            _money_cell(ltv),
            *year,
        ),
        note="клиент стоит дороже, чем приносит" if is_losing else "расход без новых клиентов" if is_wasted else "",
    )


def _money_cell(kopecks: float | None, *, is_bad: bool = False) -> Cell:
    return Cell(words.written(kopecks, "money"), None if kopecks is None else kopecks / 100, is_bad=is_bad)


def _by_sources(part: Slice, link: Chosen) -> tuple[TableRow, ...]:
    return tuple(
        _work_row(source_title(source), own, replace(link, source=source)) for source, own in kpi.by_source(part)
    )


def _by_channels(part: Slice, link: Chosen) -> tuple[TableRow, ...]:
    return tuple(
        replace(_work_row(channel_title(kind), own, replace(link, channel=kind)), kind=kind)
        for kind, own in kpi.by_channel(part)
    )


def _work_row(title: str, part: Slice, link: Chosen) -> TableRow:
    """How well a source or a channel was served."""
    return TableRow(
        title,
        (
            _counted(len(part.leads), link, "incoming"),
            _seconds(kpi.answers(part.leads).everybody.median, 3),
            _counted(len(part.missed), link, "missed", is_bad=bool(part.missed)),
            Cell(words.written(part.conversion, "percent"), part.conversion),
            _share(part.confirmed_share, link, "confirmed"),
            _share(part.no_show_share, link, "no_show"),
        ),
    )


# --- People -------------------------------------------------------------------------------------------------------


def _people(taken: list[facts.Taken], link: Chosen) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(
            person.name,
            (
                _counted(person.taken, replace(link, staff_id=person.staff_id), "taken"),
                _seconds(person.answer.median, PERSON_TARGET_SECONDS),
                _seconds(person.answer.p90),
                Cell(words.count(person.booked), person.booked),
                Cell(words.written(kpi.share(person.booked, person.taken), "percent")),
            ),
        )
        for person in kpi.people(taken)
    )


# --- Broken terms against the matrix -----------------------------------------------------------------------------


def _breaches(found: Sequence[Breach], link: Chosen) -> tuple[TableRow, ...]:
    """By stage, in the order of the matrix, with who answers for it; within it by whose clock ran out."""
    rows = []
    link = replace(link, figure="breaches")
    for stage, title in Stage.choices:
        ours = [each for each in found if each.stage == stage]
        if not ours:
            continue
        roles = sorted({each.role for each in ours if each.role})
        whose = f" · отвечает {duties.titles(roles)}" if roles else ""
        narrow = replace(link, stage=stage)
        rows.append(_breach_row(f"{title}{whose}", ours, narrow))
        people = sorted({(each.staff_name, each.staff_id) for each in ours})
        for name, staff_id in people:
            theirs = [each for each in ours if (each.staff_name, each.staff_id) == (name, staff_id)]
            rows.append(replace(_breach_row(name, theirs, replace(narrow, staff_id=staff_id)), is_inner=True))
    if len({each.stage for each in found}) > 1:
        rows.append(_breach_row("Всего", found, link))
    return tuple(rows)


def _breach_row(title: str, found: Sequence[Breach], link: Chosen) -> TableRow:
    clocks = Counter(each.clock for each in found)
    kinds = ", ".join(f"{duties.CLOCK_TITLES.get(clock, clock)}: {count}" for clock, count in clocks.most_common())
    late = kpi.spread(each.late_seconds for each in found).median
    undone = sum(not each.is_done for each in found)
    return TableRow(
        title,
        (
            Cell(words.count(len(found)), len(found), link.url()),
            Cell(kinds),
            _seconds(late),
            Cell(words.count(undone), undone, is_bad=bool(undone)),
        ),
    )
