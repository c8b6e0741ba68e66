"""A small honest desk: real free times, holds that run out, one visit a chair; what was done is kept in lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from assistant.desk import Addition, Booked, Client, Opening, Quote, StaffInfo
from assistant.understanding import DateTimeSlot, Interval, ServiceInfo

ZONE = ZoneInfo("Asia/Yekaterinburg")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=ZONE)  # Tuesday
HOLD_FOR = timedelta(minutes=10)

SERVICES = (
    ServiceInfo(1, "Женская стрижка", ("стрижка женская",), "Стрижки", 60, 150000),
    ServiceInfo(2, "Мужская стрижка", ("стрижка мужская",), "Стрижки", 45, 90000),
    ServiceInfo(3, "Маникюр", ("ногти",), "Ногти", 90, 180000),
    ServiceInfo(4, "Окрашивание", ("покраска",), "Волосы", 120, 300000, 700000),
    ServiceInfo(5, "Первичный осмотр", ("осмотр",), "Приём", 30, 50000),
)


@dataclass
class FakeDesk:
    """Anna (all) and Olga (hair only) work 9-21 from Monday to Saturday, a start every half hour."""

    now: datetime = NOW
    zone: ZoneInfo = ZONE
    business_name: str = "Салон «Весна»"
    policy_url: str = "https://vesna.example/policy"
    min_confidence: float = 0.45
    late_limit: timedelta = timedelta(minutes=15)
    client: Client = field(default_factory=lambda: Client("", "", False, False, False))
    urgent: tuple[int, ...] = ()
    promos: list[str] = field(default_factory=list)
    promo_codes: dict[str, str] = field(default_factory=dict)
    knowledge: dict[str, tuple[int, str]] = field(default_factory=dict)
    phone_owner: dict[str, list[Booked]] = field(default_factory=dict)  # visits of a phone, seen once it is proven
    codes_left: int = 3
    booked: list[Booked] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    calls: list[tuple[str, datetime | None]] = field(default_factory=list)
    handed: list[tuple[str, str, bool]] = field(default_factory=list)  # reason, stage, urgent
    holds: dict[int, tuple[Opening, datetime]] = field(default_factory=dict)
    taken: set[tuple[int, datetime]] = field(default_factory=set)  # what other clients took: staff, start
    full_days: set[date] = field(default_factory=set)
    people: tuple[StaffInfo, ...] = (StaffInfo(1, "Анна"), StaffInfo(2, "Ольга"))
    additions: dict[int, tuple[int, str]] = field(default_factory=dict)  # service -> what to offer with it, and how
    declined: list[int] = field(default_factory=list)  # visits whose addition was refused
    late: list[tuple[int, timedelta]] = field(default_factory=list)
    past: Booked | None = None  # the visit before
    code_phone: str = ""
    next_id: int = 100

    def services(self) -> Sequence[ServiceInfo]:
        return SERVICES

    def urgent_service_ids(self) -> Sequence[int]:
        return self.urgent

    def staff(self, service_ids: Sequence[int] = ()) -> Sequence[StaffInfo]:
        return [person for person in self.people if person.id == 1 or 3 not in service_ids]

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
        length = timedelta(minutes=sum(each.duration_minutes for each in SERVICES if each.id in service_ids))
        found: list[Opening] = []
        for offset in range(21):
            day = self.now.astimezone(self.zone).date() + timedelta(days=offset)
            if day.weekday() == 6 or day in self.full_days:
                continue
            for half_hour in range(24):
                start = datetime.combine(day, time(9), self.zone) + timedelta(minutes=30 * half_hour)
                end = start + length
                if start < self.now or end > datetime.combine(day, time(21), self.zone) or start in exclude_starts:
                    continue
                if wish and not _inside(wish, start.replace(tzinfo=None)):
                    continue
                people = [each for each in self.staff(service_ids) if staff_id in (None, each.id)]
                person = next((each for each in people if self._is_free(each.id, start, end)), None)
                then = self._beside(person, start, end, beside) if person and beside else ()
                if person and (then or not beside):
                    found.append(Opening(person.id, person.name, 1, start, end, tuple(service_ids), then))
        return found[:limit]

    def _beside(self, person: StaffInfo, start: datetime, end: datetime, beside: Sequence[int]) -> tuple[Opening, ...]:
        """The guest at the same time with somebody else, or after the client."""
        length = timedelta(minutes=sum(each.duration_minutes for each in SERVICES if each.id in beside))
        able = list(self.staff(beside))
        other = next((each for each in able if each != person and self._is_free(each.id, start, start + length)), None)
        if other:
            return (Opening(other.id, other.name, 1, start, start + length, tuple(beside)),)
        if person in able and self._is_free(person.id, end, end + length):
            return (Opening(person.id, person.name, 1, end, end + length, tuple(beside)),)
        return ()

    def hours_on(self, day: date) -> str:
        return "" if day.weekday() == 6 else "с 09:00 до 21:00"

    def is_open_at(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone)
        return local.weekday() != 6 and time(9) <= local.time() < time(21)

    def hold(self, opening: Opening) -> int | None:
        if not self._is_free(opening.staff_id, opening.start, opening.end):
            return None
        self.next_id += 1
        self.holds[self.next_id] = (opening, self.now + HOLD_FOR)
        return self.next_id

    def book(self, hold_id: int, *, for_whom: Sequence[str] = ()) -> Booked | None:
        opening, until = self.holds.pop(hold_id, (None, self.now))
        if opening is None or until <= self.now:
            return None
        assert self.client.name
        assert self.client.phone
        assert self.client.has_consent
        names = [*for_whom, *[""] * len(opening.parts)]
        first, *others = [self._booked(part, name) for part, name in zip(opening.parts, names, strict=False)]
        self.booked += [first, *others]
        return replace(first, then=tuple(others))

    def _booked(self, part: Opening, for_whom: str) -> Booked:
        chosen = [each for each in SERVICES if each.id in part.service_ids]
        self.next_id += 1
        lower = sum(each.price_kopecks for each in chosen)
        upper = sum(each.price_to_kopecks or each.price_kopecks for each in chosen)
        return Booked(
            id=self.next_id,
            service_ids=part.service_ids,
            service_names=tuple(each.name for each in chosen),
            staff_id=part.staff_id,
            staff_name=part.staff_name,
            branch_address=self.branch_address(),
            start=part.start,
            end=part.end,
            price_kopecks=lower,
            status="booked",
            price_to_kopecks=upper if upper > lower else None,
            for_whom=for_whom,
        )

    def addition(self, appointment_id: int) -> Addition | None:
        visit = next(each for each in self.booked if each.id == appointment_id)
        offered = next((self.additions[each] for each in visit.service_ids if each in self.additions), None)
        return Addition(SERVICES[offered[0] - 1], offered[1]) if offered else None

    def add(self, appointment_id: int, service_id: int) -> Booked | None:
        visit, service = next(each for each in self.booked if each.id == appointment_id), SERVICES[service_id - 1]
        end = visit.end + timedelta(minutes=service.duration_minutes)
        if any(each == visit.staff_id and visit.end <= moment < end for each, moment in self.taken):
            return None
        added = replace(
            visit,
            service_ids=(*visit.service_ids, service_id),
            service_names=(*visit.service_names, service.name),
            end=end,
            price_kopecks=visit.price_kopecks + service.price_kopecks,
        )
        self.booked[self.booked.index(visit)] = added
        return added

    def decline_addition(self, appointment_id: int) -> None:
        self.declined.append(appointment_id)

    def last_visit(self) -> Booked | None:
        return self.past

    def note_late(self, appointment_id: int, late: timedelta) -> None:
        self.late.append((appointment_id, late))

    def release(self, hold_id: int) -> None:
        self.holds.pop(hold_id, None)

    def appointments(self, *, begun: bool = False) -> list[Booked]:
        own = list(self.booked)
        if self.client.phone_proven:
            own += self.phone_owner.get(self.client.phone, [])
        return sorted((each for each in own if each.id not in self.cancelled), key=lambda each: each.start)

    def cancel(self, appointment_id: int, *, reason: str = "") -> bool:
        if appointment_id not in [each.id for each in self.appointments()]:
            return False
        self.cancelled.append(appointment_id)
        return True

    def move(self, appointment_id: int, hold_id: int) -> Booked | None:
        old = next(each for each in self.appointments() if each.id == appointment_id)
        opening, until = self.holds.pop(hold_id, (None, self.now))
        if opening is None or until <= self.now:
            return None
        moved = replace(
            old, start=opening.start, end=opening.end, staff_id=opening.staff_id, staff_name=opening.staff_name
        )
        for visits in (self.booked, *self.phone_owner.values()):
            visits[:] = [moved if each.id == appointment_id else each for each in visits]
        return moved

    def confirm(self, appointment_id: int) -> bool:
        if appointment_id not in [each.id for each in self.appointments()]:
            return False
        self.confirmed.append(appointment_id)
        return True

    def branch_address(self) -> str:
        return "Уфа, ул. Ленина, 10"

    def opening_hours_text(self) -> str:
        return "пн–сб с 9:00 до 21:00"

    def find_promo(self, code: str) -> str | None:
        return self.promo_codes.get(code.upper())

    def active_promos(self) -> list[str]:
        return self.promos

    def find_knowledge(self, question: str) -> Quote | None:
        return next((Quote(*entry) for word, entry in self.knowledge.items() if word in question.lower()), None)

    def remember(self, *, name: str | None = None, phone: str | None = None) -> None:
        if phone and phone != self.client.phone:
            self.client = replace(self.client, phone=phone, phone_proven=False)
        self.client = replace(self.client, name=name or self.client.name)

    def give_consent(self) -> None:
        self.client = replace(self.client, has_consent=True)

    def send_phone_code(self, phone: str) -> bool:
        self.codes_left -= 1
        self.code_phone = phone
        return self.codes_left >= 0

    def check_phone_code(self, code: str) -> bool:
        if code != "4321":
            return False
        self.client = replace(self.client, phone=self.code_phone, phone_proven=True)
        return True

    def request_call(self, *, reason: str, at: datetime | None = None) -> None:
        self.calls.append((reason, at))

    def hand_over(self, *, reason: str, stage: str = "qualification", urgent: bool = False) -> None:
        self.handed.append((reason, stage, urgent))

    def _is_free(self, staff_id: int, start: datetime, end: datetime) -> bool:
        if any(each == staff_id and start <= moment < end for each, moment in self.taken):
            return False
        held = [opening for opening, until in self.holds.values() if until > self.now]
        visits = [each for each in self.booked if each.id not in self.cancelled]
        return not any(each.staff_id == staff_id and each.start < end and start < each.end for each in (*held, *visits))


def _inside(wish: DateTimeSlot, start: datetime) -> bool:
    pieces: Sequence[Interval | DateTimeSlot] = wish.windows or (wish,)
    if any(each.end is None or each.start <= start < each.end for each in wish.exclude):
        return False
    return any(_in_piece(each, start) for each in pieces)


def _in_piece(piece: Interval | DateTimeSlot, start: datetime) -> bool:
    if piece.end is None:
        return start >= piece.start
    if piece.grain == "approx" and piece.start == piece.end:
        return abs(start - piece.start) <= timedelta(minutes=30)
    return start == piece.start if piece.end == piece.start else piece.start <= start < piece.end
