"""A business connected to a portal of the sandbox, over real HTTP with TLS, through the vendor's SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from booking.models import Appointment
from contacts.models import Contact, Conversation, Identity
from crm import connection as connections
from crm import pacing
from crm.models import Connection
from leadhub.work.models import DueWork
from routing.models import Lead
from routing.signals import lead_changed
from sandbox.testing import SandboxProcess
from tests.world import Business

PHONE = "+79010000777"


@dataclass
class Crm:
    """The portal as a person at it sees it, and what the business owes it."""

    sandbox: SandboxProcess
    business: Business
    connection: Connection
    portal: str = "main"

    def has(self, kind: str) -> list[dict[str, Any]]:
        return self.sandbox.entities(self.portal)[kind]

    def the(self, kind: str) -> dict[str, Any]:
        [only] = self.has(kind)
        return only

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        return self.sandbox.log("bitrix24", since)

    @property
    def last_call(self) -> int:
        return max([call["n"] for call in self.sandbox.log("bitrix24")], default=0)

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.faults("bitrix24", kind, **more)

    def act(self, method: str, **params: Any) -> Any:
        """A person works in the portal."""
        return self.sandbox.post("bitrix24/act", portal=self.portal, method=method, params=params)["result"]

    def set(self, **changes: Any) -> None:
        self.sandbox.post("bitrix24/portal", portal=self.portal, **changes)

    def owed(self, lead: Lead) -> DueWork | None:
        return DueWork.objects.filter(
            schema=self.business.tenant.schema_name, handler="crm.push_lead", key=str(lead.pk)
        ).first()

    def fresh(self) -> Connection:
        self.connection.refresh_from_db()
        return self.connection

    def lead(self, *, what: str = "created", phone: str | None = PHONE, **fields: Any) -> Lead:
        """A new lead of a new client, told to the rooms above as the pipeline tells it."""
        now = self.business.clock.now()
        number = Identity.objects.count() + 1
        contact = Contact.objects.create(name="Ирина", phone=phone, created_at=now)
        identity = Identity.objects.create(
            contact=contact, kind="telegram", external_id=str(9000 + number), display_name="irina"
        )
        conversation = Conversation.objects.create(
            identity=identity, contact=contact, account_id=1, branch=self.business.branch, created_at=now
        )
        lead = Lead.objects.create(
            **{
                "contact": contact,
                "conversation": conversation,
                "kind": "telegram",
                "branch": self.business.branch,
                "service": self.business.service("Окрашивание"),
                "temperature": "hot",
                "score": 78,
                "intent": "booking",
                "urgency": "high",
                "summary": "Окрашивание, завтра после 15",
                "tags": ["tg", "волосы", "hot", "promo-2025"],
                "utm_source": "yandex",
                "utm_medium": "cpc",
                "utm_campaign": "vesna",
                "promo": "2025",
                "owner": self.business.anna,
                "created_at": now,
                "last_client_at": now,
                "changed_at": now,
            }
            | fields
        )
        self.tell(lead, what)
        return lead

    def tell(self, lead: Lead, what: str = "updated", **changes: Any) -> Lead:
        """The lead changed."""
        for name, value in changes.items():
            setattr(lead, name, value)
        lead.save()
        lead_changed.send(Lead, lead=lead, what=what, now=self.business.clock.now())
        return lead

    def pushed(self, **fields: Any) -> Lead:
        lead = self.lead(**fields)
        self.business.clock.tick(seconds=3)
        return lead

    def book(self, lead: Lead, **fields: Any) -> Appointment:
        from datetime import timedelta

        from booking import actions

        start = (self.business.clock.now() + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
        service = self.business.service("Окрашивание")
        return actions.book_now(
            lead.contact,
            [service.pk],
            self.business.olga.pk,
            self.business.branch.pk,
            fields.pop("start", start),
            now=self.business.clock.now(),
            lead_id=lead.pk,
            conversation=lead.conversation,
        )


def connect(outside: SandboxProcess, business: Business, portal: str = "main", **fields: Any) -> Crm:
    code = "sandbox" if portal == "main" else f"sandbox{portal}"
    told = {"domain": outside.tls_domain, "webhook_token": f"1/{code}", "default_user_id": 1} | fields
    return Crm(outside, business, Connection.objects.create(**told), portal)


@pytest.fixture
def crm(outside, salon):
    pacing.forget(outside.tls_domain)
    connections.forget_known()
    yield connect(outside, salon)
    connections.forget_known()
