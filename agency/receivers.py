"""What this room hears from below."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from leadhub.work import later
from tenants.models import Tenant
from tenants.signals import tenant_opened

FURNISH = "agency.furnish"


@receiver(tenant_opened, sender=Tenant)
def on_opened(tenant: Tenant, **_: Any) -> None:
    later(FURNISH, tenant.pk)
