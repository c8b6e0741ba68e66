"""The page of rules in a real browser: a rule is built of rows, seen as text, published, brought back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from routing.models import RuleSet

pytestmark = pytest.mark.browser
LIST = "admin/routing/ruleset/"
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots to look at

TYPED_MEANWHILE = """() => {
    document.querySelector("[id$='-c-add']").click();
    document.querySelector(".rule__name").value = "Из рекламы";
}"""


def look(page, name):
    """The screen as it is, on a phone and at a desk: nothing sticks out."""
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            name,
            width,
        )


def focused(page):
    return page.evaluate("document.activeElement.id")


def test_a_rule_from_its_first_row_to_an_earlier_version(open_page, committed_salon):
    page, complaints = open_page(1440)
    page.goto(committed_salon.url(LIST))
    text = page.locator("#rules-source")
    look(page, "empty")

    page.get_by_role("button", name="Добавить правило").click()
    page.get_by_label("Название правила").fill("Из")
    assert focused(page).endswith("-name")
    field = page.get_by_label("Что сравнить")
    field.select_option("utm")
    page.get_by_label("переход по рекламе: значение").select_option("реклама")
    assert focused(page) != ""
    page.evaluate(TYPED_MEANWHILE)
    page.get_by_label("Что сравнить").nth(1).wait_for()
    assert page.get_by_label("Название правила").input_value() == "Из рекламы"
    page.get_by_label("Что сравнить").nth(1).select_option("response_time")
    page.get_by_label("сколько клиент ждёт ответа человека: значение").fill("2")
    page.get_by_label("Что сделать").select_option("assign_to")
    page.get_by_label("назначить: кому").select_option("Анна")
    page.get_by_role("button", name="+ группа").click()
    page.get_by_label("Что сравнить").nth(3).wait_for()
    page.get_by_label("Что сравнить").nth(2).select_option("customer_status")
    page.get_by_label("клиент: значение").select_option("VIP")
    page.get_by_label("Что сравнить").nth(3).select_option("time")
    page.get_by_label("время обращения: значение").select_option("ночь")
    page.wait_for_function("document.getElementById('rules-source').value.includes('ночь')")
    assert text.input_value() == (
        'ПРАВИЛО "Из рекламы":\nЕСЛИ utm_вид = "реклама" И время_ответа > 2мин'
        ' И (статус_клиента = VIP ИЛИ время = "ночь")\n'
        'ТО назначить = "Анна"\n'
    )
    look(page, "rows")

    text.fill(text.input_value() + 'ПРАВИЛО "Ночные":\nЕСЛИ время = ноч\nТО метка = утром\n')
    error = page.get_by_role("button", name="строка 5, столбец 14")
    error.wait_for()
    assert page.locator("#rules-marks mark").inner_text() == "ноч"
    assert page.evaluate("document.getElementById('rules-cards').inert")
    look(page, "error")
    error.click()
    assert page.evaluate("document.getElementById('rules-source').selectionStart") == text.input_value().index("ноч\n")
    text.fill(text.input_value().replace("ноч\n", "ночь\n"))
    page.get_by_role("heading", name="Ночные").wait_for()
    assert not page.evaluate("document.getElementById('rules-cards').inert")
    page.locator(".rule").nth(1).get_by_label("Выше").click()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Выше"
    page.wait_for_function("document.getElementById('rules-source').value.startsWith('ПРАВИЛО \"Ночные\"')")
    page.locator(".rule [data-grip]").nth(1).drag_to(page.locator(".rule").first)
    page.wait_for_function("document.getElementById('rules-source').value.startsWith('ПРАВИЛО \"Из рекламы\"')")
    page.get_by_role("button", name="Готово").click()
    page.get_by_role("button", name="Изменить: Из рекламы").wait_for()
    look(page, "words")

    page.get_by_label("Что изменено").fill("реклама и ночь")
    page.get_by_role("button", name="Опубликовать").click()
    page.get_by_text("Действует версия 1.").wait_for()
    page.locator(".rule").nth(1).get_by_label("Удалить").click()
    page.get_by_role("button", name="Вернуть").wait_for()
    page.wait_for_function("!document.getElementById('rules-source').value.includes('Ночные')")
    page.get_by_label("Что изменено").fill("без ночных")
    page.get_by_role("button", name="Опубликовать").click()
    page.get_by_text("Действует версия 2.").wait_for()
    page.get_by_role("link", name="Версии", exact=True).click()
    assert page.locator("del", has_text="Ночные").is_visible()
    look(page, "versions")
    page.get_by_role("button", name="Вернуть эту версию").click()
    page.get_by_text("Действует версия 3: как в версии 1.").wait_for()
    page.goto(committed_salon.url(LIST + "review/"))
    look(page, "review")
    assert complaints == []


@pytest.fixture(autouse=True)
def _stored(committed_salon):
    """What the browser did is in the database: asked after its loop is gone."""
    yield
    assert list(RuleSet.objects.values_list("status", flat=True)) == ["published", "retired", "retired"]
