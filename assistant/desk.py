"""What the assistant may do in the world: a Protocol that `routing/desk.py` implements over `booking/`.

The dialogue knows only this. Every fact a client reads (price, time, address, rule) comes from here, never from a
model. All datetimes are aware; `zone` is the branch's zone for wording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from assistant.understanding import DateTimeSlot, ServiceInfo


class Addition(NamedTuple):
    """A service that may be added to a visit. `pitch`: the business's own words for it, "" for the usual ones."""

    service: ServiceInfo
    pitch: str


class Quote(NamedTuple):
    """Words of the business that answer a question, to be said as they are. `id`: of the row of `source`."""

    id: int
    text: str
    source: Literal["entry", "promotion", "service"] = "entry"


@dataclass(frozen=True)
class Opening:
    """A free time that can be held: one staff member, one branch, [start, end).

    `then`: what is held and booked together with it: other services with other people, or a second client's visit."""

    staff_id: int
    staff_name: str
    branch_id: int
    start: datetime
    end: datetime
    service_ids: tuple[int, ...]
    then: tuple[Opening, ...] = ()

    @property
    def parts(self) -> tuple[Opening, ...]:
        return (self, *self.then)


@dataclass(frozen=True)
class StaffInfo:
    """A person a client may ask for. `name` as clients know it: «Ольга», «Ольга Петрова»; `about` tells two Olgas
    apart: «Старший стилист, Весна на Менделеева»."""

    id: int
    name: str
    about: str = ""


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
    price_to_kopecks: int | None = None  # None: an exact price
    for_whom: str = ""  # who comes, when it is not the client
    then: tuple[Booked, ...] = ()  # booked together with it

    @property
    def parts(self) -> tuple[Booked, ...]:
        return (self, *self.then)


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
    late_limit: timedelta  # a client who is later than this is offered another time
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
        beside: Sequence[int] = (),
    ) -> list[Opening]:
        """Free times inside the wish, soonest first, one per start; none: an empty list (the dialogue widens the wish).

        A point (grain minute) allows that very start, approx a start within 30 minutes of it, an interval (or its
        `windows`) starts within [start, end) less `exclude`; asap and None: any time from now on. Several services
        are one visit in a row, with one person where one can do them all, else with several (`Opening.then`).
        `beside`: services of a second client who comes along, at the same time where that can be. `alternatives` are
        not looked at."""

    def is_open_at(self, moment: datetime) -> bool:
        """Whether the branch works at that moment."""

    def hold(self, opening: Opening) -> int | None:
        """Keep the opening for this client for some minutes; the hold's id, or None when it was just taken."""

    def book(self, hold_id: int, *, for_whom: Sequence[str] = ()) -> Booked | None:
        """Turn a hold into an appointment, with all that is kept together with it, or nothing of it; None when the hold
        ran out and the time is gone. `for_whom`: a name for each part of the hold, "" for the client's own."""

    def release(self, hold_id: int) -> None:
        """Give a hold back."""

    def addition(self, appointment_id: int) -> Addition | None:
        """What the business wants offered with a visit just booked and can do right after it; None: nothing. That it
        was offered stands with the visit."""

    def add(self, appointment_id: int, service_id: int) -> Booked | None:
        """Add what was offered to the visit; None when the time was taken meanwhile (the visit stays as it is)."""

    def decline_addition(self, appointment_id: int) -> None:
        """The client does not want what was offered with the visit."""

    def last_visit(self) -> Booked | None:
        """The client's latest visit that this account may see; None: there is none."""

    def note_late(self, appointment_id: int, late: timedelta) -> None:
        """Tell the people of a visit that its client comes late; zero: nobody knows by how much."""

    def appointments(self, *, begun: bool = False) -> list[Booked]:
        """The client's own future appointments, soonest first; `begun`: those too that have begun and are not over.

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

    def hours_on(self, day: date) -> str:
        """The branch's hours on that very day, in words; "" when it is closed."""

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
