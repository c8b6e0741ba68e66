"""An invented client in conversation: reads what the assistant asked and answers as people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from agency.demo.people import Person, spoken
from agency.demo.phrases import Asked, Phrases
from assistant import cues
from assistant.desk import Client
from assistant.dialogue import Turn
from booking.models import Appointment
from booking.openings import Wish
from contacts.models import Contact, Conversation, Identity
from routing.models import Lead

OFFERS = {"offer_openings", "offer_others", "offer_again", "which_opening", "urgent_openings"}
CONTACTS = {"ask_contact", "ask_name", "ask_phone"}
INVITES = {"offer_booking", "price_answer", "knowledge", "address", "hours", "promos", "promo_accepted", "no_promos"}
PRICES = {"offer_booking", "price_answer", "price_list"}
TAPS = 0.45  # share of answers that are a tapped button, where the channel has them


@dataclass
class Known:
    """A client of the business: who it is, the rows that stand for it, and what is under way."""

    person: Person
    contact: Contact
    identity: Identity
    conversation: Conversation
    has_consent: bool = False
    arrived: list[Appointment] = field(default_factory=list)
    last_service: str = ""  # of the visit booked last
    no_shows: int = 0
    ahead: Appointment | None = None
    lead: Lead | None = None  # the open one

    @property
    def is_known(self) -> bool:
        return bool(self.arrived or self.no_shows or self.ahead)

    @property
    def revenue_kopecks(self) -> int:
        return sum(visit.price_kopecks for visit in self.arrived)

    def as_client(self) -> Client:
        """As the assistant's desk knows this client."""
        return Client(
            name=self.contact.name,
            phone=self.contact.phone or self.identity.claimed_phone,
            has_consent=self.has_consent,
            is_returning=self.is_known,
            phone_proven=bool(self.contact.phone),
        )


@dataclass
class Mood:
    """What the client will do in this conversation; decided before it begins."""

    rng: Random
    phrases: Phrases
    person: Person
    asked: Asked
    wants: bool  # books when a time is found
    wish: Wish | None = None  # when it suits the client, as understood from the first words
    asks_other: bool = False  # wants to see other times once
    rounds: int = 0
    has_declined: bool = False

    def answer(self, turn: Turn) -> str | None:
        """The reply to a turn of the assistant; None: silence."""
        self.rounds += 1
        if self.rounds > 9 or not turn.says:
            return None
        keys = [say.key for say in turn.says]
        labels = next((say.choices for say in reversed(turn.says) if say.choices), ())
        last = keys[-1]
        if last in OFFERS:
            return self._choose(labels)
        if last in CONTACTS:
            return self._contact(last) if self.wants else None
        if last == "ask_consent":
            return self._tap(cues.AGREE) or self._say("agree")
        if last == "confirm_booking":
            return self._say("yes")
        if last in ("callback_ask_phone", "phone_wrong"):
            return spoken(self.rng, self.person.phone)
        return self._lead_on(last, labels)

    def _lead_on(self, last: str, labels: Sequence[str]) -> str | None:
        """Replies that only somebody who wants to come gives."""
        if not self.wants:
            return self._decline(heard_price=last in PRICES)
        if last in INVITES:
            return self._tap(cues.BOOK) or self._say("yes")
        if last in ("ask_service", "price_list", "service_unknown", "how_to_help", "unclear", "anything_else"):
            return self.rng.choice((f"на {self.rng.choice(self.asked.acc)}", self._plain()))
        if last == "which_service" and labels:
            return labels[0]
        if last == "ask_time":
            return self.rng.choice(self.phrases.common["whens"])
        if last == "ask_reading" and labels:
            return labels[0]
        return None

    def _choose(self, labels: Sequence[str]) -> str | None:
        times = [label for label in labels if label != cues.OTHER]
        if not self.wants or not times:
            return self._decline(heard_price=False)
        if self.asks_other:
            self.asks_other = False
            return self._say("other_times")
        index = min(self.rng.choices((0, 1, 2), (5, 3, 2))[0], len(times) - 1)
        clocks = [label.rpartition(", ")[2] for label in times]
        if tapped := self._tap(times[index]):
            return tapped
        if clocks.count(clocks[index]) == 1 and self.rng.random() < 0.5:
            return self._say("pick_clock", clock=clocks[index])
        ordinal = self.phrases.common["ordinals"][index]
        return self._say("pick_number", n=str(index + 1), ordinal=ordinal)

    def _contact(self, asked: str) -> str:
        phone = spoken(self.rng, self.person.phone)
        if asked == "ask_name":
            return self.person.name
        return phone if asked == "ask_phone" else self._say("contact", name=self.person.name, phone=phone)

    def _decline(self, *, heard_price: bool) -> str | None:
        if self.rng.random() > 0.45:
            return None
        self.has_declined = True
        return self._say("too_dear" if heard_price else "decline")

    def _plain(self) -> str:
        return self._say("booking_plain", acc=self.rng.choice(self.asked.acc))

    def _tap(self, label: str) -> str | None:
        return label if self.rng.random() < TAPS else None

    def _say(self, kind: str, **values: str) -> str:
        return self.phrases.say(self.rng, kind, is_woman=self.person.is_woman, **values)
