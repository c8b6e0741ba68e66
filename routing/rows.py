"""What the screens of leads print: plain values, no models and no database. Here the list, and what several show.

`routing/queries.py` fills them, the templates under `templates/inbox/` print them. Beside it: `talk_rows.py` the
conversation, `card_rows.py` the card, `record_rows.py` score and decisions, `shift_rows.py` the shift button. Every
datetime is aware; the page is rendered with the branch's zone active. Every `title`, `reason` and `label` is Russian
text ready to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Temperature = Literal["hot", "warm", "cold", "spam"]
TEMPERATURE_TITLES: dict[str, str] = {"hot": "горячая", "warm": "тёплая", "cold": "холодная", "spam": "спам"}


@dataclass(frozen=True)
class Choice:
    """One option of a select, a filter or a chip."""

    value: str
    title: str
    is_chosen: bool = False


@dataclass(frozen=True)
class Clock:
    """The clock that runs on a lead: what is awaited and until when.

    `budget_seconds` runs from the clock's start to `due_at` (which already minds opening hours); `left_seconds` is what
    was left when the row was prepared, negative once it is late."""

    label: str  # what is awaited: «взять», «ответить», «подтвердить»
    due_at: datetime
    budget_seconds: int
    left_seconds: int

    @property
    def is_late(self) -> bool:
        return self.left_seconds < 0

    @property
    def bar_value(self) -> int:
        """Seconds left as the bar shows them: 0 to `budget_seconds`."""
        return max(0, min(self.left_seconds, self.budget_seconds))

    @property
    def left_title(self) -> str:
        """«0:41», «−2:10», «3 ч»: what stands until the page's script takes over."""
        seconds = abs(self.left_seconds)
        sign = "\u2212" if self.is_late else ""
        if seconds < 3600:
            return f"{sign}{seconds // 60}:{seconds % 60:02d}"
        return f"{sign}{seconds // 3600}\u00a0ч"


@dataclass(frozen=True)
class Holder:
    """Who answers for the lead now. `offered`: a person was chosen but has not taken it; `nobody`: it waits."""

    kind: Literal["assistant", "person", "offered", "nobody"]
    name: str = ""
    is_me: bool = False
    reason: str = ""  # why `nobody`, where that was decided


Author = Literal["client", "assistant", "staff", "system"]


@dataclass(frozen=True)
class InboxRow:
    """One line of the list. `rank` is the order of the list: the smallest stands on top."""

    lead_id: int
    rank: float
    temperature: Temperature
    score: int  # 0-100
    contact_name: str
    wants: str  # «окрашивание, сегодня после 15:00»
    channel_kind: str
    channel_title: str
    clock: Clock | None  # None: nothing is awaited from the business
    holder: Holder
    unread: int  # client messages that no person and no assistant has answered
    changed_at: datetime
    why: str  # one line: «запись 40 + свежесть 20 + канал 14»
    last_text: str = ""
    last_author: Author = "client"
    last_name: str = ""  # who of the staff wrote it: «Вы», «Анна»
    is_urgent: bool = False
    is_important: bool = False  # a rule gave it high priority
    needs_call: bool = False
    is_closed: bool = False
    outcome_title: str = ""  # «записан», «отказ»: once closed
    conversation_id: int = 0  # live events of messages name the conversation, not the lead

    @property
    def temperature_title(self) -> str:
        return TEMPERATURE_TITLES[self.temperature]


@dataclass(frozen=True)
class Counters:
    """Numbers above the list; each is also a filter."""

    hot: int
    waiting: int
    mine: int
    free: int
    quarantine: int = 0
    tasks: int = 0
    test: int = 0


@dataclass(frozen=True)
class QuarantineRow:
    lead_id: int
    contact_name: str
    channel_kind: str
    channel_title: str
    text: str
    reason: str  # «реклама: ссылка и слово „продвижение“»
    at: datetime
    can_release: bool = True
    ends_in_days: int = 0  # whole days until its texts are erased; 0: within a day
    is_flood: bool = False


@dataclass(frozen=True)
class SlotView:
    kind: str
    title: str  # «Услуга»
    value: str  # «Окрашивание»
    words: str = ""  # the client's own words


@dataclass(frozen=True)
class Piece:
    """A run of a message's text. `kind` names the understood slot (service, datetime, phone, ...); "" is plain text."""

    text: str
    kind: str = ""
    title: str = ""  # what it was understood to: «Услуга: Окрашивание»


@dataclass(frozen=True)
class Actions:
    """What this reader may do with the lead now; a button is shown only where its flag is true."""

    take: bool = False
    reply: bool = False
    hand_back: bool = False
    book: bool = False
    call_task: bool = False
    put_off: bool = False
    take_up: bool = False  # what was put off
    done: bool = False
    correct: bool = False
    release: bool = False


def mark(text: str, slots: Iterable[SlotView]) -> tuple[Piece, ...]:
    """Cut a message into pieces so that the words each slot was read from are marked.

    Words are looked for once, from left to right, whatever their case; a slot whose words are not in the text (or lie
    inside words already marked) is left out. The pieces together are exactly `text`."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered: positions would shift
        lowered = text
    found: list[tuple[int, int, SlotView]] = []
    for slot in sorted((slot for slot in slots if slot.words), key=lambda slot: -len(slot.words)):
        words = slot.words.lower()
        start = lowered.find(words)
        end = start + len(words)
        if start >= 0 and all(end <= other_start or start >= other_end for other_start, other_end, _ in found):
            found.append((start, end, slot))
    pieces: list[Piece] = []
    at = 0
    for start, end, slot in sorted(found, key=lambda item: item[0]):
        if start > at:
            pieces.append(Piece(text[at:start]))
        pieces.append(Piece(text[start:end], slot.kind, f"{slot.title}: {slot.value}"))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:]))
    return tuple(pieces)
