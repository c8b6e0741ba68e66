"""The assistant's desk over the real world: booking, contacts, knowledge. See `assistant/desk.py` for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from assistant import knowledge, words
from assistant.desk import Addition, Booked, Client, Opening, Quote, StaffInfo
from assistant.models import Promotion
from assistant.understanding import DateTimeSlot, Interval, ServiceInfo
from booking import actions
from booking import queries as booking_queries
from booking.models import Appointment
from booking.openings import Opening as FreeTime
from booking.openings import Wish
from channels_app import outbound
from channels_app.notices import notify
from contacts import phones_proof
from contacts.models import Consent, Conversation
from routing import calls
from tenants.business.calendar import hours_text
from tenants.business.models import Branch, Service, StaffMember, Upsell
from tenants.models import Role

if TYPE_CHECKING:
    from routing.config import Config
    from routing.models import Lead

LONGEST_WAIT = timedelta(minutes=30)  # between a visit and what is added to it with somebody else
QUOTED = {"entry": "Ответ из базы знаний", "promotion": "Ответ из акций", "service": "Ответ из прайса"}


@dataclass(frozen=True)
class Handover:
    """That the assistant calls a person, and for what."""

    stage: str
    reason: str
    urgent: bool


class BookingDesk:
    """One conversation's desk for one turn: an `assistant.desk.Desk` that writes in the caller's transaction."""

    def __init__(
        self,
        conversation: Conversation,
        lead: Lead,
        *,
        branch: Branch,
        config: Config,
        is_returning: bool,
        now: datetime,
    ) -> None:
        self.conversation, self.lead, self.branch, self.config, self.now = conversation, lead, branch, config, now
        self.zone = branch.zone
        self.business_name = config.settings.public_name
        self.policy_url = config.policy_url
        self.min_confidence = config.settings.confidence_threshold
        self.late_limit = timedelta(minutes=config.settings.late_limit_minutes)
        self.handover: Handover | None = None
        self.done: list[tuple[str, str]] = []  # lines for the decision record
        self.near: Mapping[int, float] = {}  # entries of the knowledge base near to the message in meaning
        self._has_consent: bool | None = None
        self._is_returning = is_returning
        self._contact = conversation.contact

    # --- The client ---

    @property
    def client(self) -> Client:
        contact, identity = self._contact, self.conversation.identity
        if self._has_consent is None:
            self._has_consent = (
                not contact.is_just_met
                and Consent.objects.filter(
                    contact=contact,
                    purpose="data",
                    withdrawn_at=None,
                    text_version=self.config.settings.consent_version,
                ).exists()
            )
        return Client(
            name=contact.name,
            phone=contact.phone or identity.claimed_phone,
            has_consent=self._has_consent,
            is_returning=self._is_returning,
            phone_proven=phones_proof.is_proven(identity),
        )

    def remember(self, *, name: str | None = None, phone: str | None = None) -> None:
        if name and name != self._contact.name:
            self._contact.name = name[:120]
            self._contact.save(update_fields=["name"])
        if phone:
            phones_proof.claim(self.conversation.identity, phone)
            self._contact.refresh_from_db()

    def give_consent(self) -> None:
        settings = self.config.settings
        Consent.objects.create(
            contact=self._contact,
            purpose="data",
            text_version=settings.consent_version,
            text=self.config.wording.say("ask_consent", {"policy": self.policy_url}),
            kind=self.conversation.identity.kind,
            given_at=self.now,
        )
        self._has_consent = True

    def send_phone_code(self, phone: str) -> bool:
        identity = self.conversation.identity
        code = phones_proof.new_code(identity, phone, now=self.now)
        if code is None:
            return False
        text = self.config.wording.say("phone_code", {"code": code, "business": self.business_name})
        key = f"code-{identity.pk}-{self.now:%Y%m%d%H%M%S%f}"
        sent = outbound.queue_sms(phone, text, key=key, conversation=self.conversation, now=self.now)
        identity.refresh_from_db()
        return sent is not None

    def check_phone_code(self, code: str) -> bool:
        if not phones_proof.check_code(self.conversation.identity, code, now=self.now):
            return False
        self.conversation.refresh_from_db(fields=["contact"])
        self._contact = self.conversation.contact
        self.lead.refresh_from_db(fields=["contact"])
        self._has_consent = None
        self._is_returning = True
        return True

    # --- Services and people ---

    def services(self) -> Sequence[ServiceInfo]:
        return self.config.price_list

    def urgent_service_ids(self) -> Sequence[int]:
        if not self.config.settings.is_clinical:
            return ()
        stems = ("острая боль", "осмотр", "консультац", "приём", "прием")
        return [info.id for info in self.config.price_list if any(stem in info.name.lower() for stem in stems)][:1]

    def staff(self, service_ids: Sequence[int] = ()) -> Sequence[StaffInfo]:
        ground = self.config.ground
        needed = {ground.services[pk].skill_id for pk in service_ids if pk in ground.services} - {None}
        return [
            StaffInfo(person.id, person.name, self.config.about.get(person.id, ""))
            for person in ground.team
            if needed <= person.skill_ids
        ]

    # --- Time ---

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
        parted = booking_queries.parted(service_ids, self.config.ground)
        groups = [list(service_ids), list(beside)] if beside else parted
        if len(groups) > 1:
            return self._together(groups, wish, limit=limit, exclude_starts=exclude_starts, beside=bool(beside))
        look = partial(
            booking_queries.openings,
            list(service_ids),
            branch=self._only_branch,
            staff_id=staff_id,
            now=self.now,
            exclude_starts=exclude_starts,
            contact_id=self._contact.pk,
            ground=self.config.ground,
        )
        moving = self._being_moved(service_ids)
        if moving is None:
            found = look(self._wish(wish), limit=limit).openings
        else:
            found = []
            for each in look(self._wish(wish), limit=limit + 1, moving_id=moving.pk).openings:
                is_as_now = (each.staff_id, each.start) == (moving.staff_id, moving.starts_at)
                same_start = Wish(windows=((each.start, each.start),))
                found += look(same_start, limit=1).openings if is_as_now else [each]  # the other people's
        return [_told(each) for each in found[:limit]]

    @property
    def _only_branch(self) -> Branch | None:
        return self.branch if len(self.config.branches) > 1 else None

    def _together(
        self,
        groups: Sequence[Sequence[int]],
        wish: DateTimeSlot | None,
        *,
        limit: int,
        exclude_starts: Sequence[datetime],
        beside: bool,
    ) -> list[Opening]:
        rows = booking_queries.rows_together(
            groups,
            self._wish(wish),
            now=self.now,
            ground=self.config.ground,
            branch=self._only_branch,
            limit=limit,
            exclude_starts=exclude_starts,
            contact_id=self._contact.pk,
            beside=beside,
        )
        return [replace(_told(first), then=tuple(map(_told, others))) for first, *others in rows]

    def _being_moved(self, service_ids: Sequence[int]) -> Appointment | None:
        """The client's visit that these services are to be moved from: it does not stand in its own way. None: a time
        is looked for something else, or it is not clear yet for which visit."""
        state = self.conversation.state.get("dialogue", {})
        pinned = state.get("appointment_id")
        if not (pinned or "reschedule" in (state.get("task"), self.lead.intent)):
            return None
        rows = booking_queries.upcoming([self._contact.pk], now=self.now)
        alike = [row for row in rows if self._may_see(row) and self._is_for(row, service_ids)]
        chosen = [row for row in alike if row.pk == pinned] or alike
        return chosen[0] if len(chosen) == 1 else None

    @staticmethod
    def _is_for(row: Appointment, service_ids: Sequence[int]) -> bool:
        return {service.pk for service in row.services.all()} == set(service_ids)

    def _wish(self, slot: DateTimeSlot | None) -> Wish | None:
        if slot is None:
            return None
        pieces = slot.windows or (Interval(slot.start, slot.end, slot.grain),)
        return Wish(
            windows=tuple(self._window(piece) for piece in pieces),
            exclude=tuple(self._window(piece) for piece in slot.exclude),
            approx=slot.approx or slot.grain == "approx",
        )

    def _window(self, piece: Interval) -> tuple[datetime, datetime | None]:
        return self._aware(piece.start), self._aware(piece.end) if piece.end else None

    def _aware(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def is_open_at(self, moment: datetime) -> bool:
        return self.config.calendars[self.branch.pk].is_open(moment)

    def branch_address(self) -> str:
        return self.branch.address

    def opening_hours_text(self) -> str:
        return hours_text(self.config.calendars[self.branch.pk])

    def hours_on(self, day: date) -> str:
        spans = self.config.calendars[self.branch.pk].spans(day)
        hours = ((span.start.astimezone(self.zone), span.end.astimezone(self.zone)) for span in spans)
        return words.listing([f"с {words.clock(start)} до {words.clock(end)}" for start, end in hours])

    # --- Appointments ---

    def hold(self, opening: Opening) -> int | None:
        if opening.then:
            return self._hold_together(opening)
        moving = self._being_moved(opening.service_ids)
        try:
            held = actions.hold(
                self._contact,
                self.conversation,
                list(opening.service_ids),
                opening.staff_id,
                opening.branch_id,
                opening.start,
                lead_id=self.lead.pk,
                moving_id=moving.pk if moving else None,
                now=self.now,
            )
        except (actions.Taken, actions.Impossible):
            return None
        return held.pk

    def _hold_together(self, opening: Opening) -> int | None:
        parts = [
            actions.Part(tuple(each.service_ids), each.staff_id, each.branch_id, each.start) for each in opening.parts
        ]
        try:
            held = actions.hold_together(self._contact, self.conversation, parts, lead_id=self.lead.pk, now=self.now)
        except (actions.Taken, actions.Impossible):
            return None
        return held[0].pk

    def book(self, hold_id: int, *, for_whom: Sequence[str] = ()) -> Booked | None:
        held = self._own(hold_id)
        if held is None:
            return None
        try:
            booked = actions.book_together(actions.together_with(held), now=self.now, for_whom=for_whom)
        except (actions.Taken, actions.Impossible):
            return None
        for row in booked:
            self.done.append(("Записан", f"к {row.staff} на {row.starts_at.astimezone(self.zone):%d.%m %H:%M}"))
        first, *others = map(self._booked, booked)
        return replace(first, then=tuple(others))

    def addition(self, appointment_id: int) -> Addition | None:
        visit = self._own(appointment_id)
        if visit is None or visit.upsell_id:
            return None
        booked_ids = {service.pk for each in actions.together_with(visit) for service in each.services.all()}
        offers = Upsell.objects.filter(service__in=booked_ids, offer__is_active=True).exclude(offer__in=booked_ids)
        for upsell in offers.select_related("offer"):
            service = self.config.service(upsell.offer_id)
            if service and (self._can_add(visit, upsell.offer) or self._right_after(visit, upsell.offer)):
                visit.upsell = upsell.offer
                visit.save(update_fields=["upsell"])
                return Addition(service, upsell.text)
        return None

    def _can_add(self, visit: Appointment, service: Service) -> bool:
        return actions.can_extend(visit, service, now=self.now)

    def _right_after(self, visit: Appointment, service: Service) -> FreeTime | None:
        """A free time of somebody else for the service, when the visit is over."""
        latest = visit.ends_at + LONGEST_WAIT
        found = booking_queries.openings(
            [service.pk],
            Wish(windows=((visit.ends_at, latest),)),
            now=self.now,
            branch=visit.branch,
            limit=1,
            contact_id=self._contact.pk,
            ground=self.config.ground,
        )
        return next(iter(found.openings), None)

    def add(self, appointment_id: int, service_id: int) -> Booked | None:
        visit = self._own(appointment_id)
        service = self.config.ground.services.get(service_id)
        if visit is None or service is None or not visit.is_expected:
            return None
        try:
            told = self._extended(visit, service) if self._can_add(visit, service) else self._followed(visit, service)
        except (actions.Taken, actions.Impossible):
            return None
        if told:
            Appointment.objects.filter(pk=appointment_id).update(upsell_taken=True)
            self.done.append(("Добавлена услуга", service.name))
        return told

    def _extended(self, visit: Appointment, service: Service) -> Booked:
        return self._booked(actions.extend(visit, service, now=self.now))

    def _followed(self, visit: Appointment, service: Service) -> Booked | None:
        after = self._right_after(visit, service)
        if after is None:
            return None
        held = actions.hold(
            self._contact,
            self.conversation,
            [service.pk],
            after.staff_id,
            after.branch_id,
            after.start,
            lead_id=self.lead.pk,
            now=self.now,
        )
        booked = actions.book(held, now=self.now)
        return replace(self._booked(visit), then=(self._booked(booked),))

    def decline_addition(self, appointment_id: int) -> None:
        Appointment.objects.filter(pk=appointment_id, contact=self._contact).update(upsell_taken=False)

    def release(self, hold_id: int) -> None:
        if held := self._own(hold_id):
            actions.release(held, now=self.now)

    def last_visit(self) -> Booked | None:
        last = booking_queries.last_visit(self._contact.pk)
        return self._booked(last) if last and self._may_see(last) else None

    def note_late(self, appointment_id: int, late: timedelta) -> None:
        visit = self._own(appointment_id)
        if visit is None:
            return
        by = f" на {words.duration(int(late.total_seconds() // 60))}" if late else ""
        at = f"{visit.starts_at.astimezone(self.zone):%H:%M}"
        for person in self._told_of_late(visit):
            key = f"late-{visit.pk}-{int(late.total_seconds())}"
            notify(person, "late", f"Клиент опаздывает{by}: визит в {at}", lead_id=self.lead.pk, key=key, now=self.now)
        self.done.append(("Опаздывает", by.removeprefix(" на ") or "не сказал, на сколько"))

    def _told_of_late(self, visit: Appointment) -> list[StaffMember]:
        """Who receives the client, and those at the desk now."""
        desk = StaffMember.objects.filter(is_active=True, role=Role.RECEPTIONIST, branch=visit.branch_id)
        there = [person for person in desk if self.config.rotas[person.pk].at(self.now, self.config.calendars)]
        return [visit.staff, *there]

    def appointments(self, *, begun: bool = False) -> list[Booked]:
        rows = booking_queries.upcoming([self._contact.pk], now=self.now, begun=begun)
        return [self._booked(row) for row in rows if self._may_see(row)]

    def _may_see(self, row: Appointment) -> bool:
        """Booked from this very account, or under a phone that this account has proven."""
        return row.conversation_id == self.conversation.pk or phones_proof.is_proven(self.conversation.identity)

    def cancel(self, appointment_id: int, *, reason: str = "") -> bool:
        appointment = self._own(appointment_id)
        if appointment is None or not appointment.is_expected:
            return False
        actions.cancel(appointment, reason=reason or "клиент отменил", now=self.now)
        self.done.append(("Отменён визит", f"{appointment.starts_at.astimezone(self.zone):%d.%m %H:%M}"))
        return True

    def move(self, appointment_id: int, hold_id: int) -> Booked | None:
        appointment, held = self._own(appointment_id), self._own(hold_id)
        if appointment is None or held is None or not appointment.is_expected:
            return None
        try:
            moved = actions.move_to_hold(appointment, held, now=self.now)
        except (actions.Taken, actions.Impossible):
            return None
        self.done.append(("Перенесён визит", f"на {moved.starts_at.astimezone(self.zone):%d.%m %H:%M}"))
        return self._booked(moved)

    def confirm(self, appointment_id: int) -> bool:
        appointment = self._own(appointment_id)
        if appointment is None or not appointment.is_expected:
            return False
        actions.confirm(appointment, now=self.now)
        self.done.append(("Визит подтверждён", f"{appointment.starts_at.astimezone(self.zone):%d.%m %H:%M}"))
        return True

    def _own(self, appointment_id: int) -> Appointment | None:
        """Only the client's own: an id out of a forged or old state opens nobody else's visit."""
        found = Appointment.objects.filter(pk=appointment_id, contact=self._contact).select_related("staff", "branch")
        return next((row for row in found if self._may_see(row)), None)

    def _booked(self, row: Appointment) -> Booked:
        services = list(row.services.all())
        return Booked(
            id=row.pk,
            service_ids=tuple(service.pk for service in services),
            service_names=tuple(service.name for service in services),
            staff_id=row.staff_id,
            staff_name=row.staff.name,
            branch_address=row.branch.address,
            start=row.starts_at,
            end=row.ends_at,
            price_kopecks=row.price_kopecks,
            status=row.status,
            price_to_kopecks=row.price_to_kopecks,
            for_whom=row.for_whom,
        )

    # --- Knowledge ---

    def find_promo(self, code: str) -> str | None:
        found = self._promotions().filter(code__iexact=code.strip()).first()
        return found.title if found else None

    def active_promos(self) -> list[str]:
        return [promotion.title for promotion in self._promotions().order_by("pk")]

    def _promotions(self) -> QuerySet[Promotion]:
        today = self.now.astimezone(self.zone).date()
        return Promotion.objects.filter(
            Q(starts_on=None) | Q(starts_on__lte=today), Q(ends_on=None) | Q(ends_on__gte=today), is_active=True
        )

    def find_knowledge(self, question: str) -> Quote | None:
        found = knowledge.find(question, promotions=self._promotions(), services=self.services(), near=self.near)
        if found:
            self.done.append((QUOTED[found.source], f"№{found.id}"))
        return found

    # --- People ---

    def request_call(self, *, reason: str, at: datetime | None = None) -> None:
        calls.call_task(self.lead, why=reason, at=at, now=self.now)
        self.done.append(("Задача", f"Перезвонить: {reason}"))

    def hand_over(self, *, reason: str, stage: str = "qualification", urgent: bool = False) -> None:
        before = self.handover
        self.handover = Handover(stage, reason, urgent or bool(before and before.urgent))
        self.done.append(("Позван человек", reason))


def _told(free: FreeTime) -> Opening:
    return Opening(free.staff_id, free.staff_name, free.branch_id, free.start, free.end, tuple(free.service_ids))
