"""What this room hears from below; it only owes work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from booking.models import Appointment
from booking.signals import appointment_changed
from leadhub.work import forget, later
from reminders.plan import next_follow_up
from routing.models import Lead
from routing.signals import lead_changed


@receiver(appointment_changed, sender=Appointment)
def on_appointment(appointment: Appointment, what: str, now: datetime, **_: Any) -> None:
    if what in ("booked", "moved", "cancelled"):
        later("reminders.plan", appointment.pk)
    elif what == "no_show":
        later("reminders.invite_back", appointment.pk)


@receiver(lead_changed, sender=Lead)
def on_lead(lead: Lead, what: str, now: datetime, **_: Any) -> None:
    """A word of the client moves the follow-up, one upsert a message; an outcome drops it."""
    if what in ("created", "updated") and lead.is_open:
        following = next_follow_up(lead.sequence, lead.last_client_at, 0)
        if following:
            later("reminders.follow", lead.pk, at=following[1])
    elif what in ("booked", "closed", "taken"):
        forget("reminders.follow", lead.pk)
    elif what in ("handed_back", "released") or (what == "handed_over" and _is_assistants(lead)):
        later("reminders.plan_follow_up", lead.pk)


def _is_assistants(lead: Lead) -> bool:
    """Nobody's after a shift's end, and not waiting for the next shift: a client who is owed a call is not silent."""
    return lead.owner_id is None and lead.waits_since is None
