"""Server-sent events: what changed, as ids, to the staff of a business and to visitors of its chat.

Runs in its own ASGI process. One Valkey subscription a process serves every open stream: a subscription a stream costs
2.6 times the CPU. A reader that falls behind is told to fetch everything anew instead of being queued for.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import redis.asyncio as redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from channels_app import live
from tenants import access
from tenants.models import Tenant

logger = logging.getLogger(__name__)

PING_SECONDS = 15
QUEUE_LIMIT = 100

Event = dict[str, Any]


class Hub:
    """All open streams of this process, by schema."""

    def __init__(self) -> None:
        self._readers: dict[str, set[asyncio.Queue[Event | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def listen(self, schema: str, wanted: Callable[[Event], Event | None]) -> AsyncIterator[bytes]:
        """Events of one schema as SSE frames until the reader goes away. `wanted` filters and trims."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._subscribe())
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE_LIMIT)
        readers = self._readers.setdefault(schema, set())
        readers.add(queue)
        try:
            yield b'retry: 2000\ndata: {"kind": "hello"}\n\n'
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), PING_SECONDS)
                except TimeoutError:
                    yield b": ping\n\n"
                    continue
                told = {"kind": "refetch"} if event is None else wanted(event)
                if told:
                    yield f"data: {json.dumps(told)}\n\n".encode()
        finally:
            readers.discard(queue)

    async def _subscribe(self) -> None:
        """Read the channel for ever; while the broker is away, streams stay open and are refreshed when it is back."""
        while True:
            try:
                async with redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
                    await channel.subscribe(live.CHANNEL)
                    async for message in channel.listen():
                        if message["type"] == "subscribe":
                            self._refetch_all()
                        elif message["type"] == "message":
                            self._tell(json.loads(message["data"]))
            except (redis.RedisError, OSError) as error:
                logger.warning("event stream waits for the broker: %s", type(error).__name__)
                await asyncio.sleep(1)

    def _tell(self, event: Event) -> None:
        for queue in self._readers.get(event.get("schema", ""), ()):
            _put(queue, event)

    def _refetch_all(self) -> None:
        for readers in self._readers.values():
            for queue in readers:
                _put(queue, None)


def _put(queue: asyncio.Queue[Event | None], event: Event | None) -> None:
    if queue.full():  # the reader fell behind: drop what waits, it will fetch anew
        while not queue.empty():
            queue.get_nowait()
        event = None
    queue.put_nowait(event)


hub = Hub()


async def staff_events(request: HttpRequest, slug: str) -> HttpResponse:
    """Stream of a business for its members. Strangers get 401, other businesses' people 404."""
    if request.method == "OPTIONS":
        return _same_host(request, HttpResponse(status=204))
    user = await request.auser()
    if not user.is_authenticated:
        return _same_host(request, JsonResponse({"detail": "Нужен вход."}, status=401))
    tenant = await Tenant.objects.filter(slug=slug, closed_at=None).afirst()
    if tenant is None or not await sync_to_async(access.member_of)(tenant, user):
        raise Http404("not a member")

    def wanted(event: Event) -> Event | None:
        return None if event.get("kind") == "chat" else {k: v for k, v in event.items() if k != "schema"}

    return _same_host(request, _stream(hub.listen(tenant.schema_name, wanted)))


async def visitor_events(request: HttpRequest, slug: str) -> HttpResponse:
    """Stream of one web chat visitor, by a signed ticket; any site may embed the chat."""
    found = live.read_chat_ticket(request.GET.get("ticket", ""))
    if found is None:
        return JsonResponse({"detail": "Ссылка устарела."}, status=403, headers={"Access-Control-Allow-Origin": "*"})
    schema, visitor = found

    def wanted(event: Event) -> Event | None:
        if event.get("kind") == "chat" and event.get("visitor") == visitor:
            return {"kind": "message", "id": event.get("id")}
        return None

    response = _stream(hub.listen(schema, wanted))
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _stream(frames: AsyncIterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(frames, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"  # nginx would hold events back
    return response


def _same_host(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """On a bare machine pages come from PORT and events from PORT + 1 of the same host: allow that one origin."""
    origin = request.headers.get("Origin", "")
    host = request.get_host().rsplit(":", 1)[0]
    if origin in {f"{scheme}://{host}:{settings.PORT}" for scheme in ("http", "https")}:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
        response["Vary"] = "Origin"
    return response
