"""What the conversation prints: messages, what was understood of them, the answer box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from routing.rows import TEMPERATURE_TITLES, Actions, Author, Choice, Clock, Holder, Piece, Temperature

DeliveryState = Literal["", "queued", "sent", "delivered", "read", "failed", "cancelled"]


@dataclass(frozen=True)
class MediaView:
    kind: Literal["image", "audio", "video", "file"]
    title: str
    url: str


@dataclass(frozen=True)
class MarkView:
    """What a person says of an understanding or of a reply of the assistant: `verdict` is "", "right" or "wrong"."""

    lead_id: int
    message_id: int
    is_reply: bool
    told: str = ""  # «хочет записаться · 93 %», for client messages
    verdict: str = ""
    by: str = ""
    right: str = ""  # what it meant, or what should have been answered; "": not said yet
    reply: str = ""  # the assistant's words, to start a better answer from
    intents: tuple[Choice, ...] = ()
    also: tuple[Choice, ...] = ()  # what may be meant besides
    is_urgent: bool = False
    is_price_sensitive: bool = False
    emotions: tuple[Choice, ...] = ()
    is_newest: bool = False  # of the client's messages: the keys mean this one

    @property
    def asks(self) -> bool:
        """The mark waits for what is right."""
        return self.verdict == "wrong" and not self.right


@dataclass(frozen=True)
class MessageView:
    """One message or note. `pieces` together are its whole text."""

    id: int
    author: Author
    author_name: str
    at: datetime
    pieces: tuple[Piece, ...]
    is_note: bool = False  # an inner note: the client never sees it
    delivery: DeliveryState = ""
    delivery_title: str = ""
    retry_delivery_id: int = 0  # a failed delivery that may be sent again; 0: none
    was_edited: bool = False
    earlier: tuple[str, ...] = ()  # its former texts, oldest first
    is_deleted: bool = False
    media: tuple[MediaView, ...] = ()
    understood: str = ""  # «запись · уверенность 93 %», for client messages
    mark: MarkView | None = None  # None: there is nothing to say of it


@dataclass(frozen=True)
class MessageDay:
    """Messages of one local day of the branch, oldest first."""

    day: date
    title: str  # «сегодня», «вчера», «14 марта»
    messages: tuple[MessageView, ...]


@dataclass(frozen=True)
class ReplyTemplate:
    """A prepared answer, already filled with this client's facts."""

    id: int
    title: str
    text: str


@dataclass(frozen=True)
class ComposerView:
    """The answer box. `seen_message_id` is the last message its writer saw; `client_key` is made anew for each answer.

    `conflict` tells what happened while the person was writing; sending again then posts `force=1`."""

    lead_id: int
    client_key: str
    seen_message_id: int
    channel_title: str
    templates: tuple[ReplyTemplate, ...] = ()
    text: str = ""
    is_note: bool = False
    conflict: str = ""
    error: str = ""
    closed_reason: str = ""  # why nothing can be sent here («прошло больше 24 часов»); notes still can be written
    max_length: int = 4000


@dataclass(frozen=True)
class ConversationView:
    lead_id: int
    contact_name: str
    channel_kind: str
    channel_title: str
    temperature: Temperature
    score: int
    holder: Holder
    clock: Clock | None
    days: tuple[MessageDay, ...]
    actions: Actions
    composer: ComposerView
    last_message_id: int = 0
    earlier_than_id: int | None = None  # older messages exist: they are asked for by ?before=<id>
    answering_name: str = ""  # another person is writing an answer right now
    assistant_typing: bool = False
    is_closed: bool = False
    outcome_title: str = ""  # «Записан», «Отказ»: once closed
    conversation_id: int = 0
    put_off_choices: Sequence[Choice] = ()

    @property
    def is_empty(self) -> bool:
        return not any(day.messages for day in self.days)

    @property
    def temperature_title(self) -> str:
        return TEMPERATURE_TITLES[self.temperature]
