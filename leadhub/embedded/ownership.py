"""Who runs the services of a data directory (one owner), and who uses them meanwhile (any number)."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadhub.embedded.errors import ServiceFailed


class DataDirectory:
    """Places under `LEADHUB_DATA`."""

    def __init__(self, root: Path, run: Path) -> None:
        self.root = root
        self.run = run
        self.postgres = root / "postgres"
        self.valkey = root / "valkey"
        self.valkey_socket = run / "valkey.sock"
        self.logs = root / "log"
        self.roll = root / "processes.json"

    def prepare(self) -> None:
        """Make the directories. Raises ServiceFailed when they cannot be made or the short one is another user's."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True, mode=0o700)
            self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ServiceFailed(f"Нельзя писать в каталог данных {self.root}: {error.strerror}.") from error
        if self.run.parent == Path(tempfile.gettempdir()) and os.lstat(self.run).st_uid != os.geteuid():
            raise ServiceFailed(f"Каталог {self.run} принадлежит другому пользователю. Смените LEADHUB_DATA.")

    @contextmanager
    def owned(self) -> Iterator[bool]:
        """Whether we are the owner now: True is held until the end of the block, False says that another one is."""
        with (self.root / "lock").open("a+") as file:
            yield _taken(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While it is held, an owner for a command's time waits before it stops the services."""
        with (self.root / "users").open("a+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH)
            yield

    def wait_until_unused(self) -> None:
        """Return when nobody uses the services any more. Ctrl-C goes on at once."""
        with (self.root / "users").open("a+") as file:
            if _taken(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB):
                return
            sys.stderr.write("Базой пользуются другие команды, жду их окончания (Ctrl-C - не ждать).\n")
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            except KeyboardInterrupt:
                return


def _taken(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True
