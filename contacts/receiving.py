"""Keep what a client said: who it is, which conversation, and each message once."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from django.db import IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from contacts import pace, phones_proof
from contacts.incoming import Account, Incoming
from contacts.models import Contact, Conversation, Identity, Message
from leadhub import rows
from tenants.models import ChannelKind

MOST_VERSIONS = 20  # of one message that are kept
LONGEST = 10_000  # characters of one message that are kept; the event holds the whole
_CONTACT_NUMBERS = "contacts_contact_id_seq"
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
    if not (incoming.is_words or incoming.kind == "edited") or not text:
        return None
    if incoming.kind == "edited" and (found := _said_before(account, incoming)):
        return _amend(found, text, at=min(incoming.sent_at or now, now))
    message = Message(
        author=Message.Author.CLIENT,
        text=text,
        external_id=message_external_id(account, incoming, event_id=event_id),
        event_id=event_id,
        sent_at=min(incoming.sent_at or now, now),
        received_at=now,
        is_processed=False,
    )
    identity_id = clean(incoming.external_user_id)[:128] or f"event-{event_id}"
    conversation = _locked(account.kind, identity_id)
    if conversation is None and (started := _start(account, incoming, identity_id, message, now=now)):
        _learn(started, incoming, now=now)
        return message
    # Two first messages at once make one client: the later one waited for the earlier, and finds what it made.
    conversation = conversation or _locked(account.kind, identity_id)
    if conversation is None:
        raise LookupError("the conversation of a known account is gone")
    message.conversation = conversation
    _mark_pending(conversation, account, incoming, now=now)
    if not _keep(message, conversation):
        return None
    _learn(conversation, incoming, now=now)
    return message


def _said_before(account: Account, incoming: Incoming) -> Message | None:
    """The message that was edited; its conversation is locked. None: the edit came first, or all there ever was."""
    conversation = _locked(account.kind, clean(incoming.external_user_id)[:128])
    if conversation is None:
        return None
    number = message_external_id(account, incoming, event_id=0)
    found = conversation.messages.filter(author=Message.Author.CLIENT, external_id=number).first()
    if found:
        found.conversation = conversation
    return found


def _amend(message: Message, text: str, *, at: datetime) -> Message | None:
    """Put the new words in place of the old, which are kept. None: they are the same, or an older edit came late."""
    last = message.earlier[-1]["until"] if message.earlier else ""
    if text == message.text or (last and at < datetime.fromisoformat(last)):
        return None
    message.edited_from = message.text
    message.earlier = [*message.earlier, {"text": message.text, "until": at.isoformat()}][-MOST_VERSIONS:]
    message.text = text
    message.save(update_fields=["text", "earlier"])
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


def _locked(kind: str, external_id: str) -> Conversation | None:
    with connection.cursor() as cursor:
        cursor.execute(_of_account(), [kind, external_id])
        found = cursor.fetchone()
    if found is None:
        return None
    conversation, conversation.identity, conversation.contact = rows.build(found, Conversation, Identity, Contact)
    return conversation


@cache
def _of_account() -> str:
    talk, identity, contact = rows.columns(Conversation, "c"), rows.columns(Identity, "i"), rows.columns(Contact, "p")
    return (
        f"SELECT {talk}, {identity}, {contact} FROM contacts_conversation c"  # noqa: S608 - columns of our models only
        " JOIN contacts_identity i ON i.id = c.identity_id JOIN contacts_contact p ON p.id = c.contact_id"
        " WHERE i.kind = %s AND i.external_id = %s FOR UPDATE OF c"
    )


def _start(
    account: Account, incoming: Incoming, external_id: str, message: Message, *, now: datetime
) -> Conversation | None:
    """A new client's contact, account, conversation and first message, in one statement. None: somebody else stored
    that account just now."""
    contact = _contact_for(account.kind, incoming, now=now)
    identity = Identity(kind=account.kind, external_id=external_id, display_name=clean(incoming.display_name)[:120])
    conversation = Conversation(
        account_id=account.pk,
        branch_id=account.branch_id,
        created_at=now,
    )
    _mark_pending(conversation, account, incoming, now=now)
    identity_sql, identity_values = rows.insert(identity, sources=(("contact_id", "client.id"),))
    conversation_sql, conversation_values = rows.insert(
        conversation, sources=(("contact_id", "identity.contact_id"), ("identity_id", "identity.id"))
    )
    message_sql, message_values = rows.insert(message, sources=(("conversation_id", "conversation.id"),))
    if contact.pk:
        client_sql, client_values, kept_sql, kept_values = "SELECT %s::bigint AS id", [contact.pk], "", []
    else:
        client_sql, client_values = f"SELECT nextval('{_CONTACT_NUMBERS}') AS id", []
        insert_sql, kept_values = rows.insert(contact, sources=(("id", "identity.contact_id"),))
        kept_sql = f", contact AS ({insert_sql} FROM identity)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH client AS ({client_sql}),"  # noqa: S608 - columns of our models only
            f" identity AS ({identity_sql} FROM client ON CONFLICT (kind, external_id) DO NOTHING"
            f" RETURNING id, contact_id){kept_sql},"
            f" conversation AS ({conversation_sql} FROM identity RETURNING id),"
            f" message AS ({message_sql} FROM conversation RETURNING id)"
            " SELECT identity.contact_id, identity.id, conversation.id, message.id"
            " FROM identity, conversation, message",
            [*client_values, *identity_values, *kept_values, *conversation_values, *message_values],
        )
        made = cursor.fetchone()
    if made is None:
        return None
    for row, pk in zip((contact, identity, conversation, message), made, strict=True):
        rows.stored(row, pk)
    contact.is_just_met = bool(kept_sql)
    identity.contact, conversation.contact, conversation.identity = contact, contact, identity
    message.conversation = conversation
    return conversation


def _keep(message: Message, conversation: Conversation) -> bool:
    """Store the message and that the client waits. False: it is stored already."""
    sql, values = rows.insert(message)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH message AS ({sql}"  # noqa: S608 - columns of our models only
            " ON CONFLICT (conversation_id, external_id) WHERE external_id <> '' DO NOTHING"
            " RETURNING id, conversation_id)"
            " UPDATE contacts_conversation SET pending_since = %s, last_client_at = %s, last_message_at = %s,"
            " account_id = %s, state = %s FROM message WHERE contacts_conversation.id = message.conversation_id"
            " RETURNING message.id",
            [
                *values,
                conversation.pending_since,
                conversation.last_client_at,
                conversation.last_message_at,
                conversation.account_id,
                Jsonb(conversation.state),
            ],
        )
        kept = cursor.fetchone()
    if kept is None:
        return False
    rows.stored(message, kept[0])
    return True


def _contact_for(kind: str, incoming: Incoming, *, now: datetime) -> Contact:
    """A form's phone names its contact: whatever is answered goes to that phone alone. All others begin unknown, and
    are not stored yet."""
    if kind == ChannelKind.FORM and incoming.phone:
        try:
            with transaction.atomic():
                return Contact.objects.get_or_create(phone=incoming.phone, defaults={"created_at": now})[0]
        except IntegrityError:
            return Contact.objects.get(phone=incoming.phone)
    return Contact(name=clean(incoming.name).strip()[:120], email=clean(incoming.email).strip()[:254], created_at=now)


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
    """Unsaved: the client waits since the first message that has no answer; answers go where the client wrote last."""
    conversation.pending_since = conversation.pending_since or now
    conversation.last_client_at = conversation.last_message_at = now
    conversation.account_id = account.pk
    conversation.state = pace.counted(conversation.state, now=now)
    if incoming.utm or incoming.promo or incoming.page or incoming.code:
        origin: dict[str, Any] = {
            "utm": {clean(name): clean(value)[:200] for name, value in incoming.utm.items()},
            "promo": clean(incoming.promo)[:60],
            "page": clean(incoming.page)[:300],
            "at": now.isoformat(),
        }
        if incoming.code:
            origin["code"] = clean(incoming.code)[:60]
        conversation.state = {**conversation.state, "origin": origin}
