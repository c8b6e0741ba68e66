"""A load client that costs little itself: prepared bytes over kept connections. Loopback only."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

SECRET = "bench-secret"


@dataclass(frozen=True)
class Address:
    """One business's bot: where its updates are posted and what its clients ask."""

    path: str
    token: str
    texts: tuple[str, ...]


@dataclass
class Sent:
    """One request: when it left, when its answer came (time.time()), and the answer's status; 0: none came."""

    left_at: float
    done_at: float = 0.0
    status: int = 0


def telegram_post(path: str, port: int, *, update_id: int, chat_id: int, text: str) -> bytes:
    """A whole HTTP request with one Telegram message, as the provider sends it."""
    person = {"id": chat_id, "is_bot": False, "first_name": "Клиент"}
    message = {
        "message_id": update_id,
        "date": int(time.time()),
        "chat": {"id": chat_id, "type": "private"},
        "from": person,
        "text": text,
    }
    body = json.dumps({"update_id": update_id, "message": message}, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One kept connection; asks and reads one answer at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> int:
        """Send one request, read its answer whole; the status."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        assert self._reader is not None
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if length:
            await self._reader.readexactly(length)
        return status

    def close(self) -> None:
        if self._writer:
            self._writer.close()


async def closed_loop(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> float:
    """Requests a second that were answered 200 with this many connections, each asking again at once."""
    stop_at = time.perf_counter() + seconds
    done = 0

    async def ask_on() -> None:
        nonlocal done
        connection = Connection(port)
        while time.perf_counter() < stop_at:
            if await connection.ask(next(requests)) == 200:
                done += 1
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(ask_on() for _ in range(connections)))
    return done / (time.perf_counter() - started)


async def open_loop(
    port: int, requests: Sequence[bytes], *, rate: float, on_left: Callable[[int, float], None]
) -> list[Sent]:
    """Send each request at its own moment, whatever becomes of the ones before; tells when each left."""
    free: list[Connection] = []
    sent: list[Sent] = []
    began = time.perf_counter()

    async def send(number: int, request: bytes) -> None:
        connection = free.pop() if free else Connection(port)
        mark = Sent(time.time())
        sent.append(mark)
        on_left(number, mark.left_at)
        try:
            mark.status = await connection.ask(request)
        except (OSError, asyncio.IncompleteReadError):
            return
        mark.done_at = time.time()
        free.append(connection)

    tasks = []
    for number, request in enumerate(requests):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(send(number, request)))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return sent
