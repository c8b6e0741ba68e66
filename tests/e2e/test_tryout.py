"""The owner tries the assistant, holds it to what came of it and sees the check turn red; wide and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import PHONE, Desk, plain, shot
from tests.e2e.product import MOMENTS

pytestmark = pytest.mark.browser
expect.set_options(timeout=MOMENTS * 1000)

PRICE = "Здравствуйте! Сколько стоит женская стрижка?"


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def says(page: Page, text: str) -> str:
    """The assistant's last words after the client wrote."""
    before = page.locator(".tryout__mine").count()
    page.get_by_label("Сообщение клиента").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".tryout__mine")).to_have_count(before + 1)
    return plain(page.locator(".tryout__log .message__bubble").last.inner_text())


def leads_in_inbox(page: Page, desk: Desk) -> list[int]:
    return [lead["id"] for lead in page.request.get(desk.url("api/v1/leads/")).json()["results"]]


def test_the_owner_tries_the_assistant_and_keeps_a_check(desk: Desk):
    owner = desk.member("owner", "tryout/")
    before = leads_in_inbox(owner, desk)
    shot(owner, "21-tryout-empty")
    owner.get_by_role("button", name=PRICE).click()
    expect(owner.locator(".tryout__mine")).to_have_count(1)
    expect(owner.locator(".tryout__why")).to_contain_text("Спрашивает цену")
    assert "Можем записать вас" in says(owner, "Хочу записаться завтра после 12")
    why = owner.locator(".tryout__why")
    expect(why).to_contain_text("Хочет записаться")
    expect(why.locator(".score-bar")).to_be_visible()
    expect(why.locator(".candidates .is-chosen")).to_contain_text("Анна")
    expect(owner.get_by_label("Сообщение клиента")).to_be_focused()

    owner.locator(".tryout__choices button").first.click()
    expect(owner.locator(".tryout__mine")).to_have_count(3)
    expect(owner.locator(".tryout__outcome")).to_contain_text("время держится")
    assert "согласие" in says(owner, "Ирина, 8 907 000 77 88")
    says(owner, "Да, согласна")
    outcome = owner.locator(".tryout__outcome")
    expect(outcome).to_contain_text("записан")
    expect(outcome).to_contain_text("Битрикс24")
    shot(owner, "22-tryout-booked")

    owner.get_by_role("button", name="разбор сообщения 1", exact=True).click()
    expect(why).to_contain_text("Спрашивает цену")
    owner.get_by_label("Когда пишет").select_option("night")
    expect(owner.locator(".tryout__settings summary")).to_contain_text("03:00")
    expect(owner.locator(".tryout__mine")).to_have_count(5)
    owner.get_by_role("button", name="На шаг назад").click()
    expect(owner.locator(".tryout__mine")).to_have_count(4)
    owner.get_by_role("button", name="Начать заново").click()
    expect(owner.get_by_text("Напишите первое сообщение")).to_be_visible()
    owner.get_by_label("Когда пишет").select_option("noon")
    expect(owner.locator(".tryout__settings summary")).to_contain_text("12:00")

    says(owner, PRICE)
    owner.get_by_role("button", name="Сохранить как проверку").click()
    owner.get_by_label("Название").fill("Цена стрижки")
    shot(owner, "23-tryout-save")
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    expect(owner.locator("#toasts")).to_contain_text("сохранена")
    expect(owner.locator("#save-dialog")).to_be_hidden()
    assert leads_in_inbox(owner, desk) == before


def test_the_check_turns_red_when_its_price_changes(desk: Desk):
    owner = desk.member("owner", "tryout/saved/")
    row = owner.locator(".saved__item").filter(has_text="Цена стрижки")
    with owner.expect_response("**/run/"):
        owner.get_by_role("button", name="Проверить все").click()
    expect(owner.get_by_role("button", name="Проверить все")).to_be_enabled()
    expect(owner.locator("[data-sum]")).to_have_text("Сходится: 1 из 1")
    expect(row).to_contain_text("сходится")

    row.get_by_text("Диалог и настройки").click()
    row.get_by_label("Название").fill("Сколько стоит стрижка")
    row.get_by_label("смысл").uncheck()
    row.get_by_role("button", name="Сохранить").click()
    row = owner.locator(".saved__item").filter(has_text="Сколько стоит стрижка")
    expect(row).to_contain_text("не проверена")
    was = change_price(owner, desk, "2600")
    row.get_by_role("button", name="Проверить", exact=True).click()
    expect(row).to_contain_text(re.compile(r"цена: было «1.700.+», стало «2.600"))
    expect(owner.locator("[data-sum]")).to_have_text("Сходится: 0 из 1, изменилось: 1")
    shot(owner, "24-checks", whole=True)
    owner.set_viewport_size(PHONE)
    assert fits(owner)
    shot(owner, "24-checks", whole=True)

    change_price(desk.member("owner", "admin/"), desk, was)
    row.get_by_role("button", name="Проверить", exact=True).click()
    expect(row).to_contain_text("сходится")
    row.get_by_text("Диалог и настройки").click()
    row.get_by_role("button", name="Удалить").click()
    owner.locator("#confirm").get_by_role("button", name="Удалить").click()
    expect(owner.locator(".saved__item")).to_have_count(0)


def change_price(page: Page, desk: Desk, roubles: str) -> str:
    """In the business's own settings, in another tab; the price there was."""
    tab = page.context.new_page()
    tab.goto(desk.url("admin/business/service/?q=Женская+стрижка"))
    tab.get_by_role("link", name="Женская стрижка").first.click()
    field = tab.locator("[name=price_kopecks]")
    was = field.input_value()
    field.fill(roubles)
    tab.get_by_role("button", name="Сохранить", exact=True).click()
    tab.wait_for_url("**/admin/business/service/?*")
    tab.close()
    return was


def test_the_console_works_on_a_phone(desk: Desk):
    page = desk.member("owner", "inbox/shift/", phone=True)
    page.get_by_role("link", name="Попробовать ассистента").tap()
    says(page, PRICE)
    says(page, "Позовите человека")
    expect(page.locator(".tryout__why")).to_be_hidden()
    assert fits(page)
    shot(page, "25-tryout")
    for pane, shown in (("Разбор", ".tryout__why"), ("Итог", ".tryout__outcome"), ("Разговор", ".tryout__talk")):
        page.get_by_label(pane, exact=True).tap(force=True)
        expect(page.locator(shown)).to_be_visible()
        assert fits(page)
        shot(page, f"26-tryout-{shown.removeprefix('.tryout__')}")
    small = [button for button in page.locator(".tryout .button:visible").all() if button.bounding_box()["height"] < 44]
    assert small == []


def test_a_receptionist_finds_no_console(desk: Desk):
    anna = desk.member("receptionist", "inbox/")
    expect(anna.get_by_role("link", name="Проба")).to_have_count(0)
    assert anna.request.get(desk.url("tryout/")).status == 403
