"""What the assistant may do in the world: a Protocol that `routing/desk.py` implements over `booking/`.

The dialogue knows only this. Every fact a client reads (price, time, address, rule) comes from here, never from a
model. All datetimes are aware; `zone` is the branch's zone for wording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from assistant.understanding import DateTimeSlot, ServiceInfo


class Quote(NamedTuple):
    """Words of the business that answer a question, to be said as they are. `id`: of the row of `source`."""

    id: int
    text: str
    source: Literal["entry", "promotion", "service"] = "entry"


@dataclass(frozen=True)
class Opening:
    """A free time that can be held: one staff member, one branch, [start, end)."""

    staff_id: int
    staff_name: str
    branch_id: int
    start: datetime
    end: datetime
    service_ids: tuple[int, ...]


@dataclass(frozen=True)
class StaffInfo:
    """A person a client may ask for. `name` as clients know it: «Ольга», «Ольга Петрова»."""

    id: int
    name: str


@dataclass(frozen=True)
class Booked:
    """An appointment as the client is told of it."""

    id: int
    service_ids: tuple[int, ...]
    service_names: tuple[str, ...]
    staff_id: int
    staff_name: str
    branch_address: str
    start: datetime
    end: datetime
    price_kopecks: int
    status: str


@dataclass(frozen=True)
class Client:
    """What is known of the person who writes. `phone_proven`: known by identity, or proved by a code."""

    name: str  # "" when not known
    phone: str  # E.164 or ""
    has_consent: bool
    is_returning: bool
    phone_proven: bool


class Desk(Protocol):
    """The assistant's hands. Every method works in the conversation's tenant, inside the caller's transaction."""

    now: datetime
    zone: ZoneInfo
    business_name: str
    policy_url: str  # the page with the personal data policy, "" when the tenant has none
    min_confidence: float  # 0-1: an understanding below it is a misunderstanding
    client: Client  # always the current state: remember(), give_consent() and check_phone_code() show in it at once

    def services(self) -> Sequence[ServiceInfo]:
        """The active price list, the most asked for first."""

    def urgent_service_ids(self) -> Sequence[int]:
        """What a client in pain is booked for (the first examination, one visit); empty where the business has none."""

    def staff(self, service_ids: Sequence[int] = ()) -> Sequence[StaffInfo]:
        """Active people clients may be booked to, who can do all of these services; none named: everybody."""

    def openings(
        self,
        service_ids: Sequence[int],
        wish: DateTimeSlot | None,
        *,
        limit: int = 3,
        staff_id: int | None = None,
        exclude_starts: Sequence[datetime] = (),
    ) -> list[Opening]:
        """Free times inside the wish, soonest first, one per start; none: an empty list (the dialogue widens the wish).

        A point (grain minute) allows that very start, approx a start within 30 minutes of it, an interval (or its
        `windows`) starts within [start, end) less `exclude`; asap and None: any time from now on. Several services
        are one visit in a row. `alternatives` are not looked at."""

    def is_open_at(self, moment: datetime) -> bool:
        """Whether the branch works at that moment."""

    def hold(self, opening: Opening) -> int | None:
        """Keep the opening for this client for some minutes; the hold's id, or None when it was just taken."""

    def book(self, hold_id: int) -> Booked | None:
        """Turn a hold into an appointment; None when the hold ran out and the time is gone."""

    def release(self, hold_id: int) -> None:
        """Give a hold back."""

    def appointments(self) -> list[Booked]:
        """The client's own future appointments, soonest first.

        Those booked from this very account, and once `client.phone_proven` those of the phone's contact too."""

    def cancel(self, appointment_id: int, *, reason: str = "") -> bool:
        """Cancel one of `appointments()`; False when it cannot be cancelled any more."""

    def move(self, appointment_id: int, hold_id: int) -> Booked | None:
        """Move an appointment to a held opening; None when that is gone (the old one stays)."""

    def confirm(self, appointment_id: int) -> bool:
        """The client confirmed a visit; False when there is nothing to confirm."""

    def branch_address(self) -> str:
        """Address of the branch the client is routed to."""

    def opening_hours_text(self) -> str:
        """The branch's hours in words, Russian."""

    def find_promo(self, code: str) -> str | None:
        """What a promo code gives, one sentence; None for an unknown or ended one."""

    def active_promos(self) -> list[str]:
        """The tenant's current promotions, one sentence each."""

    def find_knowledge(self, question: str) -> Quote | None:
        """What to quote in answer to a question, or None when nothing fits well enough."""

    def remember(self, *, name: str | None = None, phone: str | None = None) -> None:
        """Keep a fact about the client that the client gave."""

    def give_consent(self) -> None:
        """The client agreed to the processing of personal data (text version and time are kept)."""

    def send_phone_code(self, phone: str) -> bool:
        """Send a one-time code by SMS to prove the phone; False when too many were asked for."""

    def check_phone_code(self, code: str) -> bool:
        """True when the code is right: the identity is then tied to the phone's contact."""

    def request_call(self, *, reason: str, at: datetime | None = None) -> None:
        """Make a task «Перезвонить» for a person."""

    def hand_over(self, *, reason: str, stage: str = "qualification", urgent: bool = False) -> None:
        """A person takes the conversation from here; `stage` names the responsibility-matrix stage.

        Twice is as good as once; a later call may raise the stage or the urgency."""
