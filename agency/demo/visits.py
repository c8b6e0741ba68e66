"""What becomes of a booked visit: reminders and the client's answers, a cancellation or a move, the visit itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agency.demo.thread import ASKS, Thread
from assistant import words
from booking.models import Appointment, minutes_of
from booking.openings import Visit, Wish
from reminders.models import Reminder
from reminders.plan import reminders_of
from tenants.business.models import Service
from tenants.models import ChannelKind

if TYPE_CHECKING:
    from agency.demo.history import Play

MINUTE = timedelta(minutes=1)
ANSWERS = (("come", 66), ("cancel", 6), ("move", 4), ("", 24))  # to a reminder that asks, in per cent
Status = Appointment.Status


class VisitStory:
    def __init__(self, play: Play, thread: Thread, visit: Appointment, services: tuple[Service, ...]) -> None:
        self.play, self.thread, self.visit, self.services = play, thread, visit, services
        self.office, self.rng, self.known = play.office, thread.rng, thread.known

    def begin(self, at: datetime) -> None:
        """The visit was booked, or moved, at that moment."""
        visit, revision = self.visit, self.visit.revision
        self.known.ahead, self.known.last_service = visit, self.services[0].name
        for kind, due in reminders_of(visit.starts_at, self.office.quiet(visit.branch).plan, now=at):
            self.play.at(due, lambda when, kind=kind: self._remind(kind, revision, when))
        self.play.at(visit.starts_at + 4 * MINUTE, lambda when: self._time_has_come(revision, when))

    # --- Before -----------------------------------------------------------------------------------------------------

    def _remind(self, kind: Reminder.Kind, revision: int, at: datetime) -> None:
        if not self._stands(revision):
            return
        facts = self._facts(at) | {
            "business": self.office.settings.public_name,
            "name": self.known.contact.name,
        }
        self.thread.remind(kind, facts, at, visit=self.visit)
        if kind in ASKS and self.visit.status == Status.BOOKED:
            answer = self.rng.choices([answer for answer, _ in ANSWERS], [share for _, share in ANSWERS])[0]
            replies = at + timedelta(minutes=self.rng.uniform(2, 70 if kind == Reminder.Kind.BEFORE_24H else 25))
            self.play.at(replies, lambda when: self._reply(answer, revision, when))

    def _reply(self, answer: str, revision: int, at: datetime) -> None:
        if not self._stands(revision) or self.visit.starts_at <= at:
            return
        if answer == "come":
            self._confirm(at)
        elif answer == "cancel":
            self._cancel(at)
        elif answer == "move":
            self._move(at)

    def _confirm(self, at: datetime) -> None:
        self.visit.status, self.visit.confirmed_at = Status.CONFIRMED, at
        self._talk("will_come", "visit_confirmed", {"appointment": self._line(at)}, at)

    def _cancel(self, at: datetime) -> None:
        visit = self.visit
        self._talk("will_not_come", "cancelled", {"appointment": self._line(at)}, at)
        visit.status, visit.closed_at, visit.cancel_reason = Status.CANCELLED, at, "клиент отменил"
        self.thread.decide("cancelled", "Визит отменён клиентом", [], at)
        self.office.free(visit)
        self.known.ahead = None
        self.play.returns(self.known, self.rng, at, days=(2, 9), share=0.35)

    def _move(self, at: datetime) -> None:
        """To another day with the same person; where there is none, the client lets it be."""
        visit, wanted = self.visit, Visit.of(self.services)
        later = Wish(windows=((max(at, visit.starts_at) + timedelta(hours=20), None),))
        found = self.office.openings(wanted, later, branch=None, now=at, staff_id=visit.staff_id)
        if not found:
            return
        self.office.free(visit)
        visit.starts_at, visit.ends_at, visit.start_min = found[0].start, found[0].end, minutes_of(found[0].start)
        visit.end_min = visit.start_min + wanted.busy_minutes
        visit.branch = self.office.branch(found[0].branch_id)
        visit.revision += 1
        visit.status, visit.confirmed_at = Status.BOOKED, None
        self.office.take(visit)
        self._talk("will_move", "moved", self._facts(at), at)
        self.thread.decide("moved", "Визит перенесён по просьбе клиента", [], at)
        self.begin(at)

    def _talk(self, client: str, answer: str, facts: dict[str, str], at: datetime) -> None:
        """The client's words and the assistant's answer. Who came by a form answers an SMS by telephone."""
        if self.known.identity.kind == ChannelKind.FORM:
            return
        when = self.rng.choice(self.play.phrases.common["whens"])
        self.thread.client(self.play.phrases.say(self.rng, client, is_woman=self.known.person.is_woman, when=when), at)
        says_at = at + timedelta(seconds=self.rng.uniform(1, 2.7))
        self.thread.tell(self.office.config.wording.say(answer, facts), says_at, is_answer=True)

    # --- The visit --------------------------------------------------------------------------------------------------

    def _time_has_come(self, revision: int, at: datetime) -> None:
        """The client is here, or will not be."""
        visit, known = self.visit, self.known
        if not self._stands(revision):
            return
        if self.play.no_shows.next():
            self.play.at(visit.ends_at, self._no_show)
            return
        visit.status, visit.closed_at = Status.ARRIVED, at
        known.ahead = None
        known.arrived.append(visit)
        known.contact.phone = known.person.phone  # said and checked at the desk
        known.contact.name = known.contact.name or known.person.name
        self.play.returns(known, self.rng, at, days=(9, 32), share=0.42)

    def _no_show(self, at: datetime) -> None:
        self.visit.status, self.visit.closed_at = Status.NO_SHOW, at
        self.thread.lead.stage = "no_show"
        self.known.ahead = None
        self.known.no_shows += 1
        self.office.free(self.visit)
        invites, quiet = at + 30 * MINUTE, self.office.quiet(self.visit.branch)
        self.play.at(quiet.morning_after(invites) if quiet.holds(invites) else invites, self._invite_back)

    def _invite_back(self, at: datetime) -> None:
        facts = {"business": self.office.settings.public_name, "name": self.known.contact.name}
        self.thread.remind(Reminder.Kind.NO_SHOW, facts | {"service": "", "when": ""}, at, visit=self.visit)
        self.play.returns(self.known, self.rng, at, days=(0.1, 4), share=0.35)

    # --- Small things -----------------------------------------------------------------------------------------------

    def _stands(self, revision: int) -> bool:
        return self.visit.is_expected and self.visit.revision == revision

    def _when(self, at: datetime) -> str:
        zone = self.visit.branch.zone
        return words.moment(self.visit.starts_at.astimezone(zone), at.astimezone(zone))

    def _line(self, at: datetime) -> str:
        names = words.listing([service.name for service in self.services])
        return f"{names}, {self._when(at)}, {self.visit.staff.name}"

    def _facts(self, at: datetime) -> dict[str, str]:
        return {
            "service": words.listing([service.name for service in self.services]),
            "when": self._when(at),
            "staff": self.visit.staff.name,
            "address": self.visit.branch.address,
            "price": words.price(self.visit.price_kopecks),
        }
