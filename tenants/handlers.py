"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from leadhub.work import handler
from tenants import invitations
from tenants.models import AgencyMembership, Membership


@handler(invitations.TO_BUSINESS, kind="outside")
def invite(membership_id: int, *, now: datetime) -> None:
    found = Membership.objects.filter(pk=membership_id).select_related("user", "tenant").first()
    if found:
        invitations.write_to(found.user, found.tenant.name)


@handler(invitations.TO_AGENCY, kind="outside")
def invite_to_agency(membership_id: int, *, now: datetime) -> None:
    found = AgencyMembership.objects.filter(pk=membership_id).select_related("user", "agency").first()
    if found:
        invitations.write_to(found.user, found.agency.name)
