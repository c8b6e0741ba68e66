"""Fill an empty installation with the demo: agency, four businesses, their six weeks, and what is open right now."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django_tenants.utils import tenant_context

from agency.demo import advertising, businesses, live, story
from agency.demo.history import Play
from assistant import words
from booking.models import Appointment
from contacts.models import Conversation
from reminders import actions as reminders
from routing import sla
from routing.models import Lead, SlaPolicy
from tenants.business.models import Branch
from tenants.models import Tenant

Say = Callable[[str], None]


class NotForProduction(Exception):
    """Demo logins have a published password: they must not exist where real clients are."""


def seed(*, now: datetime, say: Say) -> bool:
    """Everything of the demo that is missing (of DEMO_BUSINESSES, where they are named). False: nothing was. Raises
    NotForProduction."""
    if settings.PRODUCTION:
        raise NotForProduction(
            "Демонстрационные бизнесы не создаются в рабочей установке: пароль их сотрудников опубликован в README."
        )
    began = time.monotonic()
    businesses.agency()
    wanted = [one for one in story.BUSINESSES if not settings.DEMO_BUSINESSES or one.slug in settings.DEMO_BUSINESSES]
    fresh = [business for business in wanted if not is_seeded(business)]
    for business in fresh:
        tenant = seed_business(business, now=now)
        with tenant_context(tenant):
            leads, visits = Lead.objects.count(), Appointment.objects.count()
        written = words.count(leads, "заявка", "заявки", "заявок")
        say(f"  {tenant.name}: {written}, {words.count(visits, 'запись', 'записи', 'записей')}")
    # The clocks of a minute must not run out while the other businesses are still being filled: all four now.
    passed = timedelta(seconds=time.monotonic() - began)
    for business in fresh:
        tenant = Tenant.objects.get(slug=business.slug)
        with tenant_context(tenant), transaction.atomic():
            live.open_leads(tenant, business, now=now + passed)
    return bool(fresh)


def is_seeded(business: story.Business) -> bool:
    """Whether its past is written; a run that was broken off before is done again."""
    tenant = Tenant.objects.filter(slug=business.slug).first()
    if tenant is None:
        return False
    with tenant_context(tenant):
        return Lead.objects.exists()


def seed_business(business: story.Business, *, now: datetime) -> Tenant:
    """One demo business with its past up to `now`; the past is written whole or not at all."""
    tenant = businesses.open_business(business, now=now)
    with tenant_context(tenant):
        zone = Branch.objects.earliest("position", "pk").zone
        # Played before the transaction: it takes seconds of thought, and an idle transaction is cut off.
        book = Play(tenant, business, today=now.astimezone(zone).date(), until=now).run()
        with transaction.atomic():
            book.write()
            advertising.run_campaigns(tenant, business, zone, now=now)
            _plan_ahead(now)
            _wind_clocks(now)
    return tenant


def _plan_ahead(now: datetime) -> None:
    """Reminders of the visits ahead and follow-ups of silent clients, planned as when they were booked or wrote."""
    for pk in Appointment.objects.filter(status__in=["booked", "confirmed"], starts_at__gt=now).values_list(
        "pk", flat=True
    ):
        reminders.plan_visit(pk, now=now)
    for lead in Lead.objects.filter(status=Lead.Status.OPEN, taken_at=None).select_related("conversation", "branch"):
        reminders.plan_follow_up(lead, now=now)


def _wind_clocks(now: datetime) -> None:
    """The clock that the inbox shows of each lead that is still open."""
    policy = SlaPolicy.load()
    for lead in Lead.objects.filter(status__in=[Lead.Status.OPEN, Lead.Status.NEEDS_CALL]).select_related(
        "conversation"
    ):
        conversation: Conversation = lead.conversation
        task = lead.tasks.filter(done_at=None).first()
        if task:
            sla.show(lead, "call", task.due_at, task.created_at)
        elif conversation.needs_person:
            due = sla.business_due(lead, lead.last_client_at, timedelta(minutes=policy.silence_minutes))
            sla.show(lead, "answer", due, lead.last_client_at)
        elif now - lead.created_at < timedelta(days=1):  # later the follow-ups have it
            minutes = policy.hot_confirm_minutes if lead.is_hot else policy.other_confirm_minutes
            due = sla.business_due(lead, lead.created_at, timedelta(minutes=minutes))
            sla.show(lead, "confirm", due, lead.created_at)
