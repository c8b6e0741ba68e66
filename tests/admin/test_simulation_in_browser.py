"""The weights' live preview and a simulation, as the owner sees them."""

from __future__ import annotations

from typing import Any

import pytest

from routing import rulesets

pytestmark = pytest.mark.browser
TEXTS = (
    "Здравствуйте! Хочу записаться на окрашивание завтра после 15",
    "Сколько стоит маникюр?",
    "Перезвоните мне, пожалуйста",
    "Где вы находитесь?",
    "Хочу на стрижку в субботу утром",
    "Какие у вас акции?",
)
RULES = """
ПРАВИЛО "Цены": ЕСЛИ намерение = цена ТО назначить = роль_старший
ПРАВИЛО "Днём": ЕСЛИ балл > 20 ТО метка = день
"""


@pytest.fixture
def draft(committed_salon: Any, outside: Any, clock: Any) -> int:
    """Leads of some hours and a draft; read before the browser runs: its loop and the ORM do not share a thread."""
    for client, text in enumerate(TEXTS, start=901):
        committed_salon.receives("telegram", text, client=client, name=f"Клиентка {client - 900}")
        clock.tick(minutes=25)
    return rulesets.save_draft(RULES, by="Виктор", now=clock.now()).pk


@pytest.mark.parametrize("width", [1440, 390])
def test_weights_are_tried_while_they_are_typed_and_a_draft_is_played(
    draft,
    open_page,
    committed_salon,
    clock,
    width,
    tmp_path,
):
    page, complaints = open_page(width)
    page.goto(committed_salon.url("admin/routing/scorepolicy/1/change/"))
    page.goto(committed_salon.url("admin/routing/scorepolicy/"))
    panel = page.locator("#score-preview")
    assert "0 из последних 6" in panel.inner_text()
    page.fill("#id_intent_booking", "0")
    panel.get_by_text("намерение 40 → 0").first.wait_for()
    page.screenshot(path=tmp_path / f"weights-{width}.png", full_page=True)
    page.fill("#id_intent_booking", "1000")
    panel.get_by_role("alert").wait_for()
    _fits(page)

    page.goto(committed_salon.url(f"admin/routing/ruleset/{draft}/simulate/"))
    page.get_by_text("Чего проверка не повторяет").click()
    page.get_by_text("Вместе с другими баллами и порогами").click()
    page.get_by_label("Горячая от").fill("60")
    page.screenshot(path=tmp_path / f"asked-{width}.png", full_page=True)
    _fits(page)
    page.get_by_role("button", name="Последние 100").click()
    page.get_by_role("status").wait_for()
    page.screenshot(path=tmp_path / f"waiting-{width}.png")
    settle_elsewhere(committed_salon, clock)
    page.get_by_role("heading", name="Иначе пойдут").wait_for()
    assert "С другими баллами: горячая от 70 → 60." in page.inner_text("#simulation")
    page.screenshot(path=tmp_path / f"simulation-{width}.png", full_page=True)
    _fits(page)
    page.get_by_role("link", name="кому сейчас").first.click()
    page.get_by_text("Черновик, версия 1").wait_for()
    page.screenshot(path=tmp_path / f"who-{width}.png", full_page=True)
    _fits(page)
    assert complaints == []


def _fits(page: Any) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, page.url


def settle_elsewhere(salon: Any, clock: Any) -> None:
    """Do what is due in a thread of its own."""
    from threading import Thread

    from django.db import connections

    def settle() -> None:
        try:
            clock.settle()
        finally:
            connections.close_all()

    worker = Thread(target=settle)
    worker.start()
    worker.join()
