"""Notices leave for people as they like to be told: gathered, at work, by the next channel when nobody reacts."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core import mail
from django.utils import timezone

from channels_app import notice_channels, notice_sending, staff_bot, webpush
from channels_app.models import ChannelAccount, Notice
from channels_app.notice_words import compose
from channels_app.notices import keep_answer, mark_seen, notify
from leadhub.work.models import DueWork
from tenants.business.models import Shift, StaffMember
from tenants.models import PushSubscription, User

ANNA_CHAT, BORIS_CHAT = "900000001", "900000002"


def prefer(person, *urgent, other=None, off_shift=False):
    told = {"urgent": list(urgent), "other": list(urgent if other is None else other), "off_shift": off_shift}
    StaffMember.objects.filter(pk=person.pk).update(notice_preferences=told)


class Told:
    """What reached a person of the staff outside."""

    def __init__(self, salon, outside):
        self.salon, self.outside = salon, outside
        self.token = ChannelAccount.objects.get(kind="telegram").credentials["token"]
        outside.post("telegram/bots", token=self.token, username="vesna_bot")
        StaffMember.objects.filter(name="Анна").update(telegram_chat_id=ANNA_CHAT, phone="+79000000011")
        StaffMember.objects.filter(name="Борис").update(telegram_chat_id=BORIS_CHAT)

    def rows(self, chat=ANNA_CHAT):
        return [row["message"] for row in self.outside.telegram(self.token, chat_id=int(chat)) if row["out"]]

    def telegram(self, chat=ANNA_CHAT):
        return [message["text"] for message in self.rows(chat)]

    def buttons(self, chat=ANNA_CHAT):
        markup = self.rows(chat)[-1].get("reply_markup", {"inline_keyboard": []})
        return [button["callback_data"] for row in markup["inline_keyboard"] for button in row]

    @property
    def sms(self):
        return [row["text"] for row in self.outside.sms()]


@pytest.fixture
def told(salon, outside):
    return Told(salon, outside)


def notice(salon, clock, key="a", kind="hot_lead", text="Горячая заявка: Окрашивание", person=None, lead_id=5):
    return notify(person or salon.anna, kind, text, lead_id=lead_id, key=key, now=clock.now())


@pytest.fixture(autouse=True)
def leads_are_real(monkeypatch):
    """Numbers of leads here are made up; what routing thinks of them is tested in its own room."""
    monkeypatch.setattr("channels_app.notices._doubts", [])


# --- The message -----------------------------------------------------------------------------------------------------


def test_hot_lead_comes_to_telegram_at_once_with_buttons_and_without_phones(told, salon, clock):
    prefer(salon.anna, "telegram")
    found = notice(salon, clock, text="Горячая заявка: Окрашивание, звоните +7 999 123-45-67")
    clock.settle()
    (text,) = told.telegram()
    assert text.splitlines()[0] == "Горячая заявка: Окрашивание, звоните …"
    assert text.splitlines()[-1].endswith("/t/vesna/inbox/5/")
    assert told.buttons() == [f"staff|take|{found.pk}", f"staff|decline|{found.pk}"]
    found.refresh_from_db()
    assert (found.state, found.last_sent["channel"], found.told_at) == ("sent", "telegram", clock.now())


def test_several_are_one_message_and_of_one_lead_the_latest_speaks(salon, clock):
    rows = [
        Notice(pk=1, kind="hot_lead", text="Горячая заявка: Маникюр", lead_id=5),
        Notice(pk=2, kind="hot_lead", text="Горячая заявка: Педикюр", lead_id=6, outcome="Вы ведёте заявку"),
        Notice(pk=3, kind="urgent", text="Болит зуб", lead_id=5),
    ]
    words = compose(rows, root="https://x/t/vesna/")
    assert words.full == (
        "2 новые заявки:\n1. Горячая заявка: Педикюр — Вы ведёте заявку\n2. Болит зуб\n\nhttps://x/t/vesna/inbox/"
    )
    assert words.buttons == [[("Взять 2", "staff|take|3"), ("Не могу 2", "staff|decline|3")]]
    assert compose(rows[:1], root="/").topic == "lead-5"
    assert compose([*rows, Notice(pk=4, kind="failure", text="x")], root="/", was_off=True).title == (
        "Пока вас не было: 3 уведомления"
    )


# --- Channels in their order -----------------------------------------------------------------------------------------


def test_no_reaction_in_20_s_is_the_next_channel(told, salon, clock):
    prefer(salon.anna, "telegram", "sms")
    notice(salon, clock)
    clock.tick(seconds=19)
    assert (len(told.telegram()), told.sms) == (1, [])
    clock.tick(seconds=1)
    assert told.sms == ["Горячая заявка: Окрашивание"]
    clock.tick(minutes=5)
    assert (len(told.telegram()), len(told.sms)) == (1, 1)


@pytest.mark.parametrize("reaction", ["seen", "answered"])
def test_reaction_stops_the_escalation(told, salon, clock, reaction):
    prefer(salon.anna, "telegram", "sms")
    found = notice(salon, clock)
    clock.tick(seconds=10)
    if reaction == "seen":
        mark_seen(salon.anna, lead_id=5, now=clock.now())
    else:
        keep_answer(Notice.objects.get(pk=found.pk), "take", "Вы ведёте заявку", now=clock.now())
    clock.tick(minutes=2)
    assert told.sms == []


def test_blocked_bot_and_silent_telegram_are_the_next_channel_at_once(told, salon, clock):
    prefer(salon.anna, "telegram", "email")
    told.outside.faults(
        "telegram", "status", match="sendmessage", status=502, times=1, body={"ok": False, "error_code": 502}
    )
    first = notice(salon, clock)
    clock.settle()
    assert [letter.to for letter in mail.outbox] == [["anna@vesna.test"]]
    clock.tick(minutes=1)
    told.outside.settings(telegram_strangers=False)  # Anna never started the bot
    second = notice(salon, clock, key="b", lead_id=6)
    clock.settle()
    assert len(mail.outbox) == 2
    states = [(one["channel"], one["state"]) for one in Notice.objects.get(pk=first.pk).tries]
    assert states == [("telegram", "later"), ("email", "sent")]
    tries = Notice.objects.get(pk=second.pk).tries
    assert [one["state"] for one in tries] == ["failed", "sent"]
    assert "заблокировал" in tries[0]["error"]


def test_all_channels_down_are_asked_again_and_a_failure_stays_visible_with_a_way_back(told, salon, clock):
    prefer(salon.anna, "telegram")
    fault = {"status": 502, "body": {"ok": False, "error_code": 502}}
    told.outside.faults("telegram", "status", match="sendmessage", times=2, **fault)
    came = notice(salon, clock)
    clock.tick(seconds=30)
    assert Notice.objects.get(pk=came.pk).state == "sent"
    told.outside.faults("telegram", "status", match="sendmessage", **fault)
    lost = notice(salon, clock, key="b", lead_id=6)
    clock.tick(minutes=40)
    assert Notice.objects.get(pk=lost.pk).state == "failed"
    assert not DueWork.objects.filter(handler="channels.notice").exists()

    told.outside.clear_faults()
    assert notice_sending.retry(lost, now=clock.now())
    assert not notice_sending.retry(lost, now=clock.now())
    clock.settle()
    assert Notice.objects.get(pk=lost.pk).state == "sent"
    assert len(told.telegram()) == 2


def test_lost_answer_of_the_gateway_sends_no_second_sms(told, salon, clock, settings):
    settings.HTTP_READ_TIMEOUT = 0.2
    prefer(salon.anna, "sms")
    told.outside.faults("sms", "after_timeout", match="send", times=1, delay=1)
    found = notice(salon, clock)
    clock.tick(seconds=30)
    assert len(told.sms) == 1
    assert Notice.objects.get(pk=found.pk).state == "sent"


def test_nothing_connected_is_the_screen_alone(salon, outside, clock):
    prefer(salon.anna)
    found = notice(salon, clock)
    clock.settle()
    assert Notice.objects.get(pk=found.pk).state == "screen"
    assert outside.log() == []
    assert mail.outbox == []


def test_who_was_let_go_is_told_nothing(told, salon, clock):
    prefer(salon.anna, "email")
    User.objects.get(email="anna@vesna.test").memberships.all().delete()
    found = notice(salon, clock)
    clock.settle()
    assert Notice.objects.get(pk=found.pk).state == "screen"
    assert mail.outbox == []


# --- Not too much ----------------------------------------------------------------------------------------------------


def test_first_urgent_one_at_once_the_next_together(told, salon, clock):
    prefer(salon.anna, "telegram")
    for number in range(4):
        notice(salon, clock, key=f"h{number}", text=f"Горячая заявка: {number}", lead_id=number + 1)
        clock.settle()
    assert len(told.telegram()) == 1
    clock.tick(seconds=10)
    assert len(told.telegram()) == 2
    assert told.telegram()[-1].startswith("3 новые заявки:\n1. Горячая заявка: 1")


def test_others_wait_for_their_likes_and_not_more_than_six_messages_an_hour(told, salon, clock):
    prefer(salon.anna, "telegram")
    for number in range(3):
        notice(salon, clock, key=f"r{number}", kind="rule", text=f"Правило {number}", lead_id=number + 1)
        clock.tick(seconds=5)
    assert told.telegram() == []
    clock.tick(seconds=60)
    (text,) = told.telegram()
    assert text.startswith("3 уведомления:")
    for number in range(10):
        notice(salon, clock, key=f"s{number}", kind="rule", text=f"Ещё {number}", lead_id=None)
        clock.tick(minutes=2)
    assert len(told.telegram()) == notice_sending.PER_HOUR
    clock.tick(hours=1)
    assert sum("Ещё" in text for text in told.telegram()) > notice_sending.PER_HOUR - 1
    assert Notice.objects.filter(state="waiting").count() == 0


def test_newer_message_about_a_lead_takes_the_older_ones_place(told, salon, clock):
    prefer(salon.anna, "telegram")
    notice(salon, clock)
    clock.tick(minutes=1)
    notice(salon, clock, key="late", kind="reassigned", text="Заявка не взята за 60 с и передана дальше")
    clock.tick(minutes=2)
    (text,) = told.telegram()
    assert "передана дальше" in text


# --- Shifts ----------------------------------------------------------------------------------------------------------


def test_off_shift_all_waits_for_the_morning_and_comes_as_one(told, salon, clock):
    prefer(salon.anna, "telegram")
    clock.tick(hours=10)  # 22:00 in Ufa, shifts end at 21:00
    notice(salon, clock, key="n1")
    notice(salon, clock, key="n2", kind="rule", text="Сработало правило", lead_id=None)
    clock.tick(hours=10, minutes=59)
    assert told.telegram() == []
    clock.tick(minutes=2)
    (text,) = told.telegram()
    assert text.startswith("Пока вас не было: 2 уведомления")


def test_outage_in_the_morning_loses_nothing_of_the_night(told, salon, clock):
    prefer(salon.anna, "telegram")
    clock.tick(hours=10)
    for number in (1, 2):
        notice(salon, clock, key=f"n{number}", lead_id=number)
    told.outside.faults(
        "telegram", "status", match="sendmessage", status=502, times=3, body={"ok": False, "error_code": 502}
    )
    clock.tick(hours=11, minutes=1)
    assert len(told.telegram()) == 1
    assert set(Notice.objects.values_list("state", flat=True)) == {"sent"}


def test_duty_gets_urgent_ones_at_night_and_the_rest_in_the_morning(told, salon, clock):
    prefer(salon.anna, "telegram", off_shift=True)
    clock.tick(hours=10)
    notice(salon, clock, key="n1")
    notice(salon, clock, key="n2", kind="rule", text="Сработало правило", lead_id=None)
    clock.tick(hours=1)
    assert len(told.telegram()) == 1
    clock.tick(hours=11)
    assert "Сработало правило" in told.telegram()[-1]


def test_back_from_a_break_the_person_is_told_what_came(told, salon, clock):
    prefer(salon.anna, "telegram")
    anna = salon.anna
    anna.is_away = True
    anna.save()
    notice(salon, clock)
    clock.tick(minutes=10)
    assert told.telegram() == []
    anna.is_away = False
    anna.save()
    clock.settle()
    assert len(told.telegram()) == 1


def test_who_has_no_shifts_keeps_the_hours_of_the_branch(told, salon, clock):
    Shift.objects.filter(staff=salon.anna).delete()
    prefer(salon.anna, "telegram")
    assert notice_sending.presence_of(salon.anna, now=clock.now()).is_at_work
    night = clock.now() + timedelta(hours=10)
    presence = notice_sending.presence_of(salon.anna, now=night)
    assert (presence.is_at_work, presence.returns_at) == (False, night + timedelta(hours=11))


# --- The person's chat -----------------------------------------------------------------------------------------------


def test_chat_is_linked_by_a_code_once_and_writes_no_leads(told, salon, door, clock):
    StaffMember.objects.update(telegram_chat_id="")
    address = staff_bot.link_address(salon.boris, now=clock.now())
    assert address.startswith("https://t.me/vesna_bot?start=staff-")
    code = address.partition("start=")[2]
    door.says(f"/start {code}", user=55)
    clock.settle()
    assert salon.boris.telegram_chat_id == "55"
    assert told.telegram("55") == [staff_bot.WORDS["linked"]]
    door.says(f"/start {code}", user=56)
    clock.settle()
    assert told.telegram("56") == [staff_bot.WORDS["stale"]]
    door.says("Хочу записаться на окрашивание", user=55)
    clock.settle()
    assert told.telegram("55")[-1] == staff_bot.WORDS["work"]
    from contacts.models import Contact

    assert Contact.objects.count() == 0
    assert {event.status for event in door.events} == {"ignored"}
    assert door.events[-1].error == "рабочий чат сотрудника"


def test_code_is_over_after_an_hour(told, salon, door, clock):
    StaffMember.objects.update(telegram_chat_id="")
    code = staff_bot.link_address(salon.boris, now=clock.now()).partition("start=")[2]
    clock.tick(minutes=61)
    door.says(f"/start {code}", user=55)
    clock.settle()
    assert salon.boris.telegram_chat_id == ""


def test_stranger_who_presses_a_staff_button_is_told_it_is_over(told, salon, door, clock):
    prefer(salon.anna, "telegram")
    found = notice(salon, clock)
    clock.settle()
    query = {"id": "4001", "from": {"id": 77, "is_bot": False, "first_name": "И"}, "data": f"staff|take|{found.pk}"}
    door.post("telegram", door.update(callback_query=query))
    clock.settle()
    assert Notice.objects.get(pk=found.pk).answer == ""
    (call,) = [call for call in told.outside.log("telegram") if call["method"] == "answerCallbackQuery"]
    assert call["body"]["text"] == staff_bot.WORDS["gone"]


@pytest.mark.parametrize("data", ["staff|", "staff|take|", "staff|take|abc", "staff|eat|1", "staff|take|" + "9" * 40])
def test_broken_data_of_a_button_breaks_nothing(told, salon, door, clock, data):
    query = {"id": "4001", "from": {"id": int(ANNA_CHAT), "is_bot": False, "first_name": "А"}, "data": data}
    door.post("telegram", door.update(callback_query=query))
    clock.settle()
    assert door.events[-1].status == "ignored"
    assert not DueWork.objects.exclude(failed_at=None).exists()


# --- Push ------------------------------------------------------------------------------------------------------------


class Browser:
    """A browser that subscribed; it alone can read what is sent to it."""

    def __init__(self, outside, salon, settings, name="anna-phone", who="anna"):
        self.outside, self.name = outside, name
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        outside.post("push", name=name, key=webpush.public_key(settings.VAPID_PRIVATE_KEY))
        keys = {name: base64.urlsafe_b64encode(raw).decode() for name, raw in (("p256dh", point), ("auth", self._auth))}
        self.subscription = {"endpoint": f"{outside.url}/push/{name}", "keys": keys}
        self.row = PushSubscription.objects.create(
            tenant=salon.tenant,
            user=User.objects.get(email=f"{who}@vesna.test"),
            digest=webpush.digest(self.subscription["endpoint"]),
            subscription=self.subscription,
            created_at=timezone.now(),
        )

    @property
    def messages(self):
        return self.outside.pushed(self.name)

    def read(self):
        return [
            json.loads(http_ece.decrypt(base64.b64decode(row["body"]), private_key=self._key, auth_secret=self._auth))
            for row in self.messages
        ]


@pytest.fixture
def browser(outside, salon, settings):
    prefer(salon.anna, "push", "telegram")
    settings.VAPID_SUBJECT = "mailto:ops@example.ru"
    return Browser(outside, salon, settings)


def test_push_is_encrypted_for_the_browser_and_signed_by_our_key(browser, salon, clock):
    found = notice(salon, clock)
    clock.settle()
    (row,) = browser.messages
    assert (row["topic"], row["urgency"], row["ttl"]) == ("lead-5", "high", 300)
    (shown,) = browser.read()
    assert (shown["title"], shown["tag"]) == ("Горячая заявка: Окрашивание", "lead-5")
    assert [one["action"] for one in shown["actions"]] == ["take", "decline"]
    assert notice_channels.read_token(shown["token"]) == found.pk
    assert Notice.objects.get(pk=found.pk).last_sent["id"].startswith(browser.outside.url)


def test_newer_push_about_a_lead_replaces_the_one_that_waits(browser, salon, clock):
    notice(salon, clock)
    clock.tick(minutes=1)
    notice(salon, clock, key="b", text="Клиент ждёт", kind="handover")
    clock.settle()
    assert [shown["title"] for shown in browser.read()] == ["Клиент ждёт"]


def test_browser_that_left_is_forgotten_and_the_next_channel_tells(browser, told, salon, clock):
    browser.outside.post("push", name=browser.name, gone=True)
    notice(salon, clock)
    clock.settle()
    assert not PushSubscription.objects.exists()
    assert len(told.telegram()) == 1


def test_one_browser_of_two_is_enough(browser, told, salon, clock, settings):
    second = Browser(browser.outside, salon, settings, name="anna-desk")
    browser.outside.faults("push", "status", match="anna-phone", status=429, headers={"Retry-After": "7"})
    found = notice(salon, clock)
    clock.settle()
    assert (len(browser.messages), len(second.messages), told.telegram()) == (0, 1, [])
    assert Notice.objects.get(pk=found.pk).last_sent["channel"] == "push"
    browser.row.refresh_from_db()
    assert browser.row.failed_at == clock.now()


def test_push_service_that_is_down_is_the_next_channel(browser, told, salon, clock):
    browser.outside.faults("push", "status", status=503)
    notice(salon, clock)
    clock.settle()
    assert len(told.telegram()) == 1


def test_key_of_another_server_is_refused_by_the_service_and_the_next_channel_tells(browser, told, salon, clock):
    browser.outside.post("push", name=browser.name, key="another")
    found = notice(salon, clock)
    clock.settle()
    assert len(told.telegram()) == 1
    assert "VAPID" in Notice.objects.get(pk=found.pk).tries[0]["error"]


def test_token_serves_its_business_alone(salon, neighbour, clock):
    token = notice_channels.token_of(5)
    assert notice_channels.read_token(token) == 5
    assert notice_channels.read_token(token + "x") is None
    with neighbour.inside():
        assert notice_channels.read_token(token) is None


@pytest.mark.parametrize(
    ("endpoint", "is_good"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc", True),
        ("https://web.push.apple.com/abc", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/abc", True),
        ("http://fcm.googleapis.com/abc", False),
        ("https://fcm.googleapis.com:8443/abc", False),
        ("https://fcm.googleapis.com.evil.ru/abc", False),
        ("https://evil.ru/fcm.googleapis.com", False),
        ("https://127.0.0.1/abc", False),
        ("https://fcm.googleapis.com@10.0.0.1/abc", False),
        ("https://[::1", False),
    ],
)
def test_browser_may_name_no_machine_beside_ours(endpoint, is_good):
    keys = {
        "p256dh": base64.urlsafe_b64encode(b"\x04" * 65).decode(),
        "auth": base64.urlsafe_b64encode(b"a" * 16).decode(),
    }
    told = {"endpoint": endpoint, "keys": keys}
    if is_good:
        assert webpush.checked(told) == told
    else:
        with pytest.raises(webpush.NotASubscription):
            webpush.checked(told)
