"""PostgreSQL goes away: what it does not take is refused, so that the messenger comes again; nothing is lost."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress

import psycopg
import pytest

from tests.faults.installation import SECRET, Installation, hook, state_of

pytestmark = pytest.mark.processes

POSTGRES = "bin/postgres"
LONG = "SELECT count(*) FROM (SELECT generate_series(1, 10000000000)) AS numbers"  # works without files
REPORTS = f"SELECT count(*) FROM pg_stat_activity WHERE query = '{LONG}'"
QUESTION = "Сколько стоит маникюр?"


def test_away_while_clients_write(installation: Installation):
    """Killed as the kernel kills what takes too much memory: a process of it that is busy lives on."""
    clients = installation.clients(12, "sosed")
    report = threading.Thread(target=long_report, args=(installation,), daemon=True)
    report.start()
    installation.wait("no report", lambda: installation.number(REPORTS))
    for client in clients[:4]:  # these are under way when it goes
        client.writes(QUESTION)
    with installation.unattended():
        installation.end_service(POSTGRES, signal.SIGKILL)
        installation.wait("the database still answers", lambda: not installation.part(POSTGRES))
        assert report.is_alive()
        for client in clients[4:]:
            client.writes(QUESTION)
        refused = installation.post(
            hook("telegram", "sosed"), clients[0].update(QUESTION), **{"X-Telegram-Bot-Api-Secret-Token": SECRET}
        )
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert installation.get("/healthz")[0] == 200
        assert "database" in installation.missing()
    handled_once(installation, clients)
    report.join()


def test_restarted_under_load(installation: Installation):
    """Messages are being stored, handled and answered at the moment it stops."""
    clients = installation.clients(16, "sosed")
    for client in clients[:8]:
        client.writes(QUESTION)
    before = installation.end_service(POSTGRES, signal.SIGINT)
    for client in clients[8:]:
        client.writes(QUESTION)
    installation.wait("it never stopped", lambda: state_of(before) in ("", "Z"))
    handled_once(installation, clients)
    assert before not in installation.part(POSTGRES)


def test_away_when_the_messenger_has_just_taken_a_text(installation: Installation):
    """Only the worker that sent it knows: it waits for the database, and the text does not leave again."""
    [client] = clients = installation.clients(1, "sosed")
    installation.wait_calm()
    installation.sandbox.faults("telegram", "after_timeout", match="sendMessage", times=1, delay=1.2)
    client.says(QUESTION)
    installation.wait("the messenger did not take it", lambda: client.got)
    with installation.unattended():
        with installation.frozen("http@"):  # its answer is read when the database is gone
            installation.end_service(POSTGRES, signal.SIGKILL)
        log = installation.data / "log" / "worker-http.log"
        installation.wait("it does not wait", lambda: "waits for the database" in log.read_text())
    handled_once(installation, clients)


def long_report(installation: Installation) -> None:
    with suppress(psycopg.OperationalError), installation.database() as connection:
        connection.execute(LONG)


def handled_once(installation: Installation, clients) -> None:
    installation.wait("no database again", lambda: installation.missing() == [])
    installation.wait("not all were answered", lambda: all(client.is_answered() for client in clients), hurry=0.5)
    installation.wait("still owed", lambda: not installation.owed("inbound", "channels.deliver"))
    for client in clients:
        client.check_handled_once()
