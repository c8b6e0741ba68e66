"""A reminder reaches the client though the messenger is shut: by SMS, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.installation import Installation

pytestmark = pytest.mark.processes

BLOCKED = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}


def test_reminder_of_a_client_who_blocked_the_bot_goes_by_sms(installation: Installation):
    client = installation.client("sosed")
    client.books("послезавтра", 19)
    [(starts_at,)] = installation.sql(
        "SELECT starts_at FROM t_sosed.booking_appointment WHERE lead_id = %s AND status = 'booked'", client.lead_id
    )
    installation.wait("still owed", lambda: not installation.owed("inbound", "channels.deliver", "reminders.plan"))
    heard = len(client.got)
    installation.sandbox.faults("telegram", "status", match="sendMessage", status=403, body=BLOCKED)

    now = datetime.fromtimestamp(installation.now(), UTC)
    installation.pass_time((starts_at - timedelta(hours=24) - now).total_seconds() + 1)

    digits = client.phone.lstrip("+")
    [sms] = installation.wait("no SMS", lambda: installation.sandbox.sms(phone=digits), hurry=0.5)
    assert "напоминает о записи" in sms["text"]
    installation.wait("still owed", lambda: not installation.owed("channels.deliver", "reminders.send"), hurry=0.5)
    assert len(installation.sandbox.sms(phone=digits)) == 1
    assert len(client.got) == heard
