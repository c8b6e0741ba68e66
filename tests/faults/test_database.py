"""PostgreSQL goes away: what it does not take is refused, so that the messenger comes again; nothing is lost."""

from __future__ import annotations

import os
import signal
from itertools import count

import pytest

from tests.faults.installation import SECRET, Installation, hook, state_of

pytestmark = pytest.mark.processes

POSTGRES = "bin/postgres"
QUESTION = "Сколько стоит маникюр?"


def test_away_while_clients_write(installation: Installation):
    clients = installation.clients(12, "sosed")
    for client in clients[:4]:  # these are under way when it goes
        client.writes(QUESTION)
    with installation.unattended():
        os.kill(installation.part(POSTGRES)[0], signal.SIGKILL)
        installation.wait("the database still answers", lambda: not installation.part(POSTGRES))
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


def test_restarted_under_load(installation: Installation):
    """Messages are being stored, handled and answered at the moment it stops."""
    clients = installation.clients(16, "sosed")
    [before, *_] = installation.part(POSTGRES)
    for number, client in zip(count(), clients, strict=False):
        client.writes(QUESTION)
        if number == 8:
            os.kill(before, signal.SIGINT)
    installation.wait("it never stopped", lambda: state_of(before) in ("", "Z"))
    handled_once(installation, clients)
    assert before not in installation.part(POSTGRES)


def handled_once(installation: Installation, clients) -> None:
    installation.wait("no database again", lambda: installation.missing() == [])
    installation.wait("not all were answered", lambda: all(client.is_answered() for client in clients), hurry=0.5)
    installation.wait("still owed", lambda: not installation.owed("inbound", "channels.deliver"))
    for client in clients:
        client.check_handled_once()
