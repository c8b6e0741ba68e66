"""The whole rehearsal of one business: its stage, its scenarios one by one, the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django_tenants.utils import tenant_context

from agency.acceptance import own, playing, rehearsal, report, scenarios
from agency.packs import all_trades
from tenants.business.models import Service
from tenants.models import Tenant

MOST = 0.5  # a business that sells this share of a trade's price list is of that trade too


def rehearse(
    tenant: Tenant, *, only: str = "", now: datetime, say: Callable[[str], Any] = lambda line: None
) -> report.Report:
    """Play every scenario of the business, and every check that it saved itself (or those whose id begins with
    `only`). Raises PackError, NotApplicable."""
    script = scenarios.load(trades_of(tenant), tenant.slug)
    chosen = [scenario for scenario in script.scenarios if scenario.id.startswith(only)]
    saved = [dialogue for dialogue in own.load(tenant) if own.id_of(dialogue).startswith(only)]
    outcomes: list[playing.Outcome] = []
    with rehearsal.stage(tenant, now=now) as copy:
        plays = [partial(playing.play, copy, script, scenario, now=now) for scenario in chosen]
        plays += [partial(own.play, copy, dialogue, now=now) for dialogue in saved]
        for number, play in enumerate(plays, start=1):
            outcomes.append(play())
            say(f"[{number}/{len(plays)}] {report.line_of(outcomes[-1])}")
    return report.Report(tenant, now.astimezone(playing.zone_of(tenant)), tuple(outcomes))


def trades_of(tenant: Tenant) -> list[str]:
    """The trade the business was opened as, and the others whose price list it sells."""
    with tenant_context(tenant):
        sold = set(Service.objects.filter(is_active=True).values_list("name", flat=True))
    lists = {pack.key: [service.name for service in pack.services] for pack in all_trades()}
    others = [trade for trade, names in lists.items() if len(sold.intersection(names)) >= MOST * len(names)]
    return list(dict.fromkeys([tenant.trade, *others]))
