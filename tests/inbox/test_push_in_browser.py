"""The service worker in a real browser: it shows a push, says so, and its button takes the lead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels_app import notice_channels
from channels_app.models import Notice

pytestmark = pytest.mark.browser
HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"
PRESS = """async (action) => {
  const [shown] = await self.registration.getNotifications();
  const happened = new NotificationEvent("notificationclick", { notification: shown, action });
  self.dispatchEvent(happened);
}"""


@pytest.fixture
def hot(committed_salon: Any) -> tuple[Notice, str]:
    """A hot lead's notice, and the push of it."""
    lead = committed_salon.receives("webchat", HOT, client=7)
    notice = Notice.objects.get(lead_id=lead.pk, kind="hot_lead")
    pushed = {
        "title": notice.text,
        "body": "",
        "url": "about:blank",
        "tag": f"lead-{lead.pk}",
        "urgent": True,
        "token": notice_channels.token_of(notice.pk),
        "actions": [{"action": "take", "title": "Взять"}],
    }
    return notice, json.dumps(pushed)


def test_push_is_shown_and_its_button_takes_the_lead(hot, open_page, committed_salon):
    notice, pushed = hot
    page, _ = open_page(390)
    page.context.grant_permissions(["notifications"])
    page.goto(committed_salon.url("inbox/notices/"))
    page.locator("[data-push-on]").wait_for()
    devtools, registered = page.context.new_cdp_session(page), []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda told: registered.extend(told["registrations"]))
    devtools.send("ServiceWorker.enable")
    page.wait_for_function("navigator.serviceWorker.ready.then(() => true)")
    scope = page.evaluate("navigator.serviceWorker.ready.then((one) => one.scope)")
    assert scope.endswith("/t/vesna/")
    number = next(one["registrationId"] for one in registered if one["scopeURL"] == scope)
    origin = scope.removesuffix("/t/vesna/")

    with page.context.expect_event("request", lambda asked: asked.url.endswith("notices/react/")):
        devtools.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": number, "data": pushed})
    worker = page.context.service_workers[0]
    titles = "self.registration.getNotifications().then((all) => all.map((one) => one.title))"
    assert worker.evaluate(titles) == [notice.text]
    worker.evaluate(PRESS, "take")
    page.wait_for_function(
        """() => navigator.serviceWorker.ready.then((one) => one.getNotifications())
             .then((all) => all.some((one) => one.title === "Вы ведёте заявку"))"""
    )
