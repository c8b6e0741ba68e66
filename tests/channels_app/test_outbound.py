"""Words on their way to a client: once, in order, not after a person took over, and seen when they fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels_app import accounts, outbound
from channels_app.models import ChannelAccount, Delivery, Notice
from channels_app.signals import delivery_changed
from contacts.models import Contact, Message
from leadhub.work.models import DueWork
from leadhub.work.running import run_row


@pytest.fixture
def heard():
    """What rooms above were told."""
    told = []

    def listen(sender, delivery, now, **kwargs):
        told.append((delivery.key, delivery.status))

    delivery_changed.connect(listen)
    yield told
    delivery_changed.disconnect(listen)


def state(delivery):
    delivery.refresh_from_db()
    return delivery.status


def test_answer_reaches_the_client_with_its_buttons(talk, clock, heard):
    delivery = talk.queue("Какое время удобно?", key="a", choices=["сегодня, 15:00", "завтра, 10:30"])
    assert delivery.message.text == "Какое время удобно?"
    assert (delivery.message.author, delivery.message.choices) == ("assistant", ["сегодня, 15:00", "завтра, 10:30"])
    clock.settle()
    assert state(delivery) == "sent"
    assert delivery.provider_id
    assert delivery.sent_at == clock.now()
    (row,) = [row for row in talk.sandbox.telegram(talk.token) if row["out"]]
    buttons = [line[0]["text"] for line in row["message"]["reply_markup"]["inline_keyboard"]]
    assert buttons == ["сегодня, 15:00", "завтра, 10:30"]
    assert str(row["message"]["message_id"]) == delivery.provider_id
    assert heard == [("a", "sent")]
    assert not DueWork.objects.filter(handler="channels.deliver").exists()


def test_same_key_is_one_delivery(talk, clock):
    assert talk.queue("раз", key="a") == talk.queue("раз", key="a")
    clock.settle()
    assert talk.got == ["раз"]
    assert Message.objects.filter(author="assistant").count() == 1


def test_rung_twice_leaves_once(talk, clock):
    delivery = talk.queue()
    row = DueWork.objects.get(handler="channels.deliver").pk
    assert run_row(row)
    run_row(row)
    outbound.deliver(delivery.pk, now=clock.now())
    assert len(talk.got) == 1


def test_staff_word_stands_under_its_author(talk, salon, clock):
    delivery = talk.queue("Это Анна", by_assistant=False, staff=salon.anna)
    clock.settle()
    assert (delivery.message.author, delivery.message.staff) == ("staff", salon.anna)
    assert talk.got == ["Это Анна"]


def test_assistant_is_silent_once_a_person_leads(talk, salon, clock, heard):
    delivery = talk.queue("Записать вас?", key="a")
    talk.conversation.held_by = salon.anna
    talk.conversation.save()
    person = talk.queue("Здравствуйте, это Анна", key="b", by_assistant=False)
    clock.settle()
    assert state(delivery) == "cancelled"
    assert delivery.error
    assert state(person) == "sent"
    assert talk.got == ["Здравствуйте, это Анна"]
    assert heard == [("a", "cancelled"), ("b", "sent")]


def test_texts_leave_in_their_order(talk, clock):
    deliveries = [talk.queue(f"{number}") for number in range(3)]
    for delivery in reversed(deliveries):
        run_row(DueWork.objects.get(handler="channels.deliver", key=str(delivery.pk)).pk)
    clock.tick(seconds=2)
    assert talk.got == ["0", "1", "2"]


def test_burst_to_one_client_is_paced(talk, clock):
    deliveries = [talk.queue(f"{number}") for number in range(5)]
    clock.settle()
    assert talk.got == ["0", "1", "2"]
    clock.tick(seconds=8)
    assert talk.got == ["0", "1", "2", "3", "4"]
    assert {state(delivery) for delivery in deliveries} == {"sent"}


def test_long_text_leaves_in_parts_and_only_the_rest_is_tried_again(talk, clock):
    text = " ".join(f"слово{number}" for number in range(1200))
    delivery = talk.queue(text, choices=["да"])
    talk.sandbox.faults(
        "telegram", "status", match="sendmessage", status=200, times=1, body={"ok": True, "result": {"message_id": 1}}
    )
    talk.sandbox.faults(
        "telegram", "status", match="sendmessage", status=502, times=1, body={"ok": False, "error_code": 502}
    )
    clock.settle()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.parts_sent) == ("queued", 1)
    clock.tick(seconds=5)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.parts_sent) == ("sent", 3)
    assert len(talk.got) == 2
    assert text.endswith(" ".join(talk.got))
    rows = [row["message"] for row in talk.sandbox.telegram(talk.token) if row["out"]]
    assert [("reply_markup" in row) for row in rows] == [False, True]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503, "body": "<html>"},
        {"kind": "garbage"},
        {"kind": "disconnect"},
        {"kind": "timeout", "delay": 0},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
def test_messenger_that_fails_is_asked_again(talk, clock, fault):
    talk.sandbox.faults("telegram", match="sendmessage", times=2, **fault)
    delivery = talk.queue()
    clock.settle()
    assert state(delivery) == "queued"
    clock.tick(seconds=10)
    assert state(delivery) == "sent"
    assert len(talk.got) == 1


def test_messenger_that_hangs_is_asked_again(talk, clock, settings):
    settings.HTTP_READ_TIMEOUT = 0.2
    settings.TELEGRAM_API_URL += "/"  # a client of its own with the short time-out
    talk.sandbox.faults("telegram", "hang", match="sendmessage", times=1)
    delivery = talk.queue()
    clock.settle()
    assert state(delivery) == "queued"
    clock.tick(seconds=5)
    assert state(delivery) == "sent"


def test_messenger_names_the_pause(talk, clock):
    body = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 17}}
    talk.sandbox.faults("telegram", "status", match="sendmessage", status=429, times=1, body=body)
    delivery = talk.queue()
    clock.settle()
    due = DueWork.objects.get(handler="channels.deliver")
    assert due.due_at == clock.now() + timedelta(seconds=17)
    assert due.attempts == 0
    clock.tick(seconds=17)
    assert state(delivery) == "sent"


def test_token_stands_in_no_error(talk, clock):
    talk.sandbox.faults("telegram", "disconnect", match="sendmessage", times=1)
    talk.queue()
    clock.settle()
    error = DueWork.objects.get(handler="channels.deliver").last_error
    assert "no answer" in error
    assert talk.token not in error


def test_client_who_blocked_the_bot_is_marked(talk, clock, heard):
    talk.sandbox.post("telegram/block", token=talk.token, client=int(talk.who))
    delivery = talk.queue(key="a")
    clock.settle()
    assert state(delivery) == "failed"
    assert "заблокировал" in delivery.error
    talk.conversation.identity.refresh_from_db()
    assert talk.conversation.identity.is_unreachable
    assert heard == [("a", "failed")]
    assert talk.sms == []


def test_reminder_falls_back_to_sms(talk, clock):
    Contact.objects.filter(pk=talk.conversation.contact_id).update(phone="+79000000001")
    talk.sandbox.post("telegram/block", token=talk.token, client=int(talk.who))
    delivery = talk.queue("Завтра в 15:00 ждём вас", fallback_sms=True)
    clock.settle()
    assert state(delivery) == "failed"
    assert "СМС" in delivery.error
    assert talk.sms == [("79000000001", "Завтра в 15:00 ждём вас")]
    clock.settle()
    second = talk.queue("Через 2 часа", fallback_sms=True)  # known to be unreachable: the bot is not even tried
    clock.settle()
    assert state(second) == "failed"
    assert len(talk.sms) == 2


def test_text_the_messenger_refuses_is_failed_and_seen(talk, clock):
    body = {"ok": False, "error_code": 400, "description": "Bad Request: can't parse entities"}
    talk.sandbox.faults("telegram", "status", match="sendmessage", status=400, times=1, body=body)
    delivery = talk.queue()
    clock.tick(minutes=1)
    assert state(delivery) == "failed"
    assert "can't parse" in delivery.error
    outbound.retry(delivery, now=clock.now())
    clock.settle()
    assert state(delivery) == "sent"


def test_broken_token_pauses_the_account_and_tells_the_owner(talk, salon, clock):
    talk.sandbox.post("telegram/bots", token=talk.token, revoked=True)
    deliveries = [talk.queue("раз"), talk.queue("два")]
    clock.tick(seconds=5)
    talk.account.refresh_from_db()
    assert "токен" in talk.account.paused_reason
    assert {state(delivery) for delivery in deliveries} == {"queued"}
    told = Notice.objects.filter(kind="failure")
    assert {notice.staff.name for notice in told} == {"Виктор", "Светлана"}
    assert told.count() == 2
    talk.sandbox.post("telegram/bots", token=talk.token, revoked=False)
    accounts.save_account(talk.account, {"token": talk.token})
    clock.tick(seconds=5)
    assert talk.got == ["раз", "два"]
    talk.account.refresh_from_db()
    assert talk.account.paused_reason == ""


def test_late_answer_to_a_conversation_that_went_on_is_not_sent(talk, clock):
    talk.sandbox.faults("telegram", "status", match="sendmessage", status=500)
    late = talk.queue("Есть 15:00")
    clock.tick(minutes=11)
    talk.writes("Вы где?")
    talk.sandbox.clear_faults()
    clock.tick(minutes=16)
    assert state(late) == "cancelled"
    assert talk.got == []


def test_late_answer_still_leaves_when_nothing_was_said_since(talk, clock):
    talk.sandbox.faults("telegram", "status", match="sendmessage", status=500)
    late = talk.queue("Есть 15:00")
    clock.tick(minutes=11)
    talk.sandbox.clear_faults()
    clock.tick(minutes=16)
    assert state(late) == "sent"


def test_gives_up_visibly_after_half_a_day(talk, clock):
    talk.sandbox.faults("telegram", "status", match="sendmessage", status=500)
    delivery = talk.queue(by_assistant=False)
    clock.tick(hours=13)
    assert state(delivery) == "failed"
    assert not DueWork.objects.filter(handler="channels.deliver").exists()


def test_channel_that_cannot_send_yet_is_failed_and_seen(talk, clock):
    delivery = talk.queue()
    ChannelAccount.objects.filter(pk=talk.account.pk).update(kind="vk")
    clock.settle()
    assert state(delivery) == "failed"


def test_pressed_button_comes_to_rest(talk, door, clock):
    talk.queue("Какое время?", choices=["завтра, 10:30"])
    clock.settle()
    (shown,) = [row["message"] for row in talk.sandbox.telegram(talk.token) if row["out"]]
    data = shown["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    press = {"message_id": shown["message_id"], "data": data}
    made = talk.sandbox.post("telegram/say", token=talk.token, client=int(talk.who), callback=press)
    query = {
        "id": str(4_000_000_001 + made["update_id"]),  # as the sandbox numbers its queries
        "from": {"id": int(talk.who), "is_bot": False, "first_name": "Ирина"},
        "message": shown,
        "data": data,
    }
    assert door.post("telegram", {"update_id": made["update_id"], "callback_query": query}).status_code == 200
    (message,) = door.take_in()
    assert message.text == "завтра, 10:30"
    row = DueWork.objects.get(handler="channels.answer_press")
    assert run_row(row.pk)
    (call,) = [call for call in talk.sandbox.log("telegram") if call["method"].lower() == "answercallbackquery"]
    assert call["status"] == 200


def test_cancelled_text_never_leaves(talk, clock):
    delivery = talk.queue("Напоминание")
    outbound.cancel(delivery, "Визит перенесён.", now=clock.now())
    clock.settle()
    assert state(delivery) == "cancelled"
    assert talk.got == []


# --- SMS -----------------------------------------------------------------------------------------------------------


def test_sms(salon, sandbox, clock):
    delivery = outbound.queue_sms("+79000000001", "Код 12345", key="code-1", now=clock.now())
    assert outbound.queue_sms("+79000000001", "Код 12345", key="code-1", now=clock.now()) == delivery
    clock.settle()
    assert state(delivery) == "sent"
    assert [(row["phone"], row["text"]) for row in sandbox.sms()] == [("79000000001", "Код 12345")]


def test_business_without_sms(salon, clock):
    account = outbound.sms_account()
    account.is_active = False
    account.save()
    assert outbound.queue_sms("+79000000001", "Код", key="code-1", now=clock.now()) is None


def test_lost_answer_of_the_gateway_sends_no_second_sms(salon, sandbox, clock, settings):
    settings.HTTP_READ_TIMEOUT = 0.2
    settings.SMSC_API_URL += "/"
    sandbox.faults("sms", "after_timeout", match="send", times=1, delay=1)
    delivery = outbound.queue_sms("+79000000001", "Ждём завтра", key="r-1", now=clock.now())
    clock.settle()
    assert state(delivery) == "queued"
    clock.tick(seconds=5)
    assert state(delivery) == "sent"
    assert len(sandbox.sms()) == 1


def test_gateway_down_then_up(salon, sandbox, clock):
    sandbox.faults("sms", "status", status=503, times=3)
    delivery = outbound.queue_sms("+79000000001", "Ждём завтра", key="r-1", now=clock.now())
    clock.tick(minutes=1)
    assert state(delivery) == "sent"
    assert len(sandbox.sms()) == 1


@pytest.mark.parametrize(
    ("code", "status"), [(1, "failed"), (5, "failed"), (6, "failed"), (7, "failed"), (8, "failed")]
)
def test_gateway_refuses(salon, sandbox, clock, code, status):
    sandbox.faults("sms", "status", status=200, times=1, body={"error": "x", "error_code": code})
    delivery = outbound.queue_sms("+79000000001", "Ждём", key="r-1", now=clock.now())
    clock.tick(seconds=1)
    assert state(delivery) == status
    assert delivery.error


@pytest.mark.parametrize("code", [2, 3])
def test_gateway_without_money_or_login_pauses(salon, sandbox, clock, code):
    sandbox.faults("sms", "status", status=200, times=1, body={"error": "x", "error_code": code})
    delivery = outbound.queue_sms("+79000000001", "Ждём", key="r-1", now=clock.now())
    clock.tick(seconds=1)
    delivery.account.refresh_from_db()
    assert delivery.account.paused_reason
    assert state(delivery) == "queued"


@pytest.mark.parametrize(("code", "seconds"), [(4, 300), (9, 61)])
def test_gateway_asks_for_a_pause(salon, sandbox, clock, code, seconds):
    sandbox.faults("sms", "status", status=200, times=1, body={"error": "x", "error_code": code})
    delivery = outbound.queue_sms("+79000000001", "Ждём", key="r-1", now=clock.now())
    clock.tick(seconds=seconds - 1)
    assert state(delivery) == "queued"
    clock.tick(seconds=1)
    assert state(delivery) == "sent"


# --- Site ----------------------------------------------------------------------------------------------------------


def test_answer_to_a_form_goes_by_sms(form_talk, clock):
    delivery = form_talk.queue("Ждём вас завтра в 15:00")
    clock.settle()
    assert state(delivery) == "sent"
    assert delivery.account.kind == "sms"
    assert form_talk.sms == [("79000000001", "Ждём вас завтра в 15:00")]


def test_answer_to_a_form_without_a_way_back_is_failed_and_seen(form_talk, clock, heard):
    account = outbound.sms_account()
    account.is_active = False
    account.save()
    delivery = form_talk.queue(key="a")
    assert state(delivery) == "failed"
    assert "некуда" in delivery.error
    assert heard == [("a", "failed")]
    account.is_active = True
    account.save()
    outbound.retry(delivery, now=clock.now())
    clock.settle()
    assert state(delivery) == "sent"
    assert len(form_talk.sms) == 1


def test_answer_in_the_chat_is_delivered_and_told_live(
    chat_talk, clock, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr("channels_app.live._send", sent.extend)
    with django_capture_on_commit_callbacks(execute=True):
        delivery = chat_talk.queue("Здравствуйте!")
        clock.settle()
    assert state(delivery) == "delivered"
    told = [event for event in sent if '"chat"' in event]
    assert told == [f'{{"schema": "t_vesna", "kind": "chat", "id": {delivery.message_id}, "visitor": "visitor-hash"}}']
    assert all("Здравствуйте" not in event for event in sent)


def test_held_chat_shows_no_word_of_the_assistant(chat_talk, salon, clock):
    delivery = chat_talk.queue("Записать вас?")
    chat_talk.conversation.held_by = salon.anna
    chat_talk.conversation.save()
    clock.settle()
    assert state(delivery) == "cancelled"


def test_neighbour_sees_nothing(talk, clock, neighbour):
    talk.queue()
    clock.settle()
    with neighbour.inside():
        assert not Delivery.objects.exists()
