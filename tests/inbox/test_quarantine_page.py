"""The page of the quarantine: why, until when, many at once; for whom."""

from contacts.models import Message
from routing import quarantine
from routing.models import Lead
from tests.inbox.conftest import words_of

SPAM = "Продвижение сайтов, SEO под ключ! Заработок от 5000 в день, пишите в личку t.me/xxx"


def spam_of(salon, client):
    return salon.receives("webchat", SPAM, client=client)


def test_the_page_says_why_and_until_when(salon, anna, clock):
    assert "Карантин пуст" in words_of(anna.get("inbox/quarantine/"))
    spam_of(salon, 1)
    clock.tick(days=9)
    shown = words_of(anna.get("inbox/quarantine/"))
    assert "Почему: похоже на рекламу" in shown
    assert "сотрётся через 21 день" in shown
    clock.tick(days=20, hours=5)
    assert "сотрётся сегодня" in words_of(anna.get("inbox/quarantine/"))


def test_many_are_released_or_erased_at_once(salon, anna, clock):
    first, second, third = (spam_of(salon, client).pk for client in (1, 2, 3))
    anna.post("inbox/quarantine/many/", lead=[first, second], act="release")
    clock.settle()
    assert list(Lead.objects.order_by("pk").values_list("status", flat=True)) == ["open", "open", "quarantine"]
    anna.post("inbox/quarantine/many/", lead=[first, third], act="erase")
    assert list(Lead.objects.order_by("pk").values_list("status", flat=True)) == ["open", "open", "spam"]
    assert Message.objects.filter(text=quarantine.ERASED).count() == 1
    assert "Отметьте сообщения" in words_of(anna.browser.post(salon.url("inbox/quarantine/many/"), follow=True))


def test_specialists_and_other_businesses_decide_nothing(salon, neighbour, olga):
    lead = spam_of(salon, 1)
    assert olga.post("inbox/quarantine/many/", lead=[lead.pk], act="erase").status_code == 403
    others = neighbour.browser("anna")
    told = {"lead": [lead.pk], "act": "erase"}
    assert others.post(salon.url("inbox/quarantine/many/"), told).status_code == 404
    assert others.post(neighbour.url("inbox/quarantine/many/"), told).status_code == 404
    assert Lead.objects.get().status == "quarantine"
