"""The business's price list as the engines read it."""

from __future__ import annotations

from assistant.understanding import ServiceInfo
from tenants.business.models import Service


def price_list() -> tuple[ServiceInfo, ...]:
    """Every service that is offered now."""
    return tuple(service_info(service) for service in Service.objects.filter(is_active=True))


def service_info(service: Service) -> ServiceInfo:
    return ServiceInfo(
        id=service.pk,
        name=service.name,
        synonyms=tuple(service.synonyms),
        category=service.category,
        duration_minutes=service.duration_minutes,
        price_kopecks=service.price_kopecks,
        price_to_kopecks=service.price_to_kopecks,
    )
