"""The invented agency «Маяк» and its four businesses: opened, filled from their packs, connected to the stand-ins."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q
from django_tenants.utils import tenant_context

from agency.demo import story
from agency.onboarding import apply_business
from agency.packs import load_business
from agency.packs.rule_templates import base_text
from agency.packs.shapes import BusinessPack
from channels_app import accounts, adapters
from channels_app.models import ChannelAccount
from contacts.models import Identity
from crm.models import Connection
from leadhub.work import TryLater
from routing import rulesets
from routing.models import RuleSet
from tenants.business.models import Branch
from tenants.models import Agency, AgencyMembership, ChannelKind, HookKey, Tenant, User
from tenants.provisioning import open_tenant

PASSWORD = "Mayak-pokaz-2026"  # noqa: S105 - of invented people, printed on the console; never in production
AGENCY = "Агентство «Маяк» (демо)"
AGENCY_PEOPLE = (
    ("admin@mayak.demo", "Марк Демидов", AgencyMembership.Role.ADMIN),
    ("operator@mayak.demo", "Ольга Панина", AgencyMembership.Role.OPERATOR),
)
SHOWN_ROLES = ("owner", "receptionist", "senior")
SANDBOX_LIMIT = 20.0  # seconds that a stand-in may need to start
BOT_NAMES = {"salon-ufa": "vesna", "barber-omsk": "kant", "dental-nizhny": "ulybka", "cosmo-krasnoyarsk": "enisey"}


@dataclass(frozen=True)
class Login:
    """A way into the demo."""

    name: str
    path: str
    email: str
    password: str


def agency() -> Agency:
    """The agency with its two people."""
    found, _ = Agency.objects.get_or_create(name=AGENCY)
    for email, name, role in AGENCY_PEOPLE:
        user, _ = User.objects.get_or_create(
            email=email, defaults={"name": name, "password": make_password(PASSWORD), "is_staff": True}
        )
        AgencyMembership.objects.get_or_create(agency=found, user=user, defaults={"role": role})
    return found


@transaction.atomic
def open_business(business: story.Business, *, now: datetime) -> Tenant:
    """A demo business with its pack and channels, as it stood before its six weeks."""
    pack = load_business(business.slug)
    tenant = Tenant.objects.filter(slug=business.slug).first() or open_tenant(
        slug=business.slug,
        name=pack.name,
        agency=agency(),
        trade=pack.trades[0].key,
        city=pack.city.key,
        is_demo=True,
    )
    apply_business(tenant, pack, now=now - timedelta(days=story.DAYS + 1), password=PASSWORD)
    with tenant_context(tenant):
        publish_ready(pack, now=now)
        branch = Branch.objects.earliest("position", "pk")
        for channel in pack.channels:
            _account(tenant, business, channel.kind, channel.title, branch)
        portal = business.slug.replace("-", "_")
        Connection.objects.get_or_create(
            defaults={"webhook_token": f"1/sandbox{portal}", "default_user_id": 1},
            domain=os.environ.get("SANDBOX_BITRIX_DOMAIN", "localhost:8003"),
        )
    return tenant


def publish_ready(pack: BusinessPack, *, now: datetime) -> None:
    """A demo shows rules at work from its first day; a real business's owner takes them from the gallery."""
    if not RuleSet.objects.exists():
        rulesets.save_draft(base_text(pack.trades[0].key), by="Leadhub", now=now, note="готовые правила отрасли")
        rulesets.publish(by="Leadhub", now=now)


def _account(tenant: Tenant, business: story.Business, kind: str, title: str, branch: Branch) -> None:
    """A channel with a hook address that stays the same, so that a stand-in restarted finds it again."""
    if ChannelAccount.objects.filter(kind=kind).exists():
        return
    account = accounts.save_account(ChannelAccount(kind=kind, name=title, branch=branch), _credentials(business, kind))
    HookKey.objects.filter(tenant=tenant, kind=kind, account_id=account.pk).update(key=f"{business.slug}-{kind}")


def _credentials(business: story.Business, kind: str) -> dict[str, str]:
    if kind == ChannelKind.TELEGRAM:
        return {"token": f"{1_000_000_001 + business.number}:DEMO-{business.slug}-not-a-real-token"}
    if kind == ChannelKind.SMS:
        return {"login": "sandbox", "password": "sandbox"}  # noqa: S106 - the stand-in's own demo account
    return {}


# --- At every start -----------------------------------------------------------------------------------------------


def connect_all() -> int:
    """Tell the stand-in messenger anew where the bots live; it may have been reset. How many bots were connected."""
    if not settings.SANDBOX_URL:
        return 0
    connected = 0
    for business in story.BUSINESSES:
        tenant = Tenant.objects.filter(slug=business.slug, closed_at=None).first()
        if tenant is None:
            continue
        with tenant_context(tenant):
            for account in ChannelAccount.objects.filter(kind=ChannelKind.TELEGRAM, is_active=True):
                _introduce(business, account)
                _connect(account)
                connected += 1
            _move_portal()
    return connected


def _connect(account: ChannelAccount) -> None:
    deadline = time.monotonic() + SANDBOX_LIMIT
    while True:
        try:
            accounts.connect(account)
            return
        except (TryLater, adapters.Rejected):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _introduce(business: story.Business, account: ChannelAccount) -> None:
    """The stand-in shows the bot under the account's name, and knows the clients who are still to be written to."""
    token = account.credentials["token"]
    _tell_sandbox("bots", {"token": token, "name": account.name, "username": f"{BOT_NAMES[business.slug]}_demo_bot"})
    awaited = Q(contact__appointments__status__in=["booked", "confirmed"])
    awaited |= Q(conversation__leads__status__in=["open", "needs_call"])
    identities = Identity.objects.filter(awaited, kind=ChannelKind.TELEGRAM).distinct()
    clients = [
        {"id": int(identity.external_id), "first_name": identity.display_name or "Клиент"} for identity in identities
    ]
    _tell_sandbox("know", {"token": token, "clients": clients})


def _tell_sandbox(what: str, told: dict[str, Any]) -> None:
    """To the stand-in messenger's own control; it may need some seconds to start."""
    deadline = time.monotonic() + SANDBOX_LIMIT
    while True:
        try:
            httpx.post(f"{settings.SANDBOX_URL}/_control/telegram/{what}", json=told, timeout=5).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _move_portal() -> None:
    """The stand-in portal listens where this start put it."""
    if domain := os.environ.get("SANDBOX_BITRIX_DOMAIN"):
        Connection.objects.exclude(domain=domain).filter(domain__startswith="localhost:").update(domain=domain)


# --- Who may enter ------------------------------------------------------------------------------------------------


def logins() -> list[Login]:
    """Ways into the demo: the agency, then of each business its owner, the desk and the senior."""
    found = [Login(AGENCY, "/agency/", email, PASSWORD) for email, *_ in AGENCY_PEOPLE[:1]]
    for business in story.BUSINESSES:
        tenant = Tenant.objects.filter(slug=business.slug, closed_at=None).first()
        if tenant is None:
            continue
        for role in SHOWN_ROLES:
            membership = tenant.memberships.filter(role=role).select_related("user").order_by("pk").first()
            if membership:
                page = "reports" if role == "owner" else "inbox"
                found.append(Login(tenant.name, f"/t/{tenant.slug}/{page}/", membership.user.email, PASSWORD))
    return found
