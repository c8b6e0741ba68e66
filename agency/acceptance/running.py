"""The whole rehearsal of one business: its stage, its scenarios one by one, the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agency.acceptance import playing, rehearsal, report, scenarios
from tenants.models import Tenant


def rehearse(
    tenant: Tenant, *, only: str = "", now: datetime, say: Callable[[str], Any] = lambda line: None
) -> report.Report:
    """Play every scenario of the business (or those whose id begins with `only`). Raises PackError, NotApplicable."""
    script = scenarios.load([tenant.trade], tenant.slug)
    chosen = [scenario for scenario in script.scenarios if scenario.id.startswith(only)]
    outcomes = []
    with rehearsal.stage(tenant, now=now) as copy:
        for number, scenario in enumerate(chosen, start=1):
            outcomes.append(playing.play(copy, script, scenario, now=now))
            say(f"[{number}/{len(chosen)}] {report.line_of(outcomes[-1])}")
    return report.Report(tenant, now.astimezone(playing.zone_of(tenant)), tuple(outcomes))
