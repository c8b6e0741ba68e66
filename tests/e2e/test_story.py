"""Nobody takes a hot lead: by its clock it goes from hand to hand, then it is a call that the senior hears of."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page

from tests.e2e.people import Desk, shot
from tests.e2e.product import Product, TelegramClient, until

pytestmark = pytest.mark.browser

CLIENT = "Лев Соколов"
BEFORE = timedelta(seconds=3)  # the clock is moved so near to each term; the rest passes as it does for everybody


def leads_of(page: Page, desk: Desk) -> list[dict]:
    """The newest leads as the API tells them."""
    return page.request.get(desk.url("api/v1/leads/")).json()["results"]


def lead_of(page: Page, desk: Desk, number: int) -> dict:
    """One lead with its decision record."""
    return page.request.get(desk.url(f"api/v1/leads/{number}/")).json()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_hot_lead_that_nobody_takes(desk: Desk, product: Product):
    senior = desk.member("senior", "inbox/notices/")
    senior.get_by_role("button", name="Подключить").click()
    address = senior.locator("a[href*='start=staff-']").get_attribute("href")
    telegram = TelegramClient(product, 700_900, "Старшая")
    assert "Готово" in telegram.writes("/start " + address.partition("?start=")[2])

    known = {row["id"] for row in leads_of(senior, desk)}
    TelegramClient(product, 700_901, CLIENT).writes("Здравствуйте! Хочу записаться на окрашивание завтра после 15")
    fresh = until(lambda: [row["id"] for row in leads_of(senior, desk) if row["id"] not in known], "the lead")
    lead = lead_of(senior, desk, fresh[0])
    assert lead["temperature"] == "hot"

    owners, dues = [lead["owner"]], []
    while lead["status"] == "open" and len(owners) < 6:
        assert lead["clock"] == "take"
        due = moment(lead["clock_due_at"])
        product.move_to(due - BEFORE)
        before = lead
        lead = until(
            lambda was=before: (
                (now := lead_of(senior, desk, was["id"]))
                and (now["owner"], now["status"]) != (was["owner"], was["status"])
                and now
            ),
            "the next person",
        )
        breach = [row for row in lead["decisions"] if row["kind"] == "breach"][-1]
        assert moment(breach["created_at"]) >= due
        dues.append(due)
        if lead["status"] == "open":
            owners.append(lead["owner"])

    assert lead["status"] == "needs_call"
    assert len(set(owners)) == len(owners) == len(dues) >= 3  # the first, the next one, the backup
    assert any("резервный сотрудник" in str(row["details"]) for row in lead["decisions"] if row["kind"] == "assigned")

    tasks = senior.context.new_page()
    tasks.goto(desk.url("inbox/tasks/"))
    assert CLIENT in tasks.locator("main").inner_text()
    shot(tasks, "story-tasks")
    until(lambda: any(f"№ {lead['id']}-" in row["title"] for row in product.portal()["task"]), "the task in Bitrix24")
    told = until(lambda: [text for text in telegram.heard() if "Нужен звонок" in text], "the notice in Telegram")
    assert "окрашивание" in told[-1].lower() or "звонок" in told[-1].lower()
