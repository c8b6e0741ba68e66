"""A message that a language model reads too: asked outside of every lock, answered by the usual path afterwards.

The pipeline understands a message itself; where the business wants the model's reading it calls `postpone` and lets
the conversation go. `routing.refine` asks the model and answers under the lock with what came of it.
`routing.answer_plainly` stands by in another queue: whatever happens to the model or its workers, the client is
answered in time with what we understood ourselves. Whoever comes second finds nothing to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from assistant import refine, spending
from assistant.engines import Request
from assistant.understand import understand
from assistant.understanding import Understanding
from contacts.models import Conversation, Message
from leadhub import clock
from leadhub.work import later
from routing import config as configs
from routing import leads
from routing.config import Config

ANSWER_ALLOWANCE = timedelta(seconds=3)  # from the client's first message of a burst
SENDING = timedelta(milliseconds=900)  # the answer is composed, stored and taken by the provider
QUEUING = timedelta(milliseconds=250)  # from owed to begun
SHORTEST = timedelta(milliseconds=500)  # with less left the model is not asked
LONGEST_TEXT = 4000  # characters of a burst that are read


@dataclass(frozen=True)
class Refined:
    """A reading of everything up to message `message_id`. None: our own, there is no better one."""

    message_id: int
    understanding: Understanding | None


def postpone(
    conversation: Conversation, last: Message, local: Understanding, text: str, config: Config, *, now: datetime
) -> bool:
    """Owe the model's reading and the answer after it; False: answer now. `last` is the newest message of the burst.

    The conversation's row is locked by the caller, who changes nothing more when this is True."""
    if conversation.held_by_id or not config.settings.assistant_enabled:
        return False  # nobody waits for an answer of ours
    is_asked = bool(conversation.state.get("dialogue", {}).get("awaiting"))
    if not refine.wanted(local, config.settings, text=text, is_asked=is_asked):
        return False
    answer_by = _answer_by(conversation, now)
    if answer_by - now < SHORTEST + QUEUING:
        return False
    if not spending.has_money(config.settings, now=now, zone=config.branches[0].zone):
        return False
    later("routing.refine", conversation.pk, last.pk)
    patience = timedelta(seconds=settings.OPENAI_TIMEOUT) + QUEUING
    later("routing.answer_plainly", conversation.pk, last.pk, at=min(answer_by, now + patience))
    return True


def _answer_by(conversation: Conversation, now: datetime) -> datetime:
    """When the answer must be composed so that it arrives in time."""
    return (conversation.pending_since or now) + ANSWER_ALLOWANCE - SENDING


def ask(conversation_id: int, message_id: int, *, now: datetime) -> Refined | None:
    """What the model makes of the burst that ends with this message. None: it was answered, or a newer message came.

    Holds no lock and no transaction. `now` is when the work began."""
    found = Conversation.objects.select_related("contact", "identity").filter(pk=conversation_id)
    conversation = found.filter(held_by=None).first()
    if conversation is None:
        return None
    waiting = conversation.messages.filter(author=Message.Author.CLIENT, is_processed=False).order_by("id")
    fresh = list(waiting)
    if not fresh or fresh[-1].pk != message_id:
        return None
    config = configs.load()
    branch = config.branch(conversation.branch_id)
    request = Request(
        text="\n".join(message.text for message in fresh)[:LONGEST_TEXT],
        now=now.astimezone(branch.zone).replace(tzinfo=None),
        price_list=config.price_list,
        city=branch.city,
        known_client=leads.past_of(conversation.contact, now=now).is_known,
    )
    local = understand(
        request.text,
        now=request.now,
        price_list=request.price_list,
        city=request.city,
        known_client=request.known_client,
        model=config.model,
    )
    left = _answer_by(conversation, now) - clock.now()
    return Refined(
        message_id,
        refine.refine(
            request.text,
            local,
            request,
            business=config.settings,
            now=now,
            zone=config.branches[0].zone,
            seconds=left.total_seconds(),
            message_id=message_id,
            names=[conversation.contact.name, conversation.identity.display_name],
        ),
    )
