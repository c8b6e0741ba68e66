"""The assistant's desk over the business in memory: what `routing.desk` does over the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from agency.demo.office import Office
from assistant.desk import Addition, Booked, Client, Opening, Quote, StaffInfo
from assistant.understanding import DateTimeSlot, Interval, ServiceInfo, Understanding
from booking.models import Appointment
from booking.openings import Wish
from tenants.business.calendar import hours_text
from tenants.business.models import Branch

Book = Callable[[Opening], Appointment]


class MemoryDesk:
    """One conversation's desk (an `assistant.desk.Desk`). `book` writes an appointment into the played past."""

    def __init__(self, office: Office, branch: Branch, client: Client, *, now: datetime, book: Book) -> None:
        self.office, self.branch, self.client, self.now, self._book = office, branch, client, now, book
        self.zone = branch.zone
        self.business_name = office.settings.public_name
        self.policy_url = ""
        self.late_limit = timedelta(minutes=office.settings.late_limit_minutes)
        self.min_confidence = office.settings.confidence_threshold
        self.handover: tuple[str, str, bool] | None = None  # reason, stage, urgent
        self.call_at: datetime | None = None
        self.wants_call = False
        self.visits: list[tuple[Opening, Appointment]] = []  # booked here, in order
        self._holds: list[Opening] = []

    # --- The client ---

    def remember(self, *, name: str | None = None, phone: str | None = None) -> None:
        known = self.client
        self.client = Client(
            name or known.name, phone or known.phone, known.has_consent, known.is_returning, known.phone_proven
        )

    def give_consent(self) -> None:
        known = self.client
        self.client = Client(known.name, known.phone, True, known.is_returning, known.phone_proven)

    def send_phone_code(self, phone: str) -> bool:
        return False

    def check_phone_code(self, code: str) -> bool:
        return False

    # --- Services, people, time ---

    def services(self) -> Sequence[ServiceInfo]:
        return self.office.config.price_list

    def urgent_service_ids(self) -> Sequence[int]:
        if not self.office.settings.is_clinical:
            return ()
        names = ("острой болью", "осмотр")
        found = [info.id for part in names for info in self.services() if part in info.name.lower()]
        return found[:1]

    def staff(self, service_ids: Sequence[int] = ()) -> Sequence[StaffInfo]:
        return [StaffInfo(member.pk, member.name) for member in self.office.able(service_ids)]

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
        visit = self.office.visit(service_ids)
        if visit is None:
            return []
        branch = self.branch if len(self.office.branches) > 1 else None
        found = self.office.openings(
            visit,
            _search(wish, self.zone),
            branch=branch,
            now=self.now,
            limit=limit,
            staff_id=staff_id,
            exclude_starts=exclude_starts,
        )
        return [
            Opening(each.staff_id, each.staff_name, each.branch_id, each.start, each.end, each.service_ids)
            for each in found
        ]

    def is_open_at(self, moment: datetime) -> bool:
        return self.office.is_open(self.branch, moment)

    def branch_address(self) -> str:
        return self.branch.address

    def opening_hours_text(self) -> str:
        return hours_text(self.office.calendars[self.branch.pk])

    def hours_on(self, day: date) -> str:
        return self.opening_hours_text()

    # --- Visits ---

    def hold(self, opening: Opening) -> int | None:
        self._holds.append(opening)
        return len(self._holds)

    def book(self, hold_id: int, *, for_whom: Sequence[str] = ()) -> Booked | None:
        opening = self._holds[hold_id - 1]
        self.visits.append((opening, self._book(opening)))
        return self._booked(len(self.visits))

    def release(self, hold_id: int) -> None:
        """Conversations of the past are played one after another, so nobody else wants it meanwhile."""

    def addition(self, appointment_id: int) -> Addition | None:
        """Nothing is offered besides in the past that is played."""
        return None

    def add(self, appointment_id: int, service_id: int) -> Booked | None:
        return None

    def decline_addition(self, appointment_id: int) -> None:
        """Nothing was offered."""

    def last_visit(self) -> Booked | None:
        return None

    def note_late(self, appointment_id: int, late: timedelta) -> None:
        """Nobody is late in the past that is played."""

    def appointments(self, *, begun: bool = False) -> list[Booked]:
        return [self._booked(number) for number in range(1, len(self.visits) + 1)]

    def cancel(self, appointment_id: int, *, reason: str = "") -> bool:
        return False

    def move(self, appointment_id: int, hold_id: int) -> Booked | None:
        return None

    def confirm(self, appointment_id: int) -> bool:
        return False

    def _booked(self, number: int) -> Booked:
        opening, appointment = self.visits[number - 1]
        return Booked(
            id=number,
            service_ids=opening.service_ids,
            service_names=tuple(self.office.services[each].name for each in opening.service_ids),
            staff_id=opening.staff_id,
            staff_name=opening.staff_name,
            branch_address=appointment.branch.address,
            start=opening.start,
            end=opening.end,
            price_kopecks=appointment.price_kopecks,
            status=appointment.status,
            price_to_kopecks=appointment.price_to_kopecks,
        )

    # --- Knowledge and people ---

    def find_promo(self, code: str) -> str | None:
        day = self.now.astimezone(self.zone).date()
        return next((promo.title for promo in self.office.promos(day) if promo.code.lower() == code.lower()), None)

    def active_promos(self) -> list[str]:
        return [promo.title for promo in self.office.promos(self.now.astimezone(self.zone).date())]

    def find_knowledge(self, question: str) -> Quote | None:
        return self.office.answer(question)

    def request_call(self, *, reason: str, at: datetime | None = None) -> None:
        self.wants_call, self.call_at = True, at

    def hand_over(self, *, reason: str, stage: str = "qualification", urgent: bool = False) -> None:
        self.handover = (reason, stage, urgent)


def wish_of(understanding: Understanding, zone: ZoneInfo) -> Wish | None:
    """When a client said to want to come; None: nothing was said of it."""
    slot = next(iter(understanding.slots.datetime), None)
    return (_search(slot, zone) or Wish()) if slot else None


def _search(slot: DateTimeSlot | None, zone: ZoneInfo) -> Wish | None:
    """A time of the dialogue as the search for openings takes it; None: any time."""
    if slot is None or slot.grain == "asap":
        return None

    def window(piece: Interval) -> tuple[datetime, datetime | None]:
        return _aware(piece.start, zone), _aware(piece.end, zone) if piece.end else None

    pieces = slot.windows or (Interval(slot.start, slot.end, slot.grain),)
    return Wish(
        windows=tuple(window(piece) for piece in pieces),
        exclude=tuple(window(piece) for piece in slot.exclude),
        approx=slot.approx or slot.grain == "approx",
    )


def _aware(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
