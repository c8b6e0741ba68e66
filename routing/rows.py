"""What the receptionist's screens print: plain values, no models and no database.

`routing/queries.py` fills them, the templates under `templates/inbox/` print them. Every datetime is aware; the page is
rendered with the branch's zone active. Every `title`, `reason` and `label` is Russian text ready to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from assistant.words import plural

Temperature = Literal["hot", "warm", "cold", "spam"]
Author = Literal["client", "assistant", "staff", "system"]
DeliveryState = Literal["", "queued", "sent", "delivered", "read", "failed", "cancelled"]
CrmState = Literal["synced", "waiting", "failed", "off"]

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


@dataclass(frozen=True)
class Piece:
    """A run of a message's text. `kind` names the understood slot (service, datetime, phone, ...); "" is plain text."""

    text: str
    kind: str = ""
    title: str = ""  # what it was understood to: «Услуга: Окрашивание»


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
class Actions:
    """What this reader may do with the lead now; a button is shown only where its flag is true."""

    take: bool = False
    reply: bool = False
    hand_back: bool = False
    book: bool = False
    call_task: bool = False
    put_off: bool = False
    done: bool = False
    correct: bool = False
    release: bool = False


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


@dataclass(frozen=True)
class ScorePart:
    """One named part of the score. `key` chooses its colour: recency, intent, channel, ltv, or modifier."""

    key: str
    title: str
    points: int  # negative only for modifiers
    limit: int = 0  # the most this part can give; 0: a modifier
    reason: str = ""


@dataclass(frozen=True)
class BarSegment:
    """A rectangle of the score bar, in hundredths of its width."""

    key: str
    title: str
    x: int
    width: int


@dataclass(frozen=True)
class ScoreStep:
    """A score that the lead had from a moment on, and what moved it."""

    at: datetime
    total: int
    why: str


@dataclass(frozen=True)
class ScoreView:
    total: int  # 0-100, as it was decided (parts may add to more and are clamped)
    temperature: Temperature
    parts: tuple[ScorePart, ...]
    hot_from: int = 70
    warm_from: int = 40
    decided_at: datetime | None = None
    history: tuple[ScoreStep, ...] = ()  # oldest first; a lead that was scored once has one step

    @property
    def temperature_title(self) -> str:
        return TEMPERATURE_TITLES[self.temperature]

    @property
    def line(self) -> str:
        """The history as points of a polyline, 100 wide and 100 high; "" while there is but one score."""
        if len(self.history) < 2:
            return ""
        steps = len(self.history) - 1
        return " ".join(f"{100 * number / steps:.1f},{100 - step.total}" for number, step in enumerate(self.history))

    @property
    def hot_line(self) -> int:
        """Where the threshold of a hot lead stands on that line."""
        return 100 - self.hot_from

    @property
    def newest_first(self) -> tuple[ScoreStep, ...]:
        return self.history[::-1]

    @property
    def bar(self) -> tuple[BarSegment, ...]:
        """Positive parts side by side, cut at 100; a negative part is only told in words."""
        segments: list[BarSegment] = []
        x = 0
        for part in self.parts:
            width = min(part.points, 100 - x)
            if width > 0:
                segments.append(BarSegment(part.key, part.title, x, width))
                x += width
        return tuple(segments)


@dataclass(frozen=True)
class CandidateView:
    """Somebody the lead could have gone to, and why it did or did not."""

    name: str
    is_chosen: bool
    reason: str


@dataclass(frozen=True)
class DecisionView:
    """Why the lead is where it is. `rule_version` None: no rule fired, the responsibility matrix chose."""

    at: datetime
    rule_title: str
    rule_version: int | None
    action: str  # «Назначить Анне, ассистент отвечает дальше»
    reason: str
    candidates: tuple[CandidateView, ...] = ()


@dataclass(frozen=True)
class SlotView:
    kind: str
    title: str  # «Услуга»
    value: str  # «Окрашивание»
    words: str = ""  # the client's own words


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
class RecordDetail:
    """One reason under a line of the record. `mark`: a condition that holds or not, somebody chosen or left out."""

    name: str
    value: str
    mark: Literal["", "yes", "no"] = ""


@dataclass(frozen=True)
class RecordLine:
    """One decision, or a notice to staff, in words. `is_main`: shown while the reader asks for the main ones alone."""

    key: str  # of its fold: the page remembers what was opened
    icon: str
    title: str
    is_main: bool
    tone: Literal["", "late", "good"] = ""
    details: tuple[RecordDetail, ...] = ()
    score: ScoreView | None = None


@dataclass(frozen=True)
class RecordMoment:
    """What was decided at once. `time_title` is the branch's own time."""

    at: datetime
    time_title: str  # «12:03:41»
    lines: tuple[RecordLine, ...]

    @property
    def is_main(self) -> bool:
        return any(line.is_main for line in self.lines)


@dataclass(frozen=True)
class RecordDay:
    title: str  # «сегодня», «14 марта»
    moments: tuple[RecordMoment, ...]

    @property
    def is_main(self) -> bool:
        return any(moment.is_main for moment in self.moments)


@dataclass(frozen=True)
class RecordView:
    """The decision record of a lead, oldest first. `is_cut`: older lines exist, on the record's own page."""

    lead_id: int
    days: tuple[RecordDay, ...]
    zone_title: str
    is_cut: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.days


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
