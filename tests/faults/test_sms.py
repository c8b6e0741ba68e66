"""The SMS gateway is busy, broken or deaf. An SMS costs money: whatever happens, it is sent once."""

from __future__ import annotations

import pytest

from tests.faults.installation import Installation, hook

pytestmark = pytest.mark.processes

TOO_OFTEN = {"error": "too many requests", "error_code": 9}
ROWS = [
    pytest.param([{"kind": "status", "status": 500}], id="500"),
    pytest.param([{"kind": "status", "status": 429, "body": ""}], id="429"),
    pytest.param([{"kind": "status", "status": 503, "body": "<html>"}], id="503"),
    pytest.param([{"kind": "status", "status": 200, "body": TOO_OFTEN}], id="error 9"),
    pytest.param([{"kind": "garbage"}], id="no JSON"),
    pytest.param([{"kind": "disconnect"}], id="hangs up"),
    pytest.param([{"kind": "hang"}], id="never answers"),
    pytest.param([{"kind": "after_timeout", "delay": 4}], id="takes it, answers too late"),
    pytest.param(
        [{"kind": "after_timeout", "delay": 4}, {"kind": "status", "status": 500, "match": "status"}],
        id="takes it, answers too late, then does not say so",
    ),
]


@pytest.mark.parametrize("faults", ROWS)
def test_sms_is_sent_once(installation: Installation, faults: list[dict]):
    """A form leaves a phone and no other way back: the answer goes by SMS."""
    phone = installation.client("sosed").phone
    installation.sandbox.settings(sms_limits=False)  # the gateway's own guard against duplicates would hide ours
    for fault in faults:
        installation.sandbox.faults("sms", **{"match": "send", "times": 1} | fault)
    form = {"client_key": f"form-{phone}", "name": "Анна", "phone": phone, "comment": "Сколько стоит педикюр?"}
    assert installation.post(hook("form", "sosed"), form).status_code == 200
    digits = phone.lstrip("+")

    def is_sent() -> bool:
        return deliveries(installation, phone) == ["sent"]

    installation.wait("never sent", is_sent, hurry=1)
    assert len(installation.sandbox.sms(phone=digits)) == 1
    assert installation.sandbox.get("faults")["faults"] == []


def deliveries(installation: Installation, phone: str) -> list[str]:
    rows = installation.sql('SELECT status FROM t_sosed.channels_app_delivery WHERE "to" = %s', phone)
    return [row[0] for row in rows]
