"""A small past that is written down row by row, so that every figure's answer is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from booking.models import Appointment, minutes_of
from channels_app.models import ChannelAccount
from contacts.models import Contact, Conversation, Identity, Message
from reports import facts, kpi
from reports.kpi import Slice
from reports.periods import Period
from routing.models import AdSpend, Assignment, Decision, Lead
from tests.world import Business

UFA = ZoneInfo("Asia/Yekaterinburg")
TODAY = date(2026, 11, 25)  # Wednesday, as the tests' clock says; it is noon


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A moment of November in Ufa, where the salon is open from 9 to 21."""
    return datetime.combine(date(2026, 11, day), time(hour, minute, second), UFA)


@dataclass
class Past:
    """Writes what happened. A client is a name; the same name is the same contact in the same conversation."""

    salon: Business
    clients: dict[str, Conversation] = field(default_factory=dict)

    def client(self, name: str, *, is_test: bool = False, kind: str = "telegram") -> Conversation:
        if name not in self.clients:
            contact = Contact.objects.create(name=name, created_at=at(1, 0))
            identity = Identity.objects.create(contact=contact, kind=kind, external_id=f"past-{name}")
            self.clients[name] = Conversation.objects.create(
                identity=identity,
                contact=contact,
                account_id=ChannelAccount.objects.get(kind="telegram").pk,
                branch=self.salon.branch,
                is_test=is_test,
                created_at=at(1, 0),
            )
        return self.clients[name]

    def lead(
        self,
        name: str,
        when: datetime,
        *,
        answer: float | None = 2,
        by: str = "assistant",
        kind: str = "telegram",
        **more: Any,
    ) -> Lead:
        """`answer`: seconds to the first answer; None: there was none. Closed unless told otherwise."""
        conversation = self.client(name, is_test=more.get("is_test", False), kind=kind)
        source = more.pop("source", "")
        more = {"status": "refused", "outcome_at": when + timedelta(hours=1), "branch": self.salon.branch} | more
        return Lead.objects.create(
            contact=conversation.contact,
            conversation=conversation,
            kind=kind,
            created_at=when,
            last_client_at=when,
            changed_at=when,
            utm_source=source,
            first_answer_at=None if answer is None else when + timedelta(seconds=answer),
            first_answer_by="" if answer is None else by,
            **more,
        )

    def visit(
        self, name: str, starts: datetime, status: str, *, booked: datetime, price: int = 1000, **more: Any
    ) -> Appointment:
        """`price` in roubles. Confirmed and closed moments are told, or not known."""
        conversation = self.client(name)
        first = minutes_of(starts)
        return Appointment.objects.create(
            staff=self.salon.olga,
            branch=self.salon.branch,
            contact=conversation.contact,
            conversation=conversation,
            starts_at=starts,
            ends_at=starts + timedelta(minutes=30),
            start_min=first,
            end_min=first + 30,
            price_kopecks=price * 100,
            status=status,
            created_at=booked,
            booked_at=None if status in ("hold", "expired") else booked,
            **more,
        )

    def spend(self, day: int, source: str, roubles: int, campaign: str = "") -> None:
        AdSpend.objects.create(day=date(2026, 11, day), source=source, campaign=campaign, amount_kopecks=roubles * 100)

    def offered(self, lead: Lead, keys: str = "greeting, offer_openings") -> None:
        Decision.objects.create(
            lead=lead,
            kind="answered",
            title="Ассистент ответил",
            details=[{"name": "Тексты", "value": keys}],
            created_at=lead.created_at,
        )

    def says(self, name: str, when: datetime, *, author: str = "assistant", staff: Any = None) -> Message:
        return Message.objects.create(
            conversation=self.client(name), author=author, staff=staff, text="…", sent_at=when, received_at=when
        )

    def taken(self, lead: Lead, staff: Any, given: datetime, taken: datetime, **more: Any) -> Assignment:
        return Assignment.objects.create(
            lead=lead, staff=staff, reason="на смене", created_at=given, taken_at=taken, **more
        )

    def figures(self, first: int, last: int | None = None) -> Slice:
        """What is counted for these days of November, as of the clock."""
        period = Period(date(2026, 11, first), date(2026, 11, last or first))
        world = facts.load_world(period, facts.load_places())
        return kpi.cut(world, period, self.salon.clock.now())


@pytest.fixture
def past(salon: Business) -> Past:
    return Past(salon)
