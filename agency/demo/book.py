"""The rows of a played past, collected in memory and written with one bulk insert a table, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction

from booking.models import Appointment
from channels_app.models import Delivery
from contacts.models import Consent, Contact, Conversation, Identity, Message
from reminders.models import Reminder
from routing.models import AdSpend, Assignment, Decision, Lead, Task
from tenants.business.models import Service

BATCH = 1000


@dataclass
class Book:
    """`visits`: an appointment, its lead and its services; the lead's number is known only once it is written."""

    contacts: list[Contact] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    leads: list[Lead] = field(default_factory=list)
    visits: list[tuple[Appointment, Lead, tuple[Service, ...]]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    reminders: list[Reminder] = field(default_factory=list)
    spend: list[AdSpend] = field(default_factory=list)

    @transaction.atomic
    def write(self) -> None:
        """Write everything into the current tenant. A reply's number is always above the message it answers."""
        _insert(self.contacts)
        _insert(self.identities)
        _insert(self.conversations)
        _insert(sorted(self.consents, key=lambda row: row.given_at))
        _insert(sorted(self.leads, key=lambda row: row.created_at))
        self._write_visits()
        _insert(sorted(self.messages, key=lambda row: row.received_at))
        _insert(sorted(self.deliveries, key=lambda row: row.created_at))
        _insert(sorted(self.decisions, key=lambda row: row.created_at))
        _insert(sorted(self.assignments, key=lambda row: row.created_at))
        self._write_tasks()
        _insert(sorted(self.reminders, key=lambda row: row.due_at))
        _insert(self.spend)
        self._mark_seen()

    def _write_visits(self) -> None:
        self.visits.sort(key=lambda visit: visit[0].created_at)
        for appointment, lead, _ in self.visits:
            appointment.lead_id = lead.pk
        _insert([appointment for appointment, _, _ in self.visits])
        through = Appointment.services.through
        _insert(
            [
                through(appointment_id=appointment.pk, service_id=service.pk)
                for appointment, _, services in self.visits
                for service in services
            ]
        )

    def _write_tasks(self) -> None:
        self.tasks.sort(key=lambda row: row.created_at)
        numbers: dict[int, int] = {}
        for task in self.tasks:
            numbers[task.lead.pk] = numbers.get(task.lead.pk, 0) + 1
            task.key = f"call-{task.lead.pk}-{numbers[task.lead.pk]}"
        _insert(self.tasks)

    def _mark_seen(self) -> None:
        """People have read what was said in the past, but for the conversations that still wait for one."""
        last = {message.conversation.pk: message.pk for message in self.messages}
        seen = [each for each in self.conversations if not each.needs_person]
        for conversation in seen:
            conversation.seen_message_id = last.get(conversation.pk, 0)
        Conversation.objects.bulk_update(seen, ["seen_message_id"], batch_size=BATCH)


def _insert(rows: Sequence[Any]) -> None:
    if rows:
        model: type[models.Model] = type(rows[0])
        model._default_manager.bulk_create(rows, batch_size=BATCH)
