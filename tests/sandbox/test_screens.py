"""A person at the sandbox's pages, in a real browser."""

from __future__ import annotations

import shutil

import pytest

from .conftest import TOKEN, Bot

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(params=[1440, 390])
def page(request, browser):
    page = browser.new_page(viewport={"width": request.param, "height": 844})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert complaints == []
    assert sideways <= 0


def test_a_new_client_writes_and_sees_the_answer_and_presses_a_button(sandbox, page, receiver):
    bot = Bot(sandbox)
    bot("setWebhook", url=receiver.url)
    page.goto(f"{sandbox.url}/telegram/")
    page.get_by_label("Имя нового клиента").fill("Анна")
    page.get_by_role("button", name="Новый клиент").click()
    page.get_by_label("Сообщение").fill("Можно сегодня на стрижку?")
    page.get_by_role("button", name="Отправить").click()
    message = receiver.next_json()["message"]
    assert (message["text"], message["from"]["first_name"]) == ("Можно сегодня на стрижку?", "Анна")

    keyboard = {"inline_keyboard": [[{"text": "15:00", "callback_data": "slot:1"}]]}
    bot("sendMessage", chat_id=message["chat"]["id"], text="Есть <b>15:00</b>", reply_markup=keyboard)
    page.get_by_text("Есть <b>15:00</b>").wait_for()
    page.get_by_role("button", name="15:00").click()
    assert receiver.next_json()["callback_query"]["data"] == "slot:1"

    page.get_by_role("button", name="Заблокировать бота").click()
    page.get_by_role("button", name="Разблокировать бота").wait_for()
    assert receiver.next_json()["my_chat_member"]["new_chat_member"]["status"] == "kicked"


def test_sms_are_listed(sandbox, page):
    data = {"apikey": "sandbox-smsc-key", "phones": "79000000501", "mes": "Ждём вас в 15:00", "fmt": 3}
    page.request.post(f"{sandbox.url}/smsc/sys/send.php", form=data)
    page.goto(f"{sandbox.url}/sms/")
    page.get_by_text("Ждём вас в 15:00").wait_for()
    page.get_by_text("+79000000501").wait_for()


def test_the_portal_shows_leads_deals_tasks_and_comments(sandbox, page):
    def act(method, **params):
        return sandbox.post("bitrix24/act", method=method, params=params)["result"]

    phone = [{"typeId": "PHONE", "value": "+79000000501"}]
    act(
        "crm.item.add",
        entityTypeId=1,
        fields={"title": "Стрижка, Анна", "name": "Анна", "fm": phone, "utmSource": "vk"},
    )
    act("crm.item.add", entityTypeId=2, fields={"title": "Визит 15:00", "opportunity": 1500})
    act("tasks.task.add", fields={"TITLE": "Перезвонить", "RESPONSIBLE_ID": 2, "UF_CRM_TASK": ["L_1"]})
    act("crm.timeline.comment.add", fields={"ENTITY_TYPE": "lead", "ENTITY_ID": 1, "COMMENT": "Можно сегодня?"})
    page.goto(f"{sandbox.url}/bitrix24/")
    for words in ("Стрижка, Анна", "utmSource: vk", "Визит 15:00", "Перезвонить", "Можно сегодня?", "Не обработан"):
        page.get_by_text(words).first.wait_for()


def test_the_index_leads_everywhere(sandbox, page):
    page.goto(sandbox.url)
    page.get_by_role("main").get_by_role("link", name="Битрикс24").click()
    page.get_by_role("heading", name="Битрикс24").wait_for()


def test_a_bot_by_name(sandbox, page):
    sandbox.post("telegram/bots", token=TOKEN, name="Салон «Весна»", username="vesna_bot")
    page.goto(f"{sandbox.url}/telegram/?bot=123456789")
    page.get_by_label("Бот").wait_for()
    page.wait_for_function("document.getElementById('bot').selectedOptions[0]?.textContent.includes('Весна')")
