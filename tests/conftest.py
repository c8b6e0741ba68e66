"""One database for a worker's whole run; two businesses in it, made from the template; each test rolls back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from django.conf import settings
from django.core.management import call_command
from xdist.scheduler import LoadFileScheduling

from leadhub.warming import keep_for_good
from sandbox.testing import SandboxProcess
from tests.browsing import open_page, served  # noqa: F401 - fixtures
from tests.clock import Clock
from tests.committed import committed, committed_salon, snapshot  # noqa: F401 - fixtures
from tests.world import Business, make_businesses

_services = ExitStack()
# All tests of such a place stand around one product, which takes long to start: one worker runs them.
ONE_PRODUCT = ("tests/e2e/", "tests/faults/")
# Files are handed to workers in this order: the long ones first, so that short ones fill the gaps at the end.
LONG_FIRST = (*ONE_PRODUCT, "tests/agency/", "tests/services/")
NOON_IN_UFA = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)  # Wednesday


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process brings the services up; its workers attach to them."""
    # A slow machine is no fault; and a run that fails must fail again.
    hypothesis.settings.register_profile("leadhub", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("leadhub")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # ours are slow on purpose
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from leadhub.embedded import services_for

        _services.enter_context(services_for(["test"]))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((n for n, place in enumerate(LONG_FIRST) if item.nodeid.startswith(place)), len(LONG_FIRST))

    items.sort(key=turn)


class OneWorkerForAProduct(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in ONE_PRODUCT if nodeid.startswith(place)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return OneWorkerForAProduct(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """As in every process of the product: what is loaded now stays, and is not looked through again and again."""
    keep_for_good()


def pytest_unconfigure(config: pytest.Config) -> None:
    _services.close()


@pytest.fixture(scope="session")
def django_db_setup(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[None]:
    """A database of this worker: a copy of the one that the first of a run's workers makes."""
    from django.db import connection

    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    run = tmp_path_factory.getbasetemp().parent if worker else tmp_path_factory.getbasetemp()
    name = settings.DATABASES["default"]["NAME"]
    made, mine = f"test_{name}", f"test_{name}_{worker or 'alone'}"
    with django_db_blocker.unblock():
        with (run / "database.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (run / "database").exists():
                _create_database(made)
                _use_database(made)
                call_command("migrate_all", verbosity=0, stdout=StringIO())
                make_businesses()
                (run / "database").touch()
            connection.close()
            _create_database(mine, like=made)
        _use_database(mine)
    yield
    with django_db_blocker.unblock():
        _use_database(name)
        _drop_database(mine)


def _create_database(name: str, *, like: str = "template0") -> None:
    """One that a former run left under this name goes."""
    from django.db import connection

    _drop_database(name)
    with connection._nodb_cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY FILE_COPY')


def _drop_database(name: str) -> None:
    from django.db import connection

    with connection._nodb_cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # it waits for the disk
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _use_database(name: str) -> None:
    from django.db import connection

    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The product's clock stands at Wednesday noon in Ufa and moves only when told."""
    from leadhub.clock import _standing

    clock = Clock(NOON_IN_UFA)
    monkeypatch.setattr("leadhub.clock.now", lambda: _standing.get() or clock.now())
    return clock


@pytest.fixture
def salon(db: None, clock: Clock) -> Iterator[Business]:
    """«Весна» in Ufa, entered: Anna and Boris at the desk, Olga and Marina do hair and nails."""
    with Business.enter("vesna", clock) as business:
        yield business


@pytest.fixture
def neighbour(db: None, clock: Clock) -> Business:
    """Another business, not entered: nothing of the first may be seen in it."""
    return Business.find("sosed", clock)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """The stand-ins of the outside, as a process of its own, for the whole run."""
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def outside(sandbox_process: SandboxProcess, settings: Any, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    """The outside as this test finds it: empty, without faults; our adapters speak to it by HTTP."""
    sandbox_process.reset()
    sandbox_process.clear_faults()
    sandbox_process.settings(telegram_strangers=True, telegram_limits=False)
    sandbox_process.post("sms/account", login="vesna", psw="sms-pass")
    settings.TELEGRAM_API_URL = f"{sandbox_process.url}/telegram"
    settings.SMSC_API_URL = f"{sandbox_process.url}/smsc"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sandbox_process.ca_file))
    return sandbox_process


@pytest.fixture(autouse=True)
def nothing_remembered(settings: Any) -> None:
    """What processes keep for some seconds (settings, hook keys, counts) does not pass from one test to another, and no
    test reaches a real provider."""
    from assistant import knowledge
    from channels_app import hooks, live
    from routing import config

    config.forget_all()
    knowledge.forget()
    hooks.forget()
    live._waiting.events.clear()
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": uuid4().hex}}  # both workers share Valkey
    settings.TELEGRAM_API_URL = settings.SMSC_API_URL = "http://127.0.0.1:9"
    settings.WHITENOISE_AUTOREFRESH = True  # a test client looks at the one file it is asked for, not at all of them
