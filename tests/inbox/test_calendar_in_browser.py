"""The day in a real browser follows the server."""

from datetime import timedelta

import pytest

from booking import actions as booking
from routing import config
from tests.routing.making import make_lead

pytestmark = pytest.mark.browser

SEVERAL_AT_ONCE = """() => {
  document.getElementById("calendar").dataset.old = "1";
  for (let number = 0; number < 5; number += 1) document.dispatchEvent(new CustomEvent("live:appointment"));
}"""


@pytest.fixture
def day(committed_salon):
    """The address of a day with one visit."""
    salon, now = committed_salon, committed_salon.clock.now()
    config.forget_all()
    lead = make_lead(salon, 1, now=now)
    booking.book_now(
        lead.contact,
        [salon.service("Окрашивание").pk],
        salon.olga.pk,
        salon.branch.pk,
        now + timedelta(hours=2),
        conversation=lead.conversation,
        lead_id=lead.pk,
        now=now,
    )
    return salon.url("calendar/")


@pytest.mark.parametrize("width", [1440, 390])
def test_day_is_drawn_anew_but_not_under_a_window(day, open_page, width):
    page, _ = open_page(width)
    page.goto(day)
    page.evaluate(SEVERAL_AT_ONCE)
    page.locator("#calendar:not([data-old])").wait_for(state="attached")
    assert page.locator("#calendar").count() == 1

    page.evaluate("document.querySelector('#calendar [popover]').showPopover()")
    page.evaluate(SEVERAL_AT_ONCE)
    page.wait_for_timeout(700)
    assert page.locator("#calendar[data-old] [popover]:popover-open").count() == 1
    page.evaluate("document.querySelector('#calendar [popover]').hidePopover()")
    page.locator("#calendar:not([data-old])").wait_for(state="attached")
