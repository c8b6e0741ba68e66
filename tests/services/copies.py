"""A whole copy of Leadhub as a process of its own, on its own data and ports."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psycopg

from leadhub.environment import BASE_DIR, run_dir
from leadhub.probe import ask

PATIENCE = 220.0  # seconds; a busy machine with two cores needs its time


def clean_env(**more: str) -> dict[str, str]:
    """As on a fresh machine: nothing but HOME and PATH, and no `.env` of the developer."""
    return {"HOME": os.environ.get("HOME", "/"), "PATH": os.defpath, "LEADHUB_IGNORE_DOTENV": "1", **more}


class Copy:
    """`python -m leadhub.embedded run` on its data; everything that it printed is in `output`."""

    def __init__(self, data: Path, port: int, **settings: str) -> None:
        """`settings`: more of the environment."""
        self.data = data
        self.port = port
        self._env = clean_env(LEADHUB_DATA=str(data), PORT=str(port), **settings)
        self.process: subprocess.Popen[str] | None = None
        self._log = data.with_name(data.name[:20] + "-output.txt")

    def start(self) -> Copy:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "leadhub.embedded", "run", "--with-parent"],
                cwd=BASE_DIR,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_ready(self) -> Copy:
        wait_until(lambda: "Leadhub работает" in self.output or self.process.poll() is not None, self)
        assert self.process.poll() is None, self.output
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Whatever happened: nothing of it stays behind after the test."""
        if self.process and self.process.poll() is None:
            self.stop()
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)

    def get(self, path: str) -> tuple[int, bytes]:
        return ask("127.0.0.1", self.port, path, seconds=10)

    def missing(self) -> list[str]:
        status, body = self.get("/readyz")
        return json.loads(body)["missing"] if status else ["web"]

    def manage(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=BASE_DIR,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sql(self, query: str, *params: Any) -> list[tuple]:
        with self.database() as connection:
            cursor = connection.execute(query, params or None)
            return cursor.fetchall() if cursor.description else []

    def database(self) -> psycopg.Connection:
        run = run_dir(self.data)
        return psycopg.connect(host=str(run), dbname="leadhub", user="postgres", autocommit=True, connect_timeout=10)

    def pids(self, *, of: str = "") -> list[int]:
        """Live processes that speak of this data directory, but the supervisor; `of` narrows by the command line."""
        mine = os.fsencode(str(self.data))
        found = []
        for pid, command, environ in _processes():
            if (mine in command or b"LEADHUB_DATA=" + mine + b"\0" in environ) and os.fsencode(of) in command:
                found.append(pid)
        return [pid for pid in found if not self.process or pid != self.process.pid]


def wait_until(condition: Callable[[], bool], copy: Copy) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, copy.output
        time.sleep(0.1)


_claims: list[IO[str]] = []


def free_port() -> int:
    """A port with the next three free as well. It stays ours until this process ends: what another worker, or another
    run on this machine, is about to listen on looks free."""
    for base in range(21000, 31000, 10):
        try:
            claim = (Path(tempfile.gettempdir()) / f"leadhub-tests-port-{base}").open("w")
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        _claims.append(claim)
        taken = []
        for port in range(base, base + 4):
            with socket.socket() as probe:
                taken.append(probe.connect_ex(("127.0.0.1", port)) == 0)
        if not any(taken):
            return base
    raise AssertionError("no free ports")


def _processes() -> Iterator[tuple[int, bytes, bytes]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX":
                yield int(entry.name), (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
