"""The decision record: each decision of a lead as a line that a receptionist can read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from routing.models import Decision, Lead


def add(lead: Lead, kind: str, title: str, details: Iterable[tuple[str, str]] = (), *, now: datetime) -> Decision:
    """Write one decision: what, in a few words, and the reasons as (name, value) lines."""
    decision = _decision(kind, title, details, now=now)
    decision.lead = lead
    decision.save()
    return decision


def _decision(kind: str, title: str, details: Iterable[tuple[str, str]], *, now: datetime) -> Decision:
    lines = [{"name": name, "value": value} for name, value in details]
    return Decision(kind=kind, title=title[:200], details=lines, created_at=now)


class Page:
    """Decisions of one step of the path, written together; all of one lead at one moment."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._lines: list[Decision] = []

    def add(self, kind: str, title: str, details: Iterable[tuple[str, str]] = ()) -> None:
        self._lines.append(_decision(kind, title, details, now=self._now))

    def write(self, lead: Lead) -> None:
        """Put what was added so far on the lead's record, with one insert."""
        for line in self._lines:
            line.lead = lead
        Decision.objects.bulk_create(self._lines)
        self._lines = []
