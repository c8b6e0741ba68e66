"""SMSC.ru's contract: every error comes with HTTP 200."""

from __future__ import annotations

import time

import httpx
import pytest

from sandbox.sms import sms_parts

from .conftest import HTTP

KEY = {"apikey": "sandbox-smsc-key"}
ANNA = "79000000501"


@pytest.fixture
def smsc(sandbox):
    def call(script: str, **params):
        answer = HTTP.post(f"{sandbox.url}/smsc/sys/{script}.php", data=KEY | {"fmt": 3} | params)
        assert answer.status_code == 200
        return answer.json()

    return call


def test_a_message_is_sent_and_delivered(sandbox, smsc):
    sandbox.settings(sms_delivery_seconds=0)
    sent = smsc("send", phones="+7 (900) 000-05-01", mes="Вы записаны на 15:00", sender="VESNA", cost=3)
    assert sent == {"id": sent["id"], "cnt": 1, "cost": "1.4", "balance": "998.6"}
    status = smsc("status", phone=ANNA, id=sent["id"])
    assert status["status"] == 1
    assert status["last_timestamp"] > 0
    [kept] = sandbox.sms(ANNA)
    assert (kept["text"], kept["sender"], kept["status"]) == ("Вы записаны на 15:00", "VESNA", 1)


def test_before_delivery_it_is_with_the_operator(sandbox, smsc):
    sandbox.settings(sms_delivery_seconds=1000)
    sent = smsc("send", phones=ANNA, mes="Ждём вас")
    assert smsc("status", phone=ANNA, id=sent["id"])["status"] == 0


def test_a_deferred_message_waits(sandbox, smsc):
    sent = smsc("send", phones=ANNA, mes="Завтра", time="+24")
    answer = smsc("status", phone=ANNA, id=sent["id"], all=1)
    assert (answer["status"], answer["status_name"]) == (-1, "Ожидает отправки")


def test_login_and_password_work_too(sandbox):
    params = {"login": "sandbox", "psw": "sandbox", "phones": ANNA, "mes": "Привет", "fmt": "3"}
    assert "id" in HTTP.get(f"{sandbox.url}/smsc/sys/send.php", params=params).json()


@pytest.mark.parametrize("status", [2, 3, 20, 22, 23, 24, 25])
def test_every_final_status_can_be_the_phones_fate(sandbox, smsc, status):
    sandbox.settings(sms_delivery_seconds=0)
    sandbox.post("sms/phones", phone=ANNA, status=status)
    sent = smsc("send", phones=ANNA, mes="Ждём вас")
    assert smsc("status", phone=ANNA, id=sent["id"])["status"] == status


def test_error_1_parameters(smsc):
    assert smsc("send", phones="", mes="Привет")["error_code"] == 1
    assert smsc("send", phones=ANNA, mes="")["error_code"] == 1
    assert smsc("send", phones=ANNA, mes="Привет", id="2147483648")["error_code"] == 1
    assert smsc("status", id="", phone="")["error_code"] == 1


def test_error_2_login(sandbox, smsc):
    assert smsc("send", phones=ANNA, mes="Привет", apikey="wrong")["error_code"] == 2
    params = {"login": "sandbox", "psw": "wrong", "phones": ANNA, "mes": "Привет", "fmt": "3"}
    assert HTTP.get(f"{sandbox.url}/smsc/sys/send.php", params=params).json()["error_code"] == 2


def test_error_3_no_money(sandbox, smsc):
    sandbox.post("sms/account", login="sandbox", balance=1.0)
    assert smsc("send", phones=ANNA, mes="Привет")["error_code"] == 3
    assert sandbox.sms() == []


def test_error_4_address_blocked(sandbox, smsc):
    sandbox.post("sms/account", login="sandbox", ip_blocked=True)
    assert smsc("send", phones=ANNA, mes="Привет")["error_code"] == 4


def test_error_5_date(smsc):
    assert smsc("send", phones=ANNA, mes="Привет", time="завтра")["error_code"] == 5


def test_error_6_unregistered_sender_name(sandbox, smsc):
    sandbox.post("sms/account", login="sandbox", senders=["VESNA"])
    assert smsc("send", phones=ANNA, mes="Привет", sender="OTHER")["error_code"] == 6
    assert "id" in smsc("send", phones=ANNA, mes="Привет", sender="VESNA")


@pytest.mark.parametrize("phone", ["12345", "абв", "+7900000050x"])
def test_error_7_number(smsc, phone):
    assert smsc("send", phones=phone, mes="Привет")["error_code"] == 7


def test_error_8_cannot_be_delivered(sandbox, smsc):
    sandbox.post("sms/phones", phone=ANNA, refused=True)
    assert smsc("send", phones=ANNA, mes="Привет")["error_code"] == 8


def test_error_9_the_same_words_to_the_same_number_within_a_minute(sandbox, smsc):
    assert "id" in smsc("send", phones=ANNA, mes="Привет")
    assert smsc("send", phones="89000000501", mes="Привет")["error_code"] == 9
    assert "id" in smsc("send", phones=ANNA, mes="Другое")
    assert "id" in smsc("send", phones="79000000502", mes="Привет")
    sandbox.settings(sms_limits=False)
    assert "id" in smsc("send", phones=ANNA, mes="Привет")


def test_an_own_id_is_no_idempotency_key_but_status_finds_by_it(sandbox, smsc):
    assert smsc("status", phone=ANNA, id="4242")["status"] == -3
    assert smsc("send", phones=ANNA, mes="Первое", id="4242")["id"] == 4242
    assert smsc("status", phone="8 900 000 05 01", id="4242")["status"] in (0, 1)
    assert smsc("send", phones=ANNA, mes="Второе", id="4242")["id"] == 4242
    assert len(sandbox.sms(ANNA)) == 2


def test_after_a_lost_answer_the_status_tells_that_it_was_sent(sandbox, smsc):
    sandbox.faults("sms", "after_timeout", match="send", times=1, delay=30)
    data = KEY | {"phones": ANNA, "mes": "Ждём вас", "id": "77", "fmt": "3"}
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{sandbox.url}/smsc/sys/send.php", data=data, timeout=0.5)
    assert smsc("status", phone=ANNA, id="77")["status"] in (0, 1)


def test_several_phones_cost_several(smsc):
    assert smsc("send", phones="79000000501,79000000502", mes="Привет", cost=1) == {"cost": "2.8", "cnt": 2}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x\u00a0y" * 24, 2),
    ],
)
def test_cyrillic_parts_are_70_and_67_characters(text, parts):
    assert sms_parts(text) == parts


def test_without_fmt_3_the_answer_is_no_json(sandbox):
    data = KEY | {"phones": ANNA, "mes": "Привет"}
    assert HTTP.post(f"{sandbox.url}/smsc/sys/send.php", data=data).text.startswith("OK - 1 SMS, ID - ")
    assert HTTP.post(f"{sandbox.url}/smsc/sys/send.php", data=data).text == "ERROR = 9 (too many requests)"


def test_passwords_are_not_in_the_log(sandbox, smsc):
    smsc("send", phones=ANNA, mes="Привет")
    [call] = sandbox.log("sms")
    assert call["body"] == {"fmt": "3", "phones": ANNA, "mes": "Привет"}
    assert call["at"] <= time.time()
