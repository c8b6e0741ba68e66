"""An open conversation in a real browser, while things go on around it."""

import pytest

from contacts.models import Message
from routing import assignment, config
from tests.routing.making import make_lead

pytestmark = pytest.mark.browser

REDRAWN = """lead => document.dispatchEvent(new CustomEvent("live:typing", { detail: { lead, user: 0 } }))"""


@pytest.fixture
def long_talk(committed_salon):
    """A lead of Viktor's whose conversation is longer than a page."""
    salon, now = committed_salon, committed_salon.clock.now()
    config.forget_all()
    lead = make_lead(salon, 1, now=now)
    assignment.take(lead, by=salon.person("Виктор"), now=now)
    Message.objects.bulk_create(
        Message(conversation=lead.conversation, author="client", text=f"слово {n:02d}", sent_at=now, received_at=now)
        for n in range(70)
    )
    return salon.url(f"inbox/{lead.pk}/"), lead.pk


def test_who_reads_back_keeps_what_was_shown(long_talk, open_page):
    url, lead_id = long_talk
    page, _ = open_page(1440)
    page.goto(url)
    talk = page.locator("#messages")
    talk.get_by_text("слово 69").wait_for()
    assert talk.get_by_text("слово 03").count() == 0
    talk.get_by_role("link", name="Показать раньше").click()
    talk.get_by_text("слово 03").wait_for()
    page.evaluate("document.querySelector('#messages').dataset.old = '1'")

    page.evaluate(REDRAWN, lead_id)
    page.locator("#messages:not([data-old])").wait_for(state="attached")
    assert talk.get_by_text("слово 03").is_visible()
    assert talk.get_by_text("слово 69").count() == 1
