"""What the shift button prints: the reader's own shift and who else is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assistant.words import plural

_MANY = "открытых заявок: они перейдут"
ShiftState = Literal["here", "away", "break", "silent", "gone", "unbegun", "off"]


@dataclass(frozen=True)
class Colleague:
    """One who is on shift now. `why`: out for a moment, and how; "" who is there."""

    name: str
    why: str = ""
    open_leads: int = 0
    load_cap: int = 0


@dataclass(frozen=True)
class ShiftMark:
    """One word of the shift button. `why`: what made the product say it."""

    at: datetime
    title: str
    why: str = ""


@dataclass(frozen=True)
class ShiftView:
    """The reader's own shift. `until` None: no end is planned. `state`: `unbegun` on shift, but not begun by the button
    where the business asks for it; `off` no shift now."""

    staff_name: str
    is_on: bool
    until: datetime | None = None
    open_leads: int = 0
    load_cap: int = 0  # 0: no cap
    state: ShiftState = "off"
    since: datetime | None = None  # of the state, where the button said it
    next_start: datetime | None = None  # when the reader's next shift or the work after a break begins
    colleagues: tuple[Colleague, ...] = ()  # others on shift now
    marks: tuple[ShiftMark, ...] = ()  # of today, oldest first
    waiting: int = 0  # leads in the queue: they need a person and have none

    @property
    def can_end(self) -> bool:
        return self.state in ("here", "away", "silent", "break")

    @property
    def question(self) -> str:
        """What is asked before the shift is ended; "": nothing."""
        if not self.open_leads:
            return ""
        them = plural(self.open_leads, "открытая заявка: она перейдёт", "открытые заявки: они перейдут", _MANY)
        return f"У вас {self.open_leads} {them} к тем, кто на смене. Закончить смену?"
