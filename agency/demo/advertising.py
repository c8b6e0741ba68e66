"""The campaigns behind the demo's advertised leads, with clicks that such leads would have come from."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from django.conf import settings

from agency.demo import story
from agency.demo.businesses import BOT_NAMES
from routing import campaigns
from routing.models import Campaign, Lead
from tenants.models import Tenant

NAMES = {
    ("yandex", "poisk"): "Поиск в Яндексе",
    ("yandex", "brand"): "Наше название в Яндексе",
    ("2gis", "karta"): "Карточка в 2ГИС",
    ("vk", "lenta"): "Лента ВКонтакте",
    ("vk", "klipy"): "Клипы ВКонтакте",
    ("telegram", "kanal"): "Посты в городских каналах",
}
CLICKS_A_LEAD = (4, 11)


def run_campaigns(tenant: Tenant, business: story.Business, zone: ZoneInfo, *, now: datetime) -> None:
    """One campaign for each source's mark of the current tenant; its leads are tied to it."""
    rng = Random(f"clicks:{business.slug}")  # noqa: S311 - it must repeat itself
    site = f"{settings.PUBLIC_URL}/t/{tenant.slug}/site/"
    addresses = {"telegram": f"{BOT_NAMES[business.slug]}_demo_bot", "webchat": site, "form": site}
    for source in story.SOURCES:
        for mark in source.campaigns if source.spend_rub else ():
            leads = Lead.objects.filter(utm_source=source.name, utm_campaign=mark)
            days = Counter(at.astimezone(zone).date() for at in leads.values_list("created_at", flat=True))
            campaign = Campaign(
                name=NAMES[source.name, mark],
                utm_source=source.name,
                utm_medium=source.medium,
                utm_campaign=mark,
                landing="telegram" if source.name == "telegram" else "webchat",
                addresses=addresses,
                clicks={day.isoformat(): count * rng.randint(*CLICKS_A_LEAD) for day, count in sorted(days.items())},
            )
            leads.update(campaign=campaigns.save(campaign, now=now))
