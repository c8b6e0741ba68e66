"""The messenger is busy, broken, deaf, or shut by the client."""

from __future__ import annotations

import pytest

from tests.faults.installation import Client, Installation

pytestmark = pytest.mark.processes

QUESTION = "Сколько стоит маникюр?"
BUSY = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}}
BLOCKED = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 429, "body": BUSY}, id="429 with retry_after"),
        pytest.param({"kind": "status", "status": 500}, id="500"),
        pytest.param({"kind": "status", "status": 503, "body": "<html>"}, id="503"),
        pytest.param({"kind": "garbage", "status": 502}, id="502 of a proxy"),
        pytest.param({"kind": "disconnect"}, id="hangs up"),
        pytest.param({"kind": "hang"}, id="never answers"),
    ],
)
def test_text_it_did_not_take_comes_once(installation: Installation, fault: dict):
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", match="sendMessage", times=2, **fault)
    client.says(QUESTION)
    installation.wait("never sent", client.is_answered, hurry=0.5)
    assert tries(installation, client) == 3
    client.check_handled_once()


def test_text_it_took_without_an_answer_comes_twice_at_most(installation: Installation):
    """The messenger knows no number of ours, so that nobody can say whether it has the text: one more, never two."""
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", "after_timeout", match="sendMessage", times=1, delay=4)
    client.says(QUESTION)
    installation.wait("never sent", client.is_answered, hurry=0.5)
    [(reply, state)] = client.replies
    assert state == "sent"
    assert client.got in ([reply], [reply, reply])
    assert tries(installation, client) == 2
    assert len(client.leads) == 1


def test_worker_killed_before_it_kept_that_the_messenger_took_the_text(installation: Installation):
    """The same window, with our process gone in it: twice at most."""
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", "after_timeout", match="sendMessage", times=1, delay=30)
    client.says(QUESTION)
    installation.wait("the messenger did not take it", lambda: client.got)
    installation.kill("http@")
    installation.pass_time(30)  # the lease of the one that was killed
    installation.wait("no outcome", client.is_answered, hurry=0.5)
    [(reply, _)] = client.replies
    assert client.got in ([reply], [reply, reply])
    assert tries(installation, client) == 2


def test_text_whose_outcome_cannot_be_kept_at_once_does_not_leave_again(installation: Installation):
    """The messenger has it; somebody holds the lead for longer than we wait for a lock."""
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", "after_timeout", match="sendMessage", times=1, delay=0.8)
    client.says(QUESTION)
    installation.wait("the messenger did not take it", lambda: client.got)
    with installation.database() as held, held.transaction():
        held.execute("LOCK TABLE t_sosed.routing_lead IN ACCESS EXCLUSIVE MODE")
        installation.wait("that it left was not kept", lambda: parts_sent(installation, client) == [1])
        assert [state for _, state in client.replies] == ["queued"]
    installation.wait("no outcome", client.is_answered, hurry=0.5)
    assert tries(installation, client) == 1
    client.check_handled_once()


def test_client_who_blocked_the_bot_is_not_called_again(installation: Installation):
    client = installation.client("sosed")
    installation.sandbox.faults("telegram", "status", match="sendMessage", status=403, body=BLOCKED, times=1)
    client.says(QUESTION)
    installation.wait("no outcome", lambda: [state for _, state in client.replies] == ["failed"])
    installation.pass_time(30)
    installation.wait("still owed", lambda: not installation.owed("channels.deliver"))
    assert tries(installation, client) == 1
    assert client.got == []


def tries(installation: Installation, client: Client) -> int:
    calls = installation.sandbox.log("telegram")
    mine = [call for call in calls if call["method"] == "sendMessage" and call["body"]["chat_id"] == str(client.number)]
    return len(mine)


def parts_sent(installation: Installation, client: Client) -> list[int]:
    rows = installation.sql('SELECT parts_sent FROM t_sosed.channels_app_delivery WHERE "to" = %s', str(client.number))
    return [row[0] for row in rows]
