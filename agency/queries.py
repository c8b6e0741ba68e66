"""What an agency sees of its businesses: plain figures, read schema by schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q
from django_tenants.utils import tenant_context

from channels_app.models import ChannelAccount, Delivery
from crm.models import Connection
from leadhub.work.models import DueWork
from routing.models import Lead
from tenants.models import Tenant

OPEN = [Lead.Status.OPEN, Lead.Status.NEEDS_CALL]


@dataclass(frozen=True)
class TenantRow:
    """One business in the agency's list. `troubles` are Russian sentences; empty: all is well."""

    tenant: Tenant
    leads_today: int
    open_leads: int
    hot_leads: int
    late_leads: int
    last_client_at: datetime | None
    troubles: tuple[str, ...]


def tenant_rows(tenants: Sequence[Tenant], *, now: datetime) -> list[TenantRow]:
    """Figures of the last 24 hours and of this moment for each business; five queries a business."""
    return [_row(tenant, now=now) for tenant in tenants]


def _row(tenant: Tenant, *, now: datetime) -> TenantRow:
    failed = DueWork.objects.filter(schema=tenant.schema_name, failed_at__isnull=False).count()
    with tenant_context(tenant):
        live = Q(status__in=OPEN)
        figures = Lead.objects.filter(is_test=False).aggregate(
            today=Count("pk", filter=Q(created_at__gt=now - timedelta(hours=24)) & ~Q(status=Lead.Status.QUARANTINE)),
            open=Count("pk", filter=live),
            hot=Count("pk", filter=live & Q(temperature=Lead.Temperature.HOT)),
            late=Count("pk", filter=live & Q(clock_due_at__lt=now)),
            last=Max("last_client_at"),
        )
        return TenantRow(
            tenant,
            figures["today"],
            figures["open"],
            figures["hot"],
            figures["late"],
            figures["last"],
            tuple(_troubles(failed)),
        )


def _troubles(failed_work: int) -> list[str]:
    troubles = [
        f"Канал «{name}» остановлен: {reason}"
        for name, reason in ChannelAccount.objects.exclude(paused_reason="").values_list("name", "paused_reason")
    ]
    troubles += [
        f"Битрикс24 не принимает: {reason}"
        for reason in Connection.objects.exclude(broken_reason="").values_list("broken_reason", flat=True)
    ]
    if undelivered := Delivery.objects.filter(status=Delivery.Status.FAILED).count():
        troubles.append(f"Не доставлено сообщений: {undelivered}")
    if failed_work:
        troubles.append(f"Остановлено работ: {failed_work}")
    return troubles
