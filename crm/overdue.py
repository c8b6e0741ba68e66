"""A lead without its card in time is somebody's concern: the owner's, the seniors', the agency's."""

from __future__ import annotations

from datetime import datetime

from channels_app.notices import notify
from crm.connection import active, people_told
from crm.models import Link
from crm.reading import lead_of
from routing import duties, sla


def tell(lead_id: int, *, now: datetime) -> None:
    """Once a lead; nothing when the card stands, or nobody is owed one."""
    connected, lead = active(), lead_of(lead_id)
    if connected is None or lead is None or has_card(lead.pk):
        return
    minutes = sla.terms_of(lead)["crm_card_minutes"]
    duties.note_breach(lead, f"Карточки нет в Битрикс24 дольше {minutes} мин", clock="card", tells=False, now=now)
    why = f": {connected.broken_reason}" if connected.broken_reason else ""
    for person in {person.pk: person for person in [*people_told(), *duties.accountable(lead)]}.values():
        text = f"Заявки № {lead.pk} нет в Битрикс24 дольше {minutes} мин{why}"
        notify(person, "failure", text, lead_id=lead.pk, key=f"crm-card-{lead.pk}", now=now)


def has_card(lead_id: int) -> bool:
    return Link.objects.filter(kind=Link.Kind.LEAD, local_id=lead_id).exclude(remote_id="").exists()
