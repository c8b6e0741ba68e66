"""The smallest durable webhook that could be: the same check, the same body, one INSERT, nothing of the product."""

from __future__ import annotations

import hmac
import os
from typing import Any

from psycopg_pool import AsyncConnectionPool

from benchmarks.load import SECRET

_pool: AsyncConnectionPool | None = None
_INSERT = "INSERT INTO bench_event (key, body) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING"


async def _opened() -> AsyncConnectionPool:
    global _pool
    if _pool is None:
        _pool = AsyncConnectionPool(
            os.environ["BENCH_DSN"], min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
        )
        await _pool.open()
    return _pool


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    headers = dict(scope["headers"])
    if not hmac.compare_digest(headers.get(b"x-telegram-bot-api-secret-token", b""), SECRET.encode()):
        await _answer(send, 403)
        return
    start = body.index(b'"update_id": ') + 13
    key = body[start : body.index(b",", start)].decode()
    pool = await _opened()
    async with pool.connection() as connection:
        await connection.execute(_INSERT, (key, body))
    await _answer(send, 200)


async def _answer(send: Any, status: int) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"12")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"ok": true}'})
