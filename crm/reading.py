"""Our rows as the plain data that the CRM is told."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from assistant.intents import LABELS
from booking.models import Appointment
from crm.mapping import Call, Enquiry, Person, Visit
from crm.models import Connection, Link
from routing.models import Lead, Task
from tenants.business.models import StaffMember
from tenants.models import Tenant

_WITH = ("contact", "service", "branch", "owner", "campaign", "conversation__identity")
_VISIBLE = ("booked", "confirmed", "arrived", "no_show", "cancelled")


class Reader:
    """Reads one lead and what hangs on it for one connection."""

    def __init__(self, connected: Connection) -> None:
        self._default_user_id = connected.default_user_id
        self._slug = Tenant.objects.values_list("slug", flat=True).get(schema_name=connection.schema_name)
        users = Link.objects.filter(kind=Link.Kind.USER).exclude(remote_id="")
        self._users = {local: int(remote) for local, remote in users.values_list("local_id", "remote_id")}

    def enquiry(self, lead: Lead) -> Enquiry:
        identity = lead.conversation.identity
        return Enquiry(
            origin=f"{self._slug}-lead-{lead.pk}",
            kind=lead.kind,
            channel=lead.get_kind_display(),
            person=Person(
                origin=f"{self._slug}-contact-{lead.contact_id}",
                name=lead.contact.name or identity.display_name,
                phone=lead.contact.phone or "",
                email=lead.contact.email,
                channel=lead.get_kind_display(),
            ),
            service=lead.service.name if lead.service else "",
            branch=lead.branch.name if lead.branch else "",
            summary=lead.summary,
            intent=LABELS.get(lead.intent, lead.intent),
            score=lead.score,
            temperature=lead.get_temperature_display(),
            tags=tuple(lead.tags),
            is_urgent=lead.urgency == "high",
            is_taken=lead.taken_at is not None,
            status=lead.status,
            responsible_id=self.user_of(lead.owner),
            url=self.url_of(lead.pk),
            promo=lead.promo,
            campaign=lead.campaign.name if lead.campaign else "",
            page=lead.page,
            claimed_phone=identity.claimed_phone,
            utm={
                "source": lead.utm_source,
                "medium": lead.utm_medium,
                "campaign": lead.utm_campaign,
                "content": lead.utm_content,
                "term": lead.utm_term,
            },
        )

    def visits(self, lead: Lead) -> list[tuple[int, Visit]]:
        """Appointments of the lead with their numbers, oldest first; holds are nobody's business yet."""
        rows = (
            Appointment.objects.filter(lead_id=lead.pk, status__in=_VISIBLE, booked_at__isnull=False)
            .select_related("staff", "branch")
            .prefetch_related("services")
            .order_by("pk")
        )
        return [(row.pk, self._visit(row)) for row in rows]

    def _visit(self, row: Appointment) -> Visit:
        return Visit(
            origin=f"{self._slug}-appointment-{row.pk}",
            title=", ".join(service.name for service in row.services.all()) or "Визит",
            status=row.status,
            price_kopecks=row.price_kopecks,
            starts_at=row.starts_at.astimezone(row.branch.zone),
            ends_at=row.ends_at.astimezone(row.branch.zone),
            staff=row.staff.name,
            branch=row.branch.name,
        )

    def calls(self, lead: Lead) -> list[tuple[int, Call]]:
        """Tasks of the lead with their numbers."""
        return [(task.pk, self._call(task, lead)) for task in lead.tasks.select_related("staff").order_by("pk")]

    def _call(self, task: Task, lead: Lead) -> Call:
        return Call(
            title=task.title,
            number=f"{lead.pk}-{task.pk}",
            due_at=task.due_at.astimezone(lead.branch.zone) if lead.branch else task.due_at,
            is_done=task.done_at is not None,
            responsible_id=self.user_of(task.staff or lead.owner),
            url=self.url_of(lead.pk),
        )

    def user_of(self, staff: StaffMember | None) -> int:
        """The portal's user who is this person; the connection's own one when nobody was matched."""
        return self._users.get(staff.pk, self._default_user_id) if staff else self._default_user_id

    def url_of(self, lead_id: int) -> str:
        return f"{settings.PUBLIC_URL}/t/{self._slug}/inbox/{lead_id}/"


def lead_of(lead_id: int) -> Lead | None:
    """The lead with all that its card needs; None: gone, or not for the CRM (a test, quarantine)."""
    lead = Lead.objects.select_related(*_WITH).filter(pk=lead_id).first()
    return lead if lead and is_for_crm(lead) else None


def is_for_crm(lead: Lead) -> bool:
    return not lead.is_test and lead.status not in (Lead.Status.QUARANTINE, Lead.Status.SPAM)
