"""The assistant's desk over the real world: booking, contacts, knowledge. See `assistant/desk.py` for the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from assistant import knowledge
from assistant.desk import Booked, Client, Opening, Quote, StaffInfo
from assistant.models import Promotion
from assistant.understanding import DateTimeSlot, Interval, ServiceInfo
from booking import actions
from booking import queries as booking_queries
from booking.models import Appointment
from booking.openings import Wish
from channels_app import outbound
from contacts import phones_proof
from contacts.models import Consent, Conversation
from routing import calls
from tenants.business.calendar import hours_text
from tenants.business.models import Branch

if TYPE_CHECKING:
    from routing.config import Config
    from routing.models import Lead

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
        return [StaffInfo(person.id, person.name) for person in ground.team if needed <= person.skill_ids]

    # --- Time ---

    def openings(
        self,
        service_ids: Sequence[int],
        wish: DateTimeSlot | None,
        *,
        limit: int = 3,
        staff_id: int | None = None,
        exclude_starts: Sequence[datetime] = (),
    ) -> list[Opening]:
        look = partial(
            booking_queries.openings,
            list(service_ids),
            branch=self.branch if len(self.config.branches) > 1 else None,
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
        return [
            Opening(each.staff_id, each.staff_name, each.branch_id, each.start, each.end, tuple(service_ids))
            for each in found[:limit]
        ]

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

    # --- Appointments ---

    def hold(self, opening: Opening) -> int | None:
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

    def book(self, hold_id: int) -> Booked | None:
        held = self._own(hold_id)
        if held is None:
            return None
        try:
            booked = actions.book(held, now=self.now)
        except (actions.Taken, actions.Impossible):
            return None
        self.done.append(("Записан", f"к {booked.staff} на {booked.starts_at.astimezone(self.zone):%d.%m %H:%M}"))
        return self._booked(booked)

    def release(self, hold_id: int) -> None:
        if held := self._own(hold_id):
            actions.release(held, now=self.now)

    def appointments(self) -> list[Booked]:
        rows = booking_queries.upcoming([self._contact.pk], now=self.now)
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
