"""Clients who write."""

from __future__ import annotations

from itertools import count

import pytest

from channels_app.models import ChannelAccount
from contacts.incoming import Incoming
from contacts.models import Identity
from contacts.receiving import receive


@pytest.fixture
def write(salon):
    """`write("telegram", "77", "Здравствуйте")` -> the stored message, or None."""
    numbers = count(1)

    def write(kind="telegram", who="77", text="Здравствуйте", *, account=None, number=None, **more):
        number = number or next(numbers)
        incoming = Incoming(
            kind=more.pop("happened", "message"),
            external_user_id=who,
            external_message_id=f"m{number}",
            text=text,
            **more,
        )
        account = account or ChannelAccount.objects.filter(kind=kind).order_by("pk").first()
        return receive(account, incoming, event_id=number, now=salon.clock.now())

    return write


@pytest.fixture
def identity(write):
    """An account that wrote once."""

    def identity(who="77", kind="telegram") -> Identity:
        return write(kind, who).conversation.identity

    return identity
