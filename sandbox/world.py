"""What all stand-ins of one sandbox share: memory, settings, faults and the log of received calls."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.responses import Response

from .faults import Faults, strike
from .store import Store

DEFAULT_SETTINGS: dict[str, Any] = {
    "telegram_limits": True,  # False: no 429 from the messenger (benchmarks)
    "telegram_chat_per_second": 1.0,
    "telegram_chat_burst": 5,
    "telegram_bot_per_second": 30.0,
    "telegram_group_per_minute": 20,
    "telegram_strangers": False,  # True: a bot may write to chats that never wrote to it (benchmarks)
    "telegram_known_bots": False,  # True: a token that was not registered gets 401
    "telegram_retry_pauses": [1, 2, 4, 8, 15, 30, 60],  # seconds before each repeated webhook call
    "sms_price": 1.4,  # roubles a part
    "sms_delivery_seconds": 2.0,  # from acceptance to "delivered"
    "sms_limits": True,  # False: duplicates within a minute are accepted
    "bitrix24_limits": True,
    "bitrix24_bucket": 50,
    "bitrix24_leak_per_second": 2.0,
    "bitrix24_operating_seconds": 0.05,  # what one call charges to its method
    "bitrix24_operating_limit": 480.0,  # seconds a method in ten minutes
    "llm_mode": "good",  # see `llm.MODES`
    "llm_delay": 5.0,  # seconds, mode "slow"
}


class CallLog:
    """The latest received calls with the answers' statuses; `n` grows by one a call."""

    KEPT = 20_000

    def __init__(self) -> None:
        self._calls: deque[dict[str, Any]] = deque(maxlen=self.KEPT)
        self.last = 0

    def note(self, service: str, method: str, body: Any, **who: Any) -> dict[str, Any]:
        self.last += 1
        call = {"n": self.last, "at": time.time(), "service": service, "method": method, "body": body, **who}
        self._calls.append(call)
        return call

    def since(self, n: int, service: str | None = None) -> list[dict[str, Any]]:
        return [call for call in self._calls if call["n"] > n and service in (None, call["service"])]

    def clear(self, service: str | None = None) -> None:
        kept = [call for call in self._calls if service and call["service"] != service]
        self._calls = deque(kept, maxlen=self.KEPT)


class World:
    """One running sandbox. `stopping` is set when it ends, so that held answers let go."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "sandbox"
        self.store = Store(self.folder / "journal.jsonl")
        self.settings = dict(DEFAULT_SETTINGS)
        self.faults = Faults()
        self.calls = CallLog()
        self.stopping = asyncio.Event()
        self.ports: dict[str, int] = {}

    def configure(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change settings by name; None sets the default back. Raises ValueError for an unknown name."""
        unknown = set(changes) - set(DEFAULT_SETTINGS)
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        for name, value in changes.items():
            self.settings[name] = DEFAULT_SETTINGS[name] if value is None else value
        return self.settings

    def answer(
        self, service: str, method: str, body: Any, act: Callable[[], Response], *, also: str = "", **who: Any
    ) -> Response:
        """Log one received call, let a fault strike it or act. `also` is more text that a fault's `match` may meet."""
        call = self.calls.note(service, method, body, **who)
        fault = self.faults.take(service, f"{method} {also}")
        response = act() if fault is None else strike(fault, act, self.stopping)
        call["status"] = response.status_code
        call["fault"] = fault.kind if fault else None
        return response
