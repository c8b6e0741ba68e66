"""The broker forgets, goes away, or hangs: it holds nothing that is not owed in the database too."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.faults.installation import Client, Installation, hook

pytestmark = pytest.mark.processes

PIPELINE, DISPATCHER, BROKER = "pipeline@", "dispatch", "valkey-server"
QUESTION = "Сколько стоит маникюр?"


def test_flushed_with_work_in_its_queues(installation: Installation):
    clients = installation.clients(6)
    with installation.frozen(PIPELINE):
        assert {client.says(QUESTION) for client in clients} == {200}
        installation.wait("nothing queued", lambda: installation.valkey.llen("pipeline") >= len(clients) - 1)
        with installation.frozen(DISPATCHER):
            installation.valkey.flushall()
            assert installation.valkey.llen("pipeline") == 0
    handled_once(installation, clients)


def test_away_while_clients_write(installation: Installation):
    """Telegram's posts and the chat's are taken as always; with the broker back every one is handled, once."""
    clients = installation.clients(6)
    with installation.unattended():
        installation.kill(BROKER)
        assert {client.says(QUESTION) for client in clients} == {200}
        assert chat(installation, "away-visitor-0001").status_code == 200
        assert installation.get("/healthz")[0] == 200
        assert "broker" in installation.missing()
        assert installation.owed("inbound") == len(clients) + 1
    handled_once(installation, clients)
    installation.wait("the chat has no answer", lambda: len(answers(installation, "away-visitor-0001")) == 1)


def test_hanging_it_delays_nobody_for_long(installation: Installation):
    """It takes connections and answers nothing: worse than being away."""
    [client] = clients = installation.clients(1, "sosed")
    statuses = {}

    def write() -> None:
        statuses["telegram"] = client.says(QUESTION)
        statuses["chat"] = chat(installation, "hang-visitor-0001").status_code

    with installation.unattended(), installation.frozen(BROKER):
        writing = threading.Thread(target=write)
        writing.start()
        writing.join(60)  # far more than the time-outs on the way
        assert not writing.is_alive()
    assert statuses == {"telegram": 200, "chat": 200}
    handled_once(installation, clients)
    installation.wait("the chat has no answer", lambda: len(answers(installation, "hang-visitor-0001")) == 1)


def test_workers_come_back_to_a_broker_that_was_restarted(installation: Installation):
    """Also those that had a message in hand when the connection broke."""
    [client] = clients = installation.clients(1, "sosed")
    with installation.database() as held, held.transaction():
        held.execute("LOCK TABLE t_sosed.routing_lead IN ACCESS EXCLUSIVE MODE")
        client.says(QUESTION)
        installation.wait("the handler never came to the lead", installation.waits_for_lock)
        [broker] = installation.part(BROKER)
        os.kill(broker, signal.SIGTERM)
        installation.wait("no new broker", lambda: installation.part(BROKER) not in ([], [broker]))
    handled_once(installation, clients)


def handled_once(installation: Installation, clients: list[Client]) -> None:
    installation.wait("not all were answered", lambda: all(client.is_answered() for client in clients), hurry=0.5)
    installation.wait("still owed", lambda: not installation.owed("inbound", "channels.deliver", "crm.push_lead"))
    for client in clients:
        client.check_handled_once()
        if client.slug == "vesna":
            assert len(client.cards()) == len(client.contact_cards()) == 1


def chat(installation: Installation, visitor: str):
    body = {"visitor": visitor, "client_key": "first-message", "text": QUESTION}
    return installation.post(hook("webchat", "sosed"), body)


def answers(installation: Installation, visitor: str) -> list[dict]:
    """What the visitor's browser is shown of the business's words."""
    path = hook("webchat", "sosed") + "messages"
    told = installation.fetch(path, Authorization=f"Bearer {visitor}").json()
    return [message for message in told["messages"] if message["author"] != "client"]
