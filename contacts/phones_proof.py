"""Whose phone is it: said in a chat it is a claim, a code sent to it or the messenger's own word is a proof."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.crypto import constant_time_compare, salted_hmac

from contacts import merging
from contacts.models import Contact, Identity

CODE_LIVES = timedelta(minutes=10)
ATTEMPTS = 5  # tries of one code
CODES_A_DAY = 3  # for one account
CODES_A_DAY_TO_PHONE = 5  # whoever asks: nobody's phone is flooded by new accounts
_DIGITS = 5


def claim(identity: Identity, phone: str) -> bool:
    """The client said a phone (E.164). True: it is the contact's now; False: it is another contact's, prove it first.

    A phone that no contact has yet goes to the contact at once: there is nothing behind it to be seen."""
    identity.claimed_phone = phone
    identity.save(update_fields=["claimed_phone"])
    contact = identity.contact
    if contact.phone:
        return contact.phone == phone
    try:
        with transaction.atomic():
            contact.phone = phone
            contact.save(update_fields=["phone"])
    except IntegrityError:
        contact.phone = None
        return False
    return True


@transaction.atomic
def prove(identity: Identity, phone: str, *, now: datetime) -> Contact:
    """The phone is this account's beyond doubt: the account belongs to the phone's contact from now on."""
    identity.claimed_phone, identity.phone_proven_at = phone, now
    identity.code_hash, identity.code_expires_at, identity.code_attempts = "", None, 0
    identity.save(update_fields=["claimed_phone", "phone_proven_at", "code_hash", "code_expires_at", "code_attempts"])
    owner = Contact.objects.filter(phone=phone).first()
    if owner is None and not identity.contact.phone and claim(identity, phone):
        return identity.contact
    if owner is None:  # the contact has another phone already, or somebody just came with this one
        owner, _ = Contact.objects.get_or_create(phone=phone, defaults={"created_at": now})
    if owner.pk != identity.contact_id:
        merging.move_identity(identity, to=owner)
    return owner


@transaction.atomic
def new_code(identity: Identity, phone: str, *, now: datetime) -> str | None:
    """A fresh code to be sent to the phone, which it will prove; None when too many were asked for today."""
    identity = Identity.objects.select_for_update().get(pk=identity.pk)
    today = now.date()
    sent = identity.codes_sent if identity.codes_day == today else 0
    others = Identity.objects.filter(claimed_phone=phone, codes_day=today).exclude(pk=identity.pk)
    to_phone = others.aggregate(total=Sum("codes_sent"))["total"] or 0
    if sent >= CODES_A_DAY or sent + to_phone >= CODES_A_DAY_TO_PHONE:
        return None
    code = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
    identity.claimed_phone = phone
    identity.code_hash = _hash(identity, code)
    identity.code_expires_at = now + CODE_LIVES
    identity.code_attempts = 0
    identity.codes_sent, identity.codes_day = sent + 1, today
    identity.save()
    return code


@transaction.atomic
def check_code(identity: Identity, code: str, *, now: datetime) -> bool:
    """True: the code is right, and the account now belongs to the phone's contact. `identity` is refreshed."""
    locked = Identity.objects.select_for_update().get(pk=identity.pk)
    if not locked.code_hash or not locked.code_expires_at or now >= locked.code_expires_at:
        return False
    if locked.code_attempts >= ATTEMPTS:
        return False
    locked.code_attempts += 1
    locked.save(update_fields=["code_attempts"])
    if not constant_time_compare(locked.code_hash, _hash(locked, re.sub(r"\D", "", code))):
        return False
    prove(locked, locked.claimed_phone, now=now)
    identity.refresh_from_db()
    return True


def awaits_code(identity: Identity, *, now: datetime) -> bool:
    """A code was sent, is still good and may still be tried."""
    return bool(
        identity.code_hash
        and identity.code_expires_at
        and now < identity.code_expires_at
        and identity.code_attempts < ATTEMPTS
    )


def is_proven(identity: Identity) -> bool:
    """The account may see what is known under its contact's phone."""
    return bool(
        identity.phone_proven_at and identity.contact.phone and identity.claimed_phone == identity.contact.phone
    )


def _hash(identity: Identity, code: str) -> str:
    return salted_hmac("contacts.phones_proof", f"{identity.pk}:{identity.claimed_phone}:{code}").hexdigest()
