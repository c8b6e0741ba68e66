"""One question to a language model behind any OpenAI-compatible server, within a time that is never exceeded.

It knows HTTP and nothing of tenants or the database. Only masked text comes here.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings

from assistant import prompts
from assistant.engines import Request

if TYPE_CHECKING:  # the client costs 40 MB and a second: only the process that asks loads it
    import openai

Outcome = Literal["answered", "invalid", "late", "down", "limited", "refused", "forbidden"]

SHORTEST = 0.3  # seconds: with less there is no use in asking
AT_ONCE = 8  # questions of one process: half of a worker's threads, the rest goes on delivering answers
THREADS = 16  # a server that drips holds some of them for a while after its question was given up
FAILURES = 3  # in a row: then the server is left alone
LONGEST_REST = 300.0  # seconds, when the server itself names a pause

# How an answer is asked for, the strictest first: servers that cannot do one of them refuse with 400 or 422.
_SCHEMA = {"name": "understanding", "strict": True, "schema": prompts.SCHEMA}
_FORMATS: tuple[dict[str, Any], ...] = (
    {"response_format": {"type": "json_schema", "json_schema": _SCHEMA}, "temperature": 0},
    {"response_format": {"type": "json_object"}, "temperature": 0},
    {},
)


@dataclass(frozen=True)
class Endpoint:
    """Where the model is. `base_url` "" is the client's own default."""

    api_key: str
    base_url: str
    model: str


@dataclass(frozen=True)
class Reply:
    """What came of one question; `content` is what the model said, "" when it said nothing of use.

    Tokens are the server's count, or our estimate where the server told none."""

    outcome: Outcome
    content: str = ""
    latency_ms: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def ask(message: str, request: Request, *, endpoint: Endpoint, prompt: str = "", seconds: float) -> Reply | None:
    """Put a masked message to the model and wait `seconds` at most. None: nothing was sent, for the server has a rest,
    too many ask already, or this process is not ready to ask yet.

    Never raises for what the outside does."""
    is_resting = time.monotonic() < _rests.get(endpoint, 0.0)
    if seconds < SHORTEST or is_resting or not get_ready(wait=0) or not _asking.acquire(blocking=False):
        return None
    try:
        return _answer(message, request, endpoint, prompt, seconds)
    finally:
        _asking.release()


@dataclass(frozen=True)
class Vectors:
    """What came of asking for the meaning of texts: one vector of length 1 for each; none unless it is "answered"."""

    outcome: Outcome
    vectors: tuple[tuple[float, ...], ...] = ()
    latency_ms: int = 0
    tokens: int = 0


def embed(texts: Sequence[str], *, endpoint: Endpoint, seconds: float) -> Vectors | None:
    """The meaning of texts as vectors, waiting `seconds` at most. None and errors: as of `ask`."""
    is_resting = time.monotonic() < _rests.get(endpoint, 0.0)
    if is_resting or not get_ready(wait=0) or not _asking.acquire(blocking=False):
        return None
    begun = time.monotonic()
    try:
        future = _threads(os.getpid()).submit(_embed, texts, endpoint, begun + seconds)
        try:
            found = future.result(timeout=seconds)
        except TookTooLong:
            future.cancel()
            found = Vectors("late")
    finally:
        _asking.release()
    _note_outcome(endpoint, found.outcome)
    is_counted = found.outcome not in ("down", "forbidden", "limited")
    spent = round((time.monotonic() - begun) * 1000)
    return replace(found, latency_ms=spent, tokens=found.tokens or (_tokens(texts) if is_counted else 0))


def _embed(texts: Sequence[str], endpoint: Endpoint, until: float) -> Vectors:
    import openai

    left = until - time.monotonic()
    if left <= 0:
        return Vectors("late")
    try:
        answer = _client(endpoint, os.getpid()).embeddings.create(
            model=endpoint.model, input=list(texts), encoding_format="float", timeout=left
        )
    except openai.APITimeoutError:
        return Vectors("late")
    except openai.RateLimitError as error:
        _rests[endpoint] = time.monotonic() + _pause(error)
        return Vectors("limited")
    except (openai.APIConnectionError, openai.InternalServerError):
        return Vectors("down")
    except openai.APIStatusError:  # the model or the key does not fit, the texts are too long
        return Vectors("forbidden")
    except (openai.OpenAIError, ValueError):  # an answer that is no JSON, or holds nothing
        return Vectors("invalid")
    tokens = getattr(getattr(answer, "usage", None), "prompt_tokens", 0) or 0
    found = _unit_vectors(answer, len(texts))
    return Vectors("answered", found, 0, tokens) if found else Vectors("invalid", (), 0, tokens)


def _unit_vectors(answer: Any, count: int) -> tuple[tuple[float, ...], ...]:
    """One vector a text, in the texts' order; () for anything else."""
    try:
        rows = sorted(answer.data, key=lambda row: row.index)
        vectors = [tuple(float(value) for value in row.embedding) for row in rows]
        if [row.index for row in rows] != list(range(count)) or len({len(vector) for vector in vectors}) != 1:
            return ()
        lengths = [math.hypot(*vector) for vector in vectors]
    except (AttributeError, TypeError, ValueError):
        return ()
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return ()
    return tuple(tuple(value / length for value in vector) for vector, length in zip(vectors, lengths, strict=True))


def _answer(message: str, request: Request, endpoint: Endpoint, prompt: str, seconds: float) -> Reply:
    begun = time.monotonic()
    future = _threads(os.getpid()).submit(_converse, message, request, endpoint, prompt, begun + seconds)
    try:
        reply = future.result(timeout=seconds)
    except TookTooLong:
        future.cancel()
        reply = Reply("late")
    _note_outcome(endpoint, reply.outcome)
    spent = round((time.monotonic() - begun) * 1000)
    if not reply.prompt_tokens and reply.outcome not in ("down", "forbidden", "limited"):
        shown = prompts.messages(prompt, message, now=request.now, city=request.city, price_list=request.price_list)
        told = _tokens(one["content"] for one in shown)
        return Reply(reply.outcome, reply.content, spent, told, _tokens([reply.content]))
    return Reply(reply.outcome, reply.content, spent, reply.prompt_tokens, reply.completion_tokens)


def _tokens(texts: Any) -> int:
    """About how many tokens Russian texts are, rather too many than too few."""
    return sum(-(-len(text) // 2) for text in texts)


def _converse(message: str, request: Request, endpoint: Endpoint, prompt: str, until: float) -> Reply:
    """Ask in the strictest way that the server takes; the way that it took is asked first next time."""
    import openai

    for way in range(_ways.get(endpoint, 0), len(_FORMATS)):
        left = until - time.monotonic()
        if left <= 0:
            return Reply("late")
        spoken = prompts.messages(
            prompt,
            message,
            now=request.now,
            city=request.city,
            price_list=request.price_list,
            spell_schema=way > 0,
        )
        try:
            answer = _client(endpoint, os.getpid()).chat.completions.create(
                model=endpoint.model, messages=spoken, timeout=left, **_FORMATS[way]
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            continue
        except openai.APITimeoutError:
            return Reply("late")
        except openai.RateLimitError as error:
            _rests[endpoint] = time.monotonic() + _pause(error)
            return Reply("limited")
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError):
            return Reply("forbidden")
        except (openai.OpenAIError, ValueError):  # no connection, 5xx, an answer that is no JSON at all
            return Reply("down")
        _ways[endpoint] = way
        return _understood(answer)
    return Reply("forbidden")


def _understood(answer: Any) -> Reply:
    """The words of a completion; servers differ in what they leave out."""
    usage = getattr(answer, "usage", None)
    counted = (getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0)
    choices = getattr(answer, "choices", None) or []
    message = getattr(choices[0], "message", None) if choices else None
    content = getattr(message, "content", None)
    if getattr(message, "refusal", None):
        return Reply("refused", str(content or ""), 0, *counted)
    if not isinstance(content, str) or not content.strip():
        return Reply("invalid", "", 0, *counted)
    return Reply("answered", content, 0, *counted)


_ready = threading.Event()
_getting_ready = threading.Lock()


def get_ready(*, wait: float) -> bool:
    """Load the client library beside the work: it takes longer than a client may wait. Whether it is there, after
    `wait` seconds at most."""
    if not _ready.is_set() and _getting_ready.acquire(blocking=False):
        threading.Thread(target=_load, name="llm-load", daemon=True).start()
    return _ready.wait(wait) if wait else _ready.is_set()


def _load() -> None:
    import openai.resources.chat.completions

    openai.DefaultHttpxClient().close()
    _ready.set()


# --- The client, and a server that fails ------------------------------------------------------------------------------

_asking = threading.BoundedSemaphore(AT_ONCE)
_ways: dict[Endpoint, int] = {}
_failures: dict[Endpoint, int] = {}
_rests: dict[Endpoint, float] = {}  # until when (monotonic seconds) a server is left alone


def forget_failures() -> None:
    """Ask every server again at once (an owner who has just changed the key, tests)."""
    for kept in (_ways, _failures, _rests):
        kept.clear()


def _note_outcome(endpoint: Endpoint, outcome: Outcome) -> None:
    if outcome in ("late", "down", "limited", "forbidden"):
        _failed(endpoint)
    else:
        _failures.pop(endpoint, None)


def _failed(endpoint: Endpoint) -> None:
    """One more failure; after some in a row the server rests, so that no client waits for it in vain."""
    _failures[endpoint] = _failures.get(endpoint, 0) + 1
    if _failures[endpoint] >= FAILURES:
        _failures.pop(endpoint)
        _rests[endpoint] = max(_rests.get(endpoint, 0.0), time.monotonic() + settings.OPENAI_REST)


def _pause(error: openai.RateLimitError) -> float:
    """Seconds that a 429 asks for."""
    try:
        return min(float(error.response.headers.get("retry-after", "")), LONGEST_REST)
    except ValueError:
        return 1.0


@lru_cache(maxsize=1)
def _threads(pid: int) -> ThreadPoolExecutor:
    """Threads of this process: a server that sends a byte now and then would outlast any time-out of its own."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="llm")


@lru_cache(maxsize=32)
def _client(endpoint: Endpoint, pid: int) -> openai.OpenAI:
    """A client whose connections are shared by threads, never with a forked parent."""
    import openai

    is_local = (urlsplit(endpoint.base_url).hostname or "") in ("localhost", "127.0.0.1", "::1")
    return openai.OpenAI(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url or None,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=not is_local),
    )
