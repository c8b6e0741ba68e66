"""What the try-out console prints: plain values. Every datetime is aware, every text Russian."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from routing.card_rows import AppointmentView, UnderstoodView
from routing.record_rows import DecisionView, ScoreView
from routing.rows import Choice, Piece


@dataclass(frozen=True)
class ReplyView:
    text: str
    choices: tuple[str, ...] = ()  # quick answers under it


@dataclass(frozen=True)
class LineView:
    """A line of the decision record, or of what would happen. `details`: (name, value)."""

    title: str
    details: tuple[tuple[str, str], ...] = ()
    at: datetime | None = None


@dataclass(frozen=True)
class TurnView:
    """One message of the client and all that came of it. `understood` None: a person leads, nobody reads."""

    number: int  # from 1
    at: datetime
    pieces: tuple[Piece, ...]
    replies: tuple[ReplyView, ...]
    understood: UnderstoodView | None
    also: tuple[str, ...]  # other intents of the message
    marks: tuple[str, ...]  # «срочно», «важна цена», «недоволен», «реклама»
    reader: str  # who understood it so: the assistant itself, or a language model
    is_answer: bool  # to a question of the assistant's: that says more than the words alone
    score: ScoreView | None  # None: there is no lead
    decision: DecisionView | None
    who: str  # who leads, or gets it
    stage: str
    is_urgent: bool
    texts: tuple[str, ...]  # titles of the texts that were said
    quoted: tuple[LineView, ...]  # the business's own words in the reply
    record: tuple[LineView, ...]
    facts: dict[str, Any] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What the talk as a whole would have done."""

    visits: tuple[AppointmentView, ...] = ()
    notices: tuple[LineView, ...] = ()
    tasks: tuple[LineView, ...] = ()
    messages: tuple[LineView, ...] = ()  # SMS, and planned reminders
    crm: str = ""
    failed: tuple[str, ...] = ()  # work that stumbled

    @property
    def is_empty(self) -> bool:
        return not (self.visits or self.notices or self.tasks or self.messages or self.crm or self.failed)


@dataclass(frozen=True)
class Played:
    turns: tuple[TurnView, ...]
    outcome: Outcome

    @property
    def last(self) -> TurnView | None:
        return self.turns[-1] if self.turns else None


@dataclass(frozen=True)
class ConsoleView:
    """The whole console. `shown` is the turn whose reading is open."""

    sealed: str
    played: Played
    shown: TurnView | None
    kinds: tuple[Choice, ...]
    clients: tuple[Choice, ...]
    times: tuple[Choice, ...]
    begins_at: datetime
    examples: tuple[str, ...]
    can_ask_model: bool
    with_model: bool
    checks: tuple[Choice, ...]
    text: str = ""  # what was typed and could not be played
    error: str = ""
    is_full: bool = False  # no more messages in this talk


@dataclass(frozen=True)
class FactView:
    title: str
    value: str
    is_checked: bool


@dataclass(frozen=True)
class SavedTurnView:
    text: str
    facts: tuple[FactView, ...]


@dataclass(frozen=True)
class SavedView:
    """A saved check. `state`: "" never played, good, bad."""

    id: int
    title: str
    about: str  # «чат на сайте, новый клиент, среда 15:00»
    saved_by: str
    created_at: datetime
    run_at: datetime | None
    state: str
    faults: tuple[str, ...]
    checks: tuple[Choice, ...]
    turns: tuple[SavedTurnView, ...]
