"""Who writes in a tried talk: somebody new, a client who was here before, one who is awaited; made for it alone."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from booking import actions
from booking.models import Appointment
from booking.queries import openings
from contacts.models import Consent, Contact, Conversation, Identity
from inbox.tryout.dialogue import Client, Dialogue
from leadhub import clock
from routing.config import Config
from routing.rehearsing import Rehearsal, Visitor
from tenants.models import ChannelKind

NAME = "Мария"
_LAST_VISIT = timedelta(days=28)  # before the talk
_FIRST_PHONE, _PHONES = 79000000000, 1_000_000  # E.164 without the plus; so many numbers to take one from


def visitor_of(dialogue: Dialogue) -> Visitor:
    """The account that the client writes from; in a form the client leaves a name and a phone."""
    if dialogue.kind == ChannelKind.FORM:
        phone = free_phone()
        return Visitor(dialogue.kind, phone, NAME, phone)
    return Visitor(dialogue.kind, dialogue.visitor)


def free_phone() -> str:
    """A phone that belongs to no client here, nor to another talk of this moment."""
    numbers = [f"+{_FIRST_PHONE + secrets.randbelow(_PHONES)}" for _ in range(10)]
    taken = set(Contact.objects.filter(phone__in=numbers).values_list("phone", flat=True))
    return next(number for number in numbers if number not in taken)


def furnish(talk: Rehearsal, dialogue: Dialogue, config: Config) -> None:
    """Give the client the past that was chosen: a proven phone, a consent, and a visit made, or one ahead."""
    if dialogue.client == Client.NEW:
        return
    begun = talk.now - _LAST_VISIT
    phone = talk.visitor.phone or free_phone()
    contact = Contact.objects.create(name=NAME, phone=phone, created_at=begun)
    identity = Identity.objects.create(
        contact=contact,
        kind=talk.visitor.kind,
        external_id=talk.visitor.external_id,
        claimed_phone=phone,
        phone_proven_at=begun,
    )
    account = talk.account
    conversation = Conversation.objects.create(
        identity=identity, contact=contact, account_id=account.pk, branch_id=account.branch_id, created_at=begun
    )
    version = config.settings.consent_version
    Consent.objects.create(
        contact=contact, purpose="data", text_version=version, text="", kind=identity.kind, given_at=begun
    )
    if dialogue.client == Client.BOOKED:
        _book(contact, conversation, config, now=talk.now - timedelta(days=1), after=talk.now + timedelta(hours=20))
    elif visit := _book(contact, conversation, config, now=begun, after=begun + timedelta(hours=20)):
        with clock.standing_at(visit.ends_at):
            actions.mark_arrived(visit, now=visit.ends_at)
    talk.wait(timedelta(0))


def _book(
    contact: Contact, conversation: Conversation, config: Config, *, now: datetime, after: datetime
) -> Appointment | None:
    """The first free time after that moment for the first service that has one. None: this business books nothing."""
    for service in config.price_list:
        found = openings([service.id], now=after, limit=1).openings
        if found:
            [opening] = found
            with clock.standing_at(now):
                return actions.book_now(
                    contact,
                    [service.id],
                    opening.staff_id,
                    opening.branch_id,
                    opening.start,
                    conversation=conversation,
                    now=now,
                )
    return None
