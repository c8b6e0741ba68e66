"""Keep what a client said: who it is, which conversation, and each message once."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from contacts import phones_proof
from contacts.incoming import Account, Incoming
from contacts.models import Contact, Conversation, Identity, Message
from tenants.models import ChannelKind

LONGEST = 10_000  # characters of one message that are kept; the event holds the whole
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@transaction.atomic(savepoint=False)
def receive(account: Account, incoming: Incoming, *, event_id: int, now: datetime) -> Message | None:
    """Store one incoming message; the conversation's row stays locked until the caller's transaction ends.

    None: there is nothing to answer (the message is stored already, it is empty, or it was no message at all).
    """
    if incoming.kind in ("blocked", "unblocked"):
        note_reachability(account.kind, incoming.external_user_id, is_unreachable=incoming.kind == "blocked")
        return None
    text = clean(incoming.text).strip()[:LONGEST]
    if not incoming.is_words or not text:
        return None
    conversation = _conversation_of(account, incoming, event_id=event_id, now=now)
    external_id = message_external_id(account, incoming, event_id=event_id)
    is_new = conversation.last_client_at is None
    if not is_new and Message.objects.filter(conversation=conversation, external_id=external_id).exists():
        return None
    _learn(conversation, incoming, now=now)
    message = Message.objects.create(
        conversation=conversation,
        author=Message.Author.CLIENT,
        text=text,
        external_id=external_id,
        event_id=event_id,
        sent_at=min(incoming.sent_at or now, now),
        received_at=now,
        is_processed=False,
    )
    _mark_pending(conversation, account, incoming, now=now)
    return message


def message_external_id(account: Account, incoming: Incoming, *, event_id: int) -> str:
    """Number of a message that is unique in its conversation: two bots of one business count from the same start."""
    return f"{account.pk}:{incoming.external_message_id or f'event-{event_id}'}"[:128]


def note_reachability(kind: str, external_id: str, *, is_unreachable: bool) -> None:
    """The channel said that this client may (not) be written to any more."""
    Identity.objects.filter(kind=kind, external_id=external_id).update(is_unreachable=is_unreachable)


def clean(text: str) -> str:
    """Text that the database takes: without NULs, control characters and halves of surrogate pairs."""
    return _UNPRINTABLE.sub("", text).encode("utf-8", "replace").decode()


def _conversation_of(account: Account, incoming: Incoming, *, event_id: int, now: datetime) -> Conversation:
    """The client's conversation, locked. Two first messages at once make one: the later insert waits for the earlier,
    fails, and finds what the earlier made."""
    external_id = clean(incoming.external_user_id)[:128] or f"event-{event_id}"
    found = _locked(account.kind, external_id)
    if found:
        return found
    try:
        with transaction.atomic():
            return _start(account, incoming, external_id, now=now)
    except IntegrityError:
        found = _locked(account.kind, external_id)
        if found is None:
            raise
        return found


def _locked(kind: str, external_id: str) -> Conversation | None:
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("identity", "contact")
        .filter(identity__kind=kind, identity__external_id=external_id)
        .first()
    )


def _start(account: Account, incoming: Incoming, external_id: str, *, now: datetime) -> Conversation:
    contact = _contact_for(account.kind, incoming, now=now)
    identity = Identity.objects.create(
        contact=contact,
        kind=account.kind,
        external_id=external_id,
        display_name=clean(incoming.display_name)[:120],
    )
    return Conversation.objects.create(
        identity=identity,
        contact=contact,
        account_id=account.pk,
        branch_id=account.branch_id,
        created_at=now,
        last_message_at=now,
    )


def _contact_for(kind: str, incoming: Incoming, *, now: datetime) -> Contact:
    """A form's phone names its contact: whatever is answered goes to that phone alone. All others begin unknown."""
    if kind == ChannelKind.FORM and incoming.phone:
        try:
            with transaction.atomic():
                return Contact.objects.get_or_create(phone=incoming.phone, defaults={"created_at": now})[0]
        except IntegrityError:
            return Contact.objects.get(phone=incoming.phone)
    return Contact.objects.create(created_at=now)


def _learn(conversation: Conversation, incoming: Incoming, *, now: datetime) -> None:
    """What the client told of themselves fills what was blank; nothing known is overwritten."""
    identity, contact = conversation.identity, conversation.contact
    changed = _changed(identity, display_name=clean(incoming.display_name)[:120] or identity.display_name)
    changed += _changed(identity, is_unreachable=False)
    if changed:
        identity.save(update_fields=changed)
    filled = _changed(
        contact,
        name=contact.name or clean(incoming.name).strip()[:120],
        email=contact.email or clean(incoming.email).strip()[:254],
    )
    if filled:
        contact.save(update_fields=filled)
    if incoming.phone and incoming.phone_is_proven:
        phones_proof.prove(identity, incoming.phone, now=now)
        conversation.refresh_from_db(fields=["contact"])
    elif incoming.phone:
        phones_proof.claim(identity, incoming.phone)


def _changed(row: Any, **values: Any) -> list[str]:
    """Set the values that differ; their names."""
    names = [name for name, value in values.items() if getattr(row, name) != value]
    for name in names:
        setattr(row, name, values[name])
    return names


def _mark_pending(conversation: Conversation, account: Account, incoming: Incoming, *, now: datetime) -> None:
    """The client waits since the first message that has no answer; answers go where the client wrote last."""
    conversation.pending_since = conversation.pending_since or now
    conversation.last_client_at = conversation.last_message_at = now
    conversation.account_id = account.pk
    if incoming.utm or incoming.promo or incoming.page:
        origin = {
            "utm": {clean(name): clean(value)[:200] for name, value in incoming.utm.items()},
            "promo": clean(incoming.promo)[:60],
            "page": clean(incoming.page)[:300],
        }
        conversation.state = {**conversation.state, "origin": origin}
    conversation.save(
        update_fields=["pending_since", "last_client_at", "last_message_at", "account_id", "state", "contact"]
    )
