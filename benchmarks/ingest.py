"""The real webhook against the smallest possible one, on the same database and disk."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from benchmarks.load import Address, closed_loop, telegram_post

CONNECTIONS = 32
SECONDS = 2.0
ROUNDS = 5


def measure(addresses: list[Address], *, port: int, log: Path) -> dict[str, Any]:
    """Rounds of both in a shuffled order; medians of requests a second and their ratio."""
    dsn = _dsn()
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("CREATE TABLE bench_event (key text PRIMARY KEY, body bytea, at timestamptz DEFAULT now())")
    servers = [
        _server(["--interface", "wsgi", "--blocking-threads", "4", "leadhub.wsgi:application"], port, log, {}),
        _server(["--interface", "asgi", "benchmarks.reference:application"], port + 1, log, {"BENCH_DSN": dsn}),
    ]
    try:
        for each in (port, port + 1):
            _wait(each)
        numbers = itertools.count(1)
        ours = _requests(addresses, port, numbers)
        smallest = _requests(addresses, port + 1, numbers)
        for requests, where in ((ours, port), (smallest, port + 1)):  # warm both
            asyncio.run(closed_loop(where, requests, connections=8, seconds=1.0))
        rates: dict[str, list[float]] = {"webhook": [], "smallest": []}
        order = [("webhook", ours, port), ("smallest", smallest, port + 1)] * ROUNDS
        random.shuffle(order)  # noqa: S311 - an order, not a secret
        for name, requests, where in order:
            rates[name].append(asyncio.run(closed_loop(where, requests, connections=CONNECTIONS, seconds=SECONDS)))
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(10)
    webhook, reference = statistics.median(rates["webhook"]), statistics.median(rates["smallest"])
    return {"webhook_per_s": round(webhook), "smallest_per_s": round(reference), "ratio": round(webhook / reference, 2)}


def _requests(addresses: list[Address], port: int, numbers: Iterator[int]) -> Iterator[bytes]:
    for number in numbers:
        address = addresses[number % len(addresses)]
        text = address.texts[number % len(address.texts)]
        yield telegram_post(address.path, port, update_id=number, chat_id=10_000_000 + number, text=text)


def _server(arguments: list[str], port: int, log: Path, extra: dict[str, str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "granian", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    quiet = ["--no-access-log", "--workers-kill-timeout", "2"]
    with log.open("ab") as sink:
        return subprocess.Popen([*command, *quiet, *arguments], env=os.environ | extra, stdout=sink, stderr=sink)


def _wait(port: int) -> None:
    import socket

    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {port}")


def _dsn() -> str:
    parameters = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        host=parameters["host"],
        port=parameters["port"],
        user=parameters["user"],
        dbname=connection.settings_dict["NAME"],
    )
