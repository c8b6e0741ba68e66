"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from agency.onboarding import apply_trade
from agency.receivers import FURNISH
from leadhub.work import handler
from tenants.models import Tenant


@handler(FURNISH)
def furnish(tenant_id: int, *, now: datetime) -> None:
    tenant = Tenant.objects.filter(pk=tenant_id, closed_at=None).first()
    if tenant:
        apply_trade(tenant, now=now)
