"""A message that a language model reads too: asked outside of every lock, answered by the usual path afterwards.

The pipeline understands a message itself; where the business wants the model's reading it calls `postpone` and lets
the conversation go. `routing.refine` asks the model and answers under the lock with what came of it.
`routing.answer_plainly` stands by in another queue: whatever happens to the model or its workers, the client is
answered in time with what we understood ourselves. Whoever comes second finds nothing to answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from assistant import embeddings, knowledge, refine, spending
from assistant.engines import Request
from assistant.understand import understand
from assistant.understanding import Understanding
from contacts.models import Conversation, Message
from leadhub import clock
from leadhub.work import later
from routing import campaigns, leads
from routing import config as configs
from routing.config import Config

ANSWER_ALLOWANCE = timedelta(seconds=3)  # from the client's first message of a burst
SENDING = timedelta(milliseconds=900)  # the answer is composed, stored and taken by the provider
QUEUING = timedelta(milliseconds=250)  # from owed to begun
SHORTEST = timedelta(milliseconds=500)  # with less left the model is not asked
LONGEST_TEXT = 4000  # characters of a burst that are read


@dataclass(frozen=True)
class Refined:
    """A reading of `text`, all that is said up to message `message_id`. None: our own, there is no better one."""

    message_id: int
    understanding: Understanding | None
    text: str = ""
    near: Mapping[int, float] = field(default_factory=dict)  # entries of the knowledge base near in meaning, by id
    notes: tuple[tuple[str, str], ...] = ()  # lines for the decision record


def postpone(
    conversation: Conversation, last: Message, local: Understanding, text: str, config: Config, *, now: datetime
) -> bool:
    """Owe the model's reading and the answer after it; False: answer now. `last` is the newest message of the burst.

    The conversation's row is locked by the caller, who changes nothing more when this is True."""
    if conversation.held_by_id or not config.settings.assistant_enabled:
        return False  # nobody waits for an answer of ours
    patience = _patience(conversation, local, text, config)
    if not patience:
        return False
    answer_by = _answer_by(conversation, now)
    if answer_by - now < SHORTEST + QUEUING:
        return False
    if not spending.has_money(config.settings, now=now, zone=config.branches[0].zone):
        return False
    later("routing.refine", conversation.pk, last.pk)
    later("routing.answer_plainly", conversation.pk, last.pk, at=min(answer_by, now + patience + QUEUING))
    return True


def _patience(conversation: Conversation, local: Understanding, text: str, config: Config) -> timedelta:
    """How long the servers that are wanted for this message may take; nothing: none is wanted."""
    seconds = settings.OPENAI_TIMEOUT if _reading_is_wanted(conversation, local, text, config) else 0
    seconds += settings.OPENAI_EMBEDDING_TIMEOUT if _meaning_is_wanted(local, text, config) else 0
    return timedelta(seconds=seconds)


def _reading_is_wanted(conversation: Conversation, local: Understanding, text: str, config: Config) -> bool:
    return refine.wanted(local, config.settings, text=text, is_asked=_is_asked(conversation))


def _is_asked(conversation: Conversation) -> bool:
    return bool(conversation.state.get("dialogue", {}).get("awaiting"))


def _meaning_is_wanted(local: Understanding, text: str, config: Config) -> bool:
    """The owner wants it, and the words of the question find nothing."""
    if not embeddings.wanted(local, config.settings, text=text):
        return False
    return knowledge.find(text, services=config.price_list) is None


def _answer_by(conversation: Conversation, now: datetime) -> datetime:
    """When the answer must be composed so that it arrives in time."""
    return (conversation.pending_since or now) + ANSWER_ALLOWANCE - SENDING


@dataclass(frozen=True)
class Question:
    """What the model is asked about a burst, with all that it takes: nothing is held while it thinks."""

    request: Request
    names: tuple[str, ...]  # by which the client is known
    is_asked: bool  # the words answer a question of ours
    answer_by: datetime  # the answer must be composed by then


def ask(conversation_id: int, message_id: int, *, now: datetime) -> Refined | None:
    """What the model makes of the burst that ends with this message. None: it was answered, or a newer message came.

    Holds no lock and no transaction. `now` is when the work began."""
    question = question_of(conversation_id, message_id, now=now)
    if question is None:
        return None
    left = question.answer_by - clock.now()
    return put(question, seconds=left.total_seconds(), message_id=message_id, now=now)


def question_of(conversation_id: int, message_id: int, *, now: datetime) -> Question | None:
    """None: the burst that ends with this message was answered, a person leads, or a newer message came."""
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
        text=campaigns.arrival("\n".join(message.text for message in fresh)[:LONGEST_TEXT], {}, config).text,
        now=now.astimezone(branch.zone).replace(tzinfo=None),
        price_list=config.price_list,
        city=branch.city,
        known_client=leads.past_of(conversation.contact, now=now).is_known,
    )
    names = (conversation.contact.name, conversation.identity.display_name)
    return Question(request, names, _is_asked(conversation), _answer_by(conversation, now))


def put(question: Question, *, now: datetime, seconds: float | None = None, message_id: int | None = None) -> Refined:
    """Ask the servers that are wanted and keep what it cost. Calls HTTP.

    `seconds`: what is left of the answer's time; None: as long as a server may take. `message_id` None: the message is
    no client's."""
    config, request = configs.load(), question.request
    local = understand(
        request.text,
        now=request.now,
        price_list=request.price_list,
        city=request.city,
        known_client=request.known_client,
        model=config.model,
    )
    begun = time.monotonic()
    zone = config.branches[0].zone
    meaning = embeddings.Nearness()
    if _meaning_is_wanted(local, request.text, config):
        meaning = embeddings.compare(
            request.text,
            business=config.settings,
            price_list=request.price_list,
            now=now,
            zone=zone,
            seconds=settings.OPENAI_EMBEDDING_TIMEOUT if seconds is None else seconds,
            message_id=message_id,
            names=question.names,
        )
    understanding = None
    if refine.wanted(local, config.settings, text=request.text, is_asked=question.is_asked):
        understanding = refine.refine(
            request.text,
            local,
            request,
            business=config.settings,
            now=now,
            zone=zone,
            seconds=None if seconds is None else seconds - (time.monotonic() - begun),
            message_id=message_id,
            names=question.names,
        )
    notes = (("Поиск по смыслу", meaning.note),) if meaning.note else ()
    return Refined(message_id or 0, understanding, request.text, meaning.near, notes)
