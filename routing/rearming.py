"""Clocks that run move when what they run by is edited: policies, opening hours, shifts and their exceptions."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from leadhub.work import later
from routing import sla
from routing.models import Lead

PAGE = 500
# Until every process has seen the edit (`config.LOOK_AGAIN`), and the form's other rows are saved.
PAUSE = timedelta(seconds=5)


def owe(at: datetime) -> None:
    """The current tenant's clocks, if any run, are to be counted again at that moment."""
    if page(0).exists():
        later("routing.rearm_clocks", key="", at=at)


def page(after_id: int) -> QuerySet[Lead]:
    """Open leads with clocks, in order of their numbers, not locked."""
    open_ones = Lead.objects.filter(status__in=[Lead.Status.OPEN, Lead.Status.NEEDS_CALL], pk__gt=after_id)
    return open_ones.exclude(clocks=None).exclude(clocks={}).order_by("pk")[:PAGE]


def is_moved(lead: Lead) -> bool:
    """Whether some clock of the lead is due at another moment than it was."""
    return any(sla.current(lead, name) != clock for name, clock in sla.clocks_of(lead))
