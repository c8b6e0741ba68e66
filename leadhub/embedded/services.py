"""PostgreSQL and Valkey for a command: none needed, named from outside, attached to, or started for its time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from leadhub import environment
from leadhub.embedded import postgres, valkey
from leadhub.embedded.child import Child, Roll
from leadhub.embedded.errors import ServiceFailed
from leadhub.embedded.ownership import DataDirectory

# Commands that read no database. `demo` and `run` start and hold the services themselves.
WITHOUT_SERVICES = frozenset(
    {"check", "collectstatic", "demo", "diffsettings", "eval", "findstatic", "help", "makemigrations", "rules", "run"}
    | {"spectacular", "understand", "version"}
)
ATTACH_LIMIT = 150.0  # seconds that a starting owner is waited for


@contextmanager
def services_for(argv: Sequence[str]) -> Iterator[None]:
    """The services that `manage.py <argv>` needs, for the time of the block.

    `test` gets servers that do not wait for the disk. Ends the process with a message when they cannot be had."""
    if not needs_services(argv) or not (wants_database() or wants_broker()):
        yield
        return
    data, fast = environment.data_dir(), argv[0] == "test"
    with ExitStack() as stack:
        try:
            stack.enter_context(_entered(DataDirectory(data, environment.run_dir(data)), fast=fast))
        except ServiceFailed as error:
            sys.exit(f"Ошибка: {error}")
        yield


def needs_services(argv: Sequence[str]) -> bool:
    if not argv or argv[0].startswith("-") or argv[0] in WITHOUT_SERVICES:
        # `check --database default` does read it.
        return "--database" in argv
    return not {"--help", "-h"} & set(argv)


def wants_database() -> bool:
    return "DATABASE_URL" not in os.environ


def wants_broker() -> bool:
    return "REDIS_URL" not in os.environ


@contextmanager
def _entered(place: DataDirectory, *, fast: bool) -> Iterator[None]:
    place.prepare()
    while True:
        with place.owned() as ours:
            if ours:
                with running(place, fast=fast):
                    try:
                        yield
                    finally:
                        if not fast:  # a process that a test left behind is not waited for
                            place.wait_until_unused()
                return
        with place.in_use():
            if _is_owned(place) and _wait_for_owner(place):
                yield
                return


@contextmanager
def running(place: DataDirectory, *, fast: bool = False) -> Iterator[Services]:
    """The services as our own children. Only for the holder of the directory's lock."""
    services = Services(place, fast=fast)
    try:
        services.start()
        yield services
    finally:
        services.stop()


class Services:
    """Both servers of one data directory, each only if no outside one is named."""

    def __init__(self, place: DataDirectory, *, fast: bool = False) -> None:
        self.place = place
        self.roll = Roll(place.roll)
        self._fast = fast
        self.postgres: Child | None = None
        self.valkey: Child | None = None

    def start(self) -> None:
        self.roll.end_leftovers(seconds=4)
        if wants_database():
            self.start_postgres()
            postgres.create_database(self.place.run, environment.database_name())
        if wants_broker():
            self.start_valkey()

    def start_postgres(self) -> None:
        log = self.place.logs / "postgres.log"
        self.postgres = postgres.start(self.place.postgres, run=self.place.run, log=log, fast=self._fast)
        self.roll.add(self.postgres)

    def start_valkey(self) -> None:
        log = self.place.logs / "valkey.log"
        self.valkey = valkey.start(self.place.valkey, socket=self.place.valkey_socket, log=log)
        self.roll.add(self.valkey)

    def stop(self) -> None:
        """Valkey first, PostgreSQL last. Safe to call at any moment, twice too.

        PostgreSQL is given the time that its last checkpoint may take on a busy disk: killed in it, it recovers, but
        what it leaves behind refuses the next start for a while."""
        for child, seconds in ((self.valkey, 1.5), (self.postgres, 30)):
            if child:
                child.stop(seconds)
        self.roll.clear()


def _is_owned(place: DataDirectory) -> bool:
    with place.owned() as ours:
        return not ours


def _wait_for_owner(place: DataDirectory) -> bool:
    """Wait until the owner's services answer. False when the owner has gone meanwhile: begin again."""
    deadline = time.monotonic() + ATTACH_LIMIT

    def owner_is_there() -> bool:
        return _is_owned(place)

    try:
        if wants_database():
            postgres.wait_ready(place.run, is_alive=owner_is_there, seconds=deadline - time.monotonic())
            postgres.create_database(place.run, environment.database_name())
        if wants_broker():
            valkey.wait_ready(place.valkey_socket, is_alive=owner_is_there, seconds=deadline - time.monotonic())
    except ServiceFailed:
        if owner_is_there():
            raise
        return False
    return True
