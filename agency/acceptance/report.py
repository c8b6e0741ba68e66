"""The report of a rehearsal: what was played, what was said, what failed; for the console and for a client's eyes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

from agency.acceptance.own import GROUP as OWN
from agency.acceptance.playing import Outcome
from assistant.words import count
from tenants.models import Tenant


@dataclass(frozen=True)
class Report:
    tenant: Tenant
    made_at: datetime  # local time of the business
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.passed]

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.faults]

    @property
    def skipped(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.not_applicable and not outcome.faults]

    @property
    def groups(self) -> list[tuple[str, list[Outcome]]]:
        by_group: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            by_group[outcome.scenario.group].append(outcome)
        return list(by_group.items())

    @property
    def summary(self) -> str:
        """«Сыграно 50 сценариев: 49 прошли, 1 нет»."""
        played = len(self.passed) + len(self.failed)
        text = f"Сыграно: {count(played, 'сценарий', 'сценария', 'сценариев')}. Прошло {len(self.passed)}"
        text += f", не прошло {len(self.failed)}."
        text += f" Не применимо здесь: {len(self.skipped)}." if self.skipped else ""
        own = [outcome for outcome in self.outcomes if outcome.scenario.group == OWN]
        passed = sum(outcome.passed for outcome in own)
        return text + (f" Из них свои проверки: {passed} из {len(own)}." if own else "")


def line_of(outcome: Outcome) -> str:
    """One line of progress."""
    mark = "—" if outcome.not_applicable and not outcome.faults else "✓" if outcome.passed else "✗"
    why = f" (не применимо: {outcome.not_applicable})" if mark == "—" else ""
    return f"{mark} {outcome.scenario.id}: {outcome.scenario.title}{why}"


def details_of(outcome: Outcome) -> str:
    """A failed scenario with its dialogue, for the console."""
    said = [f"    {line.who}: {line.text}".replace("\n", "\n      ") for line in outcome.lines]
    return "\n".join([*said, *(f"    ! {fault}" for fault in outcome.faults)])


def save(report: Report, *, folder: Path | None = None) -> Path:
    """Write the HTML page and return where it lies."""
    folder = folder or settings.DATA_DIR / "acceptance"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.tenant.slug}-{report.made_at:%Y%m%d-%H%M%S}.html"
    path.write_text(render_to_string("agency/acceptance.html", {"report": report}), encoding="utf-8")
    return path
