"""One enquiry after its first words: with the assistant or with a person, until a visit is booked or it comes to
nothing. Each step stops where the playing stops, so an enquiry of the last minutes stays as open as it really would."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from agency.demo import story
from agency.demo.client import Mood
from agency.demo.desk import MemoryDesk
from agency.demo.office import is_woman
from agency.demo.people import spoken
from agency.demo.thread import Thread
from agency.demo.visits import VisitStory
from assistant import dialogue, words
from assistant.desk import Opening
from assistant.memory import Memory
from assistant.understanding import Understanding
from booking import openings
from booking.models import Appointment, minutes_of
from booking.openings import Wish
from reminders.models import Reminder
from reminders.plan import SEQUENCES
from routing.models import Lead
from tenants.business.models import Service, StaffMember
from tenants.models import ChannelKind

if TYPE_CHECKING:
    from agency.demo.history import Play

MINUTE = timedelta(minutes=1)
TAKEN_BY_FIRST, TAKEN_BY_SECOND = 0.28, 0.08  # of the hot leads; the rest the assistant finishes by itself
TOO_LONG = timedelta(minutes=50)  # after such a wait many clients have gone elsewhere

Offered = Opening | openings.Opening


class Enquiry:
    """`begin` plays it; what lies later is left with the play."""

    def __init__(self, play: Play, thread: Thread, mood: Mood, text: str, understanding: Understanding) -> None:
        self.play, self.thread, self.mood = play, thread, mood
        self.text, self.understanding = text, understanding
        self.office, self.rng = play.office, thread.rng
        self.known, self.lead, self.zone = thread.known, thread.lead, thread.branch.zone
        self._number = play.stories  # whose turn it is among the people at the desk

    def begin(self, at: datetime) -> None:
        if self.understanding.is_spam and not self.known.is_known:
            self._quarantine(at)
        elif self.understanding.intent == "complaint":
            self._complain(at)
        elif self.rng.random() < story.assistant_share(self.play.age(at)):
            self._assisted(at)
        else:
            self._wait_for_person(at)

    # --- With the assistant -----------------------------------------------------------------------------------------

    def _assisted(self, at: datetime) -> None:
        """Until it is booked, a person takes over, or the client falls silent."""
        desk = self._desk(at)
        state: dict = self.known.conversation.state.get("dialogue", {})
        takes_at = self._offer_to_person(at)
        while True:
            desk.now = at
            turn = dialogue.step(state, self.understanding, desk, text=self.text)
            state = turn.state
            self.known.conversation.state = {"dialogue": state}
            self._learn_client(desk, at)
            if not turn.says:
                return self._refused_later(at, "клиент передумал") if self.mood.has_declined else self._fell_silent(at)
            said_at = self.thread.assistant(turn, at + timedelta(seconds=self.rng.uniform(1, 2.7)))
            if self.mood.has_declined:
                return self._refused_later(said_at, "клиент передумал")
            if desk.visits:
                return self._booked_in_chat(desk.visits[-1][1], said_at)
            if desk.handover or desk.wants_call or self._is_form:
                return self._call_person(desk, said_at)
            reply = self.mood.answer(turn)
            at = said_at + pause(self.rng)
            if takes_at and takes_at < at:
                return self._taken(takes_at)
            if reply is None:
                return self._fell_silent(said_at)
            if not self.thread.has_come(at):
                return None
            self.text, self.understanding = reply, self.thread.client(reply, at)

    def _desk(self, at: datetime) -> MemoryDesk:
        def book(opening: Opening) -> Appointment:
            return self._book(opening, desk.now, by_assistant=True)

        desk = MemoryDesk(self.office, self.thread.branch, self.known.as_client(), now=at, book=book)
        return desk

    def _offer_to_person(self, at: datetime) -> datetime | None:
        """A hot lead goes to a person at once; when that person takes it, or None: the assistant goes on alone."""
        thread = self.thread
        if self.lead.temperature != Lead.Temperature.HOT:
            thread.decide("routed", "Ведёт ассистент", [("Почему", "ассистент отвечает и предлагает запись")], at)
            return None
        people = self.office.desk(at)
        if not people:
            thread.assign(self.office.senior(), at, reason="резервный сотрудник: на смене никого нет")
            return None
        first = people[self._number % len(people)]
        thread.assign(first, at, reason="дольше всех ждёт заявку")
        luck = self.rng.random()
        if luck < TAKEN_BY_FIRST:
            return at + timedelta(seconds=self.rng.uniform(9, 56))
        if luck < TAKEN_BY_FIRST + TAKEN_BY_SECOND and thread.has_come(at + MINUTE):
            thread.breach(f"{first.name}: не взята за 60 с", at + MINUTE)
            second = next((person for person in people if person is not first), self.office.senior())
            thread.assign(second, at + MINUTE, reason="предыдущий сотрудник не взял заявку")
            return at + MINUTE + timedelta(seconds=self.rng.uniform(10, 55))
        return None

    def _taken(self, at: datetime) -> None:
        """A person took the lead while the assistant was speaking, and goes on from there by hand."""
        owner = self.lead.owner
        if owner is None or not self.thread.has_come(at):
            return
        self.thread.take(at)
        says_at = at + timedelta(seconds=self.rng.uniform(25, 130))
        memory = Memory.load(self.known.conversation.state.get("dialogue"), now=at)
        chosen = memory.held or (self.rng.choice(memory.offered) if memory.offered else None)
        if chosen and self.mood.wants:
            self._books_by_hand(owner, chosen, says_at, has_chosen=memory.held is not None)
        elif memory.offered:
            self._leaves(owner, at)
        else:
            self._answer_by_hand(owner, says_at)

    def _call_person(self, desk: MemoryDesk, at: datetime) -> None:
        """The assistant called a person, the client asked for a call, or a form can only be called back."""
        reason, stage, urgent = desk.handover or ("клиент просит звонок", self.lead.stage, False)
        self.lead.stage = stage
        wait = self.rng.uniform(20, 170) if urgent else self.rng.uniform(60, 900)
        comes = self.office.opens(self.thread.branch, at) + timedelta(seconds=wait)
        if self.lead.owner is None:
            self.thread.assign(self._at_desk(comes), at, reason="срочное обращение" if urgent else reason)
        self.known.conversation.needs_person = True
        self.play.at(comes, lambda when: self._person_comes(when, urgent=urgent))

    def _person_comes(self, at: datetime, *, urgent: bool) -> None:
        owner = self.lead.owner
        if owner is None or self.lead.outcome_at:
            return
        self.known.conversation.needs_person = False
        self.thread.take(at)
        if self._is_form or self.lead.intent == "callback_request":
            self._call(owner, at)
            return
        if urgent:
            self.mood.wants = self.mood.wants or self.rng.random() < 0.85
            self.thread.tell(self._says(owner, "urgent"), at + timedelta(seconds=20), staff=owner)
        self._offer_by_hand(owner, at + timedelta(seconds=self.rng.uniform(40, 200)))

    # --- With a person ----------------------------------------------------------------------------------------------

    def _wait_for_person(self, at: datetime) -> None:
        """No assistant here: the client waits for a person, and after too long a wait looks elsewhere."""
        branch = self.thread.branch
        comes = at + timedelta(seconds=story.person_delay_seconds(self.rng, self.play.age(at)))
        if not self.office.is_open(branch, at) or not self.office.is_open(branch, comes):
            comes = self.office.opens(branch, comes) + timedelta(minutes=self.rng.uniform(3, 40))
        owner = self._at_desk(comes)
        if comes - at > TOO_LONG:
            self.mood.wants = self.mood.wants and self.rng.random() < 0.45
            if self.rng.random() < 0.25:  # nobody ever answered
                self._refused_later(comes + timedelta(hours=self.rng.uniform(2, 8)), "клиент не дождался ответа")
                return
        self.play.at(comes, lambda when: self._greet(owner, when, waited=comes - at))

    def _greet(self, owner: StaffMember, at: datetime, *, waited: timedelta) -> None:
        self.thread.assign(owner, at - timedelta(seconds=self.rng.uniform(10, 40)), reason="взял сам", taken_at=at)
        if self._is_form or self.lead.intent == "callback_request":
            self._call(owner, at)
            return
        kind = "late" if waited > timedelta(minutes=30) else "hello"
        hello = self._says(owner, kind, client=self.known.person.name, staff=owner.name.split()[0])
        self._answer_by_hand(owner, at, hello=hello)

    def _answer_by_hand(self, owner: StaffMember, at: datetime, *, hello: str = "") -> None:
        """A person answers what was asked, then offers times."""
        if not self.thread.has_come(at):
            return
        text = self._answer(owner, is_greeted=bool(hello))
        if text is None:
            self._offer_by_hand(owner, at, hello=hello)
            return
        said_at = self.thread.tell(hello + text, at, staff=owner)
        reply_at = said_at + pause(self.rng)
        if not self.mood.wants:
            self._leaves(owner, said_at)
        elif self.thread.has_come(reply_at):
            asked = self.rng.choice(self.mood.asked.acc)
            self.thread.client(self.rng.choice(("да, запишите", "давайте", f"на {asked}, запишите")), reply_at)
            self._offer_by_hand(owner, reply_at + timedelta(seconds=self.rng.uniform(30, 150)))

    def _answer(self, owner: StaffMember, *, is_greeted: bool) -> str | None:
        """A person's answer to a question; None: a visit is wanted, so times are offered at once."""
        intent, service = self.understanding.intent, self.lead.service
        if intent == "price_question" and service:
            price = words.price_range(service.price_kopecks, service.price_to_kopecks)
            return self._says(
                owner, "price", service=service.name, price=price, duration=words.duration(service.duration_minutes)
            )
        found = self.office.answer(self.text) if intent == "consultation" else None
        if found:
            return self._says(owner, "answer", answer=found[1])
        if intent in ("other", "consultation") or service is None:
            return self._says(owner, "general_greeted" if is_greeted else "general")
        return None

    def _offer_by_hand(self, owner: StaffMember, at: datetime, *, hello: str = "") -> None:
        """A person offers times; the client takes one or goes."""
        if not self.thread.has_come(at):
            return
        service, found = self._find_by_hand(at)
        if not found:
            self.thread.tell(hello + self._says(owner, "full"), at, staff=owner)
            self.thread.close(Lead.Status.REFUSED, at + MINUTE, why="нет подходящего времени")
            return
        said = [words.moment(each.start.astimezone(self.zone), at.astimezone(self.zone)) for each in found]
        small = service.name[:1].lower() + service.name[1:]
        text = self._says(owner, "offer", openings=" или ".join(said), service=service.name, service_small=small)
        said_at = self.thread.tell(hello + text, at, staff=owner)
        if self.mood.wants:
            self._books_by_hand(owner, self.rng.choice(found), said_at)
        else:
            self._leaves(owner, said_at)

    def _find_by_hand(self, at: datetime) -> tuple[Service, list[openings.Opening]]:
        """Times for what the client asked: when it suits the client, else anywhere soon."""
        wanted = self.lead.service = self.lead.service or self.office.service_named(self.mood.asked.name)
        visit = self.office.visit([wanted.pk])
        days = 0 if self.lead.urgency == "high" else self.rng.choice((0, 1, 2, 3, 4, 6, 9))
        soon = Wish(windows=((at + timedelta(days=days), None),))
        for wish, branch in ((self.mood.wish or soon, self.thread.branch), (None, self.thread.branch), (None, None)):
            if visit and (found := self.office.openings(visit, wish, branch=branch, now=at)):
                return wanted, found
        return wanted, []

    def _books_by_hand(
        self, owner: StaffMember, opening: Offered, said_at: datetime, *, has_chosen: bool = False
    ) -> None:
        """The client picks the opening and leaves a name and phone; a person writes the visit down."""
        at = said_at + pause(self.rng)
        if not self.thread.has_come(at):
            return
        if not has_chosen:
            self.thread.client(
                self._client_says("pick_clock", clock=f"{opening.start.astimezone(self.zone):%H:%M}"), at
            )
        if not (self.known.contact.name and self.known.contact.phone):
            asks_at = at + timedelta(seconds=self.rng.uniform(20, 90))
            at = self.thread.tell(self._says(owner, "ask_contact"), asks_at, staff=owner) + pause(self.rng)
            if not self.thread.has_come(at):
                return
            person = self.known.person
            self.thread.client(self._client_says("contact", name=person.name, phone=spoken(self.rng, person.phone)), at)
            self._keep_contact(at)
        at += timedelta(seconds=self.rng.uniform(25, 120))
        if not self.thread.has_come(at) or opening.start <= at:
            return
        appointment = self._book(opening, at, by_assistant=False)
        service = self.office.services[opening.service_ids[0]].name
        when = words.moment(opening.start.astimezone(self.zone), at.astimezone(self.zone))
        text = self._says(owner, "booked", service=service, when=when, specialist=opening.staff_name)
        self.thread.tell(text, at, staff=owner)
        self._close_booked(appointment, at, by=owner.name)
        self._thank(at)

    def _leaves(self, owner: StaffMember, said_at: datetime) -> None:
        """The client will not come; a person closes the lead the same day or the next."""
        at = said_at + pause(self.rng)
        if self.rng.random() < 0.55 and self.thread.has_come(at):
            self.thread.client(self._client_says("decline"), at)
            answers_at = at + timedelta(seconds=self.rng.uniform(30, 200))
            if self.thread.has_come(answers_at):
                at = self.thread.tell(self._says(owner, "bye"), answers_at, staff=owner)
        why = ("клиент передумал", "дорого", "не подошло время", "выбрал другое место", "клиент не ответил")
        self._refused_later(at, self.rng.choice(why))

    def _call(self, owner: StaffMember, at: datetime) -> None:
        """A call back: a task, and a note of what was agreed."""
        called_at = at + timedelta(seconds=self.rng.uniform(60, 420))
        self.thread.call_task("клиент ждёт звонка", at, done_at=called_at)
        if not self.thread.has_come(called_at):
            self.lead.status = Lead.Status.NEEDS_CALL
            return
        if self.lead.first_answer_at is None:
            self.lead.first_answer_at, self.lead.first_answer_by = called_at, "staff"
        self.lead.first_person_answer_at = self.lead.first_person_answer_at or called_at
        _, found = self._find_by_hand(called_at)
        if self.mood.wants and found:
            self._keep_contact(called_at)
            self.thread.note(self._says(owner, "called"), called_at, staff=owner)
            self._close_booked(
                self._book(self.rng.choice(found), called_at, by_assistant=False), called_at, by=owner.name
            )
            return
        kind, why = ("no_answer", "не дозвонились") if self.rng.random() < 0.35 else ("declined", "отказ по телефону")
        self.thread.note(self._says(owner, kind), called_at, staff=owner)
        self.thread.close(Lead.Status.REFUSED, called_at, why=why)

    # --- Past the score ---------------------------------------------------------------------------------------------

    def _quarantine(self, at: datetime) -> None:
        self.lead.status = Lead.Status.QUARANTINE
        reasons = [("Почему", reason) for reason in self.understanding.reasons]
        self.thread.decide("quarantined", "В карантин: похоже на рекламу", reasons, at)

    def _complain(self, at: datetime) -> None:
        """A complaint goes to the people of its stage; the assistant only says that they will answer."""
        if story.assistant_share(self.play.age(at)):
            turn = dialogue.step({}, self.understanding, self._desk(at), text=self.text)
            if turn.says:
                self.thread.assistant(turn, at + timedelta(seconds=self.rng.uniform(1, 2)))
        self.lead.stage = "complaint"
        opens = self.office.opens(self.thread.branch, at + MINUTE)
        comes = opens + timedelta(minutes=self.rng.uniform(2, 25))
        owner = self.office.complaints(comes)
        self.thread.assign(owner, at, reason="жалоба: отвечает по матрице")
        self.known.conversation.needs_person = True
        self.play.at(comes, lambda when: self._answer_complaint(owner, when))

    def _answer_complaint(self, owner: StaffMember, at: datetime) -> None:
        self.known.conversation.needs_person = False
        self.thread.take(at)
        says_at = at + MINUTE
        if self.thread.has_come(says_at):
            self.thread.tell(self._says(owner, "complaint"), says_at, staff=owner)
        closes = self.office.opens(self.thread.branch, at + timedelta(hours=self.rng.uniform(1, 20)))
        self.play.at(closes, lambda when: self.thread.close(Lead.Status.CLOSED, when, why="вопрос решён с клиентом"))

    # --- What comes of it -------------------------------------------------------------------------------------------

    def _book(self, opening: Offered, at: datetime, *, by_assistant: bool) -> Appointment:
        """The appointment of an opening; its time is taken at once."""
        services = tuple(self.office.services[each] for each in opening.service_ids)
        visit = openings.Visit.of(services)
        start = minutes_of(opening.start)
        appointment = Appointment(
            staff=self.office.staff[opening.staff_id],
            branch=self.office.branch(opening.branch_id),
            contact=self.known.contact,
            conversation=self.known.conversation,
            starts_at=opening.start,
            ends_at=opening.end,
            start_min=start,
            end_min=start + visit.busy_minutes,
            price_kopecks=visit.price_kopecks,
            status=Appointment.Status.BOOKED,
            by_assistant=by_assistant,
            created_at=at,
            booked_at=at,
        )
        self.play.book.visits.append((appointment, self.lead, services))
        self.office.take(appointment)
        self.lead.service = services[0]
        return appointment

    def _booked_in_chat(self, appointment: Appointment, at: datetime) -> None:
        self._close_booked(appointment, at, by="ассистент")
        self._thank(at)

    def _close_booked(self, appointment: Appointment, at: datetime, *, by: str) -> None:
        """The lead's outcome is the visit; what becomes of the visit is a story of its own."""
        when = f"{appointment.starts_at.astimezone(appointment.branch.zone):%d.%m %H:%M}"
        self.lead.stage = "confirmation"
        self.thread.decide("booked", f"Записан к {appointment.staff.name} на {when}", [("Кто записал", by)], at)
        self.thread.close(Lead.Status.BOOKED, at, why=f"визит {when}")
        services = next(services for each, _, services in reversed(self.play.book.visits) if each is appointment)
        VisitStory(self.play, self.thread, appointment, services).begin(at)

    def _thank(self, at: datetime) -> None:
        at += pause(self.rng)
        if self.rng.random() < 0.5 and self.thread.has_come(at):
            self.thread.client(self._client_says("thanks"), at)

    def _refused_later(self, at: datetime, why: str) -> None:
        """Somebody closes the lead some hours later, in opening hours."""
        closes = self.office.opens(self.thread.branch, at + timedelta(hours=self.rng.uniform(0.3, 7)))
        self.play.at(closes, lambda when: self._refuse(when, why))

    def _refuse(self, at: datetime, why: str) -> None:
        if not self.lead.outcome_at:
            self.thread.close(Lead.Status.REFUSED, at, why=why)

    def _fell_silent(self, at: datetime) -> None:
        """No booking came of the talk with the assistant: a person closes it, or the follow-ups go on."""
        if self.rng.random() < 0.5:
            self._refused_later(at + timedelta(hours=5), "клиент не ответил")
            return
        self.play.at(at + 20 * MINUTE, self.thread.hand_back)
        quiet = self.office.quiet(self.thread.branch)
        for kind, after in SEQUENCES[self.lead.sequence]:
            due = at + after
            if quiet.holds(due):
                due = quiet.morning_after(due)
            self.play.at(due, lambda when, kind=kind: self._follow(kind, when))

    def _follow(self, kind: Reminder.Kind, at: datetime) -> None:
        """A reminder to a silent client; some come back with it."""
        if self.lead.outcome_at:
            return
        facts = {
            "business": self.office.settings.public_name,
            "name": self.known.contact.name,
            "service": self.lead.service.name if self.lead.service else "",
            "promos": "",
        }
        self.thread.remind(kind, facts, at, lead=self.lead)
        self.thread.decide("follow_up", f"Клиент молчит: {kind.label}", [], at)
        if kind == Reminder.Kind.NURTURE_7D:
            self.lead.stage = "nurture"
            self.thread.close(Lead.Status.NURTURE, at, why="клиент не отвечает на напоминания")
        elif self.rng.random() < 0.14:
            self.mood.wants, self.mood.rounds = True, 0
            self.play.at(at + timedelta(minutes=self.rng.uniform(4, 90)), self._comes_back)

    def _comes_back(self, at: datetime) -> None:
        if self.lead.outcome_at:
            return
        self.text = self._client_says(
            "booking_when",
            acc=self.rng.choice(self.mood.asked.acc),
            when=self.rng.choice(self.play.phrases.common["whens"]),
        )
        self.understanding = self.thread.client(self.text, at)
        self._assisted(at)

    # --- Small things -----------------------------------------------------------------------------------------------

    @property
    def _is_form(self) -> bool:
        return self.known.identity.kind == ChannelKind.FORM

    def _at_desk(self, at: datetime) -> StaffMember:
        """Who answers clients then; nobody there: the senior."""
        people = self.office.desk(at)
        return people[self._number % len(people)] if people else self.office.senior()

    def _says(self, person: StaffMember, kind: str, **values: str) -> str:
        return self.play.phrases.say(self.rng, f"staff.{kind}", is_woman=is_woman(person.name), **values)

    def _client_says(self, kind: str, **values: str) -> str:
        return self.play.phrases.say(self.rng, kind, is_woman=self.known.person.is_woman, **values)

    def _learn_client(self, desk: MemoryDesk, at: datetime) -> None:
        """What the dialogue was told: the name, the phone that was said, the consent."""
        told, contact = desk.client, self.known.contact
        contact.name = told.name or contact.name
        if told.phone and told.phone != contact.phone:
            self.known.identity.claimed_phone = told.phone
        if told.has_consent:
            self.thread.consent(at)

    def _keep_contact(self, at: datetime) -> None:
        """A person wrote name and phone down."""
        self.known.contact.name, self.known.contact.phone = self.known.person.name, self.known.person.phone
        self.thread.consent(at)


def pause(rng: Random) -> timedelta:
    """How long people take to answer in a chat."""
    return timedelta(seconds=min(max(rng.lognormvariate(3.7, 0.8), 6), 900))
