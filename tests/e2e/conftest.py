"""One product for all walks, a browser for each; what a page complains of fails the test that showed it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.people import Desk
from tests.e2e.product import SCHEMA, Product
from tests.services.copies import free_port

# The last one moves the clock to the next day.
WALKS = ("test_story.py", "test_teaching.py", "test_tryout.py", "test_walk.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    walks = [item for item in items if here in item.path.parents]
    in_order = iter(sorted(walks, key=lambda item: WALKS.index(item.path.name)))
    items[:] = [next(in_order) if item in walks else item for item in items]
    for item in walks:
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no chromium on this machine (Debian: apt-get install chromium)"))


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A demo from its first start on, for all walks, in the order of `WALKS`: its clock only goes forward."""
    product = Product(tmp_path_factory.mktemp("demo"), free_port())
    try:
        yield product.start().wait_ready()
    finally:
        product.end()


@pytest.fixture(scope="module", autouse=True)
def leads_closed(product: Product) -> Iterator[None]:
    """The leads of one walk do not run out, and are not handed on, in the next one."""
    [(last,)] = product.sql(f"SELECT max(id) FROM {SCHEMA}.routing_lead")
    yield
    product.sql(f"UPDATE {SCHEMA}.routing_lead SET status = 'closed' WHERE id > %s", last)


@pytest.fixture(scope="module")
def desk(product: Product) -> Iterator[Desk]:
    """Everybody's browsers. They close before the rest of the run goes on: their loop would forbid the ORM there."""
    desk = Desk(product, CHROMIUM)
    try:
        yield desk
    finally:
        desk.close()


@pytest.fixture(autouse=True)
def no_complaints(desk: Desk) -> Iterator[None]:
    """Console errors, refusals of the content security policy and failed requests of all open pages."""
    yield
    told = list(desk.complaints)
    desk.complaints.clear()
    assert not told
