"""One database for a worker's whole run; two businesses in it, made from the template; each test rolls back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from django.test.utils import setup_databases, teardown_databases

from sandbox.testing import SandboxProcess
from tests.browsing import open_page, served  # noqa: F401 - fixtures
from tests.clock import Clock
from tests.committed import committed, committed_salon, snapshot  # noqa: F401 - fixtures
from tests.world import Business, make_businesses

_services = ExitStack()
# Files are handed to workers in this order: the long ones first, so that short ones fill the gaps at the end. One walk
# prepares the demo that the other walks copy.
LONG_FIRST = ("tests/e2e/test_walk.py", "tests/faults/", "tests/e2e/", "tests/services/", "tests/agency/")
NOON_IN_UFA = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)  # Wednesday


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process brings the services up; its workers attach to them."""
    # A slow machine is no fault; and a run that fails must fail again.
    hypothesis.settings.register_profile("leadhub", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("leadhub")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from leadhub.embedded import services_for

        _services.enter_context(services_for(["test"]))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((n for n, place in enumerate(LONG_FIRST) if item.nodeid.startswith(place)), len(LONG_FIRST))

    items.sort(key=turn)


def pytest_unconfigure(config: pytest.Config) -> None:
    _services.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = f"test_{settings.DATABASES['default']['NAME']}{'_' + worker if worker else ''}"
    connection.settings_dict["TEST"]["NAME"] = settings.DATABASES["default"]["TEST"]["NAME"] = name
    with django_db_blocker.unblock():
        config = setup_databases(verbosity=0, interactive=False)
        call_command("migrate_all", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115 - open to the end
        make_businesses()
    yield
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        teardown_databases(config, verbosity=0)


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
