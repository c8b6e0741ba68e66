"""The whole product as a newcomer starts it, with its stand-ins of the outside, on a clock that a test moves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx

from leadhub.environment import BASE_DIR
from tests.services.copies import PATIENCE, Copy, clean_env

UFA = ZoneInfo("Asia/Yekaterinburg")
OPENS_AT = datetime(2026, 11, 25, 11, 0, tzinfo=UFA)  # Wednesday; Anna is at the desk today and tomorrow
PASSWORD = "Mayak-pokaz-2026"
SALON, NEIGHBOUR = "salon-ufa", "barber-omsk"
SCHEMA = "t_salon_ufa"
BOT = f"1000000001:DEMO-{SALON}-not-a-real-token"
PORTAL = "salon_ufa"
MOMENTS = 40.0  # seconds; what takes two on a quiet machine

Found = TypeVar("Found")


class Product(Copy):
    """`python -m leadhub.embedded demo` with a stopped-and-set clock; started once for all walks."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "data", port)
        self.url = f"http://localhost:{port}"
        self.sandbox = f"http://127.0.0.1:{port + 2}"
        self._clock = folder / "clock"
        self._http = httpx.Client(timeout=30.0, trust_env=False)

    def start(self) -> Product:
        self._clock.parent.mkdir(parents=True, exist_ok=True)
        self.move_to(OPENS_AT)
        env = clean_env(
            LEADHUB_DATA=str(self.data),
            PORT=str(self.port),
            LEADHUB_CLOCK_FILE=str(self._clock),
            DEMO_BUSINESSES=f"{SALON},{NEIGHBOUR}",  # the walks need no others
        )
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "leadhub.embedded", "demo"],
                cwd=BASE_DIR,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self

    # --- Time ---------------------------------------------------------------------------------------------------------

    def move_to(self, moment: datetime) -> None:
        """All processes' clocks at once."""
        ahead = (moment - datetime.now(UTC)).total_seconds()
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(str(ahead))
        os.replace(fresh, self._clock)

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + float(self._clock.read_text()), UTC)

    # --- The outside --------------------------------------------------------------------------------------------------

    def outside(self, path: str, **query: Any) -> Any:
        answer = self._http.get(f"{self.sandbox}/_control/{path}", params=query)
        answer.raise_for_status()
        return answer.json()

    def tell_outside(self, path: str, **order: Any) -> Any:
        answer = self._http.post(f"{self.sandbox}/_control/{path}", json=order)
        answer.raise_for_status()
        return answer.json()

    def portal(self) -> dict[str, list[dict[str, Any]]]:
        """What the salon's Bitrix24 holds, by kind."""
        return self.outside("bitrix24/entities", portal=PORTAL)

    def sms(self, phone: str) -> list[str]:
        return [row["text"] for row in self.outside("sms")["messages"] if row["phone"].endswith(phone[-10:])]


class TelegramClient:
    """A person who writes to the salon's bot."""

    def __init__(self, product: Product, number: int, name: str) -> None:
        self.product, self.number, self.name = product, number, name

    def writes(self, text: str) -> str:
        """The first thing that comes back."""
        before = len(self.heard())
        self.says(text)
        return until(lambda: self.heard()[before:], f"an answer to {self.name}")[0]

    def says(self, text: str) -> None:
        client = {"id": self.number, "first_name": self.name}
        sent = {"date": int(self.product.now().timestamp())}  # the stand-in's own clock is not moved
        self.product.tell_outside("telegram/say", token=BOT, client=client, text=text, message=sent)

    def heard(self) -> list[str]:
        rows = self.product.outside("telegram/chats", token=BOT, chat_id=self.number)["messages"]
        return [row["message"]["text"] for row in rows if row["out"]]

    def blocks_the_bot(self) -> None:
        self.product.tell_outside("telegram/block", token=BOT, client=self.number)


def until(look: Callable[[], Found], what: str, seconds: float = MOMENTS) -> Found:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)
    return found


__all__ = ["BOT", "NEIGHBOUR", "OPENS_AT", "PASSWORD", "PATIENCE", "SALON", "UFA", "Product", "TelegramClient", "until"]
