"""What a conversation remembers between messages, as JSON on its row and as a plain object in the dialogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from assistant.desk import Opening
from assistant.understanding import DateTimeSlot, Interval

VERSION = 1  # raise it when the meaning of a field changes: older memories then start fresh
COLD_AFTER = timedelta(hours=12)  # after such a pause a conversation is greeted again and times are looked for anew
FORGOTTEN_AFTER = timedelta(days=14)  # after such a pause nobody goes on with what was wanted then
LASTING = ("confirm_visit", "move_or_cancel", "cancel_sure", "which", "offer_booking")  # questions good for days


@dataclass
class Memory:
    """The dialogue's own facts. What the database knows (client, appointments, prices) is asked of the desk instead."""

    task: str = ""  # "", booking, cancel, reschedule, callback
    then: str = ""  # the task that follows this one: cancel one visit, then book another
    awaiting: str = ""  # the question that was asked last; see dialogue.ANSWERS
    topic: str = ""  # what the last answer was about: "price", "available", "times"; «а маникюр?» goes on with it
    services: list[int] = field(default_factory=list)
    guest: str = ""  # who comes instead of the client, or besides: «муж»
    guest_name: str = ""
    beside: bool = False  # the guest comes along with the client
    guest_services: list[int] = field(default_factory=list)  # of a guest who comes along
    staff_id: int | None = None  # the person asked for
    staff_options: list[int] = field(default_factory=list)  # namesakes: which of them is not known yet
    not_staff_id: int | None = None  # the person the client does not want
    wish: DateTimeSlot | None = None
    near: str = ""  # "15:00": the time of day to stay close to on a day named later
    readings: list[Interval] = field(default_factory=list)
    offered: list[Opening] = field(default_factory=list)
    shown: list[datetime] = field(default_factory=list)  # starts offered before and not taken
    hold_id: int | None = None
    held: Opening | None = None
    picked: bool = False  # the held opening was chosen out of an offer, not found by an exact wish
    options: list[int] = field(default_factory=list)  # ids behind a numbered question, in its order
    appointment_id: int | None = None
    addition: int | None = None  # the service offered for that visit besides
    name: str = ""
    phone: str = ""
    call_at: datetime | None = None
    code_tries: int = 0
    misses: int = 0  # messages in a row that were not understood
    idle: int = 0  # answers in a row that moved nothing
    turns: int = 0  # answers since something was last done
    answered: list[str] = field(default_factory=list)  # questions answered once: asking again moves nothing
    stage: str = ""  # of the responsibility matrix, as the last turn left it
    handed: str = ""  # the stage a person was called for
    told_waiting: bool = False
    told_urgent: bool = False
    stopped: bool = False  # said enough: a person was called and nothing more is said
    greeted: bool = False
    last_at: datetime | None = None
    cold: bool = False  # this message came after a long pause

    @classmethod
    def load(cls, data: Mapping[str, Any] | None, *, now: datetime) -> Memory:
        """The memory of a stored state; an unknown or older one starts fresh. `now` is aware."""
        memory = cls()
        if data and data.get("version") == VERSION:
            for each in fields(cls):
                if each.name in data:
                    setattr(memory, each.name, _read(each.name, data[each.name]))
        memory.cold = bool(memory.last_at and now - memory.last_at > COLD_AFTER)
        if memory.cold:
            memory.wake()
        if memory.last_at and now - memory.last_at > FORGOTTEN_AFTER and memory.awaiting != "confirm_visit":
            memory.finish_task()
        return memory

    def dump(self) -> dict[str, Any]:
        """JSON of what differs from an empty memory."""
        empty = Memory()
        data: dict[str, Any] = {"version": VERSION}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "cold":
                continue
            if value != getattr(empty, each.name):
                data[each.name] = _write(value)
        return data

    def wake(self) -> None:
        """Start the counters over; what the client wants stays, the times that were free then do not."""
        self.misses = self.idle = self.turns = self.code_tries = 0
        self.answered = []
        self.handed = ""
        self.told_waiting = self.told_urgent = self.stopped = self.greeted = False
        self.offered, self.shown, self.readings = [], [], []
        self.forget_hold()
        if self.awaiting not in LASTING:
            self.awaiting, self.addition = "", None

    def finish_task(self) -> None:
        """A task is done or dropped: forget what belonged to it. Who the client is stays."""
        self.task = self.awaiting = self.near = ""
        self.services, self.readings, self.offered, self.shown, self.options = [], [], [], [], []
        self.staff_options, self.guest_services = [], []
        self.guest = self.guest_name = ""
        self.beside = False
        self.staff_id = self.not_staff_id = self.wish = self.appointment_id = self.addition = self.call_at = None
        self.forget_hold()

    def forget_hold(self) -> None:
        self.hold_id = self.held = None
        self.picked = False

    def wants(self) -> tuple[Any, ...]:
        """What has to change for a turn to count as progress."""
        offered = tuple(opening.start for opening in self.offered)
        return (
            (self.task, tuple(self.services), self.staff_id, self.wish, self.near, self.appointment_id, self.name)
            + (self.phone, self.hold_id, tuple(self.answered), self.call_at, bool(offered), len(self.readings) > 0)
            + (self.guest, self.guest_name, self.beside)
        )  # fmt: skip


def _write(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_write(item) for item in value]
    if isinstance(value, (Opening, DateTimeSlot, Interval)):
        return {each.name: _write(getattr(value, each.name)) for each in fields(value)}
    return value


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in ("last_at", "call_at"):
        return datetime.fromisoformat(value)
    if name == "shown":
        return [datetime.fromisoformat(item) for item in value]
    if name == "wish":
        return _slot(value)
    if name == "readings":
        return [_interval(item) for item in value]
    if name == "held":
        return _opening(value)
    if name == "offered":
        return [_opening(item) for item in value]
    return value


def _opening(data: Mapping[str, Any]) -> Opening:
    times = {"start": datetime.fromisoformat(data["start"]), "end": datetime.fromisoformat(data["end"])}
    then = tuple(_opening(each) for each in data.get("then", ()))
    return Opening(**{**data, **times, "service_ids": tuple(data["service_ids"]), "then": then})


def _interval(data: Mapping[str, Any]) -> Interval:
    return Interval(datetime.fromisoformat(data["start"]), _maybe_time(data["end"]), data["grain"])


def _slot(data: Mapping[str, Any]) -> DateTimeSlot:
    lists = {name: tuple(_interval(item) for item in data[name]) for name in ("windows", "exclude", "alternatives")}
    times = {"start": datetime.fromisoformat(data["start"]), "end": _maybe_time(data["end"])}
    return DateTimeSlot(**{**data, **times, **lists})


def _maybe_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
