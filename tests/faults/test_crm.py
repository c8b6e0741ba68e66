"""Bitrix24 answers wrongly, late or never: afterwards it holds one lead, one contact, one deal, one task each."""

from __future__ import annotations

import pytest

from tests.faults.installation import Client, Installation

pytestmark = pytest.mark.processes


def busy(code: str, **more) -> dict:
    return {"error": code, "error_description": code, **more}


BLOCKED_FOR = {"finish": 1_000_000.0, "operating_reset_at": 1_000_005}  # seconds of the portal's own clock
ROWS = [
    pytest.param({"kind": "status", "status": 500, "body": busy("INTERNAL_SERVER_ERROR")}, id="500"),
    pytest.param({"kind": "status", "status": 503, "body": busy("QUERY_LIMIT_EXCEEDED")}, id="503 too many requests"),
    pytest.param(
        {"kind": "status", "status": 429, "body": busy("OPERATION_TIME_LIMIT", time=BLOCKED_FOR)},
        id="429 method blocked",
    ),
    pytest.param({"kind": "status", "status": 503, "body": "<html>"}, id="503 of a proxy"),
    pytest.param({"kind": "disconnect"}, id="hangs up"),
    pytest.param({"kind": "hang"}, id="never answers"),
    pytest.param({"kind": "after_timeout", "delay": 5}, id="does it, answers too late"),
]
HOURS = iter([(day, hour) for day in ("завтра", "послезавтра") for hour in (9, 11, 13, 15, 17)])


@pytest.fixture
def people(installation: Installation):
    """One who books and one who asks to be called."""
    return installation.client(), installation.client()


@pytest.mark.parametrize("fault", ROWS)
def test_portal_holds_each_once(installation: Installation, people, fault: dict):
    booker, caller = people
    installation.sandbox.faults("bitrix24", match=".add", times=2, **fault)
    act(booker, caller)
    synced(installation, booker, caller)
    assert installation.sandbox.get("faults")["faults"] == []  # they struck


def test_worker_killed_after_the_portal_did_what_was_asked(installation: Installation, people):
    """Nobody heard the answer: the next worker looks first."""
    booker, caller = people
    installation.sandbox.faults("bitrix24", "after_timeout", match="crm.item.add", times=1, delay=30)
    caller.says(f"Перезвоните мне, пожалуйста: {caller.phone}")
    installation.wait("no card in the portal", lambda: caller.leads and caller.cards())
    installation.kill("http@")
    installation.pass_time(60)
    booker.books(*next(HOURS))
    synced(installation, booker, caller)


def act(booker: Client, caller: Client) -> None:
    caller.says(f"Перезвоните мне, пожалуйста: {caller.phone}")
    booker.books(*next(HOURS))


def synced(installation: Installation, booker: Client, caller: Client) -> None:
    def all_is_told() -> bool:
        return not installation.owed("inbound", "channels.deliver", "crm.push_lead", "routing.appointment")

    installation.wait("the portal was not told", all_is_told, hurry=1)
    assert [len(booker.cards()), len(booker.contact_cards()), len(booker.deals())] == [1, 1, 1]
    assert [len(caller.cards()), len(caller.contact_cards()), len(caller.tasks())] == [1, 1, 1]
    assert booker.deals()[0]["leadId"] == booker.cards()[0]["id"]
