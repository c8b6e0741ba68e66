"""The assistant is taught: a receptionist marks messages with two clicks or keys, the owner sees them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.people import Desk, shot
from tests.e2e.product import MOMENTS, Product, TelegramClient

pytestmark = pytest.mark.browser
expect.set_options(timeout=MOMENTS * 1000)

# A colleague who types, and stops, and types: much faster than a request is answered.
MESSAGES_ANEW_AND_ANEW = """() => setInterval(() => {
  const lead = document.querySelector("#panes [data-lead]").dataset.lead;
  document.dispatchEvent(new CustomEvent("live:typing", { detail: { lead, user: 0 } }));
}, 30)"""


def test_a_receptionist_corrects_what_was_understood(desk: Desk, product: Product):
    client = TelegramClient(product, 700_777, "Тамара Лис")
    client.writes("Сколько стоит окрашивание и есть ли у вас парковка?")
    page = desk.member("receptionist", "inbox/")
    page.locator("[data-rows] > li").filter(has_text="Тамара Лис").first.click()
    asked = page.locator(".message--client .mark")
    expect(asked).to_contain_text("спрашивает цену")

    page.keyboard.press("x")
    expect(page.get_by_text("Чего хотел клиент?")).to_be_visible()
    shot(page, "teaching-panel")
    page.get_by_role("button", name="Просит совета").click()
    expect(asked).to_contain_text("исправлено: просит совета")

    reply = page.locator(".message--assistant .mark").first
    reply.get_by_role("button", name="Ответ неверный").click()
    box = page.get_by_label("Как надо было ответить?")
    expect(box).to_be_focused()
    page.evaluate(MESSAGES_ANEW_AND_ANEW)  # around what is being typed
    box.fill("Парковка во дворе, ")
    box.press_sequentially("въезд со стороны парка.", delay=20)
    client.writes("ау")
    expect(page.locator(".message--client")).to_have_count(2)
    expect(box).to_have_value("Парковка во дворе, въезд со стороны парка.")
    expect(box).to_be_focused()
    box.press("Control+Enter")
    expect(reply).to_contain_text("Надо: «Парковка во дворе")

    page.reload()
    expect(page.locator(".message--client .mark").first).to_contain_text("исправлено: просит совета")
    page.locator(".message--client .mark").first.get_by_role("button", name="Отменить").click()
    expect(page.locator(".message--client .mark").first).not_to_contain_text("исправлено")

    owner = desk.member("owner", "admin/assistant/modelversion/")
    expect(owner.locator("#learning")).to_contain_text("Парковка во дворе")


def test_marks_on_a_phone(desk: Desk, product: Product):
    TelegramClient(product, 700_778, "Эмма Рик").writes("Почём маникюр?")
    page = desk.member("receptionist", "inbox/", phone=True)
    page.locator("[data-rows] > li").filter(has_text="Эмма Рик").first.click()
    wrong = page.locator(".message--client").get_by_role("button", name="Понято неверно")
    box = wrong.bounding_box()
    assert min(box["width"], box["height"]) >= 44

    wrong.tap()
    page.get_by_role("button", name="Хочет записаться").tap()

    expect(page.locator(".message--client .mark")).to_contain_text("исправлено: хочет записаться")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shot(page, "teaching-phone")
