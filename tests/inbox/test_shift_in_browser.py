"""The shift button in a real browser: a walk through a day, at a desk and on a phone."""

from __future__ import annotations

import os

import pytest

from routing import assignment, config, presence
from tenants.business.models import StaffMember
from tests.routing.making import make_lead

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("PICTURES", "")  # a folder to look at them in


@pytest.fixture
def day(committed_salon):
    """Viktor leads a talk; Anna is out for a moment; one lead waits for anybody."""
    salon, now = committed_salon, committed_salon.clock.now()
    config.forget_all()
    viktor = salon.person("Виктор")
    assignment.take(make_lead(salon, 1, now=now), by=viktor, now=now)
    presence.step_out(salon.anna, now=now)
    assignment.wait(waiting := make_lead(salon, 2, now=now), "никого подходящего нет на смене", now=now)
    waiting.save()
    return salon


def test_a_day_by_the_button(day, open_page):
    for width in (1440, 390):
        page, complaints = open_page(width)
        if width == 1440:
            page.goto(day.url("inbox/?view=mine"))
            put_off(page)
        page.goto(day.url("inbox/shift/"))
        shift = page.locator("#shift-page")
        shift.get_by_text("на месте до 21:00").wait_for()
        assert shift.locator("li", has_text="Анна").get_by_text("временно отсутствует").is_visible()  # Anna
        look(page, f"here-{width}")

        shift.get_by_role("button", name="Отойти").click()
        shift.get_by_text("Те, что вы не успели взять, перешли к другим").wait_for()
        look(page, f"away-{width}")
        shift.get_by_role("button", name="Вернуться").click()
        shift.get_by_text("на месте до 21:00").wait_for()
        shift.get_by_role("button", name="Закончить смену").click()
        page.get_by_text("У вас 1 открытая заявка: она перейдёт к тем, кто на смене").wait_for()
        look(page, f"asked-{width}")
        page.get_by_role("button", name="Закончить", exact=True).click()
        shift.get_by_text("Ваши заявки переходят к тем, кто на смене").wait_for()
        look(page, f"gone-{width}")
        shift.get_by_role("button", name="Начать смену").click()
        shift.get_by_text("Новые заявки предлагаются вам").wait_for()

        page.goto(day.url("inbox/?view=free"))
        page.get_by_text("без хозяина: никого подходящего нет на смене").first.wait_for()
        look(page, f"list-{width}")
        assert real(complaints) == []


@pytest.fixture
def marked(day):
    """Viktor let three leads pass."""
    said = {"presence": "silent", "presence_since": day.clock.now(), "is_away": True}
    StaffMember.objects.filter(name="Виктор").update(**said)
    return day


def test_who_does_not_answer_is_back_by_one_click(marked, open_page):
    page, complaints = open_page(1440)
    page.goto(marked.url("inbox/"))
    shift = page.locator("#shift")
    shift.get_by_text("не отвечаете").wait_for()
    look(page, "silent-1440")
    shift.get_by_role("button", name="Я на месте").click()
    shift.get_by_text("на месте до 21:00").wait_for()
    assert real(complaints) == []


def put_off(page) -> None:
    """The lead that Viktor leads, by the keyboard: «Позже», an hour, «Отложить»."""
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Позже").wait_for()
    look(page, "talk")
    page.keyboard.press("l")
    page.get_by_role("heading", name="Напомнить позже").wait_for()
    page.keyboard.press("ArrowRight")
    look(page, "later")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Заявка отложена, напомним в 13:00").wait_for()
    page.locator("#conversation-head").get_by_text("вернуться к клиенту").wait_for()
    look(page, "put-off")
    page.get_by_role("button", name="Не откладывать").click()
    page.get_by_role("button", name="Не откладывать").wait_for(state="detached")
    page.locator("#conversation-head").get_by_text("вернуться к клиенту").wait_for(state="detached")


def look(page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", animations="disabled")


def real(complaints: list[str]) -> list[str]:
    """But for the stream of events, which this server does not have."""
    return [told for told in complaints if "/events/" not in told and "ERR_CONNECTION_REFUSED" not in told]
