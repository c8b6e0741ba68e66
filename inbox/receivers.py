"""Changes whose verbs do not tell open screens themselves. A hint only: nothing here is owed or may be lost."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from booking.models import Appointment
from booking.signals import appointment_changed
from channels_app import live
from routing.models import Lead
from routing.signals import lead_changed


@receiver(lead_changed, sender=Lead)
def show_outcome(lead: Lead, what: str, **_: Any) -> None:
    if what in ("booked", "closed", "needs_call", "assigned"):
        live.publish("lead", id=lead.pk)


@receiver(appointment_changed, sender=Appointment)
def show_appointment(appointment: Appointment, **_: Any) -> None:
    live.publish("appointment", id=appointment.pk, lead=appointment.lead_id)
