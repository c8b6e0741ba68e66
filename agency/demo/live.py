"""What is open right now: a few leads in every state the inbox knows, each through the real path of a message.

Their clocks are armed like any other: what nobody takes goes on to the next person by itself.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random

from agency.demo import story
from agency.demo.office import Office
from agency.demo.people import Person, new_person, spoken
from agency.demo.phrases import Asked, Phrases, fill, opened
from agency.packs import load_business
from channels_app import outbound
from channels_app.adapters.webchat import visitor_id
from channels_app.models import ChannelAccount, Delivery, InboundEvent
from channels_app.signals import delivery_changed
from contacts.models import Conversation
from leadhub.work import forget
from routing import assignment, calls, pipeline, sla
from routing.models import Lead
from tenants.business.models import StaffMember
from tenants.models import ChannelKind, Tenant

FIRST_NUMBER = 900_000  # of clients, far from those of the past
WHENS = ("завтра", "завтра после обеда", "послезавтра", "в субботу", "завтра вечером", "на этой неделе")
TAKES = timedelta(milliseconds=400)  # from an answer to its acceptance


def open_leads(tenant: Tenant, business: story.Business, *, now: datetime) -> None:
    """Inside the tenant and a transaction. Everything lies within the half hour before `now`."""
    scene = Scene(tenant, business, now=now)
    scene.cold(18)
    scene.needs_call(14)
    scene.warm(11)
    scene.led_by_person(9)
    scene.spam(6)
    scene.complaint(2)
    scene.urgent(0.6)
    scene.hot(0.3)


class Scene:
    """Each method is one lead; minutes count back from now."""

    def __init__(self, tenant: Tenant, business: story.Business, *, now: datetime) -> None:
        self.tenant, self.business, self.now = tenant, business, now
        self.rng = Random(f"{business.slug}:{now.date().isoformat()}:live")  # noqa: S311 - it must repeat itself
        self.phrases = Phrases.of([trade.key for trade in load_business(business.slug).trades])
        self.office = Office()
        self.account = ChannelAccount.objects.get(kind=ChannelKind.WEBCHAT)
        self._clients = 0

    def hot(self, ago: float) -> None:
        """Just came, given to a person, not taken yet; the assistant has offered times."""
        self._writes(self._wants_booking(), ago)

    def urgent(self, ago: float) -> None:
        """Pain, in a clinic: past the score to a person."""
        if self.phrases.urgent:
            self._writes(fill(self.rng.choice(self.phrases.urgent), is_woman=True), ago)

    def warm(self, ago: float) -> None:
        """A price was asked and told; the assistant leads."""
        asked = self._asked()
        self._writes(self.phrases.say(self.rng, "price", is_woman=True, acc=asked.acc[0], nom=asked.nom[0]), ago)

    def cold(self, ago: float) -> None:
        """A greeting and nothing more: the assistant asked what is wanted."""
        self._writes(self.rng.choice(("Добрый день!", "Здравствуйте")), ago)

    def spam(self, ago: float) -> None:
        self._writes(self.rng.choice(self.phrases.common["spam"]), ago)

    def led_by_person(self, ago: float) -> None:
        """A person took it, answered, and the client has just written again: 30 minutes to answer."""
        lead = self._writes(self._wants_booking(), ago)
        person = self._at_desk(lead)
        lead = assignment.take(lead, by=person, now=self._at(ago) + timedelta(seconds=34))
        self._says(lead, person, "Здравствуйте! Сейчас посмотрю, что есть у мастеров.", ago - 1.5)
        self._writes("Спасибо, жду. Можно после 17:00?", 1, lead=lead)

    def needs_call(self, ago: float) -> None:
        """Nobody took it in time: a task to call."""
        phone = spoken(self.rng, self._person().phone)
        lead = self._writes(f"Перезвоните мне, пожалуйста, {phone}", ago)
        at = self._at(ago) + timedelta(minutes=3)
        forget("routing.take_clock", lead.pk)
        due = self.office.opens(self.office.branches[0], self.now) + timedelta(minutes=12)
        calls.needs_call(lead, why="заявку никто не взял", now=at, at=due)

    def complaint(self, ago: float) -> None:
        """Taken by the person of its stage, who owes an answer within three minutes."""
        lead = self._writes(fill(self.rng.choice(self.phrases.complaint), is_woman=True), ago)
        if lead.owner:
            assignment.take(lead, by=lead.owner, now=self._at(ago) + timedelta(seconds=48))

    # --- How they write ---------------------------------------------------------------------------------------------

    def _writes(self, text: str, ago: float, *, lead: Lead | None = None) -> Lead:
        """A message by the web chat, taken in, answered and accepted; its lead, read anew."""
        at = self._at(ago)
        if lead is None:
            self._clients += 1
        visitor = f"demo-{self.business.slug}-live-{self._clients:04d}"
        body = {
            "visitor": visitor,
            "client_key": f"{visitor}-{self.rng.getrandbits(48):x}",
            "text": text,
            "page": f"/t/{self.business.slug}/site/",
        }
        event = InboundEvent.objects.create(
            account=self.account,
            event_key=body["client_key"],
            body=json.dumps(body, ensure_ascii=False).encode(),
            content_type="application/json",
            received_at=at,
        )
        pipeline.receive_event(event.pk, now=at)
        conversation = Conversation.objects.get(identity__external_id=visitor_id(visitor))
        pipeline.answer(conversation.pk, now=at + timedelta(seconds=1))
        forget("routing.answer", conversation.pk)
        self._accept(conversation)
        found = Lead.objects.select_related("owner").filter(conversation=conversation).latest("pk")
        forget("routing.answer_clock", found.pk)  # the answer was there in time
        return found

    def _says(self, lead: Lead, person: StaffMember, text: str, ago: float) -> None:
        """A person answers."""
        at = self._at(ago)
        key = f"live-{lead.pk}-{self.rng.getrandbits(32):x}"
        outbound.queue(lead.conversation, text, key=key, by_assistant=False, is_answer=True, staff=person, now=at)
        self._accept(lead.conversation)
        Lead.objects.filter(pk=lead.pk).update(first_person_answer_at=at)
        lead.refresh_from_db()
        sla.person_answered(lead, now=at)

    def _accept(self, conversation: Conversation) -> None:
        """What was queued has reached the client: the web chat has nobody to be called."""
        for delivery in conversation.deliveries.filter(status=Delivery.Status.QUEUED).select_related("message"):
            forget(outbound.HANDLER, delivery.pk)
            delivery.status, delivery.sent_at = Delivery.Status.DELIVERED, delivery.created_at + TAKES
            delivery.save(update_fields=["status", "sent_at"])
            delivery_changed.send(Delivery, delivery=delivery, now=delivery.sent_at)

    # --- Small things -----------------------------------------------------------------------------------------------

    def _at(self, ago: float) -> datetime:
        return self.now - timedelta(minutes=ago)

    def _wants_booking(self) -> str:
        asked = self._asked()
        text = self.phrases.say(
            self.rng, "booking_when", is_woman=True, acc=self.rng.choice(asked.acc), when=self.rng.choice(WHENS)
        )
        return f"{opened('Здравствуйте! ', text, self.rng)} Меня зовут {self._person().name}"

    def _asked(self) -> Asked:
        return self.phrases.service(self.rng, self.office.sold_at(self.office.branches[0]))

    def _person(self) -> Person:
        return new_person(
            self.rng, number=FIRST_NUMBER + self._clients, business=self.business.number, city=self.tenant.city, women=1
        )

    def _at_desk(self, lead: Lead) -> StaffMember:
        """Who leads clients now, or will in the morning."""
        people = self.office.desk(self.now) or self.office.desk(self.office.opens(self.office.branches[0], self.now))
        return people[-1] if people else lead.owner or self.office.senior()
