"""The one address of all outside callers: check the signature, store the post once, answer.

Served without middleware and without the ORM (see `leadhub.bare`); nothing that can fail stands before the store.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import HttpHeaders
from django.views.decorators.csrf import csrf_exempt

from channels_app import adapters, chat, hooks, limits
from channels_app.adapters import Adapter
from channels_app.adapters.base import LONGEST_KEY
from channels_app.hooks import Hook
from leadhub import clock
from leadhub.work.owing import wake

logger = logging.getLogger(__name__)

QUEUE = "pipeline"
_STORE = """
WITH event AS (
    INSERT INTO {schema}.channels_app_inboundevent (account_id, event_key, body, content_type, received_at)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account_id, event_key) DO NOTHING RETURNING id),
work AS (
    INSERT INTO public.due_work (schema, handler, key, ids, queue, due_at)
    SELECT %s, %s, event.id::text, jsonb_build_array(event.id), %s, %s FROM event
    RETURNING id)
SELECT id FROM work
"""

View = Callable[..., HttpResponse]


class BadLength(Exception):
    """The body is not there, or larger than is taken; `status` is the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def _guarded(view: View) -> View:
    """A database that is away is no loss: 503 makes the provider come again."""

    @wraps(view)
    def guarded(request: HttpRequest, kind: str, key: str, rest: str = "") -> HttpResponse:
        try:
            return view(request, kind, key, rest)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("webhook was not stored: %s", type(error).__name__)
            hooks.forget(key)
            if not connection.in_atomic_block:
                connection.close()
            return _told(503, "Сервис временно недоступен. Повторите, пожалуйста, через несколько секунд.", wait=5)

    return guarded


@csrf_exempt
@_guarded
def hook(request: HttpRequest, kind: str, key: str, rest: str = "") -> HttpResponse:
    """200 stored (or known already), 400 no whole body, 403 wrong signature or site, 404 no such key, 405, 413, 429."""
    adapter = adapters.inbound(kind)
    found = hooks.find(kind, key) if adapter else None
    if adapter is None or found is None or not found.is_enabled:
        return _told(404, "Такого адреса нет.")
    if not adapter.is_public:
        return _taken_in(request, adapter, found, rest)
    return _cross_origin(request, adapter, found, rest)


def _cross_origin(request: HttpRequest, adapter: Adapter, found: Hook, rest: str) -> HttpResponse:
    """Browsers of the business's sites may call; what they are told, their scripts may read."""
    origin = request.META.get("HTTP_ORIGIN", "")
    if origin and not _is_welcome(request, origin, found):
        return _told(403, "Этот сайт не подключён.")
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
    elif request.method == "GET" and rest == "messages" and isinstance(adapter, adapters.Webchat):
        response = chat.messages(request, found)
    else:
        response = _taken_in(request, adapter, found, rest)
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response["Access-Control-Expose-Headers"] = "Retry-After"
        response["Access-Control-Max-Age"] = "86400"
    response["Vary"] = "Origin"
    return response


def _is_welcome(request: HttpRequest, origin: str, found: Hook) -> bool:
    told = origin.rstrip("/").lower()
    own = {f"http://{request.META.get('HTTP_HOST', '')}", f"https://{request.META.get('HTTP_HOST', '')}"}
    return not found.origins or told in found.origins or told in own or told == settings.PUBLIC_URL.lower()


def _taken_in(request: HttpRequest, adapter: Adapter, found: Hook, rest: str) -> HttpResponse:
    if rest:
        return _told(404, "Такого адреса нет.")
    if request.method != "POST":
        response = _told(405, "Принимается только POST.")
        response["Allow"] = "POST, OPTIONS" if adapter.is_public else "POST"
        return response
    try:
        body = _body(request)
    except BadLength as error:
        return _told(error.status, str(error))
    headers = _Headers(request.META)
    if not adapter.verify(headers, body, found.secret):
        hooks.count_refusal(found)
        return _told(403, "Подпись не подходит.")
    content_type = headers.get("Content-Type", "")
    if adapter.is_public:
        try:
            adapter.check(body, content_type)
        except adapters.Refused as error:
            return _told(400, str(error))
        if wait := limits.seconds_to_wait(request, found, adapter.visitor(body)):
            return _told(429, "Слишком много сообщений подряд. Подождите, пожалуйста, немного.", wait=wait)
    now = clock.now()
    key = adapter.event_key(headers, body) or _key_of_body(body, now)
    _store(found, adapter, key, body, content_type, now=now)
    return HttpResponse(b'{"ok": true}', content_type="application/json")


class _Headers(Mapping[str, str]):
    """A post's headers by their names in any case, looked up where the server put them; Django's own mapping reads
    them all first."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._meta = meta

    def __getitem__(self, name: str) -> str:
        told = name.upper().replace("-", "_")
        return self._meta[told if told in HttpHeaders.UNPREFIXED_HEADERS else f"HTTP_{told}"]

    def __iter__(self) -> Iterator[str]:
        return iter(HttpHeaders(self._meta))

    def __len__(self) -> int:
        return len(HttpHeaders(self._meta))


def _body(request: HttpRequest) -> bytes:
    """The whole body, by its stated length or, when it is sent in chunks, until its end. Raises BadLength."""
    limit = settings.WEBHOOK_MAX_BYTES
    stated = request.META.get("CONTENT_LENGTH") or ""
    if stated:
        if not (stated.isascii() and stated.isdigit()):
            raise BadLength(400, "Неверная длина тела.")
        if int(stated[:12]) > limit:
            raise BadLength(413, "Тело запроса слишком большое.")
        body = request.read(int(stated))
        if len(body) < int(stated):
            raise BadLength(400, "Тело запроса пришло не целиком.")
    else:
        body = request.META["wsgi.input"].read(limit + 1) if "HTTP_TRANSFER_ENCODING" in request.META else b""
        if len(body) > limit:
            raise BadLength(413, "Тело запроса слишком большое.")
    if not body:
        raise BadLength(400, "Пустое тело запроса.")
    return body


def _key_of_body(body: bytes, now: datetime) -> str:
    """For a post without a number of its own: the same body within an hour is a retry, later it is said again."""
    return f"{hashlib.sha256(body).hexdigest()}:{int(now.timestamp()) // 3600}"


def _store(found: Hook, adapter: Adapter, key: str, body: bytes, content_type: str, *, now: datetime) -> None:
    """Event and due work in one statement; nothing is written for a post that was stored before."""
    sql = _STORE.format(schema=connection.ops.quote_name(found.schema))
    event = (found.account_id, key[:LONGEST_KEY], body, content_type.replace("\x00", "")[:120], now)
    if not _written(sql, (*event, found.schema, adapter.handler, QUEUE, now)):
        return
    if connection.in_atomic_block:
        transaction.on_commit(wake)
    else:
        wake()


def _written(sql: str, values: tuple[Any, ...]) -> bool:
    """Run the statement on a kept connection without asking first whether it still lives (that costs a round trip a
    post); one that died is opened anew, once. Written twice is written once."""
    connection.health_check_done = True
    try:
        return _run(sql, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
    return _run(sql, values)


def _run(sql: str, values: tuple[Any, ...]) -> bool:
    """Prepared by the server: it is the same for every post to a business, and planning it costs more than running
    it. The ORM's cursor would put the values into the text. No search path is set, so the plan stays good."""
    connection.ensure_connection()
    line = connection.connection
    line.prepare_threshold = 0  # Django forbids it for its own statements, which are not sent this way
    with connection.wrap_database_errors, psycopg.Cursor(line) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone() is not None


def _told(status: int, words: str, *, wait: int = 0) -> HttpResponse:
    response = JsonResponse({"ok": False, "error": words}, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response
