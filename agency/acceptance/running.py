"""The whole rehearsal of one business: its stage, its scenarios one by one, the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from agency.acceptance import own, playing, rehearsal, report, scenarios
from tenants.models import Tenant


def rehearse(
    tenant: Tenant, *, only: str = "", now: datetime, say: Callable[[str], Any] = lambda line: None
) -> report.Report:
    """Play every scenario of the business, and every check that it saved itself (or those whose id begins with
    `only`). Raises PackError, NotApplicable."""
    script = scenarios.load([tenant.trade], tenant.slug)
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
