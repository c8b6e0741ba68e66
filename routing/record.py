"""The decision record: each decision of a lead as a line that a receptionist can read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from routing.models import Decision, Lead


def add(lead: Lead, kind: str, title: str, details: Iterable[tuple[str, str]] = (), *, now: datetime) -> Decision:
    """Write one decision: what, in a few words, and the reasons as (name, value) lines."""
    return Decision.objects.create(
        lead=lead,
        kind=kind,
        title=title[:200],
        details=[{"name": name, "value": value} for name, value in details],
        created_at=now,
    )
