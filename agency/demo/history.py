"""Six weeks of a demo business, played event by event in the order of time: enquiries, reminders, visits, follow-ups.

Understanding, dialogue, score, openings and reminders are the product's own; only the clients and what people write are
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
from agency.demo.client import Known, Mood
from agency.demo.desk import wish_of
from agency.demo.enquiry import Enquiry
from agency.demo.office import Office
from agency.demo.people import new_person
from agency.demo.phrases import Asked, Phrases, fill, opened
from agency.demo.story import Source
from agency.demo.thread import Thread, new_lead
from agency.packs import load_business
from contacts.models import Contact, Conversation, Identity
from routing.models import AdSpend
from tenants.business.models import Branch
from tenants.models import ChannelKind, Tenant

CHANNELS = ((ChannelKind.TELEGRAM, 42), (ChannelKind.WEBCHAT, 38), (ChannelKind.FORM, 20))
FIRST_TELEGRAM_ID = 7_100_000_000
IN_MAIN_BRANCH = 0.72
WITH_PROMO = 0.06
VIP = 0.02

Happening = Callable[[datetime], None]


class Play:
    """`today` is the local day of the business; nothing happens after `until`. Runs inside the tenant."""

    def __init__(self, tenant: Tenant, business: story.Business, *, today: date, until: datetime) -> None:
        self.business, self.city, self.today, self.until = business, tenant.city, today, until
        self.office = Office()
        self.phrases = Phrases.of([trade.key for trade in load_business(business.slug).trades])
        self.book = Book()
        self.seed = f"{business.slug}:{today.isoformat()}"
        self.no_shows = story.NoShows(self._random("no-shows"))
        self.stories = 0
        self._clients = 0
        self._events: list[tuple[datetime, int, Happening]] = []
        self._planned = 0
        self._zone = self.office.branches[0].zone

    def run(self) -> Book:
        """Everything up to `until`, as rows that are not yet written."""
        for age in range(story.DAYS, -1, -1):
            self._plan_day(self.today - timedelta(days=age), age)
        while self._events and self._events[0][0] <= self.until:
            at, _, happen = heapq.heappop(self._events)
            happen(at)
        return self.book

    def at(self, at: datetime, happen: Happening) -> None:
        """Let it happen at that moment, if the playing reaches it."""
        self._planned += 1
        heapq.heappush(self._events, (at, self._planned, happen))

    def age(self, at: datetime) -> int:
        """Local days before today."""
        return (self.today - at.astimezone(self._zone).date()).days

    def _random(self, name: object) -> Random:
        return Random(f"{self.seed}:{name}")  # noqa: S311 - it must repeat itself

    def _plan_day(self, day: date, age: int) -> None:
        rng = self._random(age)
        for _ in range(story.leads_on(rng, self.business, day, age)):
            hour = rng.choices(range(24), story.HOURS)[0]
            local = datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), self._zone)
            self.at(local, self._somebody_writes)
        if age:
            self.book.spend += [
                AdSpend(
                    day=day,
                    source=source.name,
                    campaign=campaign,
                    amount_kopecks=100 * story.spend_rub(rng, source, day),
                )
                for source in story.SOURCES
                if source.spend_rub
                for campaign in source.campaigns
            ]

    # --- Who writes -----------------------------------------------------------------------------------------------

    def _somebody_writes(self, at: datetime) -> None:
        self.stories += 1
        rng = self._random(f"story:{self.stories}")
        source = rng.choices(story.SOURCES, [each.weight for each in story.SOURCES])[0]
        self._enquire(self._new_client(rng, at), source, self._intent(rng, source), rng, at)

    def returns(self, known: Known, rng: Random, at: datetime, *, days: tuple[float, float], share: float) -> None:
        """Of clients like this a share writes again so many days later."""
        if rng.random() >= share:
            return
        again = (at + timedelta(days=rng.uniform(*days))).astimezone(self._zone)
        again = again.replace(hour=rng.choices(range(9, 22), story.HOURS[9:22])[0], minute=rng.randrange(60))
        own = self._random(f"again:{rng.getrandbits(64)}")
        if again > at:
            self.at(again, lambda when: self._enquire(known, story.DIRECT, "again", own, when))

    def _new_client(self, rng: Random, at: datetime) -> Known:
        number, self._clients = self._clients, self._clients + 1
        person = new_person(
            rng, number=number, business=self.business.number, city=self.city, women=self.business.women
        )
        kind = rng.choices([kind for kind, _ in CHANNELS], [weight for _, weight in CHANNELS])[0]
        is_form = kind == ChannelKind.FORM
        address = f"{rng.getrandbits(160):040x}"
        if kind == ChannelKind.TELEGRAM:
            address = str(FIRST_TELEGRAM_ID + self.business.number * 100_000 + number)
        contact = Contact(
            name=person.name if is_form else "",
            phone=person.phone if is_form else None,
            is_vip=rng.random() < VIP,
            created_at=at,
        )
        identity = Identity(
            contact=contact,
            kind=kind,
            external_id=person.phone if is_form else address,
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
        return Known(person, contact, identity, conversation)

    def _branch(self, rng: Random) -> Branch:
        branches = self.office.branches
        return branches[0] if len(branches) == 1 or rng.random() < IN_MAIN_BRANCH else branches[1]

    def _intent(self, rng: Random, source: Source) -> str:
        if self.phrases.urgent and rng.random() < story.URGENT_SHARE:
            return "urgent"
        weights = story.INTENTS | (story.WEAK_INTENTS if source.is_weak else {})
        return rng.choices(list(weights), list(weights.values()))[0]

    # --- What they want ---------------------------------------------------------------------------------------------

    def _enquire(self, known: Known, source: Source, intent: str, rng: Random, at: datetime) -> None:
        """A new lead of the client, from its first words to what comes of it."""
        if known.lead:  # the one before is still under way
            return
        branch = known.conversation.branch or self.office.branches[0]
        asked = self._asked(known, branch, rng, again=intent == "again")
        promo = rng.choice(self.office.promotions).code if rng.random() < WITH_PROMO else ""
        is_site = known.identity.kind != ChannelKind.TELEGRAM
        lead = new_lead(known, source, branch=branch, at=at, rng=rng)
        if is_site:
            lead.promo, lead.page = promo, f"/t/{self.business.slug}/site/"
        self.book.leads.append(lead)
        known.lead = lead
        thread = Thread(self.office, self.book, known, lead, branch=branch, rng=rng, until=self.until)
        text = self._first_words(rng, known, intent, asked, promo)
        understanding = thread.client(text, at, opens=True)
        will = story.will_of(understanding.intent) * source.will * (story.KNOWN_WILL if known.is_known else 1)
        mood = Mood(
            rng,
            self.phrases,
            known.person,
            asked,
            wants=rng.random() < will,
            wish=wish_of(understanding, branch.zone),
            asks_other=rng.random() < 0.12,
        )
        Enquiry(self, thread, mood, text, understanding).begin(at)

    def _asked(self, known: Known, branch: Branch, rng: Random, *, again: bool) -> Asked:
        """The service a client writes about; who comes again wants what one comes again for, as a rule the same."""
        sold = self.office.sold_at(branch)
        if again:
            sold = [name for name in sold if self.office.service_named(name).cycle_days] or sold
            if known.last_service in sold and rng.random() < 0.75:
                sold = [known.last_service]
        return self.phrases.service(rng, sold)

    def _first_words(self, rng: Random, known: Known, intent: str, asked: Asked, promo: str) -> str:
        female = known.person.is_woman
        nom = rng.choice(asked.nom)
        values = {
            "acc": rng.choice(asked.acc),
            "nom": nom,
            "nom_capital": nom[:1].upper() + nom[1:],
            "when": rng.choice(self.phrases.common["whens"]),
            "name": known.person.name,
            "promo": promo or rng.choice(self.office.promotions).code,
        }
        if intent in ("urgent", "complaint", "consultation"):
            text = fill(rng.choice(getattr(self.phrases, intent)), is_woman=female)
            return text if intent == "urgent" else opened(self.phrases.greeting(rng), text, rng)
        if intent in ("spam", "other"):
            return self.phrases.say(rng, intent, is_woman=female, **values)
        if known.identity.kind == ChannelKind.FORM:
            return self.phrases.say(rng, "forms", is_woman=female, **values)
        if intent == "booking":
            intent = rng.choices(("booking_when", "booking_plain", "booking_vague"), (70, 25, 5))[0]
        return opened(self.phrases.greeting(rng), self.phrases.say(rng, intent, is_woman=female, **values), rng)
