"""One database for a worker's whole run; two businesses in it, made from the template; each test rolls back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from django.test.utils import setup_databases, teardown_databases

from tests.clock import Clock
from tests.committed import committed, committed_salon, snapshot  # noqa: F401 - fixtures
from tests.world import Business, make_businesses

_services = ExitStack()
NOON_IN_UFA = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)  # Wednesday


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process brings the services up; its workers attach to them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from leadhub.embedded import services_for

        _services.enter_context(services_for(["test"]))


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
        call_command("migrate_all", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115
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
    clock = Clock(NOON_IN_UFA)
    monkeypatch.setattr("leadhub.clock.now", clock.now)
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
