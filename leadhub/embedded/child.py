"""A child process that cannot outlive us: own session, a death signal from the kernel, a log file."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Child:
    """One process and everything it forks (they share its session). Start it from the main thread: the kernel sends
    the death signal when the thread that started it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: tuple[int, int] | None = None,
    ) -> None:
        """`user`: uid and gid to run as; None is our own."""
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        parent = os.getpid()

        def in_child() -> None:
            os.setsid()
            if user:
                os.setgroups([])
                os.setgid(user[1])
                os.setuid(user[0])
            die_with_parent(stop_signal)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in what a script started with `&`
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            self._log_begins = sink.tell()  # what stands before it is of former runs
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                preexec_fn=in_child,
            )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_alive():
            self.process.send_signal(self._stop_signal)

    def wait(self, seconds: float) -> None:
        """Wait for the end; what is left of the session after `seconds` is killed."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(seconds, 0))
        kill_session(self.pid)
        self.process.wait()

    def stop(self, seconds: float) -> None:
        self.ask_to_stop()
        self.wait(seconds)

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log, for the person who must find out why it ended."""
        return "\n".join(self.said()[0][-lines:])

    def said(self, offset: int | None = None) -> tuple[list[str], int]:
        """Whole lines of its log from `offset` on (None: from its start), and where to go on."""
        start = self._log_begins if offset is None else offset
        with self.log.open("rb") as file:
            file.seek(start)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        return text[:whole].decode("utf-8", "replace").splitlines(), start + whole


def die_with_parent(number: signal.Signals) -> None:
    """From now on the kernel sends us this signal when the thread that started us ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(number))


def kill_session(session: int) -> None:
    """Kill every process of a session: a server killed from outside leaves its own children behind."""
    for _ in range(3):
        members = list(_members(session))
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _members(session: int) -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(int(entry))) and stat.session == session and stat.state != "Z":
            yield int(entry)


class _Stat:
    def __init__(self, fields: list[str]) -> None:
        self.state, self.session, self.started = fields[0], int(fields[3]), int(fields[19])


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return _Stat(text.rpartition(")")[2].split())


class Roll:
    """The sessions this copy has started, on disk: after `kill -9` of the owner the next start ends what is left."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sessions: dict[str, int | None] = {}

    def add(self, child: Child) -> None:
        stat = _stat(child.pid)
        self._sessions[str(child.pid)] = stat.started if stat else None
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps({"boot": _boot_id(), "sessions": self._sessions}))
        draft.replace(self._file)

    def clear(self) -> None:
        self._sessions.clear()
        self._file.unlink(missing_ok=True)

    def end_leftovers(self, seconds: float) -> None:
        """Processes of an owner that was killed have got their death signal: wait for them, then kill them.

        Only for the holder of the data directory's lock."""
        try:
            kept = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return
        if kept.get("boot") != _boot_id():
            return
        sessions = [int(pid) for pid, started in kept["sessions"].items() if _is_still(int(pid), started)]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(any(_members(session)) for session in sessions):
            time.sleep(0.05)
        for session in sessions:
            kill_session(session)
        self.clear()


def _is_still(pid: int, started: int | None) -> bool:
    """Whether a session's number still means the process we started (numbers are used again)."""
    stat = _stat(pid)
    return stat is None or stat.started == started


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
