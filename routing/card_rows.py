"""What the card beside a conversation prints: the client, what is wanted, free times, visits, tasks, CRM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from routing.record_rows import DecisionView, RecordView, ScoreView
from routing.rows import Actions, Choice, SlotView

CrmState = Literal["synced", "waiting", "failed", "off"]


@dataclass(frozen=True)
class UnderstoodView:
    """What the last client message was understood to. `intents` are the choices of a one-click correction."""

    intent: str
    intent_title: str
    confidence_percent: int
    is_sure: bool
    slots: tuple[SlotView, ...] = ()
    reasons: tuple[str, ...] = ()
    intents: tuple[Choice, ...] = ()
    was_corrected: bool = False


@dataclass(frozen=True)
class OpeningView:
    """A free time. `value` is what `inbox:book` gets back, opaque to the page."""

    value: str
    start: datetime
    staff_name: str
    is_wished: bool = False  # it lies inside what the client asked for


@dataclass(frozen=True)
class OpeningDay:
    day: date
    title: str  # «сегодня», «пт 10 октября»
    openings: tuple[OpeningView, ...]


@dataclass(frozen=True)
class OpeningsView:
    """Openings beside the conversation. No `service` chosen yet: `days` is empty and the page asks for one."""

    lead_id: int
    services: tuple[Choice, ...]
    staff: tuple[Choice, ...]
    days: tuple[OpeningDay, ...]
    service: str = ""
    staff_id: str = ""
    from_day: date | None = None
    price_title: str = ""  # «3 500 ₽ · 2 ч»
    wish: str = ""  # the client's own words: «сегодня после трёх»
    error: str = ""  # «Это время только что заняли»

    @property
    def is_empty(self) -> bool:
        return not any(day.openings for day in self.days)


@dataclass(frozen=True)
class AppointmentView:
    id: int
    start: datetime
    end: datetime
    service_title: str
    staff_name: str
    status: str
    status_title: str


@dataclass(frozen=True)
class TaskView:
    """`due_at` None: a task without a term."""

    id: int
    title: str
    kind: str
    due_at: datetime | None
    is_late: bool
    assignee_name: str
    is_mine: bool
    is_done: bool
    lead_id: int | None = None
    contact_name: str = ""
    phone: str = ""  # E.164, to call from the task


@dataclass(frozen=True)
class ConsentView:
    """`given_at` None: not asked or refused."""

    title: str
    given_at: datetime | None
    version: str = ""


@dataclass(frozen=True)
class CrmView:
    """State of the lead's card in Bitrix24. `url` "" while there is no card."""

    state: CrmState
    title: str
    at: datetime | None = None
    url: str = ""
    error: str = ""


@dataclass(frozen=True)
class IdentityView:
    channel_kind: str
    channel_title: str
    handle: str


@dataclass(frozen=True)
class ContactView:
    id: int
    name: str
    phone: str = ""  # E.164
    phone_title: str = ""  # «+7 999 000-12-34»
    is_phone_proven: bool = False
    visits: int = 0
    no_shows: int = 0
    revenue_kopecks: int = 0
    last_visit_at: datetime | None = None
    is_vip: bool = False
    other_open_leads: int = 0
    identities: tuple[IdentityView, ...] = ()


@dataclass(frozen=True)
class CardView:
    lead_id: int
    contact: ContactView
    score: ScoreView
    understood: UnderstoodView | None  # None: nothing to understand (a missed call)
    decision: DecisionView | None  # None: not routed yet
    openings: OpeningsView
    appointments: tuple[AppointmentView, ...]
    tasks: tuple[TaskView, ...]
    consents: tuple[ConsentView, ...]
    crm: CrmView
    actions: Actions
    tags: tuple[str, ...] = ()  # as people read them
    source_title: str = ""
    page_url: str = ""
    promo: str = ""
    utm: tuple[tuple[str, str], ...] = ()
    campaign: str = ""  # the advertisement the client came from, by its name
    first_at: datetime | None = None
    stage_title: str = ""
    record: RecordView | None = None
