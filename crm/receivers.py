"""What this room hears from below; it only owes work, and only where there is a portal to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from booking.models import Appointment
from booking.signals import appointment_changed
from crm import waiting
from crm.connection import forget_known, is_connected
from crm.models import Connection
from crm.reading import is_for_crm
from routing import sla
from routing.models import Lead, Task
from routing.signals import lead_changed, task_changed

_OF_VISITS = ("booked", "moved", "extended", "cancelled", "confirmed", "arrived", "no_show")


@receiver(lead_changed, sender=Lead)
def on_lead(lead: Lead, what: str, now: datetime, **_: Any) -> None:
    if not is_for_crm(lead) or not is_connected():
        return
    waiting.owe(lead.pk, now=now)
    if what in ("created", "released"):
        sla.start_card(lead, now=now)


@receiver(task_changed, sender=Task)
def on_task(task: Task, now: datetime, **_: Any) -> None:
    if is_for_crm(task.lead) and is_connected():
        waiting.owe(task.lead_id, now=now)


@receiver(appointment_changed, sender=Appointment)
def on_appointment(appointment: Appointment, what: str, now: datetime, **_: Any) -> None:
    if appointment.lead_id and what in _OF_VISITS and is_connected():
        waiting.owe(appointment.lead_id, now=now)


@receiver([post_save, post_delete], sender=Connection)
def on_connection(**_: Any) -> None:
    forget_known()
