"""Faults on order, the same for every stand-in, and the answers that misbehave."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

KINDS = ("status", "timeout", "hang", "after_timeout", "garbage", "disconnect")
SERVICES = ("telegram", "sms", "bitrix24", "llm", "push")
DEFAULT_DELAY = {"timeout": 60.0, "after_timeout": 60.0}
GARBAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass
class Fault:
    """One order to fail.

    `match` is a part of the method's name ("" is any), `times` how often it strikes (None: until cleared),
    `delay` seconds before the answer. Kinds: "status" answers `status` and `body`; "timeout" answers 504 after `delay`;
    "hang" never answers; "after_timeout" does what was asked and answers truly, but `delay` late;
    "garbage" answers no JSON; "disconnect" closes the connection without a byte.
    """

    service: str
    kind: str
    match: str = ""
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    delay: float | None = None
    id: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.service not in SERVICES:
            raise ValueError(f"service must be one of {', '.join(SERVICES)}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")

    @property
    def seconds(self) -> float:
        return DEFAULT_DELAY.get(self.kind, 0.0) if self.delay is None else float(self.delay)


class Faults:
    """The orders in force, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, order: dict[str, Any]) -> Fault:
        """Raises TypeError or ValueError when the order makes no sense."""
        fault = Fault(**order)
        fault.id = next(self._ids)
        self._orders.append(fault)
        return fault

    def take(self, service: str, method: str) -> Fault | None:
        """The fault that strikes this call, counted down; None when none does."""
        for fault in self._orders:
            if fault.service != service or fault.match.lower() not in method.lower():
                continue
            fault.struck += 1
            if fault.times is not None and fault.struck >= fault.times:
                self._orders.remove(fault)
            return fault
        return None

    def clear(self, service: str | None = None) -> None:
        self._orders = [fault for fault in self._orders if service and fault.service != service]

    def listed(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._orders]


def strike(fault: Fault, act: Callable[[], Response], stopping: asyncio.Event) -> Response:
    """What a struck call answers; `act` is called only where the fault lets the action happen."""
    if fault.kind == "disconnect":
        return Abort()
    if fault.kind == "hang":
        return Late(None, None, stopping)
    if fault.kind == "after_timeout":
        answer = act()
    elif fault.kind == "timeout":
        answer = _told(fault, 504, "Gateway Time-out")
    elif fault.kind == "garbage":
        answer = _told(fault, 200, GARBAGE)
    else:
        answer = _told(fault, 500, {"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal server error"})
    return Late(answer, fault.seconds, stopping) if fault.seconds else answer


def _told(fault: Fault, status: int, body: Any) -> Response:
    """The ordered answer, or the usual one of its kind."""
    body = body if fault.body is None else fault.body
    status = fault.status or status
    if isinstance(body, str):
        return Response(body, status, fault.headers, "text/html; charset=utf-8")
    return JSONResponse(body, status, fault.headers)


class Abort(Response):
    """Closes the connection at once, without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope.get("state", {}).get("transport")
        if transport is not None:
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Late(Response):
    """Another answer after `seconds`, or with None no answer ever; ends at once when the client or the sandbox goes."""

    def __init__(self, answer: Response | None, seconds: float | None, stopping: asyncio.Event) -> None:
        super().__init__(status_code=answer.status_code if answer else 0)
        self._answer = answer
        self._seconds = seconds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_client_gone(receive))
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({gone, stopped}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        over = gone.done() or stopped.done()
        gone.cancel()
        stopped.cancel()
        if over or self._answer is None:
            await Abort()(scope, receive, send)
        else:
            await self._answer(scope, receive, send)


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
