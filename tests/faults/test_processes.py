"""Parts of the installation are killed in the middle of their work; clients notice a pause at most."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.installation import Installation, state_of

pytestmark = pytest.mark.processes

PIPELINE, HTTP, WEB, DISPATCHER = "pipeline@", "http@", "granian", "dispatch"
QUESTION = "Сколько стоит маникюр?"


def test_handlers_run_in_other_processes_than_the_web_server(installation: Installation):
    client = installation.client()
    web, pipeline = installation.part(WEB), installation.part(PIPELINE)
    assert len(web) > 1
    assert len(pipeline) > 1
    assert not set(web) & set(pipeline)

    with installation.frozen(PIPELINE, DISPATCHER):
        assert client.says(QUESTION) == 200
        assert installation.owed("inbound") == 1
        assert client.said == []
        # From here on no process of the web server can do anything: whatever happens, the workers do it.
        with installation.frozen(WEB) as web:
            for pid in [*pipeline, *installation.part(DISPATCHER)]:
                os.kill(pid, signal.SIGCONT)
            installation.wait("not answered while the web server stood still", client.is_answered)
            assert {state_of(pid) for pid in web} == {"T"}
    client.check_handled_once()


@pytest.mark.parametrize("who", ["one of its children", "the whole part"])
def test_a_worker_killed_in_the_middle_of_a_message(installation: Installation, who: str):
    client = installation.client()
    with installation.database() as held, held.transaction():
        held.execute("LOCK TABLE t_vesna.routing_lead IN ACCESS EXCLUSIVE MODE")
        assert client.says(QUESTION) == 200
        installation.wait("the handler never came to the lead", installation.waits_for_lock)
        before = installation.part(PIPELINE)
        doomed = before if who == "the whole part" else before[1:]
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        installation.wait("still there", lambda: not [pid for pid in doomed if state_of(pid) not in ("", "Z")])
    installation.wait("never handled", client.is_answered)
    assert set(installation.part(PIPELINE)) - set(before)
    client.check_handled_once()


def test_a_worker_killed_while_the_messenger_keeps_it_waiting(installation: Installation):
    """The messenger never took the text: it comes once. (When it did take it, see test_messenger.py.)"""
    client = installation.client()
    installation.sandbox.faults("telegram", "hang", match="sendMessage", times=1)
    client.says(QUESTION)
    installation.wait("no attempt", lambda: attempts(installation, client))
    installation.kill(HTTP)
    installation.pass_time(30)  # the lease of the one that was killed
    installation.wait("never sent", client.is_answered, hurry=0.5)
    client.check_handled_once()
    assert len(attempts(installation, client)) == 2


def test_web_server_killed_comes_back_and_takes_what_the_messenger_repeats(installation: Installation):
    clients = installation.clients(4, "sosed")
    with installation.unattended():
        before = installation.kill(WEB)
        for client in clients:
            client.writes(QUESTION)
        installation.wait("no refusal", lambda: installation.get("/healthz")[0] == 0)
    installation.wait("not answered", lambda: all(client.is_answered() for client in clients))
    assert not set(before) & set(installation.part(WEB))
    for client in clients:
        client.check_handled_once()


def test_one_process_of_the_web_server_killed(installation: Installation):
    clients = installation.clients(4, "sosed")
    web = installation.part(WEB)
    os.kill(web[-1], signal.SIGKILL)
    for client in clients:
        client.writes(QUESTION)
    installation.wait("not answered", lambda: all(client.is_answered() for client in clients))
    for client in clients:
        client.check_handled_once()


def test_dispatcher_killed_comes_back_and_repeats_what_failed(installation: Installation):
    """The second try is the dispatcher's alone: nobody else looks at what is due."""
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", "status", match="sendMessage", status=502, times=1)
    with installation.unattended():
        before = installation.kill(DISPATCHER)
        client.says(QUESTION)
        installation.wait("no attempt", lambda: attempts(installation, client))
        installation.wait("the try is not noted", lambda: retries(installation))
        installation.pass_time(60)
        assert client.got == []
    installation.wait("never sent", client.is_answered)
    assert not set(before) & set(installation.part(DISPATCHER))
    client.check_handled_once()


def test_replayed_and_reordered_updates_are_handled_once_each(installation: Installation):
    client = installation.client("sosed")
    updates = [client.update(text) for text in (QUESTION, "А педикюр?", "А окрашивание?")]
    client.sent = 3
    for update in [updates[2], updates[0], updates[2], updates[1], updates[0], updates[1], updates[2]]:
        assert client.deliver(update) == 200
    installation.wait("not answered", client.is_answered)
    for update in updates:  # long after, too
        assert client.deliver(update) == 200
    installation.wait("still owed", lambda: not installation.owed("inbound", "channels.deliver"))
    assert sorted(client.said) == sorted(update["message"]["text"] for update in updates)
    client.check_handled_once()
    stored = installation.number(
        "SELECT count(*) FROM t_sosed.channels_app_inboundevent WHERE event_key = ANY(%s)",
        [str(update["update_id"]) for update in updates],
    )
    assert stored == 3


def attempts(installation: Installation, client) -> list[dict]:
    """Calls by which we tried to write to this client."""
    calls = installation.sandbox.log("telegram")
    return [call for call in calls if call["method"] == "sendMessage" and call["body"]["chat_id"] == str(client.number)]


def retries(installation: Installation) -> int:
    return installation.number("SELECT count(*) FROM due_work WHERE handler = 'channels.deliver' AND attempts > 0")
