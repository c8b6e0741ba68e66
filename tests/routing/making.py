"""Open leads without the talk that led to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contacts.models import Contact, Conversation, Identity, Message
from routing.models import Lead


def make_lead(salon: Any, number: int, *, now: datetime, **facts: Any) -> Lead:
    """A lead of a client of Telegram; facts named `talk_...` go to its conversation."""
    talk = {key.removeprefix("talk_"): facts.pop(key) for key in list(facts) if key.startswith("talk_")}
    contact = facts.pop("contact", None) or Contact.objects.create(name=f"Клиент {number}", created_at=now)
    identity = Identity.objects.create(contact=contact, kind="telegram", external_id=f"made-{number}")
    conversation = Conversation.objects.create(
        identity=identity, contact=contact, account_id=1, branch=salon.branch, created_at=now, **talk
    )
    Message.objects.create(
        conversation=conversation, author="client", text="Можно завтра?", sent_at=now, received_at=now
    )
    facts = {"summary": "Маникюр, завтра", "temperature": "hot", "score": 80, "created_at": now, **facts}
    return Lead.objects.create(
        contact=contact,
        conversation=conversation,
        kind="telegram",
        branch=salon.branch,
        last_client_at=facts.pop("last_client_at", now),
        changed_at=now,
        **facts,
    )
