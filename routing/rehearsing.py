"""A talk that is only tried: a client's words go the whole way of a real message, and everything is taken back.

The acceptance run and the try-out console play by it. All that happens stands in one transaction that is rolled back:
no row stays, nothing is published or rung, nothing leaves (a text to a client counts as taken by its provider). Only
numbers that sequences gave out are gone.

Real work is not held up: a rehearsal takes none of its advisory locks, and gives up itself (Busy) where it would wait
for a row of somebody else's longer than LOCK_PATIENCE, long before the database would call that a deadlock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import OperationalError, connection, transaction

from assistant.understanding import Understanding
from channels_app import outbound
from channels_app.models import ChannelAccount, Delivery
from contacts import receiving
from contacts.incoming import Incoming
from contacts.models import Conversation, Message
from leadhub import clock, rehearsal
from leadhub.work import owing
from leadhub.work.handlers import find
from leadhub.work.models import DueWork
from leadhub.work.running import run_row
from routing import pipeline, refining
from routing.models import Decision, Lead
from tenants.business.models import Branch
from tenants.models import ChannelKind

LOCK_PATIENCE = timedelta(milliseconds=400)  # PostgreSQL looks for deadlocks after a second
TURN_PATIENCE = timedelta(seconds=4)  # for another rehearsal's end
CLIENT_PAUSE = timedelta(seconds=20)  # a client reads and types
ANSWERED_BY = timedelta(seconds=3)  # a burst of messages has ended by then
PEOPLES_CLOCKS = frozenset(f"routing.{name}_clock" for name in ("take", "person", "silence", "confirm"))


class Busy(Exception):
    """A real client's message or visit is being written just now: try again in a moment."""


class TooSlow(Busy):
    """The machine has too much to do: what was played so far was taken back."""


class ModelWanted(Exception):
    """The business wants a language model's reading of the client's last words, and the rehearsal has none. Everything
    was taken back, so the question can be put without holding anything up. `number`: of the client's message, from 1.
    """

    def __init__(self, question: refining.Question, number: int) -> None:
        super().__init__("a language model is to be asked")
        self.question, self.number = question, number


@dataclass(frozen=True)
class Visitor:
    """Who writes, and where. `external_id`: the account in the channel; a form's is the phone that was left."""

    kind: str
    external_id: str
    name: str = ""
    phone: str = ""  # E.164; only a form tells it


@dataclass(frozen=True)
class Reading:
    """What the servers that were asked made of the words. None: our own understanding is the better one."""

    understanding: Understanding | None
    near: Mapping[int, float] = field(default_factory=dict)  # entries of the knowledge base near in meaning, by id
    notes: tuple[tuple[str, str], ...] = ()  # lines for the decision record


@dataclass
class Heard:
    """What came of one step."""

    conversation: Conversation | None = None  # None: the client has said nothing yet
    messages: list[Message] = field(default_factory=list)  # what was said to the client
    decisions: list[Decision] = field(default_factory=list)
    understanding: dict[str, Any] = field(default_factory=dict)  # of the client's last words
    lead: Lead | None = None

    @property
    def reply(self) -> str:
        return "\n\n".join(message.text for message in self.messages)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the texts that were said, in their order."""
        told = [line["value"] for line in self.details("answered") if line["name"] == "Тексты"]
        return tuple(key.strip() for line in told for key in line.split(","))

    @property
    def dialogue(self) -> dict[str, Any]:
        """What the assistant remembers of the talk."""
        return self.conversation.state.get("dialogue", {}) if self.conversation else {}

    def details(self, kind: str) -> list[dict[str, str]]:
        """Lines of the step's decisions of that kind."""
        return [line for decision in self.decisions if decision.kind == kind for line in decision.details]


@contextmanager
def rehearsal_of(
    visitor: Visitor, *, start: datetime, skips: Collection[str] = (), longest: timedelta | None = None
) -> Iterator[Rehearsal]:
    """A rehearsal in the current tenant that begins at `start`; nothing of it is left. Raises Busy, ModelWanted.

    `skips`: handlers whose work is not done, as the clocks of people who are not there. `longest`: of the machine's
    time; whoever wants the very minutes that are being tried waits until the end."""
    try:
        with transaction.atomic(), rehearsal.in_progress(), owing.noted() as owed:
            _wait_for_others()
            yield Rehearsal(visitor, start=start, skips=skips, owed=owed, longest=longest)
            transaction.set_rollback(True)
    except OperationalError as error:
        raise Busy from error
    finally:
        connection.set_tenant(connection.tenant)  # the schema that was set inside was taken back too


def _wait_for_others() -> None:
    """Rehearsals of one business are played one after another, so that two who try the same time do not meet; from
    then on nothing is waited for."""
    turn, lock = (patience // timedelta(milliseconds=1) for patience in (TURN_PATIENCE, LOCK_PATIENCE))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL lock_timeout = {turn};"  # noqa: S608 - numbers of ours
            " SELECT pg_advisory_xact_lock(hashtext(current_schema() || ':rehearsal'), 0);"
            f" SET LOCAL lock_timeout = {lock}"
        )


class Rehearsal:
    """One client's talk. Use `rehearsal_of()`."""

    def __init__(
        self,
        visitor: Visitor,
        *,
        start: datetime,
        skips: Collection[str],
        owed: Collection[int],
        longest: timedelta | None,
    ) -> None:
        self.visitor, self.now = visitor, start
        self.failed: list[str] = []  # handlers that stumbled
        self._skips, self._owed, self._number = skips, owed, 0
        self._until = time.monotonic() + longest.total_seconds() if longest else math.inf
        self._told = 0, 0  # numbers of the last message and decision that were heard
        self._tried: set[int] = set()
        self._reading: Reading | None = None
        self._understood: dict[str, Any] = {}  # of the client's last words

    def client_writes(self, text: str, *, reading: Reading | None = None) -> Heard:
        """The client's words and what comes of them. `reading`: what a language model made of them."""
        if time.monotonic() > self._until:
            raise TooSlow
        self._reading, self._number = reading, self._number + 1
        with clock.standing_at(self.now):
            message = receiving.receive(self.account, self._incoming(text), event_id=0, now=self.now)
            pipeline.hear([message] if message else [], now=self.now)
        return self._heard()

    def staff_acts(self, act: Callable[[datetime], Any]) -> Heard:
        """Somebody of the business does something at that moment."""
        with clock.standing_at(self.now):
            act(self.now)
        return self._heard()

    def _heard(self) -> Heard:
        """What was said and decided since it was last listened, once the client's burst is over."""
        self.wait(ANSWERED_BY)
        conversation = self.conversation()
        if conversation is None:
            return Heard()
        message, decision = self._told
        said = list(conversation.messages.filter(pk__gt=message).order_by("pk"))
        decided = list(Decision.objects.filter(lead__conversation=conversation, pk__gt=decision).order_by("pk"))
        self._told = said[-1].pk if said else message, decided[-1].pk if decided else decision
        mine = [each for each in said if each.author == Message.Author.CLIENT]
        self._understood = (mine[-1].understanding or {}) if mine else self._understood
        return Heard(
            conversation=conversation,
            messages=[each for each in said if each.author != Message.Author.CLIENT],
            decisions=decided,
            understanding=self._understood,
            lead=self.lead(),
        )

    @cached_property
    def account(self) -> ChannelAccount:
        """Where the client writes: the business's own, or one that is made for the talk."""
        own = ChannelAccount.objects.filter(kind=self.visitor.kind, is_active=True).order_by("pk").first()
        if own:
            return own
        branch = Branch.objects.filter(is_active=True).first()
        return ChannelAccount.objects.create(kind=self.visitor.kind, name="Проба", branch=branch)

    def _incoming(self, text: str) -> Incoming:
        left = {"name": self.visitor.name, "phone": self.visitor.phone}
        return Incoming(
            kind="message",
            external_user_id=self.visitor.external_id,
            external_message_id=f"rehearsed-{self._number}",
            text=text,
            display_name=self.visitor.name,
            sent_at=self.now,
            **(left if self.visitor.kind == ChannelKind.FORM else {}),
        )

    def conversation(self) -> Conversation | None:
        mine = {"identity__kind": self.visitor.kind, "identity__external_id": self.visitor.external_id}
        return Conversation.objects.select_related("identity", "contact").filter(**mine).first()

    def lead(self) -> Lead | None:
        """The client's newest lead, read anew."""
        rows = Lead.objects.select_related("owner", "service", "branch", "contact", "conversation__identity")
        mine = {"conversation__identity__kind": self.visitor.kind}
        mine |= {"conversation__identity__external_id": self.visitor.external_id}
        return rows.filter(**mine).order_by("-pk").first()

    def deliveries(self, kind: str = "") -> Sequence[Delivery]:
        """What would have left for this client, oldest first; of one kind of channel when it is named."""
        rows = Delivery.objects.filter(conversation=self.conversation()).select_related("account").order_by("pk")
        return list(rows.filter(account__kind=kind) if kind else rows)

    def owed(self) -> list[DueWork]:
        """What would be done later or outside, soonest first."""
        return list(DueWork.objects.filter(pk__in=self._owed).order_by("due_at", "pk"))

    # --- Time ---

    def wait(self, pause: timedelta) -> None:
        """Time passes; work that falls due on the way is done at its own moment. What would call the outside stays
        owed, but for texts to clients: their provider takes them."""
        end = self.now + pause
        while row := self._next_due(end):
            self._tried.add(row.pk)
            self.now = max(self.now, row.due_at)
            with clock.standing_at(self.now):
                self._do(row)
        self._tried.clear()
        self.now = end

    def _next_due(self, end: datetime) -> DueWork | None:
        rows = DueWork.objects.filter(pk__in=self._owed, failed_at=None, due_at__lte=end).exclude(pk__in=self._tried)
        return rows.exclude(handler__in=self._skips).order_by("due_at", "pk").first()

    def _do(self, row: DueWork) -> None:
        if row.handler == outbound.HANDLER:
            outbound.accept(*row.ids, now=self.now)
            row.delete()
        elif row.handler == "routing.refine":
            self._read_by_model(row)
        elif find(row.handler).kind == "database":
            run_row(row.pk, row.handler, row.schema)
            error = DueWork.objects.filter(pk=row.pk).values_list("last_error", flat=True).first()
            if error and error.startswith("OperationalError"):
                raise Busy
            if error:
                self.failed.append(row.handler)

    def _read_by_model(self, row: DueWork) -> None:
        conversation_id, message_id = row.ids
        row.delete()
        if self._reading is None:
            question = refining.question_of(conversation_id, message_id, now=self.now)
            if question:
                raise ModelWanted(question, self._number)
            return
        reading = self._reading
        refined = refining.Refined(message_id, reading.understanding, near=reading.near, notes=reading.notes)
        pipeline.answer(conversation_id, refined=refined, now=self.now)
