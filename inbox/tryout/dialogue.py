"""A talk that is being tried, as its page keeps it: nothing of it stands on the server until it is saved as a check."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from django.core import signing
from django.db import connection

from inbox.models import SavedDialogue
from tenants.business.calendar import Calendar
from tenants.models import ChannelKind

KINDS = ("webchat", "telegram", "whatsapp", "instagram", "vk", "max", "form")
MOST_TURNS = 20  # all of them are played anew with each message
LONGEST_TEXT = 1000  # characters
_SALT = "inbox.tryout"
_FORMAT = 1  # raise it when the meaning of a field changes: pages that are open then begin anew

Client = SavedDialogue.Client


class Unreadable(Exception):
    """Not a talk that this business's page keeps."""


@dataclass(frozen=True)
class Turn:
    """What the client writes. `reading`: what the servers made of the words that were asked about them (`playing`);
    `was_asked`: they were asked, so they are not asked again."""

    text: str
    was_asked: bool = False
    reading: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Dialogue:
    at: datetime  # aware: when the client writes first
    kind: str = ChannelKind.WEBCHAT
    client: str = Client.NEW
    with_model: bool = False
    visitor: str = ""  # the client's account in the channel
    turns: tuple[Turn, ...] = ()

    @classmethod
    def begin(cls, *, at: datetime, kind: str = "", client: str = "", with_model: bool = False) -> Dialogue:
        """An unknown channel or client is the usual one."""
        return cls(
            at=at,
            kind=kind if kind in KINDS else ChannelKind.WEBCHAT,
            client=client if client in Client.values else Client.NEW,
            with_model=with_model,
            visitor=f"rehearsal-{secrets.token_hex(12)}",
        )

    def with_words(self, text: str) -> Dialogue:
        return replace(self, turns=(*self.turns, Turn(text)))

    def without_last(self) -> Dialogue:
        return replace(self, turns=self.turns[:-1])

    def differently(self, *, at: datetime, kind: str, client: str, with_model: bool) -> Dialogue:
        """The same words under other circumstances: a model reads them anew."""
        other = Dialogue.begin(at=at, kind=kind, client=client, with_model=with_model)
        return replace(other, visitor=self.visitor, turns=tuple(Turn(turn.text) for turn in self.turns))

    def read_by_model(self, number: int, reading: Mapping[str, Any] | None) -> Dialogue:
        """The turn (from 0) was shown to a language model."""
        turns = list(self.turns)
        turns[number] = replace(turns[number], was_asked=True, reading=reading)
        return replace(self, turns=tuple(turns))

    def seal(self) -> str:
        """What the page keeps: signed, for this business alone."""
        told = asdict(self) | {"at": self.at.isoformat(), "format": _FORMAT, "schema": connection.schema_name}
        return signing.dumps(told, salt=_SALT, compress=True)

    @classmethod
    def unseal(cls, sealed: str) -> Dialogue:
        """Raises Unreadable: older than a day, of another business, not ours."""
        try:
            told = signing.loads(sealed, salt=_SALT, max_age=timedelta(days=1))
        except signing.BadSignature:
            raise Unreadable from None
        if told.pop("format", 0) != _FORMAT or told.pop("schema") != connection.schema_name:
            raise Unreadable
        turns = tuple(Turn(**turn) for turn in told["turns"])
        return cls(**{**told, "at": datetime.fromisoformat(told["at"]), "turns": turns})


def next_time_like(weekday: int, local: time, was_open: bool, calendar: Calendar, *, now: datetime) -> datetime:
    """The next day of that weekday (0 Monday), after today, when the branch works at that local time as it did then;
    simply the next one where there is none within two months."""
    day = now.astimezone(calendar.zone).date() + timedelta(days=1)
    day += timedelta(days=(weekday - day.weekday()) % 7)
    moments = [datetime.combine(day + timedelta(weeks=week), local, calendar.zone) for week in range(9)]
    return next((moment for moment in moments if calendar.is_open(moment) == was_open), moments[0])
