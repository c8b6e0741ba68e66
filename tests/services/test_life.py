"""A copy of Leadhub starts, survives, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadhub.environment import BASE_DIR
from tests.services.copies import Copy, clean_env, free_port, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A short directory: pytest's own are long enough to move the sockets elsewhere."""
    path = Path(tempfile.mkdtemp(prefix="lh-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def copy(home: Path) -> Iterator[Copy]:
    """One copy for the module: the tests are the days of its life, in their order."""
    copy = Copy(home / "data", free_port())
    yield copy
    copy.end()


def test_starts_on_a_bare_machine_and_says_where_it_is(copy: Copy):
    copy.start().wait_ready()

    assert f"http://localhost:{copy.port}" in copy.output
    assert copy.missing() == []
    assert copy.get("/healthz") == (200, b"ok")
    assert copy.get("/accounts/login/")[0] == 200


def test_every_process_stands_in_the_list_of_running_parts(copy: Copy):
    for part in ("granian", "uvicorn", "pipeline@", "http@", "bulk@", "dispatch", "postgres", "valkey"):
        assert copy.pids(of=part), part


def test_a_command_attaches_to_the_running_copy(copy: Copy):
    postgres = copy.pids(of="bin/postgres")

    answer = copy.manage("shell", "-v", "0", "-c", SERVER_PID)

    assert int(answer) in postgres
    assert copy.pids(of="bin/postgres") == postgres


def test_a_second_copy_on_the_same_data_is_refused(copy: Copy):
    second = subprocess.run(
        [sys.executable, "-m", "leadhub.embedded", "run"],
        cwd=BASE_DIR,
        env=clean_env(LEADHUB_DATA=str(copy.data), PORT=str(free_port())),
        capture_output=True,
        text=True,
    )

    assert second.returncode == 1
    assert "уже работает другая копия" in second.stderr
    assert copy.missing() == []


def test_a_second_copy_on_the_same_port_is_refused(copy: Copy, home: Path):
    other = Copy(home / "other", copy.port)
    other.start()
    code = other.process.wait(60)

    assert code == 1
    assert f"Порт {copy.port}" in other.output
    assert other.pids() == []


def test_a_killed_worker_comes_back(copy: Copy):
    (before,) = copy.pids(of="bulk@")
    os.kill(before, signal.SIGKILL)

    wait_until(lambda: set(copy.pids(of="bulk@")) - {before} != set(), copy)
    assert "worker-bulk" in copy.output


def test_a_killed_database_comes_back_with_what_it_held(copy: Copy):
    copy.manage("shell", "-v", "0", "-c", ADD_AGENCY)
    before = set(copy.pids(of="bin/postgres"))
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: set(copy.pids(of="bin/postgres")) - before != set(), copy)
    wait_until(lambda: copy.missing() == [], copy)
    assert copy.manage("shell", "-v", "0", "-c", COUNT_AGENCIES) == "1"


def test_a_killed_broker_comes_back(copy: Copy):
    (before,) = copy.pids(of="valkey-server")
    os.kill(before, signal.SIGKILL)

    wait_until(lambda: set(copy.pids(of="valkey-server")) - {before} != set(), copy)
    wait_until(lambda: copy.missing() == [], copy)


def test_killed_without_warning_it_takes_everything_with_it(copy: Copy):
    copy.stop(signal.SIGKILL)

    wait_until(lambda: copy.pids() == [], copy)


def test_and_starts_again_with_its_data(copy: Copy):
    copy.start().wait_ready()

    assert copy.missing() == []
    assert copy.manage("shell", "-v", "0", "-c", COUNT_AGENCIES) == "1"


def test_sigterm_leaves_no_process(copy: Copy):
    assert copy.stop(signal.SIGTERM) == 0
    assert copy.pids() == []


def test_ctrl_c_during_the_start_leaves_no_process(copy: Copy):
    copy.start()
    wait_until(lambda: copy.pids(of="manage.py") != [], copy)

    assert copy.stop(signal.SIGINT) == 0
    assert copy.pids() == []


def test_ctrl_c_while_working_leaves_no_process_even_with_an_open_stream(copy: Copy):
    copy.start().wait_ready()
    with socket.create_connection(("127.0.0.1", copy.port + 1)) as stream:
        stream.sendall(b"GET /t/nobody/events/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert copy.stop(signal.SIGINT) == 0
    assert copy.pids() == []


def test_a_damaged_database_is_named(copy: Copy):
    (copy.data / "postgres" / "global" / "pg_control").write_bytes(b"damaged")
    copy.start()

    assert copy.process.wait(60) == 1
    assert str(copy.data / "postgres") in copy.output
    assert "поврежд" in copy.output
    assert copy.pids() == []


def test_a_damaged_broker_file_is_put_aside(home: Path):
    env = clean_env(LEADHUB_DATA=str(home / "broker"))
    ping = [sys.executable, "manage.py", "shell", "-v", "0", "-c", PING]
    subprocess.run(ping, cwd=BASE_DIR, env=env, check=True, capture_output=True)
    (file,) = (home / "broker" / "valkey" / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(b"*3\r\n$3\r\nSET\r\nnonsense\r\n*1\r\n$4\r\nPING\r\n")

    again = subprocess.run(ping, cwd=BASE_DIR, env=env, capture_output=True, text=True)

    assert again.stdout.strip() == "True", again.stderr
    assert list((home / "broker").glob("valkey-damaged-*"))


def test_a_very_long_path_works(home: Path):
    data = home.joinpath("очень-длинное-имя-каталога", *(["still-longer-than-a-socket-path-may-be"] * 4), "data")
    assert len(os.fsencode(str(data))) > 200
    env = clean_env(LEADHUB_DATA=str(data))

    asked = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", PING],
        cwd=BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
    )

    assert asked.stdout.strip() == "True", asked.stderr


def test_two_commands_at_once_share_the_services(home: Path):
    """The first started them and ends first: it waits for the second."""
    env = clean_env(LEADHUB_DATA=str(home / "shared"))
    marks = [home / "first", home / "second"]
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c"]

    def run(mark: Path, steps: int) -> subprocess.Popen[str]:
        code = USE_FOR_A_WHILE.format(mark=mark, steps=steps)
        return subprocess.Popen([*command, code], cwd=BASE_DIR, env=env, stderr=subprocess.PIPE, text=True)

    first = run(marks[0], 20)
    while not marks[0].exists():
        assert first.poll() is None, first.communicate()[1]
        time.sleep(0.05)
    second = run(marks[1], 50)

    errors = [process.communicate()[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), errors


SERVER_PID = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    backend = cursor.fetchone()[0]
import pathlib
print(pathlib.Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
"""
ADD_AGENCY = "from tenants.models import Agency; Agency.objects.create(name='Проба')"
COUNT_AGENCIES = "from tenants.models import Agency; print(Agency.objects.filter(name='Проба').count())"
PING = """
from django.core.cache import cache
from django.db import connection
cache.set("ping", 1)
connection.ensure_connection()
print(cache.get("ping") == 1)
"""
USE_FOR_A_WHILE = """
import pathlib, time
from django.db import connection
pathlib.Path(r"{mark}").touch()
for _ in range({steps}):
    connection.ensure_connection()
    connection.cursor().execute("SELECT 1")
    connection.close()
    time.sleep(0.1)
"""
