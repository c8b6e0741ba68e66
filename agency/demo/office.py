"""One demo business held in memory while its past is played: who works when, what is booked, what is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from agency.demo.people import MEN
from assistant import knowledge
from assistant.desk import Quote
from assistant.models import Promotion
from assistant.understand import understand
from assistant.understanding import Understanding
from booking.models import Appointment
from booking.openings import Board, Opening, Person, Rules, Visit, Wish, find_openings
from channels_app.models import ChannelAccount
from reminders.plan import Quiet
from routing import config as configs
from tenants.business.calendar import Calendar, load_rotas
from tenants.business.models import Branch, MatrixCell, Service, StaffMember
from tenants.models import Role


@dataclass(frozen=True)
class QuietHours:
    """When nothing is sent: the reminders' own rule, and the morning after it."""

    plan: Quiet

    def holds(self, moment: datetime) -> bool:
        return self.plan.holds(moment)

    def morning_after(self, moment: datetime) -> datetime:
        """A few minutes after the quiet hours that hold the moment."""
        local = moment.astimezone(self.plan.zone)
        day = local.date() + timedelta(days=local.time() >= self.plan.start)
        return datetime.combine(day, self.plan.end, self.plan.zone) + timedelta(minutes=local.minute % 20)


class Office:
    """Read once, inside the tenant. Appointments are put on the board as they are booked."""

    def __init__(self) -> None:
        self.config = configs.load()
        self.settings = self.config.settings
        self.branches: tuple[Branch, ...] = self.config.branches
        self.calendars: dict[int, Calendar] = self.config.calendars
        self.services = {service.pk: service for service in Service.objects.filter(is_active=True)}
        self.accounts = {account.kind: account for account in ChannelAccount.objects.filter(is_active=True)}
        self.promotions = list(Promotion.objects.filter(is_active=True).order_by("pk"))
        self.staff = {member.pk: member for member in StaffMember.objects.select_related("branch").order_by("pk")}
        skills: dict[int, set[int]] = {}
        for member_id, skill_id in StaffMember.skills.through.objects.values_list("staffmember_id", "skill_id"):
            skills.setdefault(member_id, set()).add(skill_id)
        self.rotas = load_rotas(list(self.staff.values()))
        self._team = {
            member.pk: Person(member.pk, member.name, frozenset(skills.get(member.pk, ())), self.rotas[member.pk])
            for member in self.staff.values()
            if member.takes_bookings
        }
        self._rules = Rules(
            self.settings.slot_step_minutes, self.settings.booking_lead_minutes, self.settings.booking_horizon_days
        )
        self._complaint_roles = [
            role
            for role in MatrixCell.objects.filter(stage="complaint", letter="R").values_list("role", flat=True)
            if role != "assistant"
        ]
        self._answers: dict[str, Quote | None] = {}
        self._understood: dict[tuple[str, bool], Understanding] = {}

    # --- Time -----------------------------------------------------------------------------------------------------

    def quiet(self, branch: Branch) -> QuietHours:
        return QuietHours(Quiet(self.settings.quiet_from, self.settings.quiet_to, branch.zone))

    def is_open(self, branch: Branch, at: datetime) -> bool:
        return self.calendars[branch.pk].is_open(at)

    def opens(self, branch: Branch, at: datetime) -> datetime:
        """The moment itself when open, else the next opening."""
        return self.calendars[branch.pk].next_opening(at) or at

    def openings(
        self,
        visit: Visit,
        wish: Wish | None,
        *,
        branch: Branch | None,
        now: datetime,
        limit: int = 3,
        staff_id: int | None = None,
        exclude_starts: Collection[datetime] = (),
    ) -> list[Opening]:
        board = Board(tuple(self._team.values()), self.calendars, self._rules)
        found = find_openings(
            visit,
            board,
            now=now,
            wish=wish,
            limit=limit,
            branch_id=branch.pk if branch else None,
            staff_id=staff_id,
            exclude_starts=exclude_starts,
        )
        return list(found.openings)

    def take(self, appointment: Appointment) -> None:
        """The time is the client's."""
        person = self._team[appointment.staff_id]
        busy = tuple(sorted((*person.busy, (appointment.start_min, appointment.end_min))))
        self._team[person.id] = replace(person, busy=busy)

    def free(self, appointment: Appointment) -> None:
        """The time is anybody's again."""
        person = self._team[appointment.staff_id]
        taken = (appointment.start_min, appointment.end_min)
        self._team[person.id] = replace(person, busy=tuple(each for each in person.busy if each != taken))

    # --- Services -------------------------------------------------------------------------------------------------

    def branch(self, branch_id: int) -> Branch:
        return next(branch for branch in self.branches if branch.pk == branch_id)

    def service_named(self, name: str) -> Service:
        return next(service for service in self.services.values() if service.name == name)

    def visit(self, service_ids: Sequence[int]) -> Visit | None:
        found = [self.services[each] for each in dict.fromkeys(service_ids) if each in self.services]
        return Visit.of(found) if found else None

    def able(self, service_ids: Sequence[int]) -> list[StaffMember]:
        visit = self.visit(service_ids)
        return [self.staff[pk] for pk, person in self._team.items() if visit is None or person.can_do(visit)]

    def sold_at(self, branch: Branch) -> list[str]:
        """Names of the services that somebody of the branch does."""
        here = [person for pk, person in self._team.items() if self.staff[pk].branch_id == branch.pk]
        return [
            service.name
            for service in self.services.values()
            if any(service.skill_id in each.skill_ids for each in here)
        ]

    # --- People ---------------------------------------------------------------------------------------------------

    def on_shift(self, at: datetime, roles: Sequence[str]) -> list[StaffMember]:
        """People of these roles at work at the moment, in the order of the roles."""
        return [
            member
            for role in roles
            for member in self.staff.values()
            if member.role == role and self.rotas[member.pk].at(at, self.calendars)
        ]

    def desk(self, at: datetime) -> list[StaffMember]:
        """Who answers clients at the moment."""
        return self.on_shift(at, (Role.RECEPTIONIST, Role.MANAGER))

    def complaints(self, at: datetime) -> StaffMember:
        """Who takes a complaint: the stage's R on shift, else any of them."""
        there = self.on_shift(at, self._complaint_roles)
        return there[0] if there else next(m for m in self.staff.values() if m.role in self._complaint_roles)

    def senior(self) -> StaffMember:
        return next(member for member in self.staff.values() if member.role == Role.SENIOR)

    # --- Understanding and knowledge --------------------------------------------------------------------------------

    def understand(self, text: str, at: datetime, branch: Branch, *, known_client: bool) -> Understanding:
        """What a client's words mean; words that speak of no time are read once."""
        kept = self._understood.get((text, known_client))
        if kept is None:
            kept = understand(
                text,
                now=at.astimezone(branch.zone).replace(tzinfo=None),
                price_list=self.config.price_list,
                city=branch.city,
                known_client=known_client,
            )
            if not kept.slots.datetime and not kept.slots.phone:
                self._understood[text, known_client] = kept
        return kept

    def answer(self, question: str) -> Quote | None:
        if question not in self._answers:
            self._answers[question] = knowledge.find(question)
        return self._answers[question]

    def promos(self, day: date) -> list[Promotion]:
        return [
            promo
            for promo in self.promotions
            if (promo.starts_on or day) <= day <= (promo.ends_on or day + timedelta(days=1))
        ]


def is_woman(name: str) -> bool:
    """By the first name of a Russian full name."""
    first = name.split()[0]
    return first not in MEN and first[-1] in "аяь" and first not in ("Игорь", "Илья", "Никита")
