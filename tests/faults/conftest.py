"""One installation for all tests of faults: it must come through each of them as if nothing had been."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.testing import SandboxProcess
from tests.faults.installation import Installation
from tests.services.copies import free_port


@pytest.fixture(scope="package")
def running() -> Iterator[Installation]:
    """A short directory: pytest's own are long enough to move the sockets elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="lh-faults-"))
    with SandboxProcess(home / "outside") as sandbox:
        installation = Installation(home, free_port(), sandbox)
        try:
            installation.start().wait_ready()
            installation.furnish()
            yield installation
        finally:
            installation.end()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def installation(running: Installation) -> Iterator[Installation]:
    """Well, with nothing owed; and it must be so again at the end."""
    running.outside_as_new()
    yield running
    running.sandbox.clear_faults()
    running.wait("not ready again", lambda: running.missing() == [])
    assert running.stopped() == []
