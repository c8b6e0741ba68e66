"""A language model's second reading of a message: when it is wanted, what it may cost, what is kept of it.

The local understanding is always there first; whatever happens here, it is the worst that comes out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, transaction

from assistant import cues, prompts, spending
from assistant.engines import Request, answers, llm
from assistant.masking import mask, plain_words
from assistant.models import ModelCall
from assistant.signs import without_attacks
from assistant.understanding import ServiceInfo, Understanding
from leadhub.crypto import SecretUnreadable
from leadhub.work import later
from tenants.business.models import BusinessSettings, ModelUse

logger = logging.getLogger(__name__)

LONGEST = 2000  # characters of a message that are shown to the model
FEWEST_WORDS = 3  # «да», «второе», «в 15:00» need no second reading
ANSWER_WORDS = 6  # nor does a short answer to our own question
LONGEST_REPLY = 4000  # characters that are kept


def wanted(understanding: Understanding, business: BusinessSettings, *, text: str, is_asked: bool = False) -> bool:
    """Whether the business wants the model's reading of this message too. Asks no database.

    `is_asked`: the message may answer a question of ours. Never for what must not wait (danger, pain, a wish for a
    person), for what holds orders to a machine, nor for what says too little to be read twice."""
    if business.model_use == ModelUse.NEVER or not (business.model_secret or settings.OPENAI_API_KEY):
        return False
    if understanding.urgency == "high" or cues.in_danger(text) or cues.wants_person(text) or without_attacks(text)[1]:
        return False
    fewest = ANSWER_WORDS if is_asked else FEWEST_WORDS
    if cues.plain(text) in cues.MENU or sum(word[0].isalpha() for word in cues.tokens(text)) < fewest:
        return False
    return business.model_use == ModelUse.ALWAYS or understanding.confidence < business.model_below


def refine(
    text: str,
    local: Understanding,
    request: Request,
    *,
    business: BusinessSettings,
    now: datetime,
    zone: ZoneInfo,
    seconds: float | None = None,
    message_id: int | None = None,
    names: Iterable[str] = (),
) -> Understanding:
    """The understanding that the model makes of a message, or `local` when it is late, refuses, errs or costs too much.

    Calls HTTP: never inside a transaction. `seconds` is what is left of the answer's time (at most OPENAI_TIMEOUT is
    waited), `names` are those by which the client is known."""
    endpoint = endpoint_of(business)
    if endpoint is None or spending.spent_kopecks(now=now, zone=zone) >= business.model_cap_kopecks:
        return local
    masked = mask(without_attacks(text)[0][:LONGEST], names=names, keep=trade_words(tuple(request.price_list)))
    patience = settings.OPENAI_TIMEOUT if seconds is None else min(seconds, settings.OPENAI_TIMEOUT)
    reply = llm.ask(masked.text, request, endpoint=endpoint, prompt=business.model_prompt, seconds=patience)
    if reply is None:
        return local
    understanding, outcome, told = local, str(reply.outcome), reply.content
    if outcome == ModelCall.Outcome.ANSWERED:
        try:
            understanding = answers.read(reply.content, masked, local, request)
        except answers.Invalid as error:
            outcome, told = ModelCall.Outcome.INVALID, f"{error}\n{reply.content}"
    call = ModelCall(
        message_id=message_id,
        asked_at=now,
        outcome=outcome,
        model=endpoint.model[:80],
        prompt_version=prompt_version(business),
        request=masked.text,
        reply=told[:LONGEST_REPLY].replace("\x00", ""),
        latency_ms=reply.latency_ms,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cost_kopecks=spending.cost_kopecks(reply),
    )
    record(call, now=now)
    return understanding


@lru_cache(maxsize=64)
def trade_words(price_list: tuple[ServiceInfo, ...]) -> frozenset[str]:
    return plain_words(text for service in price_list for text in (service.name, *service.synonyms))


def endpoint_of(business: BusinessSettings) -> llm.Endpoint | None:
    """Where this business's questions go: its own key and model where it has them. None: there is no key that fits."""
    try:
        key = business.model_key or settings.OPENAI_API_KEY
    except SecretUnreadable:
        logger.warning("the business's key to the language model cannot be read")
        return None
    if not key:
        return None
    return llm.Endpoint(key, settings.OPENAI_BASE_URL, business.model_name or settings.OPENAI_MODEL)


def prompt_version(business: BusinessSettings) -> str:
    """«своя 3», or the product's own: «1»."""
    return f"своя {business.model_prompt_version}" if business.model_prompt else str(prompts.DEFAULT_VERSION)


def forget_all() -> None:
    """Drop what this process keeps: spendings, failures and pauses of servers."""
    spending.forget()
    llm.forget_failures()


# --- The record -------------------------------------------------------------------------------------------------------


def record(call: ModelCall, *, now: datetime) -> None:
    """Keep the call, and owe the forgetting of its texts: once for each day. A client erased meanwhile keeps none."""
    day = now.date()
    forget_at = datetime.combine(day, datetime.min.time(), tzinfo=now.tzinfo)
    forget_at += timedelta(days=settings.OPENAI_LOG_DAYS + 1)
    try:
        with transaction.atomic():
            call.save(force_insert=True)
            later("assistant.forget_call_texts", day.isoformat(), at=forget_at)
    except DatabaseError:
        logger.exception("a call to the language model was not recorded")


def forget_call_texts(*, now: datetime) -> int:
    """Empty the texts of calls that are older than they are kept; figures stay. Returns how many."""
    old = ModelCall.objects.filter(asked_at__lt=now - timedelta(days=settings.OPENAI_LOG_DAYS))
    return old.exclude(request="", reply="").update(request="", reply="")
