"""Four businesses to measure on, made from the demo's packs, with a bot each."""

from __future__ import annotations

from datetime import datetime

from django.core.cache import cache
from django_tenants.utils import tenant_context

from agency.onboarding import apply_business
from agency.packs import all_businesses
from benchmarks.load import SECRET, Address
from channels_app.accounts import save_account
from channels_app.models import ChannelAccount
from tenants.business.models import BusinessSettings
from tenants.models import Agency, HookKey, Tenant
from tenants.provisioning import open_tenant

# How clients ask; {} takes the name of a service.
PHRASES = (
    "Здравствуйте! Хочу записаться на {} завтра",
    "Добрый день, сколько стоит {}?",
    "можно на {} в субботу утром",
    "Запишите на {} сегодня после 17",
    "привет, есть окошко на {} в пятницу?",
    "Подскажите, делаете {}?",
    "{} завтра в 15:00 есть время?",
    "Хочу {} на следующей неделе, вечером",
)


def make(now: datetime, *, window_ms: int) -> list[Address]:
    """Open the four businesses; their bots' addresses."""
    agency = Agency.objects.create(name="Замеры")
    addresses = []
    for number, pack in enumerate(all_businesses()):
        tenant = open_tenant(
            slug=f"bench-{number}", name=pack.name, agency=agency, trade=pack.trades[0].key, city=pack.city.key
        )
        apply_business(tenant, pack, now=now, password=None)
        addresses.append(_with_bot(tenant, number, tuple(info.name for info in pack.price_list())))
    set_window(window_ms)
    cache.clear()
    return addresses


def _with_bot(tenant: Tenant, number: int, services: tuple[str, ...]) -> Address:
    token = f"90000{number}:{'bench' * 7}"
    with tenant_context(tenant):
        account = ChannelAccount(kind="telegram", name="Бот")
        save_account(account, {"token": token, "secret": SECRET})
        key = HookKey.objects.get(tenant=tenant, account_id=account.pk).key
    texts = tuple(phrase.format(name.lower()) for name in services for phrase in PHRASES)
    return Address(f"/hooks/telegram/{key}/", token, texts)


def set_window(milliseconds: int) -> None:
    """The burst window of every measured business; 0 is off."""
    for tenant in Tenant.objects.filter(slug__startswith="bench-"):
        with tenant_context(tenant):
            own = BusinessSettings.load()
            own.burst_window_ms = milliseconds
            own.save(update_fields=["burst_window_ms"])  # tells the workers, as the owner's form does
