"""«Уведомления»: a person's own page, the browser's subscription, and answers that come from a push."""

from __future__ import annotations

import base64
import json
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from channels_app import notice_channels
from channels_app.models import Notice
from channels_app.notices import notify
from routing import timeline
from tenants.business.preferences import Preferences
from tenants.models import PushSubscription
from tests.inbox.conftest import words_of

HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"
PAGE = "inbox/notices/"
SUBSCRIPTION = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
    "keys": {
        "p256dh": base64.urlsafe_b64encode(b"\x04" * 65).decode(),
        "auth": base64.urlsafe_b64encode(b"a" * 16).decode(),
    },
}


def posts(browser, url, told):
    return browser.post(url, json.dumps(told), content_type="application/json")


def test_everybody_of_the_staff_has_the_page_and_chooses_the_order(salon):
    mila = salon.browser("mila")  # marketing sees no leads, but is told of them
    assert "Срочное" in words_of(mila.get(salon.url(PAGE)))
    form = {"urgent_1": "telegram", "urgent_3": "sms", "other_1": "", "off_shift": "on"}
    assert mila.post(salon.url(PAGE), form).status_code == 302
    assert salon.person("Мила").preferences == Preferences(("telegram", "sms"), (), True)


@pytest.mark.parametrize("form", [{"urgent_1": "sms", "urgent_2": "sms"}, {"urgent_1": "pigeon"}])
def test_wrong_order_is_not_saved(salon, form):
    assert salon.browser("anna").post(salon.url(PAGE), form).status_code == 422
    assert salon.anna.notice_preferences == {}


def test_who_is_not_on_the_staff_and_the_neighbour_see_nothing(salon, neighbour):
    agent = salon.browser("anna")
    for path in (PAGE, PAGE + "try/", PAGE + "telegram/", PAGE + "push/", PAGE + "push/off/"):
        assert agent.post(neighbour.url(path), {}).status_code == 404
    salon.anna.__class__.objects.filter(name="Анна").update(user=None)
    assert agent.get(salon.url(PAGE)).status_code == 404


def test_browser_subscribes_for_one_business_and_leaves(salon, neighbour):
    anna = salon.browser("anna")
    assert posts(anna, salon.url(PAGE + "push/"), SUBSCRIPTION).status_code == 200
    assert posts(anna, salon.url(PAGE + "push/"), SUBSCRIPTION).status_code == 200
    (row,) = PushSubscription.objects.all()
    assert (row.tenant, row.user.email, row.subscription) == (salon.tenant, "anna@vesna.test", SUBSCRIPTION)
    assert posts(anna, neighbour.url(PAGE + "push/"), SUBSCRIPTION).status_code == 404
    bad = posts(anna, salon.url(PAGE + "push/"), {**SUBSCRIPTION, "endpoint": "https://10.0.0.1/x"})
    assert (bad.status_code, "не поддерживается" in bad.json()["detail"]) == (400, True)
    boris = salon.browser("boris")
    boris.post(salon.url(PAGE + "push/off/"), {"browser": row.pk})
    assert PushSubscription.objects.count() == 1
    posts(anna, salon.url(PAGE + "push/off/"), {"endpoint": SUBSCRIPTION["endpoint"]})
    assert not PushSubscription.objects.exists()


def test_subscription_stands_encrypted(salon):
    from django.db import connection

    posts(salon.browser("anna"), salon.url(PAGE + "push/"), SUBSCRIPTION)
    with connection.cursor() as cursor:
        cursor.execute("SELECT subscription FROM public.tenants_pushsubscription")
        assert "googleapis" not in cursor.fetchone()[0]


def test_worker_may_look_after_the_whole_business(salon):
    answer = Browser().get(salon.url("inbox/sw.js"))
    assert answer["Service-Worker-Allowed"] == "/t/vesna/"
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"notificationclick" in answer.content


def test_test_notice_leaves(salon, clock):
    salon.browser("anna").post(salon.url(PAGE + "try/"))
    (notice,) = Notice.objects.all()
    assert (notice.staff, notice.kind, notice.state) == (salon.anna, "test", "waiting")


def test_telegram_is_linked_and_unlinked(salon, outside):
    from channels_app.models import ChannelAccount

    token = ChannelAccount.objects.get(kind="telegram").credentials["token"]
    outside.post("telegram/bots", token=token, username="vesna_bot")
    anna = salon.browser("anna")
    page = words_of(anna.post(salon.url(PAGE + "telegram/"), follow=True))
    assert "https://t.me/vesna_bot?start=staff-" in page
    assert "start=staff-" not in words_of(anna.get(salon.url(PAGE)))  # shown once
    salon.anna.__class__.objects.filter(name="Анна").update(telegram_chat_id="55")
    anna.post(salon.url(PAGE + "telegram/"), {"off": "1"})
    assert salon.anna.telegram_chat_id == ""


def test_bot_that_does_not_answer_is_told_plainly(salon):
    page = words_of(salon.browser("anna").post(salon.url(PAGE + "telegram/"), follow=True))
    assert "Telegram сейчас не отвечает" in page


# --- From a push -----------------------------------------------------------------------------------------------------


@pytest.fixture
def hot(salon, outside):
    return salon.receives("telegram", HOT)


def test_button_of_a_push_takes_the_lead_without_a_session_once(salon, hot, clock):
    found = Notice.objects.get(lead_id=hot.pk, kind="hot_lead")
    url, token = salon.url(PAGE + "react/"), notice_channels.token_of(found.pk)
    answer = posts(Browser(enforce_csrf_checks=True), url, {"token": token, "what": "take"})
    assert answer.json() == {
        "detail": "Вы ведёте заявку",
        "url": f"http://testserver{salon.url(f'inbox/{hot.pk}/')}",
    }
    assert salon.lead().taken_at == clock.now()
    again = posts(Browser(), url, {"token": token, "what": "decline"})
    assert again.json()["detail"] == "Вы ведёте заявку"
    assert salon.lead().owner == hot.owner


def test_push_says_that_it_was_shown(salon, hot, clock):
    found = Notice.objects.get(lead_id=hot.pk, kind="hot_lead")
    found.tries = [{"channel": "push", "state": "sent", "at": clock.now().isoformat()}]
    found.save()
    posts(Browser(), salon.url(PAGE + "react/"), {"token": notice_channels.token_of(found.pk), "what": "shown"})
    clock.settle()
    told = timeline.told_of(Notice.objects.get(pk=found.pk), ZoneInfo("Asia/Yekaterinburg"))
    assert told.startswith("Push: принято 12:00:00, показано 12:00:00")


@pytest.mark.parametrize("told", [{}, {"token": "x", "what": "take"}, [], "take", {"token": 5}])
def test_without_a_token_nothing_is_answered(salon, hot, told):
    assert posts(Browser(), salon.url(PAGE + "react/"), told).status_code == 404
    assert salon.lead().taken_at is None


def test_token_of_one_business_or_of_a_person_who_was_let_go_serves_nothing(salon, neighbour, hot):
    found = Notice.objects.get(lead_id=hot.pk, kind="hot_lead")
    token = notice_channels.token_of(found.pk)
    assert posts(Browser(), neighbour.url(PAGE + "react/"), {"token": token, "what": "take"}).status_code == 404
    hot.owner.user.memberships.all().delete()
    assert posts(Browser(), salon.url(PAGE + "react/"), {"token": token, "what": "take"}).status_code == 404
    assert salon.lead().taken_at is None


def test_owner_sees_every_notice_and_sends_a_failed_one_again(salon, clock):
    found = notify(salon.anna, "failure", "Канал остановлен", key="f", now=clock.now())
    found.state = "failed"
    found.tries = [{"channel": "telegram", "state": "failed", "at": clock.now().isoformat(), "error": "бот отключён"}]
    found.save()
    owner = salon.browser("viktor")
    assert "Канал остановлен" in words_of(owner.get(salon.url("admin/channels_app/notice/")))
    page = words_of(owner.get(salon.url(f"admin/channels_app/notice/{found.pk}/change/")))
    assert "Telegram: не доставлено: бот отключён" in page
    form = {"action": "tell_again", "_selected_action": [found.pk]}
    owner.post(salon.url("admin/channels_app/notice/"), form)
    found.refresh_from_db()
    assert (found.state, found.tries[-1]["state"]) == ("waiting", "again")
    assert salon.browser("anna").get(salon.url("admin/channels_app/notice/")).status_code == 403


def test_owner_sets_a_persons_order_in_the_admin(salon):
    owner, url = salon.browser("viktor"), salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/")
    form = owner.get(url).context["adminform"].form
    assert [form.initial.get(f"urgent_{n}") for n in (1, 2, 3, 4)] == ["push", "telegram", "sms", "email"]
    data = {name: value for name, value in form.initial.items() if value not in (None, False)}
    data |= {"skills": [skill.pk for skill in salon.olga.skills.all()], "phone": "+79000000012"}
    data |= {"urgent_1": "sms", "urgent_2": "", "urgent_3": "", "urgent_4": ""}
    for prefix in ("shifts", "shift_exceptions"):
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    answer = owner.post(url, data)
    assert answer.status_code == 302, answer.context["errors"]
    olga = salon.olga
    assert (olga.preferences.urgent, olga.preferences.other) == (("sms",), ("push", "telegram", "email"))
    assert olga.phone == "+79000000012"
