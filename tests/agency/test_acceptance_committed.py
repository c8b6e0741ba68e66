"""A rehearsal as the command runs it, with no transaction around it."""

from __future__ import annotations

from django_tenants.utils import tenant_context

from agency.acceptance.running import rehearse
from contacts.models import Contact
from leadhub.work.models import DueWork
from tenants.models import Tenant
from tests.agency.test_acceptance import NOW, opened


def test_rehearsal_of_a_served_business_leaves_nothing(committed):
    tenant = opened("salon-ufa")
    before = list(Tenant.objects.values_list("slug", flat=True)), DueWork.objects.count()
    done = rehearse(tenant, only="booking-tomorrow", now=NOW)
    assert [outcome.faults for outcome in done.outcomes] == [[]]
    assert (list(Tenant.objects.values_list("slug", flat=True)), DueWork.objects.count()) == before
    with tenant_context(tenant):
        assert not Contact.objects.exists()
