"""The Bot API as its documentation tells it: every limit and error that a bot of ours can meet."""

from __future__ import annotations

import httpx
import pytest

from sandbox.limits import Bucket

from .conftest import HTTP, TOKEN, Bot

ANNA = {"id": 501, "first_name": "Анна", "phone": "79000000501"}


@pytest.fixture
def anna(sandbox, bot) -> int:
    return sandbox.say(TOKEN, "Здравствуйте", ANNA)["chat_id"]


def refused(answer: httpx.Response, code: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["ok"], body["error_code"]) == (code, False, code)
    return body["description"]


def test_get_me_names_the_bot(bot):
    assert bot("getMe") == bot("getME") | {"id": 123456789, "is_bot": True}


@pytest.mark.parametrize("token", ["123", "abc:defghijklmnop", "123456:short", "123456:bad*characters*here"])
def test_a_malformed_token_is_401(sandbox, token):
    assert refused(Bot(sandbox, token).raw("getMe"), 401) == "Unauthorized"


def test_a_revoked_token_is_401(sandbox, bot):
    sandbox.post("telegram/bots", token=TOKEN, revoked=True)
    assert refused(bot.raw("getMe"), 401) == "Unauthorized"


def test_another_secret_for_a_known_bot_is_401(sandbox, bot):
    refused(Bot(sandbox, "123456789:AnotherSecretOfTheSameBot").raw("getMe"), 401)


def test_an_unregistered_bot_is_401_when_only_known_ones_are_served(sandbox):
    sandbox.settings(telegram_known_bots=True)
    refused(Bot(sandbox).raw("getMe"), 401)


def test_an_unknown_method_is_404(bot):
    assert refused(bot.raw("sendEverything"), 404) == "Not Found"


def test_a_message_reaches_the_chat(sandbox, bot, anna):
    sent = bot("sendMessage", chat_id=anna, text="Добрый день!")
    assert sent["text"] == "Добрый день!"
    assert sent["chat"] == {"id": 501, "type": "private", "first_name": "Анна"}
    shown = sandbox.telegram(TOKEN, anna)
    assert [(row["out"], row["message"]["text"]) for row in shown] == [(False, "Здравствуйте"), (True, "Добрый день!")]
    assert sent["message_id"] > shown[0]["message"]["message_id"]


def test_form_bodies_work_like_json(sandbox, bot, anna):
    url = f"{sandbox.url}/telegram/bot{TOKEN}/sendMessage"
    markup = '{"keyboard": [[{"text": "Дать номер", "request_contact": true}]]}'
    data = {"chat_id": str(anna), "text": "Ваш телефон?", "reply_markup": markup}
    assert HTTP.post(url, data=data).json()["ok"]
    assert sandbox.telegram(TOKEN, anna)[-1]["keyboard"]["keyboard"][0][0]["request_contact"]


@pytest.mark.parametrize("text", ["", "   ", None])
def test_an_empty_text_is_400(bot, anna, text):
    assert refused(bot.raw("sendMessage", chat_id=anna, text=text), 400) == "Bad Request: message text is empty"


def test_4096_characters_pass_and_4097_are_400(bot, anna):
    bot("sendMessage", chat_id=anna, text="ж" * 4096)
    assert refused(bot.raw("sendMessage", chat_id=anna, text="ж" * 4097), 400) == "Bad Request: message is too long"


def test_button_data_over_64_bytes_is_400(bot, anna):
    def with_data(data):
        keyboard = {"inline_keyboard": [[{"text": "15:00", "callback_data": data}]]}
        return bot.raw("sendMessage", chat_id=anna, text="Когда?", reply_markup=keyboard)

    assert with_data("ж" * 32).status_code == 200
    assert "BUTTON_DATA_INVALID" in refused(with_data("ж" * 33), 400)
    assert "BUTTON_DATA_INVALID" in refused(with_data(""), 400)


def test_a_broken_markup_is_400(bot, anna):
    answer = bot.raw("sendMessage", chat_id=anna, text="Когда?", reply_markup="{")
    assert "can't parse reply keyboard markup" in refused(answer, 400)


def test_a_broken_body_is_400(sandbox, bot):
    url = f"{sandbox.url}/telegram/bot{TOKEN}/sendMessage"
    answer = HTTP.post(url, content=b"{", headers={"Content-Type": "application/json"})
    refused(answer, 400)


def test_a_client_who_blocked_the_bot_is_403(sandbox, bot, anna):
    sandbox.post("telegram/block", token=TOKEN, client=anna)
    answer = bot.raw("sendMessage", chat_id=anna, text="Вы записаны")
    assert refused(answer, 403) == "Forbidden: bot was blocked by the user"
    sandbox.post("telegram/unblock", token=TOKEN, client=anna)
    bot("sendMessage", chat_id=anna, text="Вы записаны")


def test_a_bot_cannot_write_first_403(sandbox, bot):
    answer = bot.raw("sendMessage", chat_id=777, text="Здравствуйте")
    assert refused(answer, 403) == "Forbidden: bot can't initiate conversation with a user"
    sandbox.settings(telegram_strangers=True)
    bot("sendMessage", chat_id=777, text="Здравствуйте")


def test_one_message_a_second_a_chat_with_a_short_burst_then_429(sandbox, bot, anna):
    sandbox.settings(telegram_chat_per_second=0.01)
    for number in range(5):
        bot("sendMessage", chat_id=anna, text=f"Сообщение {number}")
    answer = bot.raw("sendMessage", chat_id=anna, text="Лишнее")
    assert refused(answer, 429).startswith("Too Many Requests: retry after")
    assert answer.json()["parameters"]["retry_after"] > 60
    assert len(sandbox.telegram(TOKEN, anna)) == 6

    other = sandbox.say(TOKEN, "Привет", {"id": 502})["chat_id"]
    bot("sendMessage", chat_id=other, text="Другому можно")


def test_thirty_messages_a_second_a_bot_then_429(sandbox, bot):
    sandbox.settings(telegram_bot_per_second=2, telegram_strangers=True)
    codes = [bot.raw("sendMessage", chat_id=900 + number, text="Акция").status_code for number in range(40)]
    assert 429 in codes
    assert codes[0] == 200


def test_twenty_messages_a_minute_a_group_then_429(sandbox, bot):
    group = {"id": -100500, "type": "group", "title": "Соседи"}
    sandbox.say(TOKEN, "Всем привет", ANNA, chat=group)
    sandbox.settings(telegram_group_per_minute=3, telegram_bot_per_second=1000)
    codes = [bot.raw("sendMessage", chat_id=-100500, text="Ответ").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


def test_limits_can_be_switched_off_for_benchmarks(sandbox, bot, anna):
    sandbox.settings(telegram_limits=False, telegram_chat_per_second=0.01, telegram_bot_per_second=1)
    assert {bot.raw("sendMessage", chat_id=anna, text="Быстро").status_code for _ in range(40)} == {200}


def test_a_bucket_leaks_with_time():
    bucket = Bucket(capacity=2, per_second=0.5)
    for _ in range(2):
        assert bucket.wait(100.0) == 0
        bucket.pour(100.0)
    assert bucket.wait(100.0) == 2.0
    assert bucket.wait(101.0) == 1.0
    assert bucket.wait(102.0) == 0
    assert bucket.level(104.0) == 0


# Webhooks


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/hook", "HTTPS URL must be provided"),
        ("https://example.com:9000/hook", "only on ports 80, 88, 443 or 8443"),
        ("https://example.com:port/hook", "invalid URL"),
        ("ftp://example.com/hook", "invalid URL"),
    ],
)
def test_a_webhook_needs_https_on_a_known_port(bot, url, why):
    assert why in refused(bot.raw("setWebhook", url=url), 400)


@pytest.mark.parametrize("port", ["", ":443", ":80", ":88", ":8443"])
def test_the_four_webhook_ports_are_taken(bot, port):
    assert bot("setWebhook", url=f"https://example.com{port}/hook")


@pytest.mark.parametrize("secret", ["", "секрет", "with space", "x" * 257])
def test_a_secret_token_of_other_characters_is_400(bot, receiver, secret):
    answer = bot.raw("setWebhook", url=receiver.url, secret_token=secret)
    assert "secret token contains unallowed characters" in refused(answer, 400)


def test_the_webhook_is_remembered_and_forgotten(bot, receiver):
    bot("setWebhook", url=receiver.url, secret_token="s" * 256, allowed_updates=["message"], max_connections=7)
    info = bot("getWebhookInfo")
    assert (info["url"], info["max_connections"], info["allowed_updates"]) == (receiver.url, 7, ["message"])
    bot("deleteWebhook")
    assert bot("getWebhookInfo")["url"] == ""


def test_what_a_client_writes_arrives_as_an_update_with_the_secret(sandbox, bot, receiver):
    bot("setWebhook", url=receiver.url, secret_token="s3cret")
    said = sandbox.say(TOKEN, "/start promo-2025", ANNA)
    came = receiver.next()
    assert came["headers"]["X-Telegram-Bot-Api-Secret-Token"] == "s3cret"
    assert came["headers"]["Content-Type"] == "application/json"
    sandbox.say(TOKEN, "Сколько стоит стрижка?", ANNA["id"])
    second = receiver.next_json()
    message = second["message"]
    assert second["update_id"] == said["update_id"] + 1
    assert message["message_id"] == said["message_id"] + 1
    assert message["from"] == {"id": 501, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    assert message["chat"] == {"id": 501, "type": "private", "first_name": "Анна"}
    assert message["text"] == "Сколько стоит стрижка?"


def test_a_refused_update_comes_again_and_the_next_one_waits_for_it(sandbox, bot, receiver):
    sandbox.settings(telegram_retry_pauses=[0.05, 0.05, 0.05])
    bot("setWebhook", url=receiver.url)
    receiver.statuses = [500, 404]
    sandbox.say(TOKEN, "Первое", ANNA)
    sandbox.say(TOKEN, "Второе", ANNA["id"], wait=True)
    came = [(receiver.next_json()["message"]["text"]) for _ in range(4)]
    assert came == ["Первое", "Первое", "Первое", "Второе"]
    info = bot("getWebhookInfo")
    assert "404" in info["last_error_message"]
    assert info["pending_update_count"] == 0


def test_after_the_last_try_an_update_is_given_up(sandbox, bot, receiver):
    sandbox.settings(telegram_retry_pauses=[0.01])
    bot("setWebhook", url=receiver.url)
    receiver.statuses = [500, 500]
    said = sandbox.say(TOKEN, "Пропадёт", ANNA, wait=True)
    assert not said["pending"]
    assert receiver.came.qsize() == 2


def test_updates_wait_for_a_webhook(sandbox, bot, receiver):
    sandbox.say(TOKEN, "Есть кто?", ANNA)
    assert bot("getWebhookInfo")["pending_update_count"] == 1
    bot("setWebhook", url=receiver.url)
    assert receiver.next_json()["message"]["text"] == "Есть кто?"


def test_waiting_updates_can_be_dropped(sandbox, bot, receiver):
    sandbox.say(TOKEN, "Старое", ANNA)
    bot("setWebhook", url=receiver.url, drop_pending_updates=True)
    sandbox.say(TOKEN, "Новое", ANNA["id"])
    assert receiver.next_json()["message"]["text"] == "Новое"


def test_kinds_that_were_not_asked_for_are_not_sent(sandbox, bot, receiver):
    bot("setWebhook", url=receiver.url, allowed_updates=["my_chat_member"])
    anna = sandbox.say(TOKEN, "Не дойдёт", ANNA)["chat_id"]
    sandbox.post("telegram/block", token=TOKEN, client=anna)
    change = receiver.next_json()["my_chat_member"]
    assert change["new_chat_member"]["status"] == "kicked"


def test_a_pressed_button_comes_as_a_callback_query_and_is_answered_once(sandbox, bot, receiver, anna):
    bot("setWebhook", url=receiver.url)
    receiver.next()
    keyboard = {"inline_keyboard": [[{"text": "15:00", "callback_data": "slot:1"}]]}
    sent = bot("sendMessage", chat_id=anna, text="Когда удобно?", reply_markup=keyboard)
    press = {"message_id": sent["message_id"], "data": "slot:1"}
    sandbox.post("telegram/say", token=TOKEN, client=anna, callback=press)
    query = receiver.next_json()["callback_query"]
    assert (query["data"], query["from"]["id"]) == ("slot:1", anna)
    assert query["message"]["reply_markup"] == keyboard
    assert bot("answerCallbackQuery", callback_query_id=query["id"]) is True
    assert "query is too old" in refused(bot.raw("answerCallbackQuery", callback_query_id=query["id"]), 400)


def test_a_client_shares_their_own_phone(sandbox, bot, receiver, anna):
    bot("setWebhook", url=receiver.url)
    receiver.next()
    sandbox.post("telegram/say", token=TOKEN, client=anna, contact=True)
    contact = receiver.next_json()["message"]["contact"]
    assert contact == {"phone_number": "79000000501", "first_name": "Анна", "user_id": anna}


def test_edits_groups_replays_and_raw_updates(sandbox, bot, receiver):
    bot("setWebhook", url=receiver.url)
    said = sandbox.say(TOKEN, "На завтра", ANNA)
    receiver.next()
    edit = {"message_id": said["message_id"], "text": "На сегодня"}
    sandbox.post("telegram/say", token=TOKEN, client=501, edit=edit)
    assert receiver.next_json()["edited_message"]["text"] == "На сегодня"
    group = {"id": -7, "type": "supergroup", "title": "Дом"}
    sandbox.say(TOKEN, "Всем", ANNA, chat=group, wait=True)
    assert receiver.next_json()["message"]["chat"] == group
    replay = {"update_id": said["update_id"], "message": {"message_id": 1, "chat": {"id": 501}, "text": "Повтор"}}
    sandbox.post("telegram/say", token=TOKEN, update=replay)
    assert receiver.next_json()["update_id"] == said["update_id"]


def test_the_webhooks_answer_may_be_a_call(sandbox, bot, receiver, anna):
    receiver.answer = b'{"method": "sendMessage", "chat_id": 501, "text": "\xd0\x94\xd0\xb0"}'
    bot("setWebhook", url=receiver.url)
    sandbox.say(TOKEN, "Работаете?", anna, wait=True)
    assert sandbox.telegram(TOKEN, anna)[-1]["message"]["text"] == "Да"


def test_every_call_is_in_the_log(sandbox, bot, anna):
    before = sandbox.log("telegram")[-1]["n"]
    bot("sendMessage", chat_id=anna, text="Добрый день!")
    bot.raw("sendMessage", chat_id=anna, text="")
    calls = sandbox.log("telegram", since=before)
    assert [(call["method"], call["body"]["text"], call["status"]) for call in calls] == [
        ("sendMessage", "Добрый день!", 200),
        ("sendMessage", "", 400),
    ]
    assert TOKEN not in str(calls)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("telegram/say", {"token": "999999:nobody_knows_this_bot", "text": "?"}),
        ("telegram/block", {"token": TOKEN, "client": 1}),
    ],
)
def test_orders_for_nobody_are_404(sandbox, bot, path, body):
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.post(path, **body)
