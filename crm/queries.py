"""What screens ask of this room."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from crm.connection import active
from crm.mapping import DEAL
from crm.models import Connection, Link
from crm.push import GONE
from crm.reading import is_for_crm
from crm.waiting import HANDLER
from leadhub.work import later
from leadhub.work.models import DueWork
from routing.card_rows import CrmView
from routing.models import Lead, SlaPolicy


def state_of(lead: Lead) -> CrmView:
    """The state of the lead's card for the inbox; three small queries."""
    connected = active()
    if connected is None:
        return CrmView("off", "не подключён")
    if not is_for_crm(lead):
        return CrmView("off", "не передаётся")
    link = Link.objects.filter(kind=Link.Kind.LEAD, local_id=lead.pk).first()
    url, title = (card_url(connected, link), _card_title(link)) if link and link.remote_id else ("", "")
    at = link.synced_at if link else None
    error = link.error if link else ""
    owed = DueWork.objects.filter(schema=connection.schema_name, handler=HANDLER, key=str(lead.pk)).first()
    if connected.broken_reason and (owed or not title):
        return CrmView("failed", title or "остановлен", at, url, connected.broken_reason)
    if owed and owed.failed_at:
        return CrmView("failed", title or "не передана", at, url, error or owed.last_error[:300])
    if owed:
        return CrmView("waiting", title or "передаётся", at, url)
    if error:
        return CrmView("failed", title or "не передана", at, url, error)
    return CrmView("synced", title, at, url) if title else CrmView("waiting", "ещё не передана")


def card_url(connected: Connection, link: Link) -> str:
    """Where a person opens the card in the portal."""
    kind = "deal" if link.entity_type == DEAL else "lead"
    return f"https://{connected.domain}/crm/{kind}/details/{link.remote_id}/"


def _card_title(link: Link) -> str:
    return f"{'Сделка' if link.entity_type == DEAL else 'Лид'} № {link.remote_id}"


def retry(lead: Lead, *, now: datetime) -> None:
    """A person wants the lead in the portal after all: it is sent now; a card deleted there is made anew."""
    links = Link.objects.filter(kind=Link.Kind.LEAD, local_id=lead.pk)
    links.filter(error=GONE).update(remote_id="", written={})
    links.update(error="")
    later(HANDLER, lead.pk, at=now)


def troubles(*, now: datetime) -> list[str]:
    """Russian sentences on what fails with the CRM in the current tenant, for the agency and the owner."""
    connected = active()
    if connected is None:
        return []
    found = [f"Битрикс24 не принимает: {connected.broken_reason}"] if connected.broken_reason else []
    limit = timedelta(minutes=SlaPolicy.load().crm_card_minutes)
    carded = Link.objects.filter(kind=Link.Kind.LEAD).exclude(remote_id="").values("local_id")
    owed = DueWork.objects.filter(schema=connection.schema_name, handler=HANDLER).values("ids__0")
    late = Lead.objects.filter(pk__in=[row["ids__0"] for row in owed], created_at__lt=now - limit, is_test=False)
    if count := late.exclude(pk__in=carded).count():
        found.append(f"Без карточки в Битрикс24 дольше {limit.seconds // 60} мин заявок: {count}")
    return found
