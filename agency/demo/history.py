"""Six weeks of a demo business, played event by event in the order of time: enquiries, reminders, visits, follow-ups.

Understanding, dialogue, score, openings, reminders are the product's own; only the clients and the people's answers are
invented. The same business and day give the same past: each enquiry draws from a generator of its own, so the hour at
which the playing stops changes nothing of what came before.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from random import Random

from agency.demo import story
from agency.demo.book import Book
from agency.demo.client import Known, Mood, is_declining
from agency.demo.desk import MemoryDesk
from agency.demo.office import Office, is_woman
from agency.demo.people import new_person, spoken
from agency.demo.phrases import Asked, Phrases, fill, opened
from agency.demo.story import Source
from agency.demo.thread import Thread, new_lead
from agency.packs import load_business
from assistant import dialogue, words
from assistant.desk import Client
from assistant.understanding import Understanding
from booking.models import Appointment, minutes_of
from booking.openings import Opening, Wish
from contacts.models import Consent, Contact, Conversation, Identity
from reminders.models import Reminder
from reminders.plan import FOLLOW_UPS, reminders_of
from routing.models import AdSpend, Lead
from tenants.business.models import Branch, Service, StaffMember
from tenants.models import ChannelKind, Tenant

CHANNELS = ((ChannelKind.TELEGRAM, 42), (ChannelKind.WEBCHAT, 38), (ChannelKind.FORM, 20))
FIRST_TELEGRAM_ID = 7_100_000_000
REMINDER_TEXTS = {
    Reminder.Kind.BEFORE_24H: "reminder_24h",
    Reminder.Kind.BEFORE_2H: "reminder_2h",
    Reminder.Kind.BEFORE_1H: "reminder_1h",
    Reminder.Kind.FOLLOW_1D: "followup_t1",
    Reminder.Kind.FOLLOW_3D: "followup_t3",
    Reminder.Kind.NURTURE_7D: "nurture_t7",
    Reminder.Kind.NO_SHOW: "no_show",
}
ASKS = (Reminder.Kind.BEFORE_24H, Reminder.Kind.BEFORE_2H)
MINUTE = timedelta(minutes=1)


class Play:
    """`today` is the local day of the business; nothing happens after `until`."""

    def __init__(self, tenant: Tenant, business: story.Business, *, today: date, until: datetime) -> None:
        self.business, self.city, self.today, self.until = business, tenant.city, today, until
        self.office = Office()
        self.phrases = Phrases.of([trade.key for trade in load_business(business.slug).trades])
        self.book = Book()
        self.clients: list[Known] = []
        self.seed = f"{business.slug}:{today.isoformat()}"
        self._no_shows = story.NoShows(Random(f"{self.seed}:no-shows"))
        self._events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._planned = self._stories = 0
        self._home: Branch = self.office.branches[0]

    def run(self) -> Book:
        """Everything up to `until`, as rows that are not yet written."""
        for age in range(story.DAYS, -1, -1):
            self._plan_day(self.today - timedelta(days=age), age)
        while self._events and self._events[0][0] <= self.until:
            at, _, happen = heapq.heappop(self._events)
            happen(at)
        return self.book

    def _plan_day(self, day: date, age: int) -> None:
        rng = Random(f"{self.seed}:{age}")
        for _ in range(story.leads_on(rng, self.business, day, age)):
            hour = rng.choices(range(24), story.HOURS)[0]
            local = datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), self._home.zone)
            self._at(local, self._somebody_writes)
        if age:
            self.book.spend += [
                AdSpend(day=day, source=source.name, campaign=campaign, amount_kopecks=100 * story.spend_rub(rng, source, day))
                for source in story.SOURCES
                if source.spend_rub
                for campaign in source.campaigns
            ]

    def _at(self, at: datetime, happen: Callable[[datetime], None]) -> None:
        self._planned += 1
        heapq.heappush(self._events, (at, self._planned, happen))

    def _age(self, at: datetime) -> int:
        return (self.today - at.astimezone(self._home.zone).date()).days

    # --- Somebody writes --------------------------------------------------------------------------------------------

    def _somebody_writes(self, at: datetime) -> None:
        self._stories += 1
        rng = Random(f"{self.seed}:story:{self._stories}")
        self._enquire(self._new_client(rng, at), rng, at)

    def _new_client(self, rng: Random, at: datetime) -> Known:
        number = len(self.clients)
        person = new_person(
            rng, number=number, business=self.business.number, city=self.city, women=self.business.women
        )
        kind = rng.choices([kind for kind, _ in CHANNELS], [weight for _, weight in CHANNELS])[0]
        is_form = kind == ChannelKind.FORM
        address = {
            ChannelKind.TELEGRAM: str(FIRST_TELEGRAM_ID + self.business.number * 100_000 + number),
            ChannelKind.FORM: person.phone,
        }.get(kind) or f"{rng.getrandbits(160):040x}"
        contact = Contact(
            name=person.name if is_form else "",
            phone=person.phone if is_form else None,
            is_vip=rng.random() < 0.02,
            created_at=at,
        )
        identity = Identity(
            contact=contact,
            kind=kind,
            external_id=address,
            display_name=person.handle if kind == ChannelKind.TELEGRAM else "",
        )
        conversation = Conversation(
            identity=identity,
            contact=contact,
            account_id=self.office.accounts[kind].pk,
            branch=self._branch(rng),
            created_at=at,
            last_message_at=at,
        )
        self.book.contacts.append(contact)
        self.book.identities.append(identity)
        self.book.conversations.append(conversation)
        known = Known(person, contact, identity, conversation)
        self.clients.append(known)
        return known

    def _branch(self, rng: Random) -> Branch:
        branches = self.office.branches
        return branches[0] if len(branches) == 1 or rng.random() < 0.72 else branches[1]

    def _enquire(self, known: Known, rng: Random, at: datetime, *, intent: str | None = None) -> None:
        """A new lead of the client, from its first words to what comes of it."""
        if known.lead:  # still under way: nobody starts a second one
            return
        branch = known.conversation.branch or self._home
        source = story.DIRECT if intent else rng.choices(story.SOURCES, [each.weight for each in story.SOURCES])[0]
        asked = self.phrases.service(rng, self.office.sold_at(branch))
        intent = intent or self._intent(rng, source)
        promo = rng.choice(self.office.promotions).code if rng.random() < 0.06 and self.office.promotions else ""
        is_site = known.identity.kind != ChannelKind.TELEGRAM
        lead = new_lead(
            known,
            source,
            branch=branch,
            at=at,
            rng=rng,
            promo=promo if is_site else "",
            page=f"/t/{self.business.slug}/site/" if is_site else "",
        )
        self.book.leads.append(lead)
        known.lead = lead
        thread = Thread(self.office, self.book, known, lead, branch=branch, rng=rng, until=self.until)
        text = self._first_words(rng, known, intent, asked, promo)
        understanding = thread.client(text, at, opens=True)
        will = story.will_of(understanding.intent) * source.will * (1.2 if known.is_known else 1)
        mood = Mood(
            rng, self.phrases, known.person, asked, wants=rng.random() < will, asks_other=rng.random() < 0.12
        )
        if understanding.is_spam and not known.is_known:
            self._quarantine(thread, at, understanding)
        elif understanding.intent == "complaint":
            self._complain(thread, text, understanding, at)
        elif rng.random() < story.assistant_share(self._age(at)):
            self._assisted(thread, mood, text, understanding, at)
        else:
            self._served(thread, mood, understanding, at)

    def _intent(self, rng: Random, source: Source) -> str:
        if self.phrases.urgent and rng.random() < story.URGENT_SHARE:
            return "urgent"
        weights = dict(story.INTENTS)
        if source.will < 0.5:  # clicks that cost much and want little
            weights |= {"booking": 22, "price": 24, "price_sensitive": 18, "other": 10}
        return rng.choices(list(weights), list(weights.values()))[0]

    def _first_words(self, rng: Random, known: Known, intent: str, asked: Asked, promo: str) -> str:
        person, common = known.person, self.phrases.common
        values = {
            "acc": rng.choice(asked.acc),
            "when": rng.choice(common["whens"]),
            "name": person.name,
            "promo": promo or (self.office.promotions[0].code if self.office.promotions else "START"),
        }
        values["nom"] = rng.choice(asked.nom)
        values["nom_capital"] = values["nom"][:1].upper() + values["nom"][1:]

        def say(kind: str) -> str:
            return self.phrases.say(rng, kind, is_woman=person.is_woman, **values)

        if intent in ("urgent", "complaint", "consultation"):
            pool = getattr(self.phrases, intent)
            text = fill(rng.choice(pool), is_woman=person.is_woman)
            return text if intent == "urgent" else opened(self.phrases.greeting(rng), text, rng)
        if intent in ("spam", "other"):
            return say(intent)
        if known.identity.kind == ChannelKind.FORM:
            return say("forms")
        if intent == "booking":
            kinds = ("booking_when", "booking_plain", "booking_vague")
            intent = rng.choices(kinds, (70, 25, 5))[0]
        return opened(self.phrases.greeting(rng), say(intent), rng)

    # --- The assistant answers --------------------------------------------------------------------------------------

    def _assisted(self, thread: Thread, mood: Mood, text: str, understanding: Understanding, at: datetime) -> None:
        """The conversation with the assistant, until it is booked, a person takes over, or the client falls silent."""
        known, rng, office = thread.known, thread.rng, self.office
        desk = MemoryDesk(
            office, thread.branch, _as_client(known), now=at, book=lambda opening: self._book(thread, opening, desk.now)
        )
        state: dict = known.conversation.state.get("dialogue", {})
        takes_at = self._offer(thread, at)
        while True:
            desk.now = at
            turn = dialogue.step(state, understanding, desk, text=text)
            state = turn.state
            known.conversation.state = {"dialogue": state}
            self._learn_client(thread, desk, at)
            if not turn.says:
                return self._fell_silent(thread, mood, at, said_no=False)
            said_at = thread.assistant(turn, at + timedelta(seconds=rng.uniform(0.7, 2.2)))
            if desk.visits:
                return self._booked_in_chat(thread, mood, said_at)
            if desk.handover or desk.wants_call or known.identity.kind == ChannelKind.FORM:
                return self._to_person(thread, mood, desk, said_at)
            reply = mood.answer(turn)
            at = said_at + _pause(rng)
            if takes_at and takes_at < at:
                return self._taken(thread, mood, understanding, takes_at)
            if reply is None:
                return self._fell_silent(thread, mood, said_at, said_no=False)
            if not thread.has_come(at):
                return None
            text, understanding = reply, thread.client(reply, at)
            if is_declining(reply, self.phrases):
                return self._fell_silent(thread, mood, at, said_no=True)

    def _offer(self, thread: Thread, at: datetime) -> datetime | None:
        """A hot lead goes to a person at once; when that person takes it, or None: the assistant is quicker."""
        if thread.lead.temperature != Lead.Temperature.HOT:
            thread.decide("routed", "Ведёт ассистент", [("Почему", "ассистент отвечает и предлагает запись")], at)
            return None
        people = self.office.desk(at)
        if not people:
            thread.assign(self.office.senior(), at, reason="резервный сотрудник: на смене никого нет")
            return None
        rng = thread.rng
        first = people[self._stories % len(people)]
        thread.assign(first, at, reason="дольше всех ждёт заявку")
        luck = rng.random()
        if luck < 0.42:
            return at + timedelta(seconds=rng.uniform(9, 56))
        if luck < 0.52 and thread.has_come(at + MINUTE):
            thread.breach(f"{first.name}: не взята за 60 с", at + MINUTE)
            second = next((person for person in people if person is not first), self.office.senior())
            thread.assign(second, at + MINUTE, reason="предыдущий сотрудник не взял заявку")
            return at + MINUTE + timedelta(seconds=rng.uniform(10, 55))
        return None

    def _taken(self, thread: Thread, mood: Mood, understanding: Understanding, at: datetime) -> None:
        """A person took the lead while the assistant was speaking, and goes on by hand."""
        owner = thread.lead.owner
        if owner is None or not thread.has_come(at):
            return
        thread.take(at)
        self._by_hand(thread, mood, understanding, owner, at + timedelta(seconds=thread.rng.uniform(25, 130)))

    def _to_person(self, thread: Thread, mood: Mood, desk: MemoryDesk, at: datetime) -> None:
        """The assistant called a person, the client asked for a call, or a form can only be called."""
        rng, lead = thread.rng, thread.lead
        reason, stage, urgent = desk.handover or ("клиент просит звонок", lead.stage, False)
        if desk.handover:
            lead.stage = stage
        opens = self.office.opens(thread.branch, at)
        comes = opens + timedelta(seconds=rng.uniform(20, 170) if urgent else rng.uniform(60, 900))
        people = self.office.desk(comes)
        person = people[self._stories % len(people)] if people else self.office.senior()
        if lead.owner is None:
            thread.assign(person, at, reason="срочное обращение" if urgent else reason)
        thread.known.conversation.needs_person = True
        self._at(comes, lambda when: self._person_comes(thread, mood, when, urgent=urgent))

    def _person_comes(self, thread: Thread, mood: Mood, at: datetime, *, urgent: bool) -> None:
        lead, owner = thread.lead, thread.lead.owner
        if owner is None or lead.outcome_at:
            return
        thread.known.conversation.needs_person = False
        thread.take(at)
        if thread.known.identity.kind == ChannelKind.FORM or lead.intent == "callback_request":
            self._call(thread, mood, owner, at)
            return
        if urgent:
            mood.wants = mood.wants or thread.rng.random() < 0.85
            thread.tell(self._staff_says(thread, owner, "urgent"), at + timedelta(seconds=20), staff=owner)
        self._finish_by_hand(thread, mood, owner, at + timedelta(seconds=thread.rng.uniform(40, 200)))

    # --- A person answers -------------------------------------------------------------------------------------------

    def _served(self, thread: Thread, mood: Mood, understanding: Understanding, at: datetime) -> None:
        """No assistant here: the client waits for a person, and after too long a wait looks elsewhere."""
        rng, branch = thread.rng, thread.branch
        delay = timedelta(seconds=story.person_delay_seconds(rng, self._age(at)))
        comes = at + delay
        if not self.office.is_open(branch, at) or not self.office.is_open(branch, comes):
            comes = self.office.opens(branch, comes) + timedelta(minutes=rng.uniform(3, 40))
        people = self.office.desk(comes)
        owner = people[self._stories % len(people)] if people else self.office.senior()
        if comes - at > timedelta(minutes=50):
            mood.wants = mood.wants and rng.random() < 0.45
            if rng.random() < 0.25:  # nobody ever answered
                self._at(comes + timedelta(hours=rng.uniform(3, 9)), lambda when: self._never_answered(thread, when))
                return
        self._at(comes, lambda when: self._greet(thread, mood, understanding, owner, when, late=comes - at))

    def _never_answered(self, thread: Thread, at: datetime) -> None:
        if not thread.lead.outcome_at:
            thread.close(Lead.Status.REFUSED, at, why="клиент не дождался ответа")

    def _greet(
        self,
        thread: Thread,
        mood: Mood,
        understanding: Understanding,
        owner: StaffMember,
        at: datetime,
        *,
        late: timedelta,
    ) -> None:
        thread.assign(owner, at - timedelta(seconds=thread.rng.uniform(10, 50)), reason="взял сам", taken_at=at)
        if thread.known.identity.kind == ChannelKind.FORM or thread.lead.intent == "callback_request":
            self._call(thread, mood, owner, at)
            return
        kind = "late" if late > timedelta(minutes=30) else "hello"
        hello = self._staff_says(thread, owner, kind, client=thread.known.person.name, staff=owner.name.split()[0])
        self._by_hand(thread, mood, understanding, owner, at, hello=hello)

    def _by_hand(
        self,
        thread: Thread,
        mood: Mood,
        understanding: Understanding,
        owner: StaffMember,
        at: datetime,
        *,
        hello: str = "",
    ) -> None:
        """A person answers what was asked, then offers times."""
        if not thread.has_come(at):
            return
        lead, intent = thread.lead, understanding.intent
        found = self.office.answer(thread.lead.summary) if intent == "consultation" else None
        if intent == "price_question" and lead.service:
            service = lead.service
            text = self._staff_says(
                thread,
                owner,
                "price",
                service=service.name,
                service_small=service.name.lower(),
                price=words.price_range(service.price_kopecks, service.price_to_kopecks),
                duration=words.duration(service.duration_minutes),
            )
        elif found:
            text = self._staff_says(thread, owner, "answer", answer=found[1])
        elif intent == "other" or not lead.service:
            text = self._staff_says(thread, owner, "general") if not hello else hello.strip() or "Здравствуйте!"
            hello = ""
        else:
            self._finish_by_hand(thread, mood, owner, at, hello=hello)
            return
        said_at = thread.tell(hello + text, at, staff=owner)
        if not mood.wants:
            self._leaves(thread, mood, owner, said_at)
            return
        reply_at = said_at + _pause(thread.rng)
        if not thread.has_come(reply_at):
            return
        thread.client(mood.rng.choice(("да, запишите", "давайте", f"на {mood.rng.choice(mood.asked.acc)}, запишите")), reply_at)
        self._finish_by_hand(thread, mood, owner, reply_at + timedelta(seconds=thread.rng.uniform(30, 150)))

    def _finish_by_hand(self, thread: Thread, mood: Mood, owner: StaffMember, at: datetime, *, hello: str = "") -> None:
        """A person offers times; the client takes one or goes."""
        if not thread.has_come(at):
            return
        lead, rng = thread.lead, thread.rng
        service = lead.service or self._service_of(mood.asked)
        lead.service = service
        visit = self.office.visit([service.pk])
        found = self.office.openings(visit, self._wish(at, rng), branch=thread.branch, now=at) if visit else []
        if not found:
            found = self.office.openings(visit, None, branch=None, now=at) if visit else []
        if not found:
            thread.tell(hello + self._staff_says(thread, owner, "bye"), at, staff=owner)
            thread.close(Lead.Status.REFUSED, at + MINUTE, why="нет подходящего времени")
            return
        local = at.astimezone(thread.branch.zone)
        said = [words.moment(each.start.astimezone(thread.branch.zone), local) for each in found]
        text = self._staff_says(
            thread, owner, "offer", openings=" или ".join(said), service=service.name, service_small=service.name.lower()
        )
        said_at = thread.tell(hello + text, at, staff=owner)
        if not mood.wants:
            self._leaves(thread, mood, owner, said_at)
            return
        self._books_by_hand(thread, mood, owner, rng.choice(found), said_at)

    def _books_by_hand(
        self, thread: Thread, mood: Mood, owner: StaffMember, opening: Opening, said_at: datetime
    ) -> None:
        rng, known, zone = thread.rng, thread.known, thread.branch.zone
        at = said_at + _pause(rng)
        if not thread.has_come(at):
            return
        clock = f"{opening.start.astimezone(zone):%H:%M}"
        thread.client(self.phrases.say(rng, "pick_clock", is_woman=known.person.is_woman, clock=clock), at)
        if not (known.contact.name and known.contact.phone):
            at = thread.tell(
                self._staff_says(thread, owner, "ask_contact"), at + timedelta(seconds=rng.uniform(20, 90)), staff=owner
            ) + _pause(rng)
            if not thread.has_come(at):
                return
            phone = spoken(rng, known.person.phone)
            contact = self.phrases.say(
                rng, "contact", is_woman=known.person.is_woman, name=known.person.name, phone=phone
            )
            thread.client(contact, at)
            self._keep_contact(thread, at)
        at += timedelta(seconds=rng.uniform(25, 120))
        if not thread.has_come(at):
            return
        appointment = self._book(thread, opening, at, by_assistant=False)
        local = at.astimezone(zone)
        service = self.office.services[opening.service_ids[0]]
        text = self._staff_says(
            thread,
            owner,
            "booked",
            service=service.name,
            service_small=service.name.lower(),
            when=words.moment(opening.start.astimezone(zone), local),
            specialist=opening.staff_name,
        )
        thread.tell(text, at, staff=owner)
        self._close_booked(thread, appointment, at, by=owner.name)
        self._thanks(thread, at)

    def _leaves(self, thread: Thread, mood: Mood, owner: StaffMember, said_at: datetime) -> None:
        """The client will not come; a person closes the lead the same day or the next."""
        rng = thread.rng
        at = said_at + _pause(rng)
        if rng.random() < 0.55 and thread.has_come(at):
            thread.client(self.phrases.say(rng, "decline", is_woman=thread.known.person.is_woman), at)
            at = thread.tell(
                self._staff_says(thread, owner, "bye"), at + timedelta(seconds=rng.uniform(30, 200)), staff=owner
            )
        closes = self.office.opens(thread.branch, at + timedelta(hours=rng.uniform(0.3, 5)))
        why = rng.choice(("клиент передумал", "дорого", "не подошло время", "выбрал другое место", "клиент не ответил"))
        self._at(closes, lambda when: self._close_refused(thread, when, why))

    def _close_refused(self, thread: Thread, at: datetime, why: str) -> None:
        if not thread.lead.outcome_at:
            thread.close(Lead.Status.REFUSED, at, why=why)

    def _call(self, thread: Thread, mood: Mood, owner: StaffMember, at: datetime) -> None:
        """A call back: a task, and a note of what was agreed."""
        rng, lead = thread.rng, thread.lead
        called_at = at + timedelta(seconds=rng.uniform(60, 420))
        thread.call_task("клиент ждёт звонка", at, done_at=called_at)
        if not thread.has_come(called_at):
            lead.status, lead.stage = Lead.Status.NEEDS_CALL, "qualification"
            return
        if lead.first_answer_at is None:
            lead.first_answer_at, lead.first_answer_by = called_at, "staff"
        lead.first_person_answer_at = lead.first_person_answer_at or called_at
        service = lead.service or self._service_of(mood.asked)
        lead.service = service
        visit = self.office.visit([service.pk])
        found = self.office.openings(visit, self._wish(called_at, rng), branch=None, now=called_at) if visit else []
        if mood.wants and found:
            self._keep_contact(thread, called_at)
            thread.note(self._staff_says(thread, owner, "called"), called_at, staff=owner)
            appointment = self._book(thread, rng.choice(found), called_at, by_assistant=False)
            self._close_booked(thread, appointment, called_at, by=owner.name)
            return
        kind = "no_answer" if rng.random() < 0.35 else "declined"
        thread.note(self._staff_says(thread, owner, kind), called_at, staff=owner)
        why = "не дозвонились" if kind == "no_answer" else "отказ по телефону"
        thread.close(Lead.Status.REFUSED, called_at + MINUTE, why=why)

    def _complain(self, thread: Thread, text: str, understanding: Understanding, at: datetime) -> None:
        """A complaint goes past the score to the people of its stage."""
        rng, lead = thread.rng, thread.lead
        lead.stage = "complaint"
        if self._age(at) <= 30:
            turn = dialogue.step(
                {},
                understanding,
                MemoryDesk(self.office, thread.branch, _as_client(thread.known), now=at, book=self._no_booking),
                text=text,
            )
            if turn.says:
                thread.assistant(turn, at + timedelta(seconds=rng.uniform(0.8, 2)))
        comes = self.office.opens(thread.branch, at + MINUTE) + timedelta(minutes=rng.uniform(2, 25))
        owner = self.office.complaints(comes)
        thread.assign(owner, at, reason="жалоба: отвечает по матрице")
        thread.known.conversation.needs_person = True
        self._at(comes, lambda when: self._answer_complaint(thread, owner, when))

    def _answer_complaint(self, thread: Thread, owner: StaffMember, at: datetime) -> None:
        thread.known.conversation.needs_person = False
        thread.take(at)
        thread.tell(self._staff_says(thread, owner, "complaint"), at + MINUTE, staff=owner)
        closes = self.office.opens(thread.branch, at + timedelta(hours=thread.rng.uniform(1, 20)))
        self._at(closes, lambda when: self._close_complaint(thread, when))

    def _close_complaint(self, thread: Thread, at: datetime) -> None:
        if not thread.lead.outcome_at:
            thread.close(Lead.Status.CLOSED, at, why="вопрос решён с клиентом")

    def _quarantine(self, thread: Thread, at: datetime, understanding: Understanding) -> None:
        thread.lead.status = Lead.Status.QUARANTINE
        reasons = [("Почему", reason) for reason in understanding.reasons]
        thread.decide("quarantined", "В карантин: похоже на рекламу", reasons, at)

    # --- What comes of it -------------------------------------------------------------------------------------------

    def _book(self, thread: Thread, opening: Opening, at: datetime, *, by_assistant: bool = True) -> Appointment:
        """The appointment of an opening; its time is taken at once."""
        services = tuple(self.office.services[each] for each in opening.service_ids)
        start = minutes_of(opening.start)
        visit = self.office.visit(opening.service_ids)
        busy = visit.busy_minutes if visit else 30
        appointment = Appointment(
            staff=self.office.staff[opening.staff_id],
            branch=next(branch for branch in self.office.branches if branch.pk == opening.branch_id),
            contact=thread.known.contact,
            conversation=thread.known.conversation,
            starts_at=opening.start,
            ends_at=opening.end,
            start_min=start,
            end_min=start + busy,
            price_kopecks=sum(service.price_kopecks for service in services),
            status=Appointment.Status.BOOKED,
            by_assistant=by_assistant,
            created_at=at,
            booked_at=at,
        )
        self.book.visits.append((appointment, thread.lead, services))
        self.office.take(appointment)
        thread.lead.service = services[0]
        return appointment

    def _no_booking(self, opening: Opening) -> Appointment:
        raise AssertionError("a complaint books nothing")

    def _booked_in_chat(self, thread: Thread, mood: Mood, at: datetime) -> None:
        appointment = self.book.visits[-1][0]
        self._close_booked(thread, appointment, at, by="ассистент")
        self._thanks(thread, at)

    def _close_booked(self, thread: Thread, appointment: Appointment, at: datetime, *, by: str) -> None:
        """The lead's outcome is the visit; the visit's own events are planned."""
        zone = appointment.branch.zone
        thread.lead.stage = "confirmation"
        when = f"{appointment.starts_at.astimezone(zone):%d.%m %H:%M}"
        thread.decide("booked", f"Записан к {appointment.staff.name} на {when}", [("Кто записал", by)], at)
        thread.close(Lead.Status.BOOKED, appointment.booked_at or at, why=f"визит {when}")
        thread.known.ahead = appointment
        self._plan_visit(thread, appointment, at)

    def _thanks(self, thread: Thread, at: datetime) -> None:
        at += _pause(thread.rng)
        if thread.rng.random() < 0.5 and thread.has_come(at):
            thread.client(self.phrases.say(thread.rng, "thanks", is_woman=thread.known.person.is_woman), at)

    def _plan_visit(self, thread: Thread, appointment: Appointment, now: datetime) -> None:
        quiet = self.office.quiet(appointment.branch)
        revision = appointment.revision
        for kind, due in reminders_of(appointment.starts_at, quiet, now=now):
            self._at(due, lambda when, kind=kind: self._remind(thread, appointment, kind, revision, when))
        self._at(appointment.starts_at + 4 * MINUTE, lambda when: self._visit(thread, appointment, revision, when))

    def _fell_silent(self, thread: Thread, mood: Mood, at: datetime, *, said_no: bool) -> None:
        """No booking came of the conversation with the assistant."""
        rng, lead = thread.rng, thread.lead
        if said_no or lead.owner or rng.random() < 0.6:
            closes = self.office.opens(thread.branch, at + timedelta(hours=rng.uniform(0.5, 16)))
            why = "клиент передумал" if said_no else "клиент не ответил"
            self._at(closes, lambda when: self._close_refused(thread, when, why))
            return
        for kind, after in FOLLOW_UPS:
            due = at + after
            local = due.astimezone(thread.branch.zone)
            if self.office.quiet(thread.branch).holds(due):
                due = local.replace(hour=9, minute=5) + timedelta(days=local.hour >= 12)
            self._at(due, lambda when, kind=kind: self._follow(thread, mood, kind, when))

    def _follow(self, thread: Thread, mood: Mood, kind: Reminder.Kind, at: datetime) -> None:
        """A reminder to a silent client; some come back with it."""
        lead, rng = thread.lead, thread.rng
        if lead.outcome_at:
            return
        facts = {
            "business": self.office.settings.public_name,
            "name": thread.known.contact.name,
            "service": lead.service.name if lead.service else "",
            "promos": "",
        }
        self._say_reminder(thread, kind, facts, at, lead=lead)
        thread.decide("follow_up", f"Клиент молчит: {kind.label}", [], at)
        if kind == Reminder.Kind.NURTURE_7D:
            lead.stage = "nurture"
            thread.close(Lead.Status.NURTURE, at, why="клиент молчит неделю")
        elif rng.random() < 0.16:
            replies = at + timedelta(minutes=rng.uniform(4, 90))
            mood.wants, mood.rounds = True, 0
            self._at(replies, lambda when: self._comes_back(thread, mood, when))

    def _comes_back(self, thread: Thread, mood: Mood, at: datetime) -> None:
        if thread.lead.outcome_at:
            return
        text = self.phrases.say(
            thread.rng,
            "booking_when",
            is_woman=thread.known.person.is_woman,
            acc=thread.rng.choice(mood.asked.acc),
            when=thread.rng.choice(self.phrases.common["whens"]),
        )
        self._assisted(thread, mood, text, thread.client(text, at), at)

    # --- The visit --------------------------------------------------------------------------------------------------

    def _remind(self, thread: Thread, visit: Appointment, kind: Reminder.Kind, revision: int, at: datetime) -> None:
        if not visit.is_expected or visit.revision != revision:
            return
        zone, rng = visit.branch.zone, thread.rng
        services = next(services for each, _, services in self.book.visits if each is visit)
        facts = {
            "business": self.office.settings.public_name,
            "service": words.listing([service.name for service in services]),
            "when": words.moment(visit.starts_at.astimezone(zone), at.astimezone(zone)),
            "staff": visit.staff.name,
            "address": visit.branch.address,
            "name": thread.known.contact.name,
            "price": words.price(visit.price_kopecks),
        }
        self._say_reminder(thread, kind, facts, at, visit=visit)
        if kind in ASKS and visit.status == Appointment.Status.BOOKED:
            answers = rng.choices(("come", "cancel", "move", ""), (66, 6, 4, 24))[0]
            replies = at + timedelta(minutes=rng.uniform(2, 70 if kind == Reminder.Kind.BEFORE_24H else 25))
            self._at(replies, lambda when: self._reply_to_reminder(thread, visit, answers, revision, when))

    def _say_reminder(
        self,
        thread: Thread,
        kind: Reminder.Kind,
        facts: dict[str, str],
        at: datetime,
        *,
        visit: Appointment | None = None,
        lead: Lead | None = None,
    ) -> None:
        text = self.office.config.wording.say(REMINDER_TEXTS[kind], facts)
        choices = ("Приду", "Перенести", "Отменить") if kind in ASKS else ()
        if thread.known.identity.kind == ChannelKind.FORM:
            thread.deliver(text, at, at + timedelta(seconds=1), message=None, by_assistant=False)
        else:
            thread.tell(text, at, choices=choices)
        self.book.reminders.append(
            Reminder(
                kind=kind,
                contact=thread.known.contact,
                appointment=visit,
                lead=lead,
                revision=visit.revision if visit else 0,
                due_at=at,
                status=Reminder.Status.SENT,
                done_at=at,
            )
        )

    def _reply_to_reminder(
        self, thread: Thread, visit: Appointment, answer: str, revision: int, at: datetime
    ) -> None:
        if not visit.is_expected or visit.revision != revision or visit.starts_at <= at:
            return
        known, rng = thread.known, thread.rng
        female = known.person.is_woman
        writes = known.identity.kind != ChannelKind.FORM  # a form's client answers the SMS by a call
        if answer == "come":
            visit.status, visit.confirmed_at = Appointment.Status.CONFIRMED, at
            if writes:
                thread.client(self.phrases.say(rng, "will_come", is_woman=female), at)
                self._assistant_says(thread, "visit_confirmed", {"appointment": self._visit_line(visit, at)}, at)
        elif answer == "cancel":
            if writes:
                thread.client(self.phrases.say(rng, "will_not_come", is_woman=female), at)
                self._assistant_says(thread, "cancelled", {"appointment": self._visit_line(visit, at)}, at)
            visit.status, visit.closed_at, visit.cancel_reason = Appointment.Status.CANCELLED, at, "клиент отменил"
            thread.decide("cancelled", "Визит отменён клиентом", [], at)
            self.office.free(visit)
            known.ahead = None
            self._maybe_returns(known, thread.rng, at, days=(2, 9), share=0.35)
        elif answer == "move":
            self._move(thread, visit, at, writes=writes)

    def _move(self, thread: Thread, visit: Appointment, at: datetime, *, writes: bool) -> None:
        services = next(services for each, _, services in self.book.visits if each is visit)
        wanted = self.office.visit([service.pk for service in services])
        soon = at + timedelta(days=1)
        found = (
            self.office.openings(wanted, Wish(windows=((soon, None),)), branch=None, now=at, staff_id=visit.staff_id)
            if wanted
            else []
        )
        if not found or not wanted:
            return
        self.office.free(visit)
        new = found[0]
        visit.starts_at, visit.ends_at, visit.start_min = new.start, new.end, minutes_of(new.start)
        visit.end_min = visit.start_min + wanted.busy_minutes
        visit.branch = next(branch for branch in self.office.branches if branch.pk == new.branch_id)
        visit.revision += 1
        visit.status, visit.confirmed_at = Appointment.Status.BOOKED, None
        self.office.take(visit)
        if writes:
            when = thread.rng.choice(self.phrases.common["whens"])
            thread.client(
                self.phrases.say(thread.rng, "will_move", is_woman=thread.known.person.is_woman, when=when), at
            )
            zone = visit.branch.zone
            facts = {
                "service": words.listing([service.name for service in services]),
                "when": words.moment(visit.starts_at.astimezone(zone), at.astimezone(zone)),
                "staff": visit.staff.name,
                "address": visit.branch.address,
                "price": words.price(visit.price_kopecks),
            }
            self._assistant_says(thread, "moved", facts, at)
        thread.decide("moved", "Визит перенесён по просьбе клиента", [], at)
        self._plan_visit(thread, visit, at)

    def _visit(self, thread: Thread, visit: Appointment, revision: int, at: datetime) -> None:
        """The time of the visit has come: the client is here, or will not be."""
        if not visit.is_expected or visit.revision != revision:
            return
        if self._no_shows.next():
            self._at(visit.ends_at, lambda when: self._no_show(thread, visit, when))
            return
        known = thread.known
        visit.status, visit.closed_at = Appointment.Status.ARRIVED, at
        known.ahead = None
        known.arrived.append(visit)
        known.contact.phone = known.person.phone  # said and checked at the desk
        known.contact.name = known.contact.name or known.person.name
        self._maybe_returns(known, thread.rng, at, days=(9, 32), share=0.42)

    def _no_show(self, thread: Thread, visit: Appointment, at: datetime) -> None:
        visit.status, visit.closed_at = Appointment.Status.NO_SHOW, at
        thread.lead.stage = "no_show"
        thread.known.ahead = None
        thread.known.no_shows += 1
        self.office.free(visit)
        self._at(at + 30 * MINUTE, lambda when: self._invite_back(thread, visit, when))

    def _invite_back(self, thread: Thread, visit: Appointment, at: datetime) -> None:
        if self.office.quiet(visit.branch).holds(at):
            local = at.astimezone(visit.branch.zone)
            morning = local.replace(hour=9, minute=0, second=0) + timedelta(days=local.hour >= 12)
            self._at(morning, lambda when: self._invite_back(thread, visit, when))
            return
        facts = {
            "business": self.office.settings.public_name,
            "name": thread.known.contact.name,
            "service": "",
            "when": "",
        }
        self._say_reminder(thread, Reminder.Kind.NO_SHOW, facts, at, visit=visit)
        self._maybe_returns(thread.known, thread.rng, at, days=(0, 4), share=0.35)

    def _maybe_returns(
        self, known: Known, rng: Random, at: datetime, *, days: tuple[int, int], share: float
    ) -> None:
        if rng.random() < share:
            again = (at + timedelta(days=rng.uniform(*days))).astimezone(self._home.zone)
            again = again.replace(hour=rng.choices(range(9, 22), story.HOURS[9:22])[0], minute=rng.randrange(60))
            if again > at:
                number = rng.getrandbits(64)
                self._at(again, lambda when: self._enquire(known, Random(number), when, intent="again"))

    # --- Small things -----------------------------------------------------------------------------------------------

    def _assistant_says(self, thread: Thread, key: str, facts: dict[str, str], at: datetime) -> None:
        text = self.office.config.wording.say(key, facts)
        thread.tell(text, at + timedelta(seconds=thread.rng.uniform(0.8, 2.2)), is_answer=True)

    def _staff_says(self, thread: Thread, person: StaffMember, kind: str, **values: str) -> str:
        return self.phrases.say(thread.rng, f"staff.{kind}", is_woman=is_woman(person.name), **values)

    def _visit_line(self, visit: Appointment, at: datetime) -> str:
        services = next(services for each, _, services in self.book.visits if each is visit)
        zone = visit.branch.zone
        when = words.moment(visit.starts_at.astimezone(zone), at.astimezone(zone))
        return f"{words.listing([service.name for service in services])}, {when}, {visit.staff.name}"

    def _service_of(self, asked: Asked) -> Service:
        return next(service for service in self.office.services.values() if service.name == asked.name)

    def _wish(self, at: datetime, rng: Random) -> Wish:
        """Some days ahead, as people at the desk propose them."""
        return Wish(windows=((at + timedelta(days=rng.choice((0, 0, 1, 1, 2, 3, 5))), None),))

    def _learn_client(self, thread: Thread, desk: MemoryDesk, at: datetime) -> None:
        """What the dialogue was told: the name, the phone that was said, the consent."""
        known, told = thread.known, desk.client
        known.contact.name = told.name or known.contact.name
        if told.phone and told.phone != known.contact.phone:
            known.identity.claimed_phone = told.phone
        if told.has_consent and not known.has_consent:
            self._consent(known, at)

    def _keep_contact(self, thread: Thread, at: datetime) -> None:
        """A person wrote name and phone down."""
        known = thread.known
        known.contact.name, known.contact.phone = known.person.name, known.person.phone
        if not known.has_consent:
            self._consent(known, at)

    def _consent(self, known: Known, at: datetime) -> None:
        known.has_consent = True
        self.book.consents.append(
            Consent(
                contact=known.contact,
                purpose="data",
                text_version=self.office.settings.consent_version,
                text=self.office.config.wording.say("ask_consent", {"policy": ""}),
                kind=known.identity.kind,
                given_at=at,
            )
        )


def _as_client(known: Known) -> Client:
    return Client(
        name=known.contact.name,
        phone=known.contact.phone or known.identity.claimed_phone,
        has_consent=known.has_consent,
        is_returning=known.is_known,
        phone_proven=bool(known.contact.phone),
    )


def _pause(rng: Random) -> timedelta:
    """How long people take to answer in a chat."""
    return timedelta(seconds=min(max(rng.lognormvariate(3.7, 0.8), 6), 900))
