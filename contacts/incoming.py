"""What a channel brought, as plain data: the value every adapter returns and `receiving` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Kind = Literal["message", "pressed", "start", "blocked", "unblocked", "edited", "staff", "ignored"]


@dataclass(frozen=True)
class Incoming:
    """One thing that happened in a channel.

    `message`, `pressed` (a button, `text` is its words) and `start` (the client opened the chat) are the client's
    words; `edited` are new words for `external_message_id`, which was said before. `blocked` and `unblocked` say
    whether the client may be written to. `staff` is one of our own people, who pressed a button under a notice (`text`
    is the button's data). `ignored` is none of ours; `reason` says in Russian why.
    """

    kind: Kind
    external_user_id: str = ""  # "": the client left nothing to be known by
    external_message_id: str = ""  # unique for this client in this account; "": the event's own number serves
    text: str = ""
    display_name: str = ""  # as the channel shows it; not a name to call somebody by
    sent_at: datetime | None = None  # the provider's time; None: the moment of receipt
    name: str = ""  # the client's own answer to "your name"
    phone: str = ""  # E.164
    phone_is_proven: bool = False  # the messenger vouches that the phone is this user's
    email: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)  # utm_source, utm_medium, ...
    promo: str = ""
    code: str = ""  # what the link into the chat carried: a campaign's code, perhaps
    page: str = ""
    callback_id: str = ""  # a pressed button waits for an answer under this number
    reason: str = ""

    @property
    def is_words(self) -> bool:
        return self.kind in ("message", "pressed", "start")


class Account(Protocol):
    """What this room needs of a channel account (a model of the room above)."""

    pk: int
    kind: str
    branch_id: int | None
