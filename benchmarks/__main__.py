"""`python -m benchmarks`: measure on throw-away data, print a table, write `benchmarks/results.json`.

`python -m benchmarks tick` measures the timers alone, `simulate` the simulation, `messages` all but the timers; other
figures stay as they stand.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import replies
from sandbox.testing import SandboxProcess

RESULTS = Path(__file__).with_name("results.json")


def main(only: str = "") -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lh-bench-") as place, SandboxProcess(Path(place) / "outside") as sandbox:
        data, port = Path(place) / "data", _free_port()
        sandbox.settings(telegram_strangers=True, telegram_limits=False)
        replies.environment(data, port, sandbox)
        results: dict[str, Any] = json.loads(RESULTS.read_text()) if only else {"machine": _machine()}
        if only == "tick":
            _ticks(results, port, Path(place) / "installation.log")
        elif only == "simulate":
            results["simulate"] = _simulated()
        else:
            addresses = _alone(results, port, Path(place) / "web.log")
            _whole(results, addresses, sandbox, port, Path(place) / "installation.log")
            if not only:
                _ticks(results, port, Path(place) / "installation.log")
    if not only:
        results["seconds"] = round(time.monotonic() - began)
    RESULTS.write_text(json.dumps(_finite(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    _print(results)
    return 0


def _alone(results: dict[str, Any], port: int, log: Path) -> list:
    """What is measured without workers: opening a tenant, and the webhook."""
    from leadhub.embedded import services_for

    with services_for(["bench"]):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from benchmarks import businesses, ingest, simulate
        from leadhub import clock

        call_command("migrate_all", verbosity=0)
        addresses = businesses.make(clock.now(), window_ms=0)
        results["open_tenant"] = _open_tenant()
        results["simulate"] = simulate.measure(clock.now())
        results["ingest"] = ingest.measure(addresses, port=port, log=log)
        with connection.cursor() as cursor:  # what was taken in was only for the count
            cursor.execute("TRUNCATE public.due_work")
        import redis
        from django.conf import settings

        redis.from_url(settings.REDIS_URL).flushall()
        connection.close()
    return addresses


def _ticks(results: dict[str, Any], port: int, log: Path) -> None:
    """Timers: the dispatcher's look by itself, then what falls due over the whole installation."""
    from leadhub.embedded import services_for

    with services_for(["bench"]):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from benchmarks import ticks

        connection.close()  # of an installation that was measured before
        call_command("migrate_all", verbosity=0)
        tenants = ticks.open_businesses()
        results["tick"] = ticks.look()
        connection.close()
    with replies.Installation(port, log):
        results["tick"] |= ticks.fire(tenants)
        connection.close()


def _simulated() -> dict[str, Any]:
    from leadhub.embedded import services_for

    with services_for(["bench"]):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from benchmarks import businesses, simulate
        from leadhub import clock

        call_command("migrate_all", verbosity=0)
        businesses.make(clock.now(), window_ms=0)
        figures = simulate.measure(clock.now())
        connection.close()
        return figures


def _open_tenant() -> dict[str, Any]:
    from tenants import provisioning
    from tenants.models import Agency

    agency = Agency.objects.get()
    opened, migrated = [], []
    for number in range(5):
        started = time.perf_counter()
        provisioning.open_tenant(slug=f"opened-{number}", name="x", agency=agency, trade="salon", city="ufa")
        opened.append(time.perf_counter() - started)
    for number in range(3):
        started = time.perf_counter()
        provisioning.migrate_schema(f"t_migrated_{number}")
        migrated.append(time.perf_counter() - started)
    template, migration = statistics.median(opened), statistics.median(migrated)
    return {
        "template_s": round(template, 3),
        "migrate_s": round(migration, 3),
        "speedup": round(migration / template, 1),
    }


def _whole(results: dict[str, Any], addresses: list, sandbox: SandboxProcess, port: int, log: Path) -> None:
    """What is measured over the whole installation: from a message to its answer."""
    from benchmarks import businesses

    reply: dict[str, Any] = {}
    with replies.Installation(port, log):
        replies.measure(addresses, sandbox, port=port, rate=5)  # caches and connections of every process
        for rate in replies.RATES:
            figures = replies.measure(addresses, sandbox, port=port, rate=rate)
            reply |= {f"{name}_at_{rate}": value for name, value in figures.items()}
        businesses.set_window(1000)
        time.sleep(4)  # workers keep settings for some seconds
        figures = replies.measure(addresses, sandbox, port=port, rate=replies.RATES[-1])
        reply |= {f"{name}_at_{replies.RATES[-1]}_with_window": value for name, value in figures.items()}
    results["reply"] = reply


def _machine() -> dict[str, Any]:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _free_port() -> int:
    """A port with four free ones after it is likely here; a clash ends the run aloud."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 60000)


def _finite(value: Any) -> Any:
    """JSON knows no infinity: an unanswered message makes its figure null."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return None if value == float("inf") else value


def _print(results: dict[str, Any], indent: str = "") -> None:
    for name, value in results.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            print(f"{indent}{name:<34} {value}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
