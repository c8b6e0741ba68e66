"""The admin in a real browser: alive under its content policy, at a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin.test_doors import BUSINESS_PAGES

pytestmark = pytest.mark.browser


@pytest.fixture
def paths(committed_salon: Any) -> list[str]:
    """Read before the browser runs: its loop and the ORM do not share a thread."""
    service = committed_salon.service("Женская стрижка")
    others = [f"staffmember/{committed_salon.olga.pk}", f"service/{service.pk}"]
    return ["admin/", *BUSINESS_PAGES, *(f"admin/business/{other}/change/" for other in others)]


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_quiet_and_fits_the_screen(paths, open_page, committed_salon, width):
    page, complaints = open_page(width)

    for path in paths:
        page.goto(committed_salon.url(path))
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, path
    assert complaints == []


def test_only_the_credentials_of_the_chosen_kind_are_asked_for(open_page, committed_salon):
    page, complaints = open_page(1440)
    page.goto(committed_salon.url("admin/channels_app/channelaccount/add/"))

    assert page.locator("#id_telegram_token").is_visible()
    assert not page.locator("#id_sms_password").is_visible()
    page.select_option("#id_kind", "sms")
    page.locator("#id_sms_password").wait_for(state="visible")
    assert not page.locator("#id_telegram_token").is_visible()
    assert complaints == []


def test_matrix_refuses_two_accountable_as_you_click(open_page, committed_salon):
    page, complaints = open_page(1440)
    page.goto(committed_salon.url("admin/business/matrixcell/"))
    refusal, save = page.get_by_text("должен быть ровно один A"), page.get_by_role("button", name="Сохранить матрицу")

    assert not refusal.is_visible()
    page.get_by_label("Запись: Владелец").select_option("A")
    assert refusal.is_visible()
    save.click()
    assert refusal.is_visible()  # nothing was sent
    page.get_by_label("Запись: Старший").focus()
    page.keyboard.press("c")
    assert not refusal.is_visible()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Запись: Владелец"
    save.click()
    page.get_by_text("Матрица сохранена.").wait_for()
    assert page.get_by_text("Запись, старший: A → C").is_visible()
    assert complaints == []
