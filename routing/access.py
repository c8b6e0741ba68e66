"""What of the leads a member may see: everything with `inbox.all`, else only what is led or owned by the member."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import Http404

from channels_app.models import Delivery
from routing.models import Lead, Task
from tenants.access import Member


def leads_of(member: Member) -> QuerySet[Lead]:
    """Leads that the member may see, quarantine and test leads among them."""
    rows = Lead.objects.all()
    if member.may("inbox.all"):
        return rows
    if not member.may("inbox") or member.staff is None:
        return rows.none()
    return rows.filter(Q(owner=member.staff) | Q(conversation__held_by=member.staff))


def tasks_of(member: Member) -> QuerySet[Task]:
    """Tasks of leads that the member may see, and the member's own."""
    rows = Task.objects.all()
    if member.may("inbox.all"):
        return rows
    mine = Q(staff=member.staff) if member.staff else Q(pk__in=[])
    return rows.filter(mine | Q(lead__in=leads_of(member)))


def lead_for(member: Member, lead_id: int) -> Lead:
    """The lead with its people at hand. Raises Http404 when it is not the member's to see."""
    rows = leads_of(member).select_related("contact", "conversation__identity", "conversation__held_by", "owner")
    rows = rows.select_related("conversation__contact", "service", "branch", "campaign")
    return _found(rows.filter(pk=lead_id).first())


def task_for(member: Member, task_id: int) -> Task:
    """Raises Http404 when it is not the member's to see."""
    rows = tasks_of(member).select_related("lead__contact", "lead__conversation__identity", "staff")
    return _found(rows.filter(pk=task_id).first())


def delivery_for(lead: Lead, delivery_id: int) -> Delivery:
    """A delivery of the lead's conversation. Raises Http404 for any other."""
    return _found(Delivery.objects.filter(pk=delivery_id, conversation=lead.conversation_id).first())


def name_of(member: Member) -> str:
    """How colleagues know the member: as the staff does, else as the sign-in does."""
    return member.staff.name if member.staff else member.user.name or member.role_title


def _found(row):  # noqa: ANN001, ANN202 - whatever was looked for
    if row is None:
        raise Http404("not the member's to see")
    return row
