"""Campaigns and the quarantine in a real browser: made, copied, printed; released by keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
SPAM = "Продвижение сайтов, SEO под ключ! Заработок от 5000 в день, пишите в личку t.me/xxx{}"


@pytest.fixture
def spam(committed_salon: Any) -> None:
    with committed_salon.inside():
        for number in range(3):
            committed_salon.receives("webchat", SPAM.format(number), client=number)


def looked_at(page: Any, name: str) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, name
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_a_campaign_is_made_and_spam_is_released_by_keys(spam, open_page, committed_salon):
    page, complaints = open_page(1440)
    page.goto(committed_salon.url("reports/campaigns/"))
    looked_at(page, "campaigns-empty")
    page.get_by_role("link", name="Новая кампания").first.click()
    page.get_by_label("Название").fill("Осень в Telegram")
    page.get_by_label("Где рекламируете").fill("vk")
    page.get_by_label("Бот в Telegram").fill("t.me/vesna_bot")
    page.get_by_label("Номер WhatsApp").fill("8 917 000-12-34")
    looked_at(page, "campaign-form")
    page.get_by_role("button", name="Создать").click()
    page.get_by_text("Кампания готова").wait_for()
    page.wait_for_function("document.querySelector('.campaign__qr img').naturalWidth > 0")  # it comes after the page
    page.get_by_role("button", name="Скопировать").first.click()
    page.get_by_text("Ссылка").nth(0).wait_for()
    looked_at(page, "campaign")
    address = page.url
    page.get_by_role("link", name="Листовка").click()
    looked_at(page, "poster")
    page.goto(committed_salon.url("reports/campaigns/spend/"))
    sheet = "Дата;Кампания;Расход\n24.11.2026;Осень в Telegram;1 500,50\nвчера;Осень;1\n".encode()
    page.get_by_label("Файл CSV").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": sheet})
    page.get_by_role("button", name="Посмотреть").click()
    looked_at(page, "spend-preview")
    page.get_by_role("button", name="Записать 1 строку").click()
    page.get_by_text("1 500,50").wait_for()
    looked_at(page, "spend")
    page.goto(committed_salon.url("inbox/quarantine/"))
    looked_at(page, "quarantine")
    for key in "jxjx":
        page.keyboard.press(key)
    page.keyboard.press("u")
    page.get_by_text("Возвращено в список: 2").wait_for()
    assert page.locator(".quarantine__item").count() == 1

    phone, on_phone = open_page(390)
    for name in ("", "new", "spend"):
        phone.goto(committed_salon.url(f"reports/campaigns/{name}"))
        looked_at(phone, f"phone-{name or 'list'}")
    phone.goto(address)
    looked_at(phone, "phone-campaign")
    phone.goto(committed_salon.url("inbox/quarantine/"))
    looked_at(phone, "phone-quarantine")
    assert [one for one in complaints + on_phone if "events" not in one and "REFUSED" not in one] == []
