"""One foreground process that starts every part of Leadhub, watches them and takes all of them down with it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi

from leadhub import environment
from leadhub.embedded.child import Child, die_with_parent
from leadhub.embedded.errors import ServiceFailed
from leadhub.embedded.ownership import DataDirectory
from leadhub.embedded.services import Services
from leadhub.probe import ask

READY_LIMIT = 120.0  # seconds from the start of the parts to "everything answers"
GRACE = 2.8  # seconds that parts have to finish what they do
STOP_LIMIT = 5.0  # seconds that a whole copy needs to stop
POLL = 0.15
FIRST_PAUSE, LONGEST_PAUSE, CALM_AFTER = 0.5, 30.0, 60.0  # seconds: restarts of a part that ended
SERVICE_TRIES = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOG_LIMIT = 20 * 1024 * 1024  # bytes
_LOUD = re.compile(rb"^(\S+ \S+ (WARNING|ERROR|CRITICAL) |\[(WARNING|ERROR)\]|WARNING:|ERROR:)")


class Stopped(BaseException):
    """Ctrl-C or SIGTERM while something was under way."""


@dataclass(frozen=True)
class Part:
    """A process of the product. `port`: it is up when something listens there."""

    name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    port: int | None = None


class Supervisor:
    """Starts, watches and stops one copy of Leadhub on one data directory."""

    def __init__(self, *, demo: bool) -> None:
        self._demo = demo
        self._port = environment.env.int("PORT", default=8000)
        self._host = environment.env.str("HOST", default="127.0.0.1")
        data = environment.data_dir()
        self._place = DataDirectory(data, environment.run_dir(data))
        self._services = Services(self._place)
        self._children: dict[str, Child] = {}
        self._pauses: dict[str, tuple[float, float]] = {}  # part: when to start it again, the pause before that
        self._service_deaths: list[float] = []
        self._echo: dict[Path, int] = {}
        self._began = time.monotonic()

    # --- The life of a copy ---------------------------------------------------------------------------------------

    def run(self, *, with_parent: bool = False) -> int:
        """Until Ctrl-C or SIGTERM (0), or until a service cannot come back (1).

        `with_parent`: until the process that started us ends, too (`make`, however it is killed)."""
        self._listen_to_signals()
        if with_parent:
            die_with_parent(signal.SIGTERM)
        code = 0
        try:
            self._place.prepare()
            with self._owned():
                try:
                    self._start()
                    self._watch()
                finally:
                    self._stop()
        except Stopped:
            say("Остановлено.")
        except ServiceFailed as error:
            sys.stderr.write(f"\nОшибка: {error}\n")
            code = 1
        return code

    @contextmanager
    def _owned(self) -> Iterator[None]:
        """Hold the data directory. A former copy may still be stopping: it is given the time for that."""
        deadline = time.monotonic() + STOP_LIMIT
        while True:
            with self._place.owned() as ours:
                if ours:
                    yield
                    return
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"На данных {self._place.root} уже работает другая копия Leadhub. Остановите её или запустите "
                    f"вторую рядом: LEADHUB_DATA=.data2 PORT={self._port + 10} make demo"
                )
            time.sleep(POLL)

    def _start(self) -> None:
        self._services.roll.end_leftovers(seconds=4)
        self._check_ports()
        with step("PostgreSQL и Valkey"):
            self._services.start()
        if self._demo:
            with step("Песочница: мессенджер, SMS, Битрикс24"):
                self._launch(self._sandbox())
                self._await_sandbox()
        with step("База данных: структура" + (" и демонстрационные бизнесы" if self._demo else "")):
            self._prepare()
        with step("Веб-сервер, события, исполнители, диспетчер"):
            for part in self._parts():
                self._launch(part)
            self._await_ready()
        self._greet()

    def _stop(self) -> None:
        """Parts first, together; then the stand-ins they were speaking to; Valkey and PostgreSQL last."""
        ignore_signals()
        sandbox = self._children.pop("sandbox", None)
        for child in self._children.values():
            child.ask_to_stop()
        deadline = time.monotonic() + GRACE
        for child in self._children.values():
            child.wait(deadline - time.monotonic())
        self._children.clear()
        if sandbox:
            sandbox.stop(0.5)
        self._services.stop()

    def _listen_to_signals(self) -> None:
        def stop(number: int, frame: Any) -> None:
            ignore_signals()  # one is enough: the second of a pair must not interrupt the stopping
            raise Stopped

        # Also what a script started with `&` inherits as ignored.
        for name in SIGNALS:
            signal.signal(name, stop)

    # --- What runs ------------------------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        host, port = self._host, str(self._port)
        return [
            Part(
                "web",
                python(
                    "granian", "--interface", "wsgi", "--host", host, "--port", port, "--workers", "2",
                    "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600", "--no-access-log",
                    "--workers-kill-timeout", "2", "--respawn-failed-workers", "leadhub.wsgi:application",
                ),
                port=self._port,
            ),
            Part(
                "events",
                python(
                    "uvicorn", "leadhub.asgi:application", "--host", host, "--port", str(self._port + 1),
                    "--timeout-graceful-shutdown", "2", "--no-access-log", "--log-level", "warning",
                ),
                env=(("DJANGO_SETTINGS_MODULE", "leadhub.settings_events"),),
                port=self._port + 1,
            ),
            Part("worker-pipeline", worker("pipeline", "-P", "prefork", "-c", "2")),
            Part(
                "worker-http",
                worker("http", "-P", "threads", "-c", "16", "--prefetch-multiplier", "1"),
                env=(("DJANGO_SETTINGS_MODULE", "leadhub.settings_threads"),),
            ),
            Part(  # long jobs stand behind what a client waits for
                "worker-bulk",
                ("nice", "-n", "10", *worker("bulk", "-P", "threads", "-c", "2", "--prefetch-multiplier", "1")),
            ),
            Part("dispatcher", (sys.executable, "manage.py", "dispatch")),
        ]  # fmt: skip

    def _sandbox(self) -> Part:
        tls_port, data = str(self._port + 3), str(self._place.root)
        command = python("sandbox", "--port", str(self._port + 2), "--tls-port", tls_port, "--data", data)
        return Part("sandbox", command, port=self._port + 2)

    @property
    def _sandbox_data(self) -> Path:
        return self._place.root / "sandbox"

    def _environment(self) -> dict[str, str]:
        """Of every part: ours, and in the demo the stand-ins as the outside."""
        env = dict(os.environ)
        env |= {
            "LEADHUB_DATA": str(self._place.root),
            "PORT": str(self._port),
            "DJANGO_SETTINGS_MODULE": env.get("DJANGO_SETTINGS_MODULE", "leadhub.settings"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }
        if self._demo:
            env |= {
                "SANDBOX_URL": f"http://127.0.0.1:{self._port + 2}",
                "SANDBOX_BITRIX_DOMAIN": f"localhost:{self._port + 3}",
                "REQUESTS_CA_BUNDLE": str(self._sandbox_data / "bundle.pem"),
            }
        return env

    def _launch(self, part: Part) -> Child:
        if old := self._children.get(part.name):
            old.wait(0)  # its own children may have outlived it
        child = Child(
            part.name,
            part.command,
            log=self._place.logs / f"{part.name}.log",
            env=self._environment() | dict(part.env),
            cwd=environment.BASE_DIR,
        )
        self._echo.setdefault(child.log, child.log.stat().st_size)
        self._services.roll.add(child)
        self._children[part.name] = child
        return child

    # --- Getting ready --------------------------------------------------------------------------------------------

    def _check_ports(self) -> None:
        for port in range(self._port, self._port + (4 if self._demo else 2)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self._host, port))
                except OSError as error:
                    raise ServiceFailed(
                        f"Порт {port} на {self._host} занят или недоступен ({error.strerror}). Освободите его или "
                        f"выберите другой: PORT={self._port + 10} make demo"
                    ) from error

    def _prepare(self) -> None:
        """Migrations, demo data and its logins, in one process of its own."""
        logins = ("--demo", "--logins", str(self._logins_file)) if self._demo else ()
        child = self._launch(Part("prepare", (sys.executable, "manage.py", "prepare", *logins)))
        self._finish(child)
        if environment.is_production():
            self._finish(self._launch(Part("static", (sys.executable, "manage.py", "collectstatic", "--noinput"))))

    def _finish(self, child: Child) -> None:
        """Wait for a child that has an end and repeat what it says. Raises ServiceFailed when it ends badly."""
        del self._children[child.name]
        offset = None
        try:
            while child.is_alive():
                time.sleep(POLL)
                lines, offset = child.said(offset)
                say("".join(f"\n  {line.strip()}" for line in lines), end="")
        finally:
            child.stop(1)
        if child.process.returncode:
            raise ServiceFailed(
                f"Подготовка прервалась («{child.name}»). Последние строки {child.log}:\n{child.tail(25)}"
            )

    @property
    def _logins_file(self) -> Path:
        return self._place.root / "logins.json"

    def _await_sandbox(self) -> None:
        authority = self._sandbox_data / "ca.pem"
        self._until(lambda: authority.exists() and listens(self._port + 2), lambda: ["sandbox"])
        bundle = Path(certifi.where()).read_bytes() + b"\n" + authority.read_bytes()
        (self._sandbox_data / "bundle.pem").write_bytes(bundle)

    def _await_ready(self) -> None:
        def is_ready() -> bool:
            return listens(self._port + 1, self._probe_host) and not self._missing()

        self._until(is_ready, lambda: self._missing() or ["events"])

    def _missing(self) -> list[str]:
        status, body = ask(self._probe_host, self._port, "/readyz", seconds=10)
        if status == 200:
            return []
        try:
            return list(json.loads(body)["missing"])
        except (ValueError, KeyError):
            return ["web"]

    @property
    def _probe_host(self) -> str:
        return "127.0.0.1" if self._host in ("0.0.0.0", "::", "") else self._host  # noqa: S104 - only compared

    def _until(self, condition: Callable[[], bool], missing: Callable[[], list[str]]) -> None:
        """Poll. Raises ServiceFailed when a part ends meanwhile, or when the time is over."""
        deadline = time.monotonic() + READY_LIMIT
        while not condition():
            for name, child in self._children.items():
                if not child.is_alive():
                    raise ServiceFailed(
                        f"Часть «{name}» не запустилась. Последние строки {child.log}:\n{child.tail(25)}"
                    )
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"Не дождались готовности за {READY_LIMIT:.0f} с. Не отвечают: {', '.join(missing())}. "
                    f"Журналы: {self._place.logs}"
                )
            self._echo_warnings()
            time.sleep(POLL)

    def _greet(self) -> None:
        base = f"http://{'localhost' if self._host == '127.0.0.1' else self._host}:{self._port}"
        say(f"\nLeadhub работает: {base}  (готов за {time.monotonic() - self._began:.1f} с)")
        say(f"  Консоль агентства  {base}/agency/")
        if self._demo:
            say(f"  Песочница          http://localhost:{self._port + 2}/")
        say(f"  Данные и журналы   {self._place.root}")
        if self._demo and (logins := read_logins(self._logins_file)):
            say("\nВход для показа (бизнесы и люди вымышлены):")
            say(table(("Где", "Адрес", "Почта", "Пароль"), [row_of(login, base) for login in logins]))
        say("\nОстановить: Ctrl-C")

    # --- Watching -------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        parts = {part.name: part for part in self._parts()}
        if self._demo:
            parts["sandbox"] = self._sandbox()
        next_logs = 0.0
        while True:
            self._revive_services()
            for name, part in parts.items():
                if not self._children[name].is_alive():
                    self._revive(part)
            self._echo_warnings()
            if time.monotonic() > next_logs:
                trim_logs(self._place.logs)
                next_logs = time.monotonic() + 60
            time.sleep(POLL)

    def _revive(self, part: Part) -> None:
        """Start a part again after a pause that doubles while it keeps ending."""
        now = time.monotonic()
        child = self._children[part.name]
        again_at, pause = self._pauses.get(part.name, (0.0, 0.0))
        if again_at <= child.started_at:  # this end is not yet counted
            is_calm = now - child.started_at > CALM_AFTER
            pause = FIRST_PAUSE if is_calm or not pause else min(pause * 2, LONGEST_PAUSE)
            self._pauses[part.name] = (now + pause, pause)
            say(f"Часть «{part.name}» завершилась (код {child.process.returncode}), запущу снова через {pause:g} с.")
        elif now >= again_at:
            self._launch(part)

    def _revive_services(self) -> None:
        for title, child, start in (
            ("PostgreSQL", self._services.postgres, self._services.start_postgres),
            ("Valkey", self._services.valkey, self._services.start_valkey),
        ):
            if child is None or child.is_alive():
                continue
            say(f"{title} остановился (код {child.process.returncode}), запускаю снова.")
            child.wait(0)
            self._service_deaths = [at for at in self._service_deaths if time.monotonic() - at < CALM_AFTER]
            self._service_deaths.append(time.monotonic())
            if len(self._service_deaths) > SERVICE_TRIES:
                raise ServiceFailed(f"{title} не держится. Последние строки {child.log}:\n{child.tail()}")
            start()

    def _echo_warnings(self) -> None:
        """Warnings of the parts' logs on the console; everything else stays in the files."""
        for log, offset in self._echo.items():
            size = log.stat().st_size if log.exists() else 0
            if size <= offset:
                self._echo[log] = size
                continue
            with log.open("rb") as file:
                file.seek(offset)
                fresh = file.read(256 * 1024)
            whole = fresh.rfind(b"\n") + 1
            self._echo[log] = offset + (whole or len(fresh))
            for line in fresh[:whole].splitlines():
                if _LOUD.match(line):
                    say(f"[{log.stem}] {line.decode('utf-8', 'replace')}")


def ignore_signals() -> None:
    for name in SIGNALS:
        signal.signal(name, signal.SIG_IGN)


def python(module: str, *args: str) -> tuple[str, ...]:
    """A module run by our own interpreter (scripts of a virtual environment break on long paths)."""
    return (sys.executable, "-m", module, *args)


def worker(queue: str, *args: str) -> tuple[str, ...]:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    return python("celery", "-A", "leadhub", "worker", "-Q", queue, "-n", f"{queue}@%h", *args, *quiet)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def read_logins(file: Path) -> list[dict[str, str]]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return []


def row_of(login: dict[str, str], base: str) -> tuple[str, ...]:
    return (login["name"], base + login["path"], login["email"], login["password"])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))


def trim_logs(directory: Path) -> None:
    """A log over the limit becomes `<name>.log.1` and starts anew; parts append, so they need not know."""
    for log in directory.glob("*.log"):
        if log.stat().st_size > LOG_LIMIT:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)


class step:  # noqa: N801 - reads as a word in `with step("...")`
    """A line of progress: what begins, and how long it took."""

    def __init__(self, title: str) -> None:
        self._title = title

    def __enter__(self) -> None:
        say(f"{self._title} ...", end="")
        self._began = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        say(f" {'прервано' if kind else 'готово'} ({time.monotonic() - self._began:.1f} с)")


def say(line: str, *, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()
