"""From a client's message sent to its answer at the messenger, over the whole installation."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.load import Address, open_loop, telegram_post
from sandbox.testing import SandboxProcess

RATES = (10, 25, 50)
SECONDS = 12
WAIT = 15.0  # for the last answers; what is missing then counts as infinite

_numbers = itertools.count(1)


class Installation:
    """The product as `make run` starts it, on the measured data."""

    def __init__(self, port: int, log: Path) -> None:
        self._port, self._log = port, log

    def __enter__(self) -> Installation:
        with self._log.open("ab") as sink:
            command = [sys.executable, "-m", "leadhub.embedded", "run", "--with-parent"]
            self._process = subprocess.Popen(command, stdout=sink, stderr=sink)
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError(f"the installation did not start: {self._log.read_text()[-1500:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                pass
            time.sleep(0.2)
        raise TimeoutError("the installation did not become ready")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def measure(addresses: list[Address], sandbox: SandboxProcess, *, port: int, rate: int) -> dict[str, float]:
    """p50 and p99 in ms over SECONDS at `rate` messages a second, each from a new client with another text."""
    requests, clients = [], []
    for _ in range(rate * SECONDS):
        number = next(_numbers)
        address = addresses[number % len(addresses)]
        client = 500_000_000 + number
        text = address.texts[(number * 7) % len(address.texts)]
        requests.append(telegram_post(address.path, port, update_id=9_000_000 + number, chat_id=client, text=text))
        clients.append(client)
    left: dict[int, float] = {}
    since = _last_call(sandbox)
    asyncio.run(open_loop(port, requests, rate=rate, on_left=lambda index, at: left.__setitem__(clients[index], at)))
    heard = _answers(sandbox, since, wanted=set(clients))
    waits = sorted((heard[client] - left[client]) * 1000 if client in heard else math.inf for client in clients)
    return {
        "p50_ms": round(waits[len(waits) // 2], 1),
        "p99_ms": round(waits[math.ceil(len(waits) * 0.99) - 1], 1),
        "unanswered": sum(1 for wait in waits if wait == math.inf),
    }


def _last_call(sandbox: SandboxProcess) -> int:
    return sandbox.get("log", service="telegram")["last"]


def _answers(sandbox: SandboxProcess, since: int, *, wanted: set[int]) -> dict[int, float]:
    """Client -> moment of the first answer at the messenger."""
    heard: dict[int, float] = {}
    stop_at = time.monotonic() + WAIT
    while time.monotonic() < stop_at and len(heard) < len(wanted):
        told: dict[str, Any] = sandbox.get("log", service="telegram", since=since)
        for call in told["calls"]:
            since = max(since, call["n"])
            if call["method"] == "sendMessage" and (client := int(call["body"]["chat_id"])) in wanted:
                heard.setdefault(client, call["at"])
        time.sleep(0.3)
    return heard


def _midday(file: Path) -> Path:
    """A clock by which it is noon of a Tuesday in Moscow: who is at work decides what a message costs, and the figures
    must not hang on the hour at which somebody measures."""
    now = datetime.now(UTC)
    noon = now.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=(1 - now.weekday()) % 7 + 7)
    file.write_text(str((noon - now).total_seconds()))
    return file


def environment(data: Path, port: int, sandbox: SandboxProcess) -> None:
    """Point this process and its children at the throw-away data."""
    os.environ |= {
        "LEADHUB_DATA": str(data),
        "LEADHUB_IGNORE_DOTENV": "1",
        "PORT": str(port),
        "SANDBOX_URL": sandbox.url,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca_file),
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "leadhub.settings",
        "LEADHUB_CLOCK_FILE": str(_midday(data.with_name("clock"))),
    }
    for name in ("DATABASE_URL", "REDIS_URL", "DEBUG"):
        os.environ.pop(name, None)
