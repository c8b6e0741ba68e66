"""One enquiry as rows: its lead, what was said, and the record of what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from agency.demo.book import Book
from agency.demo.client import Known
from agency.demo.office import Office
from agency.demo.story import Source
from assistant.dialogue import Turn
from assistant.understanding import Understanding
from booking.models import Appointment
from channels_app.models import Delivery
from contacts.models import Consent, Message
from reminders.actions import ASKS, CONFIRM_CHOICES, TEXTS
from reminders.models import Reminder
from routing import duties
from routing.leads import AD_MEDIUMS, SOURCE_TAGS, TEMPERATURE_TAGS
from routing.models import Assignment, Decision, Lead, Task
from routing.scoring import INTENT_TITLES, Facts, score, summary
from tenants.business.models import Branch, StaffMember
from tenants.models import ChannelKind


class Thread:
    """Writes into the book. Nothing later than `until` is written: that part of the story has not happened yet."""

    def __init__(
        self, office: Office, book: Book, known: Known, lead: Lead, *, branch: Branch, rng: Random, until: datetime
    ) -> None:
        self.office, self.book, self.known, self.lead = office, book, known, lead
        self.branch, self.rng, self.until = branch, rng, until
        self._turn = 0

    # --- What is said ---------------------------------------------------------------------------------------------

    def client(self, text: str, at: datetime, *, opens: bool = False) -> Understanding:
        """The client writes; what it means stands with the message and on the lead. `opens`: the lead's first."""
        understanding = self.office.understand(text, at, self.branch, known_client=self.known.is_known)
        self._message(
            Message.Author.CLIENT, text, at, sent_at=at - self._seconds(0.2, 1.5), understanding=understanding
        )
        self.lead.last_client_at = self.known.conversation.last_client_at = at
        self._learn(understanding, opens=opens)
        self._rescore(at, is_first=opens, understanding=understanding)
        return understanding

    def assistant(self, turn: Turn, at: datetime, *, done: Iterable[tuple[str, str]] = ()) -> datetime:
        """The assistant says its turn; the moment the provider took it."""
        wording = self.office.config.wording
        text = "\n\n".join(wording.say(say.key, say.params, turn=self._turn) for say in turn.says)
        choices = next((say.choices for say in reversed(turn.says) if say.choices), ())
        self._turn += 1
        sent_at = self.tell(text, at, choices=choices, is_answer=turn.acts_on_intent)
        keys = ", ".join(say.key for say in turn.says)
        self.decide("answered", "Ассистент ответил", [("Тексты", keys), *done], at)
        return sent_at

    def tell(
        self,
        text: str,
        at: datetime,
        *,
        staff: StaffMember | None = None,
        choices: Sequence[str] = (),
        is_answer: bool = False,
    ) -> datetime:
        """Words to the client from a person or the assistant; the moment the provider took them."""
        author = Message.Author.STAFF if staff else Message.Author.ASSISTANT
        message = self._message(
            author, text, at, staff=staff, choices=choices, is_answer=is_answer or staff is not None
        )
        sent_at = at + self._seconds(0.15, 0.6)
        self.deliver(text, at, sent_at, message=message, choices=choices, by_assistant=staff is None)
        if is_answer or staff:
            self._answered(sent_at, by="staff" if staff else "assistant")
        return sent_at

    def deliver(
        self,
        text: str,
        at: datetime,
        sent_at: datetime,
        *,
        message: Message | None,
        choices: Sequence[str] = (),
        by_assistant: bool,
    ) -> None:
        """A delivery that left. A form has no way back: its client is told by SMS."""
        kind = self.known.identity.kind
        by_sms = kind == ChannelKind.FORM
        account = self.office.accounts[ChannelKind.SMS if by_sms else kind]
        self.book.deliveries.append(
            Delivery(
                key=f"past-{len(self.book.deliveries) + 1}",
                account=account,
                conversation=self.known.conversation,
                message=message,
                to=self.known.contact.phone if by_sms else self.known.identity.external_id,
                text=text,
                choices=list(choices),
                by_assistant=by_assistant,
                status=Delivery.Status.SENT if kind == ChannelKind.TELEGRAM else Delivery.Status.DELIVERED,
                provider_id=str(10_000 + len(self.book.deliveries)),
                parts_sent=1,
                created_at=at,
                sent_at=sent_at,
            )
        )

    def remind(
        self,
        kind: Reminder.Kind,
        facts: Mapping[str, str],
        at: datetime,
        *,
        visit: Appointment | None = None,
        lead: Lead | None = None,
    ) -> None:
        """A planned text that was sent: of a visit, or of a lead whose client fell silent."""
        text = self.office.config.wording.say(TEXTS[kind], facts)
        choices = CONFIRM_CHOICES if kind in ASKS else ()
        if self.known.identity.kind == ChannelKind.FORM:
            self.deliver(text, at, at + self._seconds(0.3, 2), message=None, by_assistant=False)
        else:
            self.tell(text, at, choices=choices)
        self.book.reminders.append(
            Reminder(
                kind=kind,
                contact=self.known.contact,
                appointment=visit,
                lead=lead,
                revision=visit.revision if visit else 0,
                due_at=at,
                status=Reminder.Status.SENT,
                done_at=at,
            )
        )

    def consent(self, at: datetime) -> None:
        """The client agreed to the processing of personal data; asked once."""
        if self.known.has_consent:
            return
        self.known.has_consent = True
        settings = self.office.settings
        self.book.consents.append(
            Consent(
                contact=self.known.contact,
                purpose="data",
                text_version=settings.consent_version,
                text=self.office.config.wording.say("ask_consent", {"policy": settings.policy_url}),
                kind=self.known.identity.kind,
                given_at=at,
            )
        )

    def note(self, text: str, at: datetime, *, staff: StaffMember) -> None:
        """A note of the staff, which never leaves."""
        self._message(Message.Author.NOTE, text, at, staff=staff)

    def _message(
        self,
        author: str,
        text: str,
        at: datetime,
        *,
        staff: StaffMember | None = None,
        choices: Sequence[str] = (),
        sent_at: datetime | None = None,
        understanding: Understanding | None = None,
        is_answer: bool = False,
    ) -> Message:
        message = Message(
            conversation=self.known.conversation,
            author=author,
            staff=staff,
            text=text,
            choices=list(choices),
            sent_at=sent_at or at,
            received_at=at,
            understanding=understanding.to_json() if understanding else None,
            is_answer=is_answer,
        )
        self.book.messages.append(message)
        self.known.conversation.last_message_at = at
        return message

    def _answered(self, at: datetime, *, by: str) -> None:
        if self.lead.first_answer_at is None:
            self.lead.first_answer_at, self.lead.first_answer_by = at, by
        if by == "staff" and self.lead.first_person_answer_at is None:
            self.lead.first_person_answer_at = at

    # --- What is known of it --------------------------------------------------------------------------------------

    def _learn(self, understanding: Understanding, *, opens: bool) -> None:
        lead = self.lead
        if opens or (lead.outcome_at and understanding.intent in ("cancel", "reschedule")):
            lead.intent = understanding.intent
        if opens:
            lead.urgency, lead.emotion = understanding.urgency, understanding.emotion
        lead.is_price_sensitive = lead.is_price_sensitive or understanding.price_sensitive
        slots = understanding.slots
        named = next((slot.service_id for slot in slots.service if slot.service_id), None)
        if named:
            lead.service = self.office.services[named]
        if slots.promo:
            lead.promo = slots.promo[0].text[:60]
        if opens or not lead.summary:
            wanted = [lead.service.name] if lead.service else [slot.text for slot in slots.service[:1]]
            lead.summary = ", ".join([*wanted, *(slot.text for slot in slots.datetime[:1])])[:200]

    def _rescore(self, at: datetime, *, is_first: bool, understanding: Understanding) -> None:
        lead, known = self.lead, self.known
        result = score(
            Facts(
                intent=lead.intent,
                channel=lead.kind,
                last_client_at=lead.last_client_at,
                price_kopecks=lead.service.price_kopecks if lead.service else 0,
                past_visits=len(known.arrived),
                past_revenue_kopecks=known.revenue_kopecks,
                is_vip=known.contact.is_vip,
                is_urgent=lead.urgency == "high",
                from_ad=lead.utm_medium in AD_MEDIUMS,
                has_promo=bool(lead.promo),
                is_price_sensitive=lead.is_price_sensitive,
            ),
            self.office.config.weights,
            now=at,
        )
        changed = (result.total, result.temperature) != (lead.score, lead.temperature)
        lead.score, lead.temperature, lead.changed_at = result.total, result.temperature, at
        lead.score_parts = [part.to_json() for part in result.parts]
        lead.tags = self._tags()
        if is_first:
            self._record_understood(understanding, at)
        if changed or is_first:
            title = f"Балл {result.total}, {Lead.Temperature(result.temperature).label}: {summary(result.parts)}"
            self.decide(
                "scored", title, [(part.title, f"{part.points:+d}: {part.reason}") for part in result.parts], at
            )

    def _tags(self) -> list[str]:
        lead = self.lead
        service = lead.service.category.lower()[:60] if lead.service else ""
        promo = f"promo-{lead.promo.lower()}"[:60] if lead.promo else ""
        own = (SOURCE_TAGS.get(lead.kind, lead.kind), service, TEMPERATURE_TAGS[lead.temperature], promo)
        return [tag for tag in own if tag]

    def _record_understood(self, understanding: Understanding, at: datetime) -> None:
        percent = round(understanding.confidence * 100)
        title = f"Понято: {INTENT_TITLES.get(understanding.intent, understanding.intent)} (уверенность {percent} %)"
        slots = understanding.slots
        lines = [("Услуга", slot.text) for slot in slots.service] + [("Когда", slot.text) for slot in slots.datetime]
        lines += [("Промокод", slot.text) for slot in slots.promo]
        self.decide("understood", title, lines + [("Почему", reason) for reason in understanding.reasons], at)

    # --- Who answers for it ---------------------------------------------------------------------------------------

    def assign(self, staff: StaffMember, at: datetime, *, reason: str, taken_at: datetime | None = None) -> None:
        """`staff` answers for the lead from `at` on; whoever did before does no more."""
        self._end_assignment(at, "передана дальше")
        made = Assignment(
            lead=self.lead, staff=staff, reason=reason, created_at=at, taken_at=self._past(taken_at), ended_at=None
        )
        self.book.assignments.append(made)
        self.lead.owner, self.lead.assigned_at, self.lead.taken_at = staff, at, self._past(taken_at)
        self.decide("assigned", f"Назначено: {staff.name}", [("Почему", reason)], at)
        if made.taken_at:
            self.take(made.taken_at)

    def hand_back(self, at: datetime) -> None:
        """Nobody took the lead: the assistant leads it on, and it counts in nobody's load."""
        if self.lead.owner and not self.lead.taken_at:
            self._end_assignment(at, "не взята, ведёт ассистент")
            self.lead.owner = self.lead.assigned_at = None
            self.decide("handed_back", "Ведёт ассистент", [("Почему", "заявку никто не взял")], at)

    def take(self, at: datetime) -> None:
        """Who was given the lead takes it."""
        made = next(each for each in reversed(self.book.assignments) if each.lead is self.lead)
        made.taken_at = self.lead.taken_at = at
        self.decide("taken", f"{made.staff.name} ведёт заявку", [("Ассистент", "замолчал")], at)

    def breach(self, what: str, at: datetime) -> None:
        self.lead.breaches += 1
        self.decide("breach", what, [("Срок", duties.CLOCK_TITLES["take"])], at)
        self.book.decisions[-1].details[0]["facts"] = duties.breach_facts(self.lead, "take", at)

    def call_task(self, why: str, at: datetime, *, done_at: datetime | None, due_at: datetime | None = None) -> None:
        self.book.tasks.append(
            Task(
                lead=self.lead,
                kind=Task.Kind.CALL,
                title=f"Перезвонить: {why}"[:200],
                staff=self.lead.owner,
                due_at=due_at or at + timedelta(minutes=15),
                created_at=at,
                done_at=self._past(done_at),
            )
        )

    def close(self, status: Lead.Status, at: datetime, *, why: str) -> None:
        """The lead has an outcome."""
        lead = self.lead
        lead.status, lead.outcome_at, lead.changed_at = status, at, at
        lead.clock, lead.clock_due_at, lead.clock_started_at = "", None, None
        self._end_assignment(at, Lead.Status(status).label)
        for task in self.book.tasks:
            if task.lead is lead and task.done_at is None:
                task.done_at = at
        self.decide("closed", f"Исход: {Lead.Status(status).label}", [("Почему", why)], at)
        self.known.lead = None
        self.known.conversation.state = {}

    def _end_assignment(self, at: datetime, reason: str) -> None:
        for made in reversed(self.book.assignments):
            if made.lead is self.lead and made.ended_at is None:
                made.ended_at, made.end_reason = at, reason
                return

    def decide(self, kind: str, title: str, details: Iterable[tuple[str, str]], at: datetime) -> None:
        self.book.decisions.append(
            Decision(
                lead=self.lead,
                kind=kind,
                title=title[:200],
                details=[{"name": name, "value": value} for name, value in details],
                created_at=at,
            )
        )

    # --- Time -----------------------------------------------------------------------------------------------------

    def has_come(self, at: datetime) -> bool:
        return at <= self.until

    def _past(self, at: datetime | None) -> datetime | None:
        return at if at and self.has_come(at) else None

    def _seconds(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=self.rng.uniform(least, most))


def new_lead(known: Known, source: Source, *, branch: Branch, at: datetime, rng: Random) -> Lead:
    return Lead(
        contact=known.contact,
        conversation=known.conversation,
        kind=known.identity.kind,
        branch=branch,
        utm_source=source.name,
        utm_medium=source.medium,
        utm_campaign=rng.choice(source.campaigns),
        created_at=at,
        last_client_at=at,
        changed_at=at,
    )
