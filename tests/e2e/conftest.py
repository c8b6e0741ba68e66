"""One product and one browser for each walk; what a page complains of fails the test that showed it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.people import Desk
from tests.e2e.product import Product
from tests.services.copies import free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no chromium on this machine (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data after its first start, made once for all workers of a run."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    data = shared / "begun" / "data"
    with (shared / "begun.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            first = Product(shared / "beginning", free_port())
            try:
                first.start().wait_ready()
            finally:
                first.end()
            first.data.parent.rename(data.parent)
    return data


@pytest.fixture(scope="module")
def product(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    copy = Product(tmp_path_factory.mktemp("demo"), free_port())
    shutil.copytree(begun, copy.data, symlinks=True)
    try:
        yield copy.start().wait_ready()
    finally:
        copy.end()


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
