"""How rules work in practice: what each did on real leads, and a look at them once a quarter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Q

from channels_app.notices import notify
from leadhub.work import later
from routing import record
from routing.models import Decision, RuleSet
from routing.record import rule_title
from routing.rules.deciding import called
from routing.rules.reading import read_rules
from routing.rules.shapes import Rule
from tenants.business.models import Branch, StaffMember
from tenants.models import Role, Tenant

HANDLER = "routing.review_rules"
AT = time(10)  # local hour at which a quarter's review is told
PAGE = "admin/routing/ruleset/review/"  # of a business
RECENT = timedelta(days=30)  # what a card of the form counts


@dataclass(frozen=True)
class Work:
    """What a rule did in a period: on how many leads it fired, in how many it decided or came too late."""

    fired: int = 0
    won: int = 0
    lost: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class Finding:
    """A rule in force as the review shows it. `hint`: what to do about it, "" where all is well."""

    number: int
    rule: Rule
    work: Work
    hint: str = ""

    @property
    def name(self) -> str:
        return called(self.rule)

    @property
    def is_idle(self) -> bool:
        return self.rule.is_enabled and not self.work.fired

    @property
    def always_loses(self) -> bool:
        return self.rule.is_enabled and bool(self.work.fired) and not self.work.won


def work_of_rules(since: datetime, until: datetime) -> dict[str, Work]:
    """What rules did on leads in a period, by the title of their lines in the decision record; test leads aside."""
    lost = Q(details__contains=record.as_details([record.LOST]))
    rows = (
        Decision.objects.filter(kind="rule", created_at__gte=since, created_at__lt=until, lead__is_test=False)
        .values("title")
        .annotate(
            fired=Count("lead", distinct=True),
            lost=Count("lead", distinct=True, filter=lost),
            won=Count("lead", distinct=True, filter=~lost),
            last_at=Max("created_at"),
        )
        .order_by()
    )
    return {row["title"]: Work(row["fired"], row["won"], row["lost"], row["last_at"]) for row in rows}


def look(rules: Sequence[Rule], works: Mapping[str, Work]) -> list[Finding]:
    """Each rule with what it did and what to do about it. Pure."""
    titles = [rule_title(rule) for rule in rules]
    found = []
    for number, (rule, title) in enumerate(zip(rules, titles, strict=True), start=1):
        finding = Finding(number, rule, works.get(title, Work()))
        found.append(replace(finding, hint=_hint(finding, is_mistaken=titles.count(title) > 1)))
    return found


def _hint(finding: Finding, *, is_mistaken: bool) -> str:
    if not finding.rule.is_enabled:
        return "Выключено. Если больше не нужно, удалите."
    if is_mistaken:
        return "Называется как другое правило, и посчитаны они вместе: назовите по-разному."
    if finding.is_idle:
        return "Ни разу не сработало: условие слишком узкое, или таких заявок больше нет."
    if finding.always_loses:
        return "Каждый раз решало правило выше: поднимите это или удалите."
    return ""


# --- Once a quarter -------------------------------------------------------------------------------------------------


def quarter_of(moment: datetime) -> str:
    """«2026-4»: the quarter of a local moment."""
    return f"{moment.year}-{(moment.month + 2) // 3}"


def bounds(quarter: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a quarter begins and ends in a zone."""
    year, number = map(int, quarter.split("-"))
    after = (year + 1, 1) if number == 4 else (year, number * 3 + 1)
    return (
        datetime(year, number * 3 - 2, 1, tzinfo=zone),
        datetime(after[0], after[1], 1, tzinfo=zone),
    )


def plan_review(*, now: datetime) -> None:
    """Owe the review of this quarter for the morning after its end. Asked again, it is owed once."""
    branch = Branch.objects.filter(is_active=True).first()
    if branch is None:
        return
    quarter = quarter_of(now.astimezone(branch.zone))
    _, end = bounds(quarter, branch.zone)
    later(HANDLER, quarter, at=datetime.combine(end.date(), AT, branch.zone), key=quarter)


def review(quarter: str, *, now: datetime) -> None:
    """Tell the owner which rules did nothing in a quarter, once; and owe the next review."""
    branch = Branch.objects.filter(is_active=True).first()
    in_force = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
    if branch is None or in_force is None:
        return
    plan_review(now=now)
    found = look(read_rules(in_force.text).rules, work_of_rules(*bounds(quarter, branch.zone)))
    idle, losing = sum(each.is_idle for each in found), sum(each.always_loses for each in found)
    if not idle and not losing:
        return
    told = [f"ни разу не сработали: {idle}" if idle else "", f"всегда опаздывают: {losing}" if losing else ""]
    slug = Tenant.objects.values_list("slug", flat=True).get(schema_name=connection.schema_name)
    text = (
        f"Правила за {quarter[-1]}-й квартал {quarter[:4]}: {', '.join(filter(None, told))}. Пересмотр правил:"
        f" {settings.PUBLIC_URL}/t/{slug}/{PAGE}"
    )
    for person in _owners():
        notify(person, "rules", text, key=f"rules-{quarter}", now=now)


def _owners() -> list[StaffMember]:
    """The owner, or whoever is senior where no owner is on the staff."""
    staff = StaffMember.objects.filter(is_active=True)
    return list(staff.filter(role=Role.OWNER)) or list(staff.filter(role=Role.SENIOR))
